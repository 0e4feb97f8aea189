import asyncio
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

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
            heard.append(np.zeros(480, np.float32) if sound is None else sound)
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


class Pulse:
    """A private sound server with one speaker and one microphone, both virtual."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "pulse.socket"
        self.env = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("PULSE", "DBUS"))},
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_SERVER": f"unix:{self.socket}",
            "PULSE_SINK": "speaker",
            "PULSE_SOURCE": "mic",
        }
        self.server: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        sink = "module-null-sink norewinds=1 rate=48000 channels=1 channel_map=mono"
        self.server = await asyncio.create_subprocess_exec(
            *("pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1"),
            *("--disable-shm=yes", "--realtime=no"),
            *("-L", f"module-native-protocol-unix socket={self.socket} auth-anonymous=1"),
            *("-L", f"{sink} sink_name=speaker", "-L", f"{sink} sink_name=micfeed"),
            *("-L", "module-remap-source master=micfeed.monitor source_name=mic"),
            env=self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while await self.run("pactl", "info") != 0:
            assert time.monotonic() < deadline, "the sound server does not start"
            await asyncio.sleep(0.05)

    async def run(self, *command: str) -> int:
        process = await self.spawn(*command)
        return await process.wait()

    async def spawn(self, *command: str, **pipes: int) -> asyncio.subprocess.Process:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return await asyncio.create_subprocess_exec(*command, env=self.env, **(quiet | pipes))

    async def stop(self) -> None:
        if self.server is not None and self.server.returncode is None:
            self.server.send_signal(signal.SIGTERM)
            await self.server.wait()


@pytest.fixture
async def pulse() -> AsyncIterator[Pulse]:
    # A socket's path may have 107 bytes; pytest's own folders are too deep for that.
    folder = Path(tempfile.mkdtemp(prefix="pulse-"))
    server = Pulse(folder)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
        shutil.rmtree(folder, ignore_errors=True)
