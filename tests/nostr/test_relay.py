import random

from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.nostr.filter import Filter
from tui.nostr.relay import Backoff, filters_after_gap


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


OVERLAP = limits.RESUBSCRIBE_OVERLAP


def test_after_a_gap_a_limit_loses_nothing() -> None:
    plain = Filter(kinds=(1,), since=5)
    limited = Filter(kinds=(2,), limit=10)
    only_new = Filter(kinds=(3,), limit=0)
    later = Filter(kinds=(4,), limit=1, since=5_000)
    assert filters_after_gap([plain, limited, only_new, later], 2_000.9) == [
        plain,
        limited,
        Filter(kinds=(2,), since=2_000 - OVERLAP),
        Filter(kinds=(3,), since=2_000 - OVERLAP),
        later,
        Filter(kinds=(4,), since=5_000),
    ]
    assert filters_after_gap([only_new], 10.0) == [Filter(kinds=(3,), since=0)]
