"""Microphones and speakers that are no devices: a tone, files. Chosen by name, for bots and tests.

They keep time by the monotonic clock, on absolute deadlines (see `pacer`).
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable

import numpy as np

from tui.audio.capture import Listener
from tui.audio.errors import AudioUnavailable
from tui.audio.files import FileReader, FileWriter
from tui.audio.opus import Samples
from tui.audio.pacer import Pacer
from tui.audio.packet import BLOCK, FRAME, RATE
from tui.audio.threads import in_thread

_AMPLITUDE = 0.3
_SILENCE: Samples = np.zeros(FRAME, np.float32)

Monotonic = Callable[[], float]
Sleep = Callable[[float], Awaitable[object]]


class ToneMicrophone:
    """A sine of `hertz` that never ends."""

    def __init__(
        self, hertz: float, *, monotonic: Monotonic = time.monotonic, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._hertz = hertz
        self._monotonic = monotonic
        self._sleep = sleep
        self._time = np.arange(FRAME) / RATE

    async def run(self, listener: Listener) -> None:
        """Hum into `listener` until cancelled."""
        listener.report(None)
        pacer = Pacer(FRAME / RATE, self._monotonic())
        phase, step = 0.0, 2 * np.pi * self._hertz * FRAME / RATE
        while True:
            await self._sleep(pacer.wait(self._monotonic()))
            wave = np.sin(2 * np.pi * self._hertz * self._time + phase) * _AMPLITUDE
            phase = (phase + step) % (2 * np.pi)
            listener.frame(wave.astype(np.float32))
            listener.skip(pacer.advance(self._monotonic()))


class FileMicrophone:
    """A sound file, played once; silence from then on."""

    def __init__(
        self,
        reader: FileReader,
        *,
        monotonic: Monotonic = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._reader = reader
        self._monotonic = monotonic
        self._sleep = sleep

    async def run(self, listener: Listener) -> None:
        """Play into `listener` until cancelled; a second is read ahead."""
        piece = await in_thread(self._reader.read, "read-sound-file")
        listener.report(None)
        ahead = self._read_ahead()
        pacer = Pacer(FRAME / RATE, self._monotonic())
        try:
            while True:
                await self._sleep(pacer.wait(self._monotonic()))
                if len(piece) < FRAME and not self._ended(ahead):
                    piece = np.concatenate((piece, await ahead))
                    ahead = self._read_ahead()
                frame, piece = piece[:FRAME], piece[FRAME:]
                if len(frame) < FRAME:
                    frame = np.concatenate((frame, _SILENCE[len(frame) :]))
                listener.frame(frame)
                listener.skip(pacer.advance(self._monotonic()))
        finally:
            # The reader belongs to one thread at a time.
            await asyncio.wait([ahead])
            self._reader.close()

    def _read_ahead(self) -> asyncio.Task[Samples]:
        return asyncio.create_task(in_thread(self._reader.read, "read-sound-file"))

    @staticmethod
    def _ended(ahead: asyncio.Task[Samples]) -> bool:
        return ahead.done() and not len(ahead.result())


class FileSpeaker:
    """A speaker that is a file: what a listener would hear, in real time."""

    def __init__(self, writer: FileWriter, *, monotonic: Monotonic = time.monotonic) -> None:
        self._writer = writer
        self._monotonic = monotonic

    async def run(
        self, render: Callable[[], Samples], report: Callable[[AudioUnavailable | None], None]
    ) -> None:
        """Write until cancelled; the file is complete when this returns."""
        report(None)
        stop = threading.Event()
        writing = asyncio.create_task(in_thread(lambda: self._write(render, stop), "sound-file"))
        try:
            await asyncio.shield(writing)
        except OSError as error:
            raise AudioUnavailable(f"the speaker's file cannot be written: {error}") from error
        finally:
            stop.set()
            with contextlib.suppress(OSError):
                await writing

    def _write(self, render: Callable[[], Samples], stop: threading.Event) -> None:
        pacer = Pacer(FRAME / RATE, self._monotonic())
        try:
            while not stop.wait(pacer.wait(self._monotonic())):
                blocks = [render() for _ in range(FRAME // BLOCK)]
                self._writer.write(np.concatenate(blocks))
                pacer.advance(self._monotonic())
        finally:
            self._writer.close()
