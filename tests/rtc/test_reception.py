from hypothesis import given
from hypothesis import strategies as st

from tui.audio.packet import FRAME, RATE
from tui.rtc.reception import Reception


def fed(sequences: list[int], late: float = 0.0) -> Reception:
    reception = Reception()
    for place, number in enumerate(sequences):
        now = 5.0 + number * FRAME / RATE + (late if place % 2 else 0.0)
        reception.arrived(number & 0xFFFF, number * FRAME & 0xFFFFFFFF, now)
    return reception


@given(st.integers(0, 200_000), st.lists(st.booleans(), min_size=1, max_size=300))
def test_what_did_not_come_is_lost(start: int, kept: list[bool]) -> None:
    numbers = [start + x for x, there in enumerate(kept) if there]
    reception = fed(numbers)
    missing = numbers[-1] - numbers[0] + 1 - len(numbers) if numbers else 0
    assert reception.lost == missing
    if numbers:
        assert reception.highest - (numbers[0] & 0xFFFF) == numbers[-1] - numbers[0]
        assert reception.fraction_lost() == (missing << 8) // (missing + len(numbers))
        assert reception.fraction_lost() == 0


def test_what_comes_late_is_not_lost_and_what_comes_twice_makes_up_for_another() -> None:
    assert fed([1, 2, 5, 4, 3]).lost == 0
    assert fed([1, 2, 2, 2]).lost == -2


def test_a_fraction_is_of_the_time_since_the_last_one() -> None:
    reception = fed([0, 1, 2, 3])
    assert reception.fraction_lost() == 0
    for number in (5, 7):
        reception.arrived(number, number * FRAME, 6.0)
    assert reception.fraction_lost() == 128


def test_jitter_is_that_of_arrivals_against_timestamps() -> None:
    assert fed([65_534, 65_535, 65_536, 65_540]).jitter < 0.01
    late = fed(list(range(500)), late=0.005)
    assert abs(late.jitter - 0.005 * RATE) < 1.0
