"""The sound of a session: one speaker, one microphone, and who is talking now."""

import asyncio
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Literal

from tui.audio.capture import Capture, open_capture
from tui.audio.errors import AudioUnavailable, InvalidAudioSpec
from tui.audio.levels import Activity
from tui.audio.packet import FRAME, RATE, SILENT_LEVEL, OpusPacket
from tui.audio.playback import Playback, VoiceStats, open_playback
from tui.audio.processing import Processing, ProcessingSettings, Reference
from tui.audio.specs import parse_microphone, parse_speaker
from tui.audio.swap import Swap
from tui.audio.tones import Chime, chime_packets
from tui.config.limits import VOLUMES
from tui.rtc.forwarding import Forwarder

# A plain browser may send no levels; then the size of a packet tells speech from silence.
_SILENT_BYTES = 12
_UNKNOWN_LEVEL = 30
_CHIME = "chime"  # an origin beside the public keys
_PROCESSING = ProcessingSettings()


class Sound:
    """Plays what `forwarder` brings from the stage, and gives it what we say.

    The microphone is opened when it is first wanted and shut when the right to speak is gone.
    """

    def __init__(
        self,
        me: str,
        *,
        microphone: str,
        speaker: str,
        processing: ProcessingSettings = _PROCESSING,
        on_talking: Callable[[str, Literal["started", "stopped"]], None],
        on_changed: Callable[[], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._me = me
        self._specs = (microphone, speaker)
        self._on_talking = on_talking
        self._on_changed = on_changed
        self._monotonic = monotonic
        self._microphone = Swap(self._open_microphone, self._adopt_microphone)
        self._speaker = Swap(open_playback, self._adopt_speaker)
        self._processing = processing
        self._reference = Reference()
        self._chiming: list[asyncio.TimerHandle] = []
        self._capturing = False
        self._muted = True
        self._volumes: dict[str, float] = {}
        self._problems = ("", "", "")
        self._speaking: frozenset[str] = frozenset()
        self._hidden: frozenset[str] = frozenset()
        self.forwarder = Forwarder(me, self._play, monotonic=monotonic)
        self.activity = Activity()
        self._talking: set[str] = set()
        self.taps: list[Callable[[str, OpusPacket], None]] = []
        """Hear every packet of what is heard and said here, with its origin."""
        self._telling_levels: set[str] = set()  # of those who may be heard

    @property
    def has_microphone(self) -> bool:
        """Whether the microphone works, or is not known not to."""
        current = self._microphone.current
        if current is not None:
            return current.available or current.problem is None
        return self._microphone.refused is None

    @property
    def problems(self) -> tuple[str, str, str]:
        """What is wrong with microphone and speaker, and a hint; empty texts while they work."""
        problems = [_problem(end) for end in (self._microphone, self._speaker)]
        hints = [problem.hint for problem in problems if problem]
        microphone, speaker = (problem.reason if problem else "" for problem in problems)
        return microphone, speaker, hints[0] if hints else ""

    @property
    def devices(self) -> tuple[str, str]:
        """The names of microphone and speaker, as they were chosen (see `specs`)."""
        return self._specs

    def is_talking(self, origin: str) -> bool:
        """Whether somebody's sound arrives now, or ours goes out."""
        return origin in self._talking

    async def open(self, devices: AsyncExitStack) -> None:
        """Open the speaker; `devices` closes all. Raises InvalidAudioSpec."""
        devices.callback(self._hush)
        for end in (self._microphone, self._speaker):
            await devices.enter_async_context(end.running())
        self._speaker.want(self._specs[1])
        await self._speaker.settled()
        if self._speaker.current is None and self._speaker.refused is not None:
            raise InvalidAudioSpec(self._speaker.refused.reason)

    def use_microphone(self, spec: str) -> None:
        """Hear by another microphone from now on; raises InvalidAudioSpec for what is none.

        One that cannot be opened is told in `problems`, and the present one stays.
        """
        parse_microphone(spec)
        self._specs = (spec, self._specs[1])
        if self._capturing:
            self._microphone.want(spec)

    def use_speaker(self, spec: str) -> None:
        """Play by another speaker from now on, like `use_microphone`."""
        parse_speaker(spec)
        self._specs = (self._specs[0], spec)
        self._speaker.want(spec)

    def chime(self, which: Chime = "begun") -> None:
        """Let the user hear, and nobody else, that something has begun or ended."""
        self._hush()
        loop = asyncio.get_running_loop()
        for number, packet in enumerate(chime_packets(which, random.Random())):
            due = number * FRAME / RATE
            self._chiming.append(loop.call_later(due, self._play_chime, packet))

    def _play_chime(self, packet: OpusPacket) -> None:
        if self._playback is not None:
            self._playback.push(_CHIME, packet)

    def _hush(self) -> None:
        for timer in self._chiming:
            timer.cancel()
        self._chiming.clear()

    def set_volume(self, pubkey: str, gain: float) -> None:
        """Play somebody `gain` times as loud: 0 is silence, 1 as they come, 4 the most."""
        self._volumes.pop(pubkey, None)
        if gain != 1.0:
            self._volumes[pubkey] = gain
        if len(self._volumes) > VOLUMES:
            del self._volumes[next(iter(self._volumes))]
        if self._playback is not None:
            self._playback.set_volume(pubkey, gain)

    def volume(self, pubkey: str) -> float:
        """How many times as loud somebody is played."""
        return self._volumes.get(pubkey, 1.0)

    def stats(self) -> dict[str, VoiceStats]:
        """How the sound of everybody who is heard arrives."""
        stats = self._playback.stats() if self._playback is not None else {}
        stats.pop(_CHIME, None)
        return stats

    def set_speakers(self, speaking: frozenset[str]) -> None:
        """Who may be heard, here and by those we send to."""
        gone, self._speaking = self._speaking - speaking, speaking
        self.forwarder.set_speakers(speaking)
        self._telling_levels &= speaking
        for origin in gone:
            self._silence(origin)

    @property
    def hidden(self) -> frozenset[str]:
        """Whom the user does not want to hear; others may, so we send them on."""
        return self._hidden

    @hidden.setter
    def hidden(self, pubkeys: frozenset[str]) -> None:
        new, self._hidden = pubkeys - self._hidden, pubkeys
        for origin in new:
            self._silence(origin)

    def set_microphone(self, *, may_speak: bool, muted: bool) -> None:
        """Bring the microphone to where it should be."""
        muted = muted or not may_speak
        if self._microphone.current is not None:
            self._microphone.current.muted = muted
        self._muted = muted
        if may_speak and not muted and not self._capturing:
            self._capturing = True
            self._microphone.want(self._specs[0])
        elif not may_speak and self._capturing:
            self._capturing = False
            self._microphone.want(None)

    def look(self) -> None:
        """Notice who began or stopped talking, and what became of the devices."""
        for origin, change in self.activity.poll(self._monotonic()):
            (self._talking.add if change == "started" else self._talking.discard)(origin)
            self._on_talking(origin, "started" if change == "started" else "stopped")
        if self._problems != self.problems:
            self._problems = self.problems
            self._on_changed()

    @property
    def _playback(self) -> Playback | None:
        return self._speaker.current

    def _open_microphone(self, spec: str) -> AbstractAsyncContextManager[Capture]:
        processing = Processing(self._processing, self._reference)
        return open_capture(spec, self._spoken, muted=True, processing=processing)

    def _adopt_microphone(self, new: Capture, old: Capture | None) -> None:
        new.muted = self._muted
        if old is not None:
            new.follow(old)

    def _adopt_speaker(self, new: Playback, old: Playback | None) -> None:
        for pubkey, gain in self._volumes.items():
            new.set_volume(pubkey, gain)
        if old is not None:
            old.tap = None
        if not self._specs[1].startswith("file:"):  # which no microphone hears
            new.tap = self._reference.push

    def _spoken(self, packet: OpusPacket) -> None:
        if self._muted:
            return
        capture = self._microphone.current
        if capture is None or capture.speech is not False:  # keys and doors are loud, too
            self.activity.push(self._me, packet.level, self._monotonic())
        self.forwarder.send_own(packet)
        for tap in self.taps:
            tap(self._me, packet)

    def _play(self, origin: str, packet: OpusPacket) -> None:
        if origin in self._hidden:
            return
        level = packet.level
        if level < SILENT_LEVEL:
            self._telling_levels.add(origin)
        elif len(packet.payload) > _SILENT_BYTES and origin not in self._telling_levels:
            level = _UNKNOWN_LEVEL
        self.activity.push(origin, level, self._monotonic())
        if self._playback is not None:
            self._playback.push(origin, packet)
        for tap in self.taps:
            tap(origin, packet)

    def _silence(self, origin: str) -> None:
        """Nothing of what is buffered is heard either."""
        if self._playback is not None:
            self._playback.drop(origin)


def _problem(end: Swap[Any]) -> AudioUnavailable | None:
    if end.refused is not None or end.current is None:
        return end.refused
    problem: AudioUnavailable | None = end.current.problem
    return problem
