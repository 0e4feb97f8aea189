from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.rtc.loss import ASK_AGAIN_SECONDS, GIVE_UP_SECONDS, Missing


def test_nothing_is_asked_for_while_nothing_is_lost() -> None:
    missing = Missing()
    assert not any(missing.arrived(x & 0xFFFF, x * 0.02) for x in range(65_500, 65_600))


def test_a_gap_is_asked_for_at_once_even_around_the_end_of_the_numbers() -> None:
    missing = Missing()
    missing.arrived(65_533, 0.0)
    assert missing.arrived(1, 0.02) == [65_534, 65_535, 0]


def test_what_still_lacks_is_asked_for_again_until_it_is_too_late() -> None:
    missing = Missing()
    missing.arrived(1, 0.0)
    assert missing.arrived(3, 0.0) == [2]
    asked = {n * 0.02: missing.arrived(3 + n, n * 0.02) for n in range(1, 40)}
    times = [when for when, what in asked.items() if what == [2]]
    assert times
    assert times[0] >= ASK_AGAIN_SECONDS
    assert times[-1] <= GIVE_UP_SECONDS
    assert len(times) <= GIVE_UP_SECONDS / ASK_AGAIN_SECONDS


def test_what_arrived_late_is_not_asked_for_again() -> None:
    missing = Missing()
    missing.arrived(1, 0.0)
    assert missing.arrived(3, 0.0) == [2]
    assert missing.arrived(2, 0.01) == []
    assert missing.arrived(4, 0.2) == []


def test_a_jump_is_another_stream() -> None:
    missing = Missing()
    missing.arrived(100, 0.0)
    assert missing.arrived(100 + limits.SEQUENCE_JUMP + 1, 0.0) == []
    assert missing.arrived(100, 0.1) == []
    assert missing.arrived(102, 0.1) == [101]


@given(st.lists(st.integers(0, 0xFFFF), max_size=200), st.floats(0, 0.1))
def test_any_sequence_of_numbers_stays_bounded(numbers: list[int], step: float) -> None:
    missing = Missing()
    for place, number in enumerate(numbers):
        wanted = missing.arrived(number, place * step)
        assert len(wanted) <= limits.MISSING_PACKETS
        assert number not in wanted
        assert len(set(wanted)) == len(wanted)
