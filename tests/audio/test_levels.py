import numpy as np
import pytest

from tui.audio.levels import Activity, level_of
from tui.config.limits import AUDIO_ORIGINS


@pytest.mark.parametrize(
    ("samples", "level"),
    [
        (np.ones(960), 0),
        (np.zeros(960), 127),
        (np.full(960, 0.1), 20),
        (np.full(960, 1e-9), 127),
        (np.full(960, np.nan), 127),
        (np.full(960, 5.0), 0),
    ],
)
def test_level_is_dbov(samples, level):
    assert level_of(samples.astype(np.float32)) == level


def test_talk_starts_at_once_and_outlives_pauses():
    activity = Activity()
    activity.push("a", 20, 1.0)
    assert activity.poll(1.0) == [("a", "started")]
    activity.push("a", 90, 1.1)
    assert activity.poll(1.4) == []
    activity.push("a", 25, 1.45)
    assert activity.poll(1.9) == []
    assert activity.poll(1.96) == [("a", "stopped")]
    assert activity.poll(9.0) == []


def test_quiet_or_unknown_is_not_talk():
    activity = Activity()
    activity.push("a", 127, 1.0)
    activity.push("b", 60, 1.0)
    assert activity.poll(1.0) == []


def test_no_packets_mean_stopped_and_talk_starts_again():
    activity = Activity()
    activity.push("a", 10, 1.0)
    activity.poll(1.0)
    assert activity.poll(3.0) == [("a", "stopped")]
    activity.push("a", 10, 4.0)
    assert activity.poll(4.0) == [("a", "started")]


def test_talk_that_nobody_looked_at_is_not_told():
    activity = Activity()
    activity.push("a", 10, 1.0)
    assert activity.poll(3.0) == []


def test_origins_are_bounded():
    activity = Activity()
    for number in range(10 * AUDIO_ORIGINS):
        activity.push(str(number), 10, 1.0)
    assert len(activity.poll(1.0)) == AUDIO_ORIGINS
