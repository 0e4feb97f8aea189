import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.audio.continuity import Gaps
from tui.audio.opus import Decoder
from tui.audio.packet import BLOCK, RATE, OpusPacket
from tui.audio.playout import Playout
from tui.config.limits import AUDIO_ORIGINS, AUDIO_RELEASE_SECONDS
from tui.rtc.rewriting import Rewriter


def clean(at):
    return [0.0]


def test_clean_way_changes_nothing_but_the_time(tone, encode, receive, longest_hole, peak):
    heard, voice = receive(encode(tone(3.0)), clean, 3.0)
    assert voice.jitter.counts.concealed == 0
    assert longest_hole(heard) == 0
    assert peak(heard[24_000:72_000]) == 440
    # Frame in to frame out, with the 6.5 ms that Opus looks ahead: 20 ms of frame, at most 30 of
    # waiting.
    first = np.flatnonzero(np.abs(heard) > 0.05)[0] / 48_000
    assert first < 0.060


@pytest.mark.parametrize("loss", [0.02, 0.1, 0.2])
@pytest.mark.parametrize("jitter", [0.0, 0.04])
def test_tone_is_heard_through_a_bad_network(
    loss, jitter, tone, encode, receive, longest_hole, peak
):
    rng = random.Random(7)
    runs = [0]

    def channel(at):
        if rng.random() < loss:
            runs[-1] += 1
            return []
        runs.append(0)
        return [0.05 + rng.random() * jitter for _ in range(1 + (rng.random() < 0.05))]

    heard, voice = receive(encode(tone(10.0)), channel, 10.0)
    assert peak(heard[5 * 48_000 : 6 * 48_000], share=0.6) == pytest.approx(440, abs=3)
    assert longest_hole(heard) <= max(0.06, max(runs) * 0.02)
    counts = voice.jitter.counts
    assert counts.lost == pytest.approx(sum(runs), abs=3)
    assert counts.concealed <= 1.5 * 960 * counts.lost  # a pure tone carries no FEC
    assert voice.jitter.delay < 0.03 + jitter


def test_speech_with_pauses_arrives_whole(tone, encode, receive):
    word, pause = tone(0.6), np.zeros(48_000, np.float32)
    sound = np.concatenate([word, pause] * 4)
    sent = encode(sound)
    assert len(sent) < 0.8 * len(sound) / 960
    heard, voice = receive(sent, clean, 6.6)
    assert voice.jitter.counts.lost == voice.jitter.counts.resynchronised == 0
    loud = np.sqrt((heard[: len(heard) // 960 * 960].reshape(-1, 960) ** 2).mean(axis=1)) > 0.1
    assert np.sum(loud) == pytest.approx(4 * 30, abs=6)
    starts = np.flatnonzero(np.diff(loud.astype(int)) == 1)
    assert np.diff(starts) == pytest.approx([80, 80, 80], abs=1)  # nothing moved in time


def sweep(seconds):
    """A tone that rises from 200 to 1,200 Hz: no two of its packets are alike."""
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * (200 * time + 500 * time**2 / seconds)
    return (0.3 * np.sin(phase)).astype(np.float32)


@pytest.mark.parametrize("others_delay", [0.01, 0.05, 0.07])
def test_voice_that_comes_another_way_goes_on_where_it_was(
    others_delay, encode, receive, longest_hole, monkeypatch
):
    # Every 2 s from the way of 30 ms to the other one, or back; a forwarder numbers what it sends.
    ways = enumerate((0.03, others_delay))
    arrivals = [(at + late, way, p) for way, late in ways for at, p in encode(sweep(12.0))]
    numbered, sent = Rewriter(), []
    for at, way, packet in sorted(arrivals, key=lambda arrival: arrival[:2]):
        if way == at // 2 % 2:
            sent.append((at, numbered.rewrite(way, packet, at)))
    played, decode = [], Decoder.decode

    def note(decoder, payload):
        played.append(payload)
        return decode(decoder, payload)

    monkeypatch.setattr(Decoder, "decode", note)
    heard, voice = receive(sent, clean, 12.2)
    assert len(set(played)) == len(played) > 580  # nothing twice
    assert longest_hole(heard) <= 0.06
    assert voice.jitter.continuity.gaps.count == 0
    assert voice.jitter.counts.resynchronised == 0
    assert voice.jitter.counts.duplicate >= 3  # what the longer way brought again


def test_ten_seconds_without_a_packet(tone, encode, receive):
    def cut(at):
        return [] if 3.0 < at < 13.0 else [0.03]

    heard, voice = receive(encode(sweep(16.0)), cut, 16.0)
    assert np.abs(heard[int(3.3 * RATE) : int(13.0 * RATE)]).max() < 0.05
    loud = np.abs(heard[int(13.0 * RATE) :]) > 0.1
    assert np.argmax(loud) < 0.1 * RATE  # back within 100 ms
    assert voice.jitter.continuity.gaps.longest == pytest.approx(10.0, abs=0.1)
    assert voice.jitter.counts.played > 295


def test_sound_that_never_pauses_loses_the_delay_of_a_stall(tone, encode, receive, peak):
    def stall(at):
        return [max(0.02, 4.3 - at)] if at > 4.0 else [0.02]

    heard, voice = receive(encode(tone(10.0)), stall, 10.0)
    counts = voice.jitter.counts
    assert counts.stretched > 10
    assert counts.dropped == counts.lost == 0
    assert counts.played >= 495  # all but what is under way
    assert len(voice.jitter) <= 3  # packets; 15 waited
    assert peak(heard[5 * RATE : 7 * RATE]) == pytest.approx(440, abs=1)


def feed(playout, origin, sent, until, gains):
    """Play `sent` in its time; the sound of everybody up to `until` seconds."""
    sent, heard = list(sent), []
    for block in range(round(until * 100)):
        now = block / 100 + 0.003
        while sent and sent[0][0] <= now:
            playout.push(origin, sent.pop(0)[1], now)
        heard.append(playout.render(now, gains))
    return np.concatenate(heard)


def test_volume_and_drop(tone, encode):
    playout, sent = Playout(), encode(tone(1.0))
    loud = feed(playout, "a", sent, 1.0, {})
    assert np.std(loud[24_000:]) == pytest.approx(0.3 / 2**0.5, rel=0.1)
    halved = feed(Playout(), "a", sent, 1.0, {"a": 0.5})
    assert np.std(halved[24_000:]) == pytest.approx(0.15 / 2**0.5, rel=0.1)
    assert not feed(Playout(), "a", sent, 1.0, {"a": 0.0}).any()
    playout.drop("a")
    playout.drop("never there")
    assert not playout.render(1.0, {}).any()


def test_silent_origin_gives_its_decoder_back(tone, encode):
    playout = Playout()
    feed(playout, "a", encode(tone(0.5)), 0.6, {})
    assert set(playout.voices) == {"a"}
    for block in range(100):
        playout.render(0.6 + block / 100, {})
    assert set(playout.voices) == {"a"}
    playout.render(0.6 + AUDIO_RELEASE_SECONDS, {})
    assert not playout.voices


def test_holes_of_those_who_are_gone_are_kept(tone, encode):
    playout, sent = Playout(), encode(sweep(1.0))
    assert playout.gaps == Gaps()
    feed(playout, "a", [one for n, one in enumerate(sent) if not 20 <= n < 30], 0.9, {})
    before = playout.gaps
    assert before.count == 1
    assert before.longest == pytest.approx(0.18, abs=0.011)  # FEC brings the last 20 ms
    playout.drop("a")
    assert playout.gaps == before
    feed(playout, "b", sent, 1.5, {})
    playout.render(1.5 + AUDIO_RELEASE_SECONDS, {})
    assert not playout.voices
    assert playout.gaps == Gaps(before.count, before.longest, cut=1)


def test_origins_are_bounded(tone, encode):
    playout, (_, packet) = Playout(), encode(tone(0.1))[0]
    for number in range(3 * AUDIO_ORIGINS):
        playout.push(str(number), packet, 0.0)
    assert len(playout.voices) == AUDIO_ORIGINS
    assert playout.dropped["too many origins"] == 2 * AUDIO_ORIGINS


packets = st.builds(
    OpusPacket,
    st.integers(0, 2**16 - 1) | st.integers(0, 10),
    st.integers(0, 2**32 - 1) | st.integers(0, 10).map(lambda n: n * 960),
    st.binary(max_size=80),
    st.integers(0, 127),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), packets), max_size=30))
def test_hostile_packets_leave_whole_blocks(pushes):
    playout, now = Playout(), 1.0
    for origin, packet in pushes:
        playout.push(origin, packet, now)
        now += 0.01
        block = playout.render(now, {})
        assert block.shape == (BLOCK,)
        assert block.dtype == np.float32
        assert np.abs(block).max() <= 1.0
