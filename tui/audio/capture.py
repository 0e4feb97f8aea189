"""The microphone: sound in, each frame encoded once, packets out."""

import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable
from typing import Protocol

import numpy as np

from tui.audio.errors import AudioUnavailable
from tui.audio.health import Health, OnProblem
from tui.audio.levels import level_of
from tui.audio.opus import Encoder, Samples, load_library
from tui.audio.packet import FRAME, SILENT_LEVEL, OpusPacket
from tui.audio.processing import Processing
from tui.audio.specs import Device, File, Nothing, Tone, parse_microphone
from tui.audio.threads import in_thread

log = logging.getLogger(__name__)

_NOT_SENT = 2  # bytes; libopus: a packet of so few need not be transmitted
_SILENCE: Samples = np.zeros(FRAME, np.float32)


class Listener(Protocol):
    """What a microphone talks to, in the event loop."""

    def frame(self, samples: Samples) -> None:
        """FRAME samples were heard."""

    def skip(self, frames: int) -> None:
        """Time for so many frames went by unheard."""

    def report(self, problem: AudioUnavailable | None) -> None:
        """Sound flows (None) or does not."""


class Microphone(Protocol):
    """What hears: tells a listener until cancelled."""

    async def run(self, listener: Listener) -> None:
        """Listen until cancelled; AudioUnavailable ends it."""


class Capture:
    """Turns frames into packets.

    Pauses are not sent: libopus says which frames need not be (DTX), those are left out, and the
    refresh of the background noise that it puts in every 400 ms goes through. Sequence numbers
    count what is sent, timestamps go on with time (RFC 7587), so a receiver can tell a pause from
    loss. The same holds while `muted`, when nothing at all is sent.

    The last packet before either says so by its level: whoever hears nothing after a loud packet
    has to take the way that it came by for dead.
    """

    def __init__(
        self,
        on_packet: Callable[[OpusPacket], None],
        health: Health,
        rng: random.Random,
        *,
        muted: bool = False,
        processing: Processing | None = None,
    ) -> None:
        self.failed = 0  # frames that could not be encoded or handed on
        self._on_packet = on_packet
        self._health = health
        self._encoder: Encoder | None = None
        self._processing = processing
        self._muted = muted
        self._paused = True  # the next packet begins a talkspurt
        self._ended_early = False  # the frame in the making has been sent, as silence
        # The upper half is left free: SRTP loses its way when the first packets wrap (RFC 3711).
        self._sequence = rng.randrange(1 << 15)
        self._timestamp = rng.randrange(1 << 32)

    @property
    def muted(self) -> bool:
        """Whether what is heard stays here."""
        return self._muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        if muted and not self._muted:
            self.end_talkspurt()
        elif self._muted and not muted and self._encoder is not None:
            self._encoder.reset()  # what it last knew is long past
        self._muted = muted

    def end_talkspurt(self) -> None:
        """Send silence in place of the frame in the making, unless it is a pause already."""
        if not self._paused:
            self._send(_SILENCE, SILENT_LEVEL)
            self._paused = self._ended_early = True

    def follow(self, earlier: "Capture") -> None:
        """Go on with the numbers of `earlier`, which says no more."""
        self._sequence, self._timestamp = earlier._sequence, earlier._timestamp
        self._encoder, self._paused = earlier._encoder, earlier._paused
        self._ended_early = earlier._ended_early
        earlier._encoder, earlier._muted, earlier._paused = None, True, True

    @property
    def speech(self) -> bool | None:
        """Whether it is speech that is heard; None where nobody can tell."""
        return self._processing.speech if self._processing is not None else None

    @property
    def problem(self) -> AudioUnavailable | None:
        """Why nothing is heard, or not by the device that was named; None for `none`."""
        return self._health.problem

    @property
    def available(self) -> bool:
        """Whether a microphone listens now."""
        return self._health.available

    def report(self, problem: AudioUnavailable | None) -> None:
        """A microphone's word on whether it works."""
        self._health.report(problem)
        if not self._health.available:
            self.end_talkspurt()

    def skip(self, frames: int) -> None:
        """Let time for so many frames pass."""
        self._timestamp = (self._timestamp + frames * FRAME) & 0xFFFF_FFFF

    def frame(self, samples: Samples) -> None:
        """Encode FRAME samples and hand them on, unless muted or a pause."""
        if self._ended_early:
            self._ended_early = False
        elif self._muted:
            self.skip(1)
        else:
            self._send(samples, level_of(samples))

    def _send(self, samples: Samples, level: int) -> None:
        timestamp = self._timestamp
        self.skip(1)
        try:
            if self._encoder is None:
                self._encoder = Encoder()
            payload = self._encoder.encode(samples)
            if len(payload) <= _NOT_SENT:
                if self._paused:
                    return
                self._paused, level = True, SILENT_LEVEL
            marker = self._paused and not self._encoder.in_dtx
            self._paused &= not marker
            packet = OpusPacket(self._sequence, timestamp, payload, level, marker)
            self._sequence = (self._sequence + 1) & 0xFFFF
            self._on_packet(packet)
        except Exception:
            # The microphone goes on, whatever became of one frame.
            self.failed += 1
            if self.failed == 1:
                log.exception("a frame of sound was lost; further ones are only counted")


@contextlib.asynccontextmanager
async def open_capture(
    spec: str,
    on_packet: Callable[[OpusPacket], None],
    *,
    on_problem: OnProblem | None = None,
    rng: random.Random | None = None,
    muted: bool = False,
    processing: Processing | None = None,
) -> AsyncIterator[Capture]:
    """A microphone by its name (see `specs`); raises InvalidAudioSpec and nothing else.

    `on_packet` is called in the event loop. Whatever else fails, now or later, is told as
    `problem` and to `on_problem`. What a device hears goes through `processing`; tones and files
    are sent as they are.
    """
    parsed = parse_microphone(spec)
    health = Health(on_problem)
    capture = Capture(
        on_packet, health, rng or random.SystemRandom(), muted=muted, processing=processing
    )
    if isinstance(parsed, Nothing):
        yield capture
        return
    microphone = await _open(parsed, processing)
    async with health.watching(_listen(microphone, capture)):
        yield capture


async def _listen(microphone: Microphone, capture: Capture) -> None:
    load_library()
    await microphone.run(capture)


async def _open(spec: Device | Tone | File, processing: Processing | None) -> Microphone:
    if isinstance(spec, Device):
        from tui.audio.devices import DeviceMicrophone

        return DeviceMicrophone(spec.name, processing)
    from tui.audio import fakes

    if isinstance(spec, Tone):
        return fakes.ToneMicrophone(spec.hertz)
    from tui.audio.files import FileReader

    path = spec.path
    return fakes.FileMicrophone(await in_thread(lambda: FileReader(path), "open-sound-file"))
