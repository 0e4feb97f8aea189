"""Microphone and speaker by PortAudio, through sounddevice.

Two streams, one per direction: over PulseAudio a duplex stream corrupts. PortAudio is touched on
worker threads only, because a stuck sound server blocks it, and only by one at a time. Nothing of
it is imported before sound is needed, so that a machine without PortAudio lacks nothing but sound.
"""

import asyncio
import contextlib
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tui.audio.capture import Listener
from tui.audio.errors import AudioUnavailable
from tui.audio.opus import Samples
from tui.audio.packet import BLOCK, FRAME, RATE
from tui.audio.threads import in_thread
from tui.config.limits import CAPTURE_BLOCKS

log = logging.getLogger(__name__)

_LATENCY = 0.03  # seconds asked of PortAudio; 0.02 to 0.04 hold over PulseAudio
_FIRST_CALL = 2.0  # seconds that a fresh stream may take before its first callback
_LOST = 0.5  # seconds without a callback: the device is gone
_WATCH = 0.1  # seconds between looks at it
_RETRY = (0.25, 5.0)  # seconds between attempts to get it back; doubled from first to last
_CLOSING = 2.0  # seconds that a device gets to close; then it is left to its thread

_portaudio = threading.Lock()
_open_streams: set["_Stream"] = set()  # PortAudio's state is the process's; guarded by the lock


class _Stream:
    """One PortAudio stream of one direction; `open` and `close` block, on any thread."""

    def __init__(self, kind: str, name: str | None, callback: Callable[..., None]) -> None:
        self._kind = kind  # "Input" or "Output"
        self._name = name
        self._callback = callback
        self._stream: Any = None
        self._closing = False

    def open(self, *, again: bool) -> None:
        """Start the callbacks, looking for devices anew if `again`; raises AudioUnavailable."""
        with _portaudio:
            sounddevice = _sounddevice()
            try:
                if again and not _open_streams:
                    # The only way to see devices that came or went; not with streams open.
                    sounddevice._terminate()
                    sounddevice._initialize()
                stream = getattr(sounddevice, f"{self._kind}Stream")(
                    samplerate=RATE,
                    channels=1,
                    dtype="float32",
                    blocksize=BLOCK,
                    latency=_LATENCY,
                    device=self._name,
                    callback=self._callback,
                )
                if self._closing:
                    stream.close()
                    return
                self._stream = stream
                _open_streams.add(self)
                stream.start()
            except (sounddevice.PortAudioError, ValueError, OSError) as error:
                reason = _reason(self._kind, self._name, error)
                raise AudioUnavailable(reason, hint(installed=True)) from error

    def close(self) -> None:
        """Stop the callbacks; harmless when nothing is open."""
        self._closing = True
        with _portaudio:
            stream, self._stream = self._stream, None
            _open_streams.discard(self)
            if stream is None:
                return
            try:
                stream.abort()
            except Exception as error:
                log.debug("a sound device stopped badly: %s", error)
            with contextlib.suppress(Exception):
                stream.close()


class _Device:
    """Keeps one stream open: notices when it dies, and tries again."""

    def __init__(
        self, kind: str, name: str | None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._kind = kind
        self._name = name
        self._monotonic = monotonic
        self._called = 0.0  # when PortAudio last called back

    async def _keep_open(
        self, callback: Callable[..., None], report: Callable[[AudioUnavailable | None], None]
    ) -> None:
        await in_thread(_check_installed, "import-sounddevice")
        pause, longest = _RETRY
        again = False
        while True:
            stream = _Stream(self._kind, self._name, callback)
            try:
                await in_thread(partial(stream.open, again=again), "open-sound-device")
                report(None)
                pause = _RETRY[0]
                await self._until_lost()
                problem = AudioUnavailable(f"the {_WHAT[self._kind]} has stopped")
            except AudioUnavailable as error:
                problem = error
            finally:
                with contextlib.suppress(TimeoutError):
                    closing = in_thread(stream.close, "close-sound-device")
                    await asyncio.wait_for(closing, _CLOSING)
            report(problem)
            again = True
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)

    async def _until_lost(self) -> None:
        self._called = self._monotonic() + _FIRST_CALL - _LOST
        while self._monotonic() - self._called < _LOST:  # noqa: ASYNC110  # nothing happens
            await asyncio.sleep(_WATCH)


class DeviceMicrophone(_Device):
    """A microphone of the system, by name; None is its default."""

    def __init__(self, name: str | None) -> None:
        super().__init__("Input", name)
        self._blocks: deque[Samples] = deque(maxlen=CAPTURE_BLOCKS)
        self._last = 0.0  # when the last block came
        self._heard = 0  # blocks' time since the start, whether they came or not
        self._taken = 0  # of those, what the event loop has accounted for

    async def run(self, listener: Listener) -> None:
        """Listen until cancelled."""
        loop = asyncio.get_running_loop()

        def callback(data: Samples, frames: int, times: object, status: object) -> None:
            self._called = self._monotonic()
            if self.hear(data, self._called):
                with contextlib.suppress(RuntimeError):  # the loop has been closed
                    loop.call_soon_threadsafe(self.drain, listener)

        await self._keep_open(callback, listener.report)

    def hear(self, data: Samples, now: float) -> bool:
        """Keep one block of the device, on its thread; True whenever a frame is complete."""
        if self._last and now - self._last > _LOST:
            self._heard += int((now - self._last) * RATE / BLOCK)
        self._last = now
        self._heard += 1
        self._blocks.append(data[:, 0].copy())
        return self._heard % (FRAME // BLOCK) == 0

    def drain(self, listener: Listener) -> None:
        """Hand on what is complete, in the event loop."""
        while len(self._blocks) >= FRAME // BLOCK:
            overflow = self._heard - self._taken - len(self._blocks)
            if overflow >= FRAME // BLOCK:
                listener.skip(overflow * BLOCK // FRAME)
                self._taken += overflow * BLOCK // FRAME * (FRAME // BLOCK)
            first, second = self._blocks.popleft(), self._blocks.popleft()
            self._taken += FRAME // BLOCK
            listener.frame(np.concatenate((first, second)))


class DeviceSpeaker(_Device):
    """A speaker of the system, by name; None is its default."""

    def __init__(self, name: str | None) -> None:
        super().__init__("Output", name)
        self.failed = 0  # blocks that could not be rendered

    async def run(
        self, render: Callable[[], Samples], report: Callable[[AudioUnavailable | None], None]
    ) -> None:
        """Play until cancelled."""

        def callback(data: Samples, frames: int, times: object, status: object) -> None:
            self._called = self._monotonic()
            try:
                data[:, 0] = render()
            except Exception:  # PortAudio would stop for good
                data.fill(0.0)
                self.failed += 1
                if self.failed == 1:
                    log.exception("10 ms of sound were lost; further ones are only counted")

        await self._keep_open(callback, report)


_WHAT = {"Input": "microphone", "Output": "speaker"}
_PACKAGES = {
    "debian": "apt install libportaudio2 libasound2-plugins",
    "ubuntu": "apt install libportaudio2 libasound2-plugins",
    "fedora": "dnf install portaudio alsa-plugins-pulseaudio",
    "arch": "pacman -S portaudio alsa-plugins",
    "alpine": "apk add portaudio alsa-plugins-pulse",
}


def _check_installed() -> None:
    with _portaudio:
        _sounddevice()


def _sounddevice() -> Any:
    try:
        import sounddevice
    except (OSError, ImportError) as error:  # OSError where PortAudio itself is missing
        raise AudioUnavailable(f"PortAudio is missing: {error}", hint(installed=False)) from error
    return sounddevice


def _reason(kind: str, name: str | None, error: Exception) -> str:
    text = " ".join(str(error).split())[:200]
    return f"the {_WHAT[kind]} {name or 'default'!r} cannot be opened: {text}"


def hint(*, installed: bool, os_release: Path = Path("/etc/os-release")) -> str:
    """What the user of this system can do about sound that fails."""
    if sys.platform == "darwin":
        return "allow the microphone for this terminal in the privacy settings"
    names = _distribution(os_release)
    command = next((_PACKAGES[name] for name in names if name in _PACKAGES), "install PortAudio")
    if not installed:
        return command
    return f"is a sound server running? PulseAudio and PipeWire also need: {command}"


def _distribution(path: Path) -> list[str]:
    """The ID and ID_LIKE of the Linux distribution (os-release(5)), most specific first."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    fields = dict(line.split("=", 1) for line in lines if "=" in line)
    values = (fields.get(key, "").strip("\"'") for key in ("ID", "ID_LIKE"))
    return " ".join(values).split()
