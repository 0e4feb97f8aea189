"""How much of the speaker comes back through the microphone, and what becomes of both at once.

    python tests/load/echo.py [--seconds 20] [--air 40] [--echo -10] [--no-gain]

A real sound server with virtual devices, through PortAudio; its loopback is the air between speaker
and microphone, `--air` milliseconds long. First only the far side talks, then the near one as well
without a pause ("double talk"); the echo is `--echo` decibels louder than the near voice.

suppression  of the echo, by the power of what the microphone hears and what is sent
STOI         of the near voice in what is sent (1 is best), beside what it is in what is heard
CPU          milliseconds a second on the microphone's thread
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
import wave
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from pystoi import stoi

from tests.load.speech import speech
from tests.virtual_devices import Pulse
from tui.audio.capture import open_capture
from tui.audio.opus import Samples
from tui.audio.packet import RATE
from tui.audio.playback import open_playback
from tui.audio.processing import Processing, ProcessingSettings, Reference


class Recording(Processing):
    """Keeps what the microphone hears and what it sends."""

    def __init__(self, settings: ProcessingSettings, reference: Reference) -> None:
        super().__init__(settings, reference)
        self.heard: list[Samples] = []
        self.sent: list[Samples] = []
        self.seconds = 0.0
        self.spoken = 0

    def clean(self, block: Samples) -> Samples:
        begun = time.thread_time()
        clean = super().clean(block)
        self.seconds += time.thread_time() - begun
        self.spoken += bool(self.speech)
        self.heard.append(block)
        self.sent.append(clean)
        return clean


def write(path: Path, samples: Samples) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())


def decibels(samples: Samples) -> float:
    return 10 * np.log10(float(np.mean(samples.astype(np.float64) ** 2)) + 1e-12)


def intelligibility(clean: Samples, mixed: Samples) -> float:
    """Mean STOI of `clean` in `mixed` for pieces of 3 s, each wherever it is loudest."""
    found, piece, size = [], 3 * RATE, 1 << 20
    for start in range(0, len(clean) - piece + 1, piece):
        part, where = clean[start : start + piece], mixed[start : start + 2 * piece]
        spectrum = np.fft.rfft(where, size) * np.conj(np.fft.rfft(part, size))
        match = np.abs(np.fft.irfft(spectrum, size))[: len(where) - piece + 1]
        place = int(np.argmax(match))
        found.append(float(stoi(part, where[place : place + piece], RATE)))
    return float(np.mean(found))


async def measure(pulse: Pulse, arguments: argparse.Namespace) -> None:
    await pulse.run(
        *("pactl", "load-module", "module-loopback", "source=speaker.monitor", "sink=micfeed"),
        *(f"latency_msec={arguments.air}", "source_dont_move=1", "sink_dont_move=1"),
    )
    await pulse.run("pactl", "set-sink-input-volume", "0", f"{arguments.echo}dB")
    seconds = arguments.seconds
    far, near = pulse.folder / "far.wav", pulse.folder / "near.wav"
    write(far, speech(pulse.folder, 2 * seconds + 5, "en", 30))
    voice = speech(pulse.folder, seconds, "en-us+f3", 70)
    write(near, voice)
    reference = Reference()
    recording = Recording(ProcessingSettings(gain=not arguments.no_gain), reference)
    async with open_playback("default") as playback:
        playback.tap = reference.push
        async with (
            open_capture("default", lambda packet: None, processing=recording),
            open_capture(f"file:{far}", lambda packet: playback.push("far", packet)),
        ):
            await asyncio.sleep(seconds)
            alone = len(recording.heard)
            spoken = recording.spoken
            await pulse.run("paplay", "--device=micfeed", str(near))
    heard, sent = np.concatenate(recording.heard), np.concatenate(recording.sent)
    step = RATE * max(1, seconds // 4)
    for start in range(0, alone * 480 - step + 1, step):
        before, after = (decibels(x[start : start + step]) for x in (heard, sent))
        until = f"{start // RATE:3d}-{(start + step) // RATE} s"
        print(f"{until}: heard {before:6.1f} dB, sent {after:6.1f} dB, {before - after:5.1f} less")
    print(f"of the echo alone, {spoken / alone:.0%} was taken for speech")
    both = slice((alone - 50) * 480, None)
    print(f"STOI of the near voice: heard {intelligibility(voice, heard[both]):.3f}, "
          f"sent {intelligibility(voice, sent[both]):.3f}")  # fmt: skip
    print(f"CPU {recording.seconds / len(recording.heard) * 100_000:.1f} ms/s, "
          f"{reference.pairings} pairings, {recording.failed} blocks failed")  # fmt: skip


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--air", type=int, default=40)
    parser.add_argument("--echo", type=int, default=0)
    parser.add_argument("--no-gain", action="store_true")
    arguments = parser.parse_args()
    pulse = Pulse(Path(tempfile.mkdtemp(prefix="pulse-")))
    try:
        await pulse.start()
        os.environ.update(pulse.env)
        await measure(pulse, arguments)
    finally:
        await pulse.stop()
        shutil.rmtree(pulse.folder, ignore_errors=True)


if __name__ == "__main__":
    asyncio.run(main())
