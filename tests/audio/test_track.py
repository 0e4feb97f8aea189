import io
import random
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.audio.ogg import PRE_SKIP
from tui.audio.opus import Encoder
from tui.audio.packet import FRAME, RATE, OpusPacket
from tui.audio.track import CONCEALED, Track
from tui.config import limits

LATEST = 0.4


def decoded(data: bytes) -> np.ndarray:
    with av.open(io.BytesIO(data)) as container:
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])


def record(arrivals: Any, seconds: float, track: Track | None = None) -> tuple[np.ndarray, Track]:
    """What is in the file of packets that arrived then."""
    track = track or Track(1, {})
    waiting = sorted(arrivals, key=lambda one: one[0])
    data, now = b"", 0.0
    while now < seconds:
        now += 0.1
        while waiting and waiting[0][0] <= now:
            at, packet = waiting.pop(0)
            track.push(packet, at)
        data += track.advance(now - LATEST)
    return decoded(data + track.finish(seconds)), track


@pytest.fixture(scope="module")
def burst() -> list[bytes]:
    """A third of a second of a tone."""
    time = np.arange(RATE // 3 // FRAME * FRAME) / RATE
    sound = (0.3 * np.sin(2 * np.pi * 500 * time)).astype(np.float32)
    encoder = Encoder()
    return [encoder.encode(sound[at : at + FRAME]) for at in range(0, len(sound), FRAME)]


def talk(
    burst: list[bytes], seconds: int, *, drift: float, loss: float, delay: float, seed: int
) -> Iterator[tuple[float, OpusPacket]]:
    """A burst in every second; `drift` of the sound card in parts of its speed. The first packet
    of each burst arrives, so that it can be found."""
    chance = random.Random(seed)
    sequence, first = chance.randrange(1 << 15), chance.randrange(1 << 32)
    for second in range(seconds):
        if chance.random() < 0.2:
            continue  # a pause, or muted
        for number, payload in enumerate(burst):
            sequence += 1
            at = second + number * FRAME / RATE
            stamp = round(at * RATE * (1 + drift))
            if number and chance.random() < loss:
                continue
            late = delay + chance.expovariate(200) + (0.2 if chance.random() < 0.02 else 0.0)
            packet = OpusPacket(sequence & 0xFFFF, (first + stamp) & 0xFFFF_FFFF, payload, 30)
            yield at + late, packet


def beginnings(sound: np.ndarray) -> np.ndarray:
    """Seconds at which sound sets in after a pause."""
    loud = np.abs(sound[: len(sound) // 48 * 48].reshape(-1, 48)).max(axis=1) > 0.1
    pauses = np.convolve(loud, np.ones(400))[: len(loud)] - loud
    return np.flatnonzero(loud & (pauses == 0)) / 1000


def test_two_voices_stay_within_20_ms_over_minutes_of_pauses_loss_and_drift(burst: Any) -> None:
    seconds = 180
    found = []
    for drift, loss, seed in ((150e-6, 0.1, 1), (-150e-6, 0.02, 2)):
        sent = talk(burst, seconds, drift=drift, loss=loss, delay=0.03, seed=seed)
        sound, track = record(sent, seconds + 1)
        assert len(sound) == pytest.approx((seconds + 1) * RATE - PRE_SKIP, abs=120)
        assert track.counts["late"] <= 3
        begins = beginnings(sound)
        assert len(begins) > 0.7 * seconds
        places = dict(zip(np.round(begins).astype(int), begins, strict=True))
        assert max(abs(place - second - 0.035) for second, place in places.items()) < 0.02
        found.append(places)
    both = found[0].keys() & found[1].keys()
    assert len(both) > seconds / 2
    assert max(abs(found[0][second] - found[1][second]) for second in both) < 0.02


def test_a_voice_without_pauses_is_kept_in_place_too(burst: Any) -> None:
    """200 ppm over three minutes are 36 ms."""
    for drift in (200e-6, -200e-6):
        packets = [
            (
                n * 0.02 + 0.03,
                OpusPacket(n & 0xFFFF, round(n * FRAME * (1 + drift)), burst[n % len(burst)], 30),
            )
            for n in range(180 * 50)
        ]
        track = Track(1, {})
        sound, track = record(packets, 180.5, track)
        assert len(sound) == pytest.approx(180.5 * RATE, abs=RATE // 50)
        assert track.counts["late"] <= 3


def test_what_was_lost_is_concealed_and_a_pause_is_silent(burst: Any) -> None:
    payloads = burst * 6
    packets = [
        (n * 0.02 + 0.02, OpusPacket(n, n * FRAME, payload, 30))
        for n, payload in enumerate(payloads)
        if n != 30 and not 50 <= n < 90
    ]
    track = Track(1, {})
    for at, packet in packets:
        track.push(packet, at)
    data = track.finish(2.0)
    with av.open(io.BytesIO(data)) as container:
        written = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    begin = written.index(payloads[0])
    assert written[begin + 30] == bytes([payloads[29][0] & 0xFC]), "asks for concealment"
    assert written[begin + 29] == payloads[29] and written[begin + 31] == payloads[31]
    asked = written[begin + 50 : begin + 50 + CONCEALED // FRAME]
    assert asked == [bytes([payloads[49][0] & 0xFC])] * len(asked)
    sound = decoded(data)
    pause = sound[int((0.02 + 1.0) * RATE) + CONCEALED : int(1.8 * RATE)]
    assert np.abs(pause).max() < 1e-3


def test_packets_in_another_order_and_twice_change_nothing(burst: Any) -> None:
    packets = [(n * 0.02 + 0.05, OpusPacket(n, n * FRAME, p, 30)) for n, p in enumerate(burst)]
    straight, _ = record(packets, 1.0)
    mixed = [(at + 0.1 * (n % 3), packet) for n, (at, packet) in enumerate(packets)]
    # The fastest of them tell when the others were sent.
    again, track = record([*mixed, *mixed], 1.0)
    assert track.counts["late"] == len(packets)
    assert np.array_equal(straight, again)


def test_a_sender_that_begins_anew_goes_on_where_it_is(burst: Any) -> None:
    packets = [
        (n * 0.02 + 0.05, OpusPacket(n, (n * FRAME + (n > 60) * 123_456_789) & 0xFFFF_FFFF, p, 30))
        for n, p in enumerate(burst * 8)
    ]
    sound, track = record(packets, 3.0)
    assert not track.counts
    assert np.sqrt((sound[int(1.3 * RATE) : int(2.5 * RATE)] ** 2).mean()) > 0.1


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 3),
            st.integers(0, 0xFFFF_FFFF) | st.integers(0, 150).map(lambda n: n * FRAME),
            st.binary(max_size=8) | st.just(b"\xf8\xff\xfe"),
        ),
        max_size=60,
    )
)
def test_whatever_arrives_the_file_has_the_length_of_the_recording(arrivals: Any) -> None:
    packets = [
        (at, OpusPacket(n, stamp, payload)) for n, (at, stamp, payload) in enumerate(arrivals)
    ]
    track = Track(1, {})
    data, now, waiting = b"", 0.0, sorted(packets, key=lambda one: one[0])
    while now < 3.5:
        now += 0.25
        while waiting and waiting[0][0] <= now:
            track.push(waiting[0][1], waiting.pop(0)[0])
        data += track.advance(now - LATEST)
        assert data.startswith(b"OggS")
    data += track.finish(3.5)
    assert track.samples == pytest.approx(3.5 * RATE, abs=5760)


def test_a_flood_is_bounded() -> None:
    track = Track(1, {})
    for number in range(2 * limits.RECORDING_WAITING):
        track.push(OpusPacket(number, number * FRAME, b"\xf8\xff\xfe"), 1.0)
    assert track.counts["too many"] == limits.RECORDING_WAITING
    assert not Track(1, {}).counts
