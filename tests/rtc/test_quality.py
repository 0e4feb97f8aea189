from hypothesis import given
from hypothesis import strategies as st

from tui.rtc.quality import WINDOW_SECONDS, Losses


def noted(*counts: tuple[float, int, int]) -> float:
    losses = Losses()
    for count in counts:
        losses.note(*count)
    return losses.share


def test_the_share_of_the_last_seconds() -> None:
    assert noted() == 0.0
    assert noted((0.0, 0, 0)) == 0.0
    assert noted((0.0, 0, 0), (1.0, 0, 0)) == 0.0
    assert noted((0.0, 100, 0), (1.0, 145, 5)) == 0.1
    assert noted((0.0, 100, 0), (1.0, 100, 5)) == 1.0


def test_what_is_older_does_not_count() -> None:
    assert noted((0.0, 0, 0), (1.0, 25, 25), (2.0, 75, 25), (6.0, 275, 25)) == 0.0
    assert noted((0.0, 0, 0), (1.0, 25, 25), (5.0, 225, 25)) == 0.1


def test_a_late_packet_and_a_new_stream_are_no_loss() -> None:
    assert noted((0.0, 0, 0), (1.0, 48, 2), (2.0, 100, 0)) == 0.0
    assert noted((0.0, 500, 20), (1.0, 10, 0)) == 0.0


@given(
    st.lists(st.tuples(st.floats(0.0, 3.0), st.integers(0, 200), st.integers(0, 50)), max_size=80)
)
def test_it_is_a_share_and_remembers_no_more_than_it_needs(
    steps: list[tuple[float, int, int]],
) -> None:
    losses, now, received, lost = Losses(), 0.0, 0, 0
    for seconds, arrived, missed in steps:
        now, received, lost = now + seconds, received + arrived, lost + missed
        losses.note(now, received, lost)
        assert 0.0 <= losses.share <= 1.0
        assert sum(at <= now - WINDOW_SECONDS for at, _, _ in losses._counts) <= 1
