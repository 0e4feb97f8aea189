"""A speaker that plays nothing, for load tests of many listeners in one process.

Packets go through a real jitter buffer, but nothing is decoded: what would have been guessed or
missing is counted all the same. There is no timer. Before each packet, and whenever somebody asks,
a voice catches up with the time, so that whoever hears nothing costs nothing.
"""

import time
from collections.abc import Callable

from tui.audio.continuity import Gaps
from tui.audio.health import Health
from tui.audio.jitter import JitterBuffer
from tui.audio.packet import RATE, OpusPacket
from tui.audio.playback import Playback, VoiceStats, voice_stats
from tui.audio.stretch import LONGEST
from tui.config.limits import AUDIO_ORIGINS, AUDIO_RELEASE_SECONDS


class _Counted:
    """One origin: its jitter buffer, and up to when it has been played."""

    def __init__(self, now: float) -> None:
        self.jitter = JitterBuffer()
        self.heard = now
        self._played = now

    def catch_up(self, now: float) -> None:
        while self._played <= now:
            step = self.jitter.next(self._played)
            stretch = max(-LONGEST, min(step.stretch, LONGEST))
            if stretch:
                self.jitter.stretched(stretch)
            self._played += (step.samples + stretch) / RATE


class CountingPlayback(Playback):
    """A Playback without sound; its volumes and `tap` do nothing."""

    def __init__(self, health: Health, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__(health, playing=False, monotonic=monotonic)
        self._counted: dict[str, _Counted] = {}
        self._past = Gaps()

    def push(self, origin: str, packet: OpusPacket) -> None:
        """Take `packet` as the voice of `origin`."""
        now = self._monotonic()
        voice = self._counted.get(origin)
        if voice is None or now - voice.heard > AUDIO_RELEASE_SECONDS:
            self._release(now)
            if len(self._counted) >= AUDIO_ORIGINS:
                return
            voice = self._counted[origin] = _Counted(now)
        voice.catch_up(now)
        voice.heard = now
        voice.jitter.push(packet, now)

    def drop(self, origin: str) -> None:
        """Forget `origin`."""
        voice = self._counted.pop(origin, None)
        if voice is not None:
            self._past += voice.jitter.continuity.gaps

    def _release(self, now: float) -> None:
        for origin, voice in list(self._counted.items()):
            voice.catch_up(min(now, voice.heard + AUDIO_RELEASE_SECONDS))
            if now - voice.heard > AUDIO_RELEASE_SECONDS:
                self._past += voice.jitter.continuity.ended()
                del self._counted[origin]

    def stats(self) -> dict[str, VoiceStats]:
        """What each present origin's jitter buffer did."""
        self._release(self._monotonic())
        return {origin: voice_stats(voice.jitter) for origin, voice in self._counted.items()}

    @property
    def gaps(self) -> Gaps:
        """The holes in all voices since the start."""
        self._release(self._monotonic())
        present = (voice.jitter.continuity.gaps for voice in self._counted.values())
        return sum(present, self._past)
