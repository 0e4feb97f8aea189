"""The speaker: packets of many origins in, sound out."""

import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Protocol

import msgspec

from tui.audio.continuity import Gaps
from tui.audio.errors import AudioUnavailable, InvalidAudioSpec
from tui.audio.health import Health, OnProblem
from tui.audio.jitter import Counts, JitterBuffer
from tui.audio.opus import Samples, load_library
from tui.audio.packet import OpusPacket
from tui.audio.playout import Playout
from tui.audio.specs import Count, Device, File, Nothing, parse_speaker
from tui.audio.threads import in_thread
from tui.config.limits import AUDIO_INBOX, VOLUMES

_LOUDEST = 4.0  # +12 dB


class Speaker(Protocol):
    """What plays: asks `render` for 10 ms at a time, on a thread of its own."""

    async def run(
        self, render: Callable[[], Samples], report: Callable[[AudioUnavailable | None], None]
    ) -> None:
        """Play until cancelled; AudioUnavailable ends it."""


class VoiceStats(msgspec.Struct, frozen=True):
    """One origin: `delay` in seconds is what its jitter buffer aims at, `waiting` in packets.

    `concealed` is the share of its last 5 s of sound that did not come and was made up, or missing;
    `jitter` that of its packets' arrivals in seconds (RFC 3550).
    """

    delay: float
    waiting: int
    counts: Counts
    concealed: float = 0.0
    jitter: float = 0.0


def voice_stats(jitter: JitterBuffer) -> VoiceStats:
    """What one jitter buffer did."""
    return VoiceStats(
        delay=jitter.delay,
        waiting=len(jitter),
        counts=jitter.counts,
        concealed=jitter.continuity.concealed,
        jitter=jitter.jitter,
    )


class Playback:
    """Plays what is pushed; all methods belong to the event loop and none of them waits."""

    def __init__(
        self,
        health: Health,
        *,
        playing: bool = True,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._health = health
        self._monotonic = monotonic
        # The speaker's thread drains this, so that neither ever waits for a lock of the other.
        self._inbox: deque[tuple[str, OpusPacket | None, float]] = deque(maxlen=AUDIO_INBOX)
        self._gains: dict[str, float] = {}
        self._playout = Playout()
        self._playing = playing  # False where nothing will ever ask for sound
        self.tap: Callable[[Samples], None] | None = None
        """Given each block that is played, on the speaker's thread: what an echo is made of."""

    @property
    def problem(self) -> AudioUnavailable | None:
        """Why nothing can be heard; None while it can, and for `null`."""
        return self._health.problem

    @property
    def available(self) -> bool:
        """Whether sound is played now."""
        return self._health.available

    def push(self, origin: str, packet: OpusPacket) -> None:
        """Play `packet` as the voice of `origin` (a public key), in its time."""
        if self._playing:
            self._inbox.append((origin, packet, self._monotonic()))

    def drop(self, origin: str) -> None:
        """Silence `origin` at once; its volume is kept."""
        if self._playing:
            self._inbox.append((origin, None, 0.0))

    def set_volume(self, origin: str, gain: float) -> None:
        """Play `origin` `gain` times as loud: 0 is silence, 1 as it comes, 4 the most."""
        self._gains.pop(origin, None)
        if gain != 1.0:
            self._gains[origin] = min(max(gain, 0.0), _LOUDEST)
        if len(self._gains) > VOLUMES:
            del self._gains[next(iter(self._gains))]

    def stats(self) -> dict[str, VoiceStats]:
        """What each present origin's jitter buffer did."""
        return {
            origin: voice_stats(voice.jitter)
            for origin, voice in dict(self._playout.voices).items()
        }

    @property
    def gaps(self) -> Gaps:
        """The holes in all voices since the start."""
        return self._playout.gaps

    def render(self) -> Samples:
        """The next 10 ms; called by the speaker alone, on its thread."""
        while True:
            try:
                origin, packet, arrival = self._inbox.popleft()
            except IndexError:
                break
            if packet is None:
                self._playout.drop(origin)
            else:
                self._playout.push(origin, packet, arrival)
        block = self._playout.render(self._monotonic(), self._gains)
        if self.tap is not None:
            self.tap(block)
        return block


@contextlib.asynccontextmanager
async def open_playback(
    spec: str, *, on_problem: OnProblem | None = None
) -> AsyncIterator[Playback]:
    """A speaker by its name (see `specs`); raises InvalidAudioSpec and nothing else.

    Whatever else fails, now or later, is told as `problem` and to `on_problem`.
    """
    parsed = parse_speaker(spec)
    health = Health(on_problem)
    if isinstance(parsed, Nothing):
        yield Playback(health, playing=False)
        return
    if isinstance(parsed, Count):
        from tui.audio.counting import CountingPlayback

        health.report(None)
        yield CountingPlayback(health)
        return
    playback = Playback(health)
    speaker = await _open(parsed)
    async with health.watching(_play(speaker, playback, health)):
        yield playback


async def _play(speaker: Speaker, playback: Playback, health: Health) -> None:
    load_library()
    await speaker.run(playback.render, health.report)


async def _open(spec: Device | File) -> Speaker:
    if isinstance(spec, File):
        from tui.audio.fakes import FileSpeaker
        from tui.audio.files import open_writer

        path = spec.path
        try:
            return FileSpeaker(await in_thread(lambda: open_writer(path), "open-sound-file"))
        except OSError as error:
            raise InvalidAudioSpec(
                f"the speaker's file cannot be written: {path}: {error.strerror}"
            ) from error
    from tui.audio.devices import DeviceSpeaker

    return DeviceSpeaker(spec.name)
