"""Microphone and speaker of the system: kept open, found again when lost, exchanged by name.

Two streams, one per direction: over PulseAudio a duplex stream corrupts. A device of a name that is
not there is replaced by the system's default until it is; a sound server that went away is looked
for often, since that costs nothing.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from functools import partial

import numpy as np

from tui.audio import portaudio, sound_server
from tui.audio.capture import Listener
from tui.audio.errors import AudioUnavailable, DeviceReplaced
from tui.audio.opus import Samples
from tui.audio.packet import BLOCK, FRAME, RATE
from tui.audio.portaudio import ALIVE, LATENCIES, Block, Stream
from tui.audio.processing import Processing
from tui.audio.sound_server import Kind, SoundDevice
from tui.audio.threads import in_thread
from tui.config.limits import CAPTURE_BLOCKS

log = logging.getLogger(__name__)

_WATCH = 0.1  # seconds between looks at a stream
_RETRY = (0.25, 5.0)  # seconds between attempts to get it back; doubled from first to last
_HOLES = 3  # in what one stream plays; then the next one waits longer
_RETURN = 3.0  # seconds between attempts to get the named device in place of the default
_STEADY = 2.0  # seconds; what is lost sooner again has to wait
_REPLACED = "the default is used meanwhile"
_CLOSING = 2.0  # seconds that a device gets to close; then it is left to its thread
_LISTING = 4.0  # seconds to tell which devices there are

Report = Callable[[AudioUnavailable | None], None]


async def list_devices() -> list[SoundDevice]:
    """Microphones and speakers to choose from, those of the sound server if there is one.

    Raises AudioUnavailable where PortAudio is missing or the server hangs.
    """
    try:
        return await asyncio.wait_for(in_thread(portaudio.list_devices, "list-devices"), _LISTING)
    except TimeoutError:
        raise AudioUnavailable("the sound server does not answer") from None


class _Device:
    """Keeps one stream open: notices when it dies, and tries again."""

    def __init__(
        self, kind: Kind, name: str | None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._kind: Kind = kind
        self._name = name
        self._monotonic = monotonic
        self._tried = False  # to open it, once at least
        self._latency = 0  # which of LATENCIES

    async def _keep_open(self, on_block: Callable[[Block], None], report: Report) -> None:
        await in_thread(portaudio.check_installed, "import-sounddevice")
        pause, longest = _RETRY
        while True:
            begun = self._monotonic()
            try:
                if await self._use(on_block, report):
                    continue
            except AudioUnavailable as problem:
                report(problem)
            if self._monotonic() - begun > _STEADY:
                pause = _RETRY[0]  # it worked: try at once
            elif await self._wait(pause):
                pause = _RETRY[0]
            else:
                pause = min(2 * pause, longest)

    async def _use(self, on_block: Callable[[Block], None], report: Report) -> bool:
        """Open and use the device until it has to be opened anew (true) or is lost (false)."""
        missing: AudioUnavailable | None = None
        for name in dict.fromkeys((self._name, None)):
            latency = LATENCIES[self._kind][self._latency]
            stream = Stream(self._kind, name, on_block, self._monotonic, latency=latency)
            insist, self._tried = not self._tried, True
            opening = partial(stream.open, anew=not insist, insist=insist)
            try:
                await in_thread(opening, "open-sound-device")
                report(missing and DeviceReplaced(missing.reason, _REPLACED))
                again = await self._until_over(stream, missing is not None, report)
                if not again:  # it may not even be possible to close it
                    report(AudioUnavailable(f"the {self._kind} has stopped"))
                return again
            except AudioUnavailable as problem:
                missing = problem
            finally:
                with contextlib.suppress(TimeoutError):
                    closing = in_thread(stream.close, "close-sound-device")
                    await asyncio.wait_for(closing, _CLOSING)
        assert missing is not None
        raise missing

    async def _until_over(self, stream: Stream, replaced: bool, report: Report) -> bool:
        """Wait for the end of `stream`, or if it replaces the named device, for that one's return.

        A sound server moves what plays on a device that is unplugged to another one, unasked.
        """
        looked = self._monotonic()
        while stream.is_alive:
            await asyncio.sleep(_WATCH)
            if stream.holes >= _HOLES and self._latency < len(LATENCIES[self._kind]) - 1:
                self._latency += 1
                log.info("the %s is late too often; its sound waits longer now", self._kind)
                return True
            if self._name is None or self._monotonic() - looked < _RETURN:
                continue
            named = Stream(self._kind, self._name, lambda block: None)
            if replaced:
                if await in_thread(named.can_open, "try-sound-device"):
                    return True
            elif stream.served:
                offers = partial(sound_server.offers, self._kind, self._name)
                if await in_thread(offers, "list-devices") is False:
                    replaced = True
                    reason = f"the {self._kind} {self._name!r} is gone"
                    report(DeviceReplaced(reason, _REPLACED))
            looked = self._monotonic()
        return stream.interrupted

    async def _wait(self, seconds: float) -> bool:
        """Let time pass, until the sound server comes up at most; whether it did."""
        until, was_up = self._monotonic() + seconds, sound_server.is_up()
        while self._monotonic() < until:
            await asyncio.sleep(_WATCH)
            up = sound_server.is_up()
            if up and not was_up:
                return True
            was_up = up
        return False


class DeviceMicrophone(_Device):
    """A microphone of the system, by name; None is its default."""

    def __init__(self, name: str | None, processing: Processing | None = None) -> None:
        super().__init__("microphone", name)
        self._processing = processing
        self._blocks: deque[Samples] = deque(maxlen=CAPTURE_BLOCKS)
        self._last = 0.0  # when the last block came
        self._heard = 0  # blocks' time since the start, whether they came or not
        self._taken = 0  # of those, what the event loop has accounted for

    async def run(self, listener: Listener) -> None:
        """Listen until cancelled."""
        loop = asyncio.get_running_loop()

        def on_block(block: Block) -> None:
            samples = block.mean(axis=1, dtype=np.float32) / np.float32(32768)
            if self._processing is not None:
                samples = self._processing.clean(samples)
            if self.hear(samples, self._monotonic()):
                with contextlib.suppress(RuntimeError):  # the loop has been closed
                    loop.call_soon_threadsafe(self.drain, listener)

        try:
            if self._processing is not None:
                self._processing.start()
            await self._keep_open(on_block, listener.report)
        finally:
            if self._processing is not None:
                self._processing.stop()

    def hear(self, samples: Samples, now: float) -> bool:
        """Keep BLOCK samples, on the device's thread; True whenever a frame is complete."""
        if self._last and now - self._last > ALIVE:
            self._heard += int((now - self._last) * RATE / BLOCK)
        self._last = now
        self._heard += 1
        self._blocks.append(samples)
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
        super().__init__("speaker", name)
        self.failed = 0  # blocks that could not be rendered

    async def run(self, render: Callable[[], Samples], report: Report) -> None:
        """Play until cancelled."""

        def on_block(block: Block) -> None:
            try:
                block[:] = np.rint(render() * np.float32(32767))[:, np.newaxis]
            except Exception:  # PortAudio would stop for good
                block.fill(0)
                self.failed += 1
                if self.failed == 1:
                    log.exception("10 ms of sound were lost; further ones are only counted")

        await self._keep_open(on_block, report)
