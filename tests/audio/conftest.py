import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.load import loss
from tests.load import speech as spoken
from tui.audio.capture import Capture
from tui.audio.health import Health
from tui.audio.opus import Samples
from tui.audio.packet import FRAME, RATE, OpusPacket
from tui.audio.playout import Voice

Channel = Callable[[float], list[float]]


@pytest.fixture
def tone() -> Callable[..., Samples]:
    def make(seconds: float, hertz: float = 440.0, amplitude: float = 0.3) -> Samples:
        time = np.arange(round(seconds * RATE)) / RATE
        return (amplitude * np.sin(2 * np.pi * hertz * time)).astype(np.float32)

    return make


@pytest.fixture
def peak() -> Callable[..., float]:
    """The frequency (Hz) that is strongest, provided that it has `share` of the power."""

    def find(samples: Samples, share: float = 0.9) -> float:
        spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
        strongest = int(np.argmax(spectrum))
        near = spectrum[max(0, strongest - 5) : strongest + 6]
        assert np.sum(near**2) > share * np.sum(spectrum**2), "no tone stands out"
        return strongest * RATE / len(samples)

    return find


@pytest.fixture
async def encode() -> Callable[[Samples], list[tuple[float, OpusPacket]]]:
    """What a microphone sends for some sound: (seconds, packet)."""

    def packets(samples: Samples) -> list[tuple[float, OpusPacket]]:
        sent: list[tuple[float, OpusPacket]] = []
        now = 0.0
        capture = Capture(lambda packet: sent.append((now, packet)), Health(), random.Random(1))
        for start in range(0, len(samples) - FRAME + 1, FRAME):
            now = (start + FRAME) / RATE
            capture.frame(samples[start : start + FRAME])
        return sent

    return packets


@pytest.fixture
def receive() -> Callable[..., tuple[Samples, Voice]]:
    """What is heard of packets after a channel: seconds of sending in, seconds of delay out."""

    def run(
        sent: list[tuple[float, OpusPacket]], channel: Channel, seconds: float
    ) -> tuple[Samples, Voice]:
        arrivals = sorted(
            (
                (at + delay, number, packet)
                for number, (at, packet) in enumerate(sent)
                for delay in channel(at)
            ),
            key=lambda arrival: arrival[:2],
        )
        voice, heard = Voice(0.0), []
        for block in range(round(seconds * 100)):
            now = block / 100 + 0.003
            while arrivals and arrivals[0][0] <= now:
                at, _, packet = arrivals.pop(0)
                voice.jitter.push(packet, at)
            sound = voice.block(now)
            heard.append(np.zeros(480, np.float32) if sound is None else sound.copy())
        return np.concatenate(heard), voice

    return run


@pytest.fixture
def longest_hole() -> Callable[[Samples], float]:
    """Seconds of the longest hole inside a tone: where it is 20 dB below itself."""

    def find(samples: Samples) -> float:
        power = np.sqrt((samples[: len(samples) // 240 * 240].reshape(-1, 240) ** 2).mean(axis=1))
        sounding = np.flatnonzero(power > 0.1 * np.median(power[power > 0]))
        return float(np.max(np.diff(sounding)) - 1) * 0.005

    return find


@pytest.fixture
def speech(tmp_path: Path) -> Callable[[float], Samples]:
    """So many seconds of a voice that reads."""
    return lambda seconds: spoken.speech(tmp_path, seconds)


@pytest.fixture
def in_its_time() -> Callable[[Samples, dict[int, int], int], Samples]:
    """See `tests.load.speech.in_its_time`."""
    return spoken.in_its_time


@pytest.fixture(scope="module")
def over_network() -> Callable[..., dict[str, float]]:
    """What half a minute of speech suffers in a `tests.load.loss.Network` with these settings."""
    sent, clean = loss.sent_speech(30.0)

    def measure(**settings: Any) -> dict[str, float]:
        network = loss.Network(**settings)
        row = loss.ours(sent, network.arrivals(sent), 30.0).row(clean)
        return dict(zip(loss.COLUMNS, row, strict=True))

    return measure
