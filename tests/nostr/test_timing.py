import random

from hypothesis import given
from hypothesis import strategies as st

from tui.nostr.timing import Backoff


class Middle(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff(Middle(), 1.0, 10.0)
    assert [backoff.pause() for _ in range(6)] == [0.75, 1.5, 3.0, 6.0, 7.5, 7.5]
    backoff.reset()
    assert backoff.pause() == 0.75
    backoff.exhaust()
    assert backoff.pause() == 7.5


@given(st.integers())
def test_pauses_are_jittered_within_bounds(seed: int) -> None:
    backoff = Backoff(random.Random(seed), 1.0, 60.0)
    for longest in (1, 2, 4, 8, 16, 32, 60, 60):
        assert longest / 2 <= backoff.pause() <= longest


def test_two_clients_do_not_come_back_in_step() -> None:
    one, other = (Backoff(random.Random(seed), 1.0, 60.0) for seed in (1, 2))
    assert [one.pause() for _ in range(4)] != [other.pause() for _ in range(4)]
