import random

import pytest

from tui.audio.continuity import Gaps
from tui.audio.counting import CountingPlayback
from tui.audio.health import Health
from tui.audio.packet import FRAME, OpusPacket
from tui.audio.playback import open_playback
from tui.config.limits import AUDIO_ORIGINS, AUDIO_RELEASE_SECONDS


class Clock:
    now = 100.0


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def playback(clock):
    return CountingPlayback(Health(), monotonic=lambda: clock.now)


def packet(number, level=20):
    # A 20 ms SILK frame with FEC.
    return OpusPacket(number % 2**16, number * FRAME, b"\x08\x40" + number.to_bytes(4), level)


def test_whole_stream_has_no_gaps(playback, clock):
    for number in range(500):
        playback.push("a", packet(number))
        clock.now += 0.02
    stats = playback.stats()["a"]
    assert stats.counts.played >= 498
    assert stats.concealed == stats.counts.concealed == 0
    assert stats.jitter < 1e-9
    assert playback.gaps == Gaps()


def test_holes_are_counted(playback, clock):
    for number in range(620):
        if not 100 <= number < 103 and not 200 <= number < 220 and number != 300:
            playback.push("a", packet(number))
        clock.now += 0.02
    assert playback.stats()["a"].counts.recovered == 3
    assert playback.gaps.count == 1
    assert playback.gaps.longest == pytest.approx(0.38, abs=0.021)  # FEC brings the last 20 ms
    assert playback.stats()["a"].concealed == 0  # of the last 5 s


def test_pause_of_a_speaker_is_no_hole(playback, clock):
    start = clock.now
    for number in [*range(100), *range(200, 300)]:
        clock.now = start + number * 0.02
        sequence = number if number < 100 else number - 100
        level = 127 if number == 99 else 20
        playback.push("a", OpusPacket(sequence, number * FRAME, packet(number).payload, level))
    assert playback.gaps == Gaps()


def test_voice_that_breaks_off_is_cut_and_forgotten(playback, clock):
    for number in range(100):
        playback.push("a", packet(number))
        playback.push("b", packet(number, level=127 if number == 99 else 20))
        clock.now += 0.02
    playback.push("gone", packet(0))
    playback.drop("gone")
    playback.drop("never there")
    assert set(playback.stats()) == {"a", "b"}
    clock.now += AUDIO_RELEASE_SECONDS + 0.1
    assert not playback.stats()
    assert playback.gaps == Gaps(cut=1)


def test_origins_are_bounded(playback):
    for number in range(3 * AUDIO_ORIGINS):
        playback.push(str(number), packet(0))
    assert len(playback.stats()) == AUDIO_ORIGINS


async def test_speaker_named_count():
    async with open_playback("count") as playback:
        assert playback.available
        for number in range(20):
            playback.push("a", packet(number))
        assert playback.stats()["a"].waiting > 0


@pytest.mark.parametrize("ppm", [-500, 500])
@pytest.mark.parametrize("jitter", [0.0005, 0.005])
def test_clocks_that_drift_for_ten_minutes(ppm, jitter, playback, clock):
    rng, start, waiting = random.Random(5), clock.now, []
    for number in range(30_000):
        at = start + number * 0.02 / (1 + ppm * 1e-6) + rng.expovariate(1 / jitter)
        clock.now = max(clock.now, at)
        playback.push("a", packet(number))
        if number % 500 == 0:
            waiting.append(playback.stats()["a"].waiting)
    counts = playback.stats()["a"].counts
    assert playback.gaps.count == counts.lost == counts.dropped == counts.resynchronised == 0
    assert counts.played > 29_990
    assert counts.concealed < 0.001 * 30_000 * FRAME
    assert max(waiting) <= 5  # packets; ten minutes are 15 of drift
    assert counts.stretched > 10
