"""From a microphone to a speaker, through real devices of a real sound server."""

import asyncio
import subprocess
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = [
    pytest.mark.needs("pulseaudio", "pactl", "paplay", "parec"),
    pytest.mark.timeout(120),
]


def tone(path: Path, hertz: float, seconds: float) -> None:
    times = np.arange(round(seconds * 48_000)) / 48_000
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 48_000, 0, "NONE", ""))
        file.writeframes((np.sin(2 * np.pi * hertz * times) * 12_000).astype("<i2").tobytes())


def seconds_of(samples: np.ndarray, hertz: float) -> float:
    windows = samples[: len(samples) // 4800 * 4800].reshape(-1, 4800).astype(float)
    spectrum = np.abs(np.fft.rfft(windows * np.hanning(4800), axis=1)) ** 2
    near = np.abs(np.fft.rfftfreq(4800, 1 / 48_000) - hertz) <= 30
    share = spectrum[:, near].sum(axis=1) / (spectrum.sum(axis=1) + 1)
    return float(((share > 0.8) & (np.abs(windows).max(axis=1) > 500)).sum()) / 10


async def test_a_voice_travels_from_microphone_to_speaker(
    stage: Any, pulse: Any, tmp_path: Path
) -> None:
    relay, _ = await stage.relay()
    host = await stage.node(
        "host", "host", "Devices", "--id", "devices", "--mic", "default",
        relays=(relay,), environment=pulse.env,
    )  # fmt: skip
    await host.until("joined")
    guest = await stage.node(
        "guest", "join", "devices", "--mic", "none",
        relays=(relay,), speaker="default", environment=pulse.env,
    )  # fmt: skip
    await guest.until("connection", state="connected")

    tone(tmp_path / "voice.wav", 440, 8)
    heard = bytearray()
    ears = await pulse.spawn(
        "parec", "--device=speaker.monitor", "--raw", "--format=s16le", "--rate=48000",
        "--channels=1", stdout=subprocess.PIPE,
    )  # fmt: skip
    mouth = await pulse.spawn("paplay", "--device=micfeed", str(tmp_path / "voice.wav"))
    try:
        async with asyncio.timeout(30):
            while seconds_of(np.frombuffer(heard[: len(heard) // 2 * 2], "<i2"), 440) < 2:
                heard += await ears.stdout.read(48_000)
    except TimeoutError:
        pytest.fail(f"{len(heard) / 96_000:.1f} s of the speaker, no voice in it")
    finally:
        for process in (ears, mouth):
            if process.returncode is None:
                process.kill()
            await process.wait()
    await guest.until("audio", **{"from": await host.pubkey(), "state": "started"})
