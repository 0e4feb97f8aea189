from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.spaces.throttle import Throttle


@given(st.lists(st.floats(0, 30), max_size=60).map(sorted), st.integers(1, 5))
def test_never_more_than_the_burst_and_one_for_each_interval(
    times: list[float], burst: int
) -> None:
    now = 0.0
    throttle = Throttle(burst, 2.0, lambda: now)
    allowed = []
    for now in times:
        if throttle.allows("ann"):
            allowed.append(now)
    for number, first in enumerate(allowed):
        for count, last in enumerate(allowed[number:], 1):
            assert count <= burst + (last - first) / 2.0 + 1e-6
    # Who keeps to the pace is never refused.
    for _ in range(10):
        now += 2.0 * burst
        assert throttle.allows("ann")


def test_one_person_takes_nothing_from_another() -> None:
    throttle = Throttle(1, 10.0, lambda: 0.0)
    assert throttle.allows("ann")
    assert not throttle.allows("ann")
    assert throttle.allows("bob")


def test_only_so_many_are_remembered() -> None:
    throttle = Throttle(1, 10.0, lambda: 0.0)
    for number in range(limits.THROTTLED + 1):
        assert throttle.allows(str(number))
    assert not throttle.allows("1")
    assert throttle.allows("0")  # forgotten
