"""How long a voice takes from a microphone to another person's speaker, and whether it gets there.

    python tests/load/mouth_to_ear.py [--seconds 20] [--json]
    python tests/load/mouth_to_ear.py --dropouts [--seconds 600]

Two processes of the real command, host and listener, on the loopback interface, with virtual
devices of a real sound server, and with echo cancelling, noise suppression and gain. Somebody
speaks into the one; what the two monitors of the server show at both ends is compared second by
second. What happens inside the server before and after them is no part of it.

With `--dropouts` a tone is sent without a pause while a terminal application beside it draws thirty
times a second, and every hole in what is heard is counted.
"""

import argparse
import asyncio
import contextlib
import json
import os
import pty
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from tests.load.speech import speech
from tests.participants import Stage
from tests.virtual_devices import Pulse
from tui.audio.opus import Samples
from tui.audio.packet import RATE

BUSY_SCREEN = """
import random
from textual.app import App
from textual.widgets import Static

class Busy(App):
    def compose(self):
        yield Static()
    def on_mount(self):
        self.set_interval(1 / 30, self.draw)
    def draw(self):
        width, height = self.size
        rows = ("".join(random.choices("spaces  ", k=width)) for _ in range(height))
        self.query_one(Static).update("\\n".join(rows))

Busy().run()
"""
_QUIET = 0.25  # of the usual level: a hole
_STEP = RATE // 200  # samples; 5 ms


class Ear:
    """Hears what a device of the server plays, and when."""

    def __init__(self, pulse: Pulse, device: str) -> None:
        self._pulse = pulse
        self._device = device
        self._pieces: list[bytes] = []
        self._begun = float("inf")  # monotonic seconds of the first sample, at the earliest
        self._count = 0

    async def listen(self) -> None:
        process = await self._pulse.spawn(
            *("parec", f"--device={self._device}.monitor", "--raw", "--format=s16le"),
            *(f"--rate={RATE}", "--channels=1", "--latency-msec=10"),
            stdout=subprocess.PIPE,
        )
        try:
            while piece := await process.stdout.read(1 << 16):
                self._pieces.append(piece)
                self._count += len(piece) // 2
                self._begun = min(self._begun, time.monotonic() - self._count / RATE)
        finally:
            process.kill()
            await process.wait()

    def heard(self, begin: float, end: float) -> Samples:
        """Between two times (monotonic seconds); silence where nothing was heard."""
        data = b"".join(self._pieces)
        sound = np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.float32) / 32768
        first = round((begin - self._begun) * RATE)
        found = np.zeros(round((end - begin) * RATE), np.float32)
        part = sound[max(first, 0) : max(first + len(found), 0)]
        found[max(-first, 0) : max(-first, 0) + len(part)] = part
        return found


def delays(mouth: Ear, ear: Ear, begin: float, end: float) -> list[float]:
    """Seconds from mouth to ear, for every second in which one is found in the other."""
    found = []
    for start in np.arange(begin, end - 2.0, 1.0):
        said, heard = mouth.heard(start, start + 1.0), ear.heard(start, start + 2.0)
        size = 1 << 18
        product = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(said, size))
        match = np.fft.irfft(product, size)[:RATE]
        place = int(np.argmax(np.abs(match)))
        part = heard[place : place + len(said)]
        likeness = abs(match[place]) / (np.linalg.norm(said) * np.linalg.norm(part) + 1e-9)
        if likeness > 0.5:
            found.append(place / RATE)
    return found


def holes(sound: Samples) -> list[float]:
    """Seconds of each stretch of a tone that is all but gone."""
    level = np.sqrt((sound[: len(sound) // _STEP * _STEP].reshape(-1, _STEP) ** 2).mean(axis=1))
    gone = np.flatnonzero(np.diff(np.r_[0, level < _QUIET * np.median(level), 0]))
    return [float(end - begin) * _STEP / RATE for begin, end in zip(*[iter(gone)] * 2, strict=True)]


def write(path: Path, samples: Samples) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())


@contextlib.contextmanager
def busy_screen() -> Iterator[None]:
    """A terminal application that never stops drawing; returns once it has begun."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY_SCREEN], stdin=theirs, stdout=theirs, stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"},
    )  # fmt: skip
    os.close(theirs)
    drawn = threading.Event()

    def drain() -> None:
        with contextlib.suppress(OSError):
            while os.read(ours, 1 << 16):
                drawn.set()

    threading.Thread(target=drain, daemon=True).start()
    try:
        drawn.wait(20)
        yield
    finally:
        process.kill()
        process.wait()
        os.close(ours)


async def run(stage: Stage, pulse: Pulse, arguments: argparse.Namespace) -> dict[str, object]:
    sink = "module-null-sink norewinds=1 rate=48000 channels=1 channel_map=mono sink_name=other"
    await pulse.run("pactl", "load-module", *sink.split())
    relay, _ = await stage.relay()
    environ = dict(pulse.env)
    if arguments.dropouts:  # which take a tone for noise
        environ |= {"SPACES_NOISE_SUPPRESSION": "false", "SPACES_AUTOMATIC_GAIN": "false"}
    host = await stage.node(
        "host", "host", "Mouth", "--id", "mouth", "--mic", "default",
        relays=(relay,), speaker="default", environment={**environ, "PULSE_SINK": "other"},
    )  # fmt: skip
    await host.until("joined")
    guest = await stage.node(
        "guest", "join", "mouth", "--mic", "none",
        relays=(relay,), speaker="default", environment=environ,
    )  # fmt: skip
    await guest.until("connection", state="connected")

    seconds = arguments.seconds
    if arguments.dropouts:
        said = 0.3 * np.sin(2 * np.pi * 440 * np.arange((seconds + 10) * RATE) / RATE)
    else:
        said = speech(pulse.folder, seconds + 4)
    write(pulse.folder / "said.wav", said)
    mouth, ear = Ear(pulse, "micfeed"), Ear(pulse, "speaker")
    listening = [asyncio.create_task(one.listen()) for one in (mouth, ear)]
    speaking = asyncio.create_task(
        pulse.run("paplay", "--device=micfeed", str(pulse.folder / "said.wav"))
    )
    await guest.until("audio", state="started")
    await asyncio.sleep(2.0)
    begin = time.monotonic()
    with busy_screen() if arguments.dropouts else contextlib.nullcontext():
        await asyncio.sleep(seconds)
    end = time.monotonic() - 0.5
    for task in (speaking, *listening):
        task.cancel()
    await asyncio.gather(speaking, *listening, return_exceptions=True)
    if arguments.dropouts:
        found = holes(ear.heard(begin, end))
        return {
            "seconds": seconds,
            "dropouts": len(found),
            "longest_ms": 1000 * max(found, default=0),
        }
    found = sorted(delays(mouth, ear, begin, end))
    if not found:
        return {"seconds": 0}
    median, most = found[len(found) // 2], found[int(0.95 * len(found))]
    return {"seconds": len(found), "median_ms": 1000 * median, "p95_ms": 1000 * most,
            "least_ms": 1000 * found[0]}  # fmt: skip


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--dropouts", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="pulse-"))
    pulse = Pulse(folder)
    async with contextlib.AsyncExitStack() as exits:
        exits.callback(shutil.rmtree, folder, ignore_errors=True)
        exits.push_async_callback(pulse.stop)
        await pulse.start()
        found = await run(Stage(folder, exits), pulse, arguments)
    if arguments.json:
        print(json.dumps(found))
    else:
        print(", ".join(f"{name} {value:.0f}" for name, value in found.items()))


if __name__ == "__main__":
    asyncio.run(main())
