import asyncio
import itertools
import random

import numpy as np
import pytest

from tui.audio.capture import Capture, open_capture
from tui.audio.errors import AudioUnavailable, InvalidAudioSpec
from tui.audio.health import Health
from tui.audio.packet import FRAME

SILENCE = np.zeros(FRAME, np.float32)


@pytest.fixture
async def capture():
    """A capture and the packets that it sends."""
    sent = []
    return Capture(sent.append, Health(), random.Random(1)), sent


def speak(capture, samples):
    for start in range(0, len(samples) - FRAME + 1, FRAME):
        capture.frame(samples[start : start + FRAME])


def timestamps(sent):
    return np.diff(np.array([packet.timestamp for packet in sent], dtype=np.uint32))


def test_a_packet_every_frame(capture, tone):
    capture, sent = capture
    speak(capture, tone(1.0))
    assert len(sent) == 50
    assert set(timestamps(sent)) == {FRAME}
    assert {b.sequence - a.sequence for a, b in itertools.pairwise(sent)} == {1}
    assert {packet.level for packet in sent} <= {13, 14}  # 20 log10(0.3 / sqrt 2) is -13.5
    assert [packet.marker for packet in sent] == [True] + [False] * 49


def test_numbers_start_at_random_and_wrap(tone):
    starts = set()
    for seed in range(20):
        sent = []
        speak(Capture(sent.append, Health(), random.Random(seed)), tone(0.02))
        assert sent[0].sequence < 32_768
        starts.add((sent[0].sequence, sent[0].timestamp))
    assert len(starts) == 20

    class Last(random.Random):
        def randrange(self, stop):
            return stop - 1

    sent = []
    capture = Capture(sent.append, Health(), Last())
    speak(capture, tone(0.1))
    assert sent[0].timestamp == 2**32 - 1
    assert sent[1].timestamp == FRAME - 1


async def test_muted_sends_nothing_and_time_goes_on(capture, tone):
    capture, sent = capture
    speak(capture, tone(0.2))
    capture.muted = True
    speak(capture, tone(1.0))
    assert len(sent) == 11
    capture.muted = False
    speak(capture, tone(0.2))
    assert len(sent) == 21
    assert sent[11].sequence == sent[10].sequence + 1
    assert timestamps(sent)[10] == 50 * FRAME
    assert sent[11].marker


def test_muting_ends_what_is_said_with_silence(capture, tone):
    capture, sent = capture
    speak(capture, tone(0.2))
    capture.muted = True
    assert [packet.level for packet in sent[-2:]] == [13, 127]
    capture.muted = False
    speak(capture, tone(0.04))  # the first of it is the frame that was silence
    assert set(timestamps(sent)) == {FRAME}
    assert len(sent) == 12
    for _ in range(2):
        capture.end_talkspurt()
    assert len(sent) == 13


def test_a_microphone_that_stops_ends_what_is_said(capture, tone):
    capture, sent = capture
    speak(capture, tone(0.2))
    capture.report(AudioUnavailable("gone"))
    assert sent[-1].level == 127


def test_a_muted_microphone_that_was_silent_says_nothing(capture):
    capture, sent = capture
    capture.muted = True
    capture.muted = False
    capture.muted = True
    assert not sent


def test_another_microphone_goes_on_with_the_numbers(capture, tone):
    earlier, sent = capture
    speak(earlier, tone(0.2))
    later = Capture(sent.append, Health(), random.Random(2), muted=True)
    speak(later, tone(0.1))
    later.muted = False
    later.follow(earlier)
    speak(later, tone(0.2))
    speak(earlier, tone(0.2))
    assert len(sent) == 20
    assert set(timestamps(sent)) == {FRAME}
    assert {b.sequence - a.sequence for a, b in itertools.pairwise(sent)} == {1}
    assert not any(packet.marker for packet in sent[1:])


def test_pause_is_not_sent_and_its_end_is_marked(capture, tone):
    capture, sent = capture
    speak(capture, tone(1.0))
    before = len(sent)
    speak(capture, np.zeros(5 * 48_000, np.float32))
    end = next(number for number, packet in enumerate(sent) if len(packet.payload) <= 2)
    assert before <= end <= before + 12
    assert sent[end].level == 127
    refreshes = sent[end + 1 :]
    assert 5 <= len(refreshes) <= 15  # one in 400 ms
    assert not any(packet.marker for packet in sent[1:])
    assert {packet.level for packet in refreshes} == {127}
    quiet = len(sent)
    speak(capture, tone(0.5))
    assert [packet.marker for packet in sent[quiet:]].count(True) == 1
    sequences = [packet.sequence for packet in sent]
    assert sequences == list(range(sequences[0], sequences[0] + len(sent)))


def test_skipped_time_is_a_gap(capture, tone):
    capture, sent = capture
    speak(capture, tone(0.02))
    capture.skip(10)
    speak(capture, tone(0.02))
    assert list(timestamps(sent)) == [11 * FRAME]


def test_receiver_that_fails_stops_nothing(tone):
    def broken(packet):
        raise RuntimeError("no peer")

    capture = Capture(broken, None, random.Random(1))
    speak(capture, tone(0.1))
    assert capture.failed == 5


@pytest.mark.parametrize("spec", ["tone:x", "file:/nowhere.wav", ""])
async def test_bad_spec_is_told_early(spec):
    with pytest.raises(InvalidAudioSpec):
        async with open_capture(spec, lambda packet: None):
            pytest.fail("it opened")


async def test_file_without_sound_is_told_early(tmp_path):
    path = tmp_path / "words.wav"
    path.write_text("these are words")
    with pytest.raises(InvalidAudioSpec, match="cannot be read"):
        async with open_capture(f"file:{path}", lambda packet: None):
            pytest.fail("it opened")


async def test_no_microphone_is_no_problem():
    sent = []
    async with open_capture("none", sent.append) as capture:
        assert not capture.available
        assert capture.problem is None
    assert not sent


async def test_tone_is_sent_until_the_block_ends():
    sent, enough, told = [], asyncio.Event(), []

    def on_packet(packet):
        sent.append(packet)
        if len(sent) == 5:
            enough.set()

    tasks = asyncio.all_tasks()
    async with open_capture("tone:440", on_packet, on_problem=told.append) as capture:
        assert capture.available
        await asyncio.wait_for(enough.wait(), 10)
    assert asyncio.all_tasks() == tasks
    assert told == [None]
    assert sent[4].timestamp - sent[0].timestamp == 4 * FRAME
