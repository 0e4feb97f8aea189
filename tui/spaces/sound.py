"""The sound of a session: one speaker, one microphone, and who is talking now."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Literal

from tui.audio.capture import Capture, open_capture
from tui.audio.errors import AudioUnavailable, InvalidAudioSpec
from tui.audio.levels import Activity
from tui.audio.packet import SILENT_LEVEL, OpusPacket
from tui.audio.playback import Playback, open_playback
from tui.rtc.forwarding import Forwarder
from tui.spaces.tasks import Spawn

# A plain browser may send no levels; then the size of a packet tells speech from silence.
_SILENT_BYTES = 12
_UNKNOWN_LEVEL = 30


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
        spawn: Spawn,
        on_talking: Callable[[str, Literal["started", "stopped"]], None],
        on_changed: Callable[[], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._me = me
        self._microphone = microphone
        self._speaker = speaker
        self._spawn = spawn
        self._on_talking = on_talking
        self._on_changed = on_changed
        self._monotonic = monotonic
        self._playback: Playback | None = None
        self._capture: Capture | None = None
        self._capturing: asyncio.Task[None] | None = None
        self._unusable: AudioUnavailable | None = None
        self._muted = True
        self._problems = ("", "", "")
        self._speaking: frozenset[str] = frozenset()
        self._hidden: frozenset[str] = frozenset()
        self.forwarder = Forwarder(me, self._play, monotonic=monotonic)
        self.activity = Activity()
        self._talking: set[str] = set()

    @property
    def has_microphone(self) -> bool:
        """Whether the microphone works, or is not known not to."""
        return self._microphone_problem is None

    @property
    def problems(self) -> tuple[str, str, str]:
        """What is wrong with microphone and speaker, and a hint; empty texts while they work."""
        microphone = self._microphone_problem
        speaker = self._playback.problem if self._playback else None
        hints = [problem.hint for problem in (microphone, speaker) if problem]
        return (
            microphone.reason if microphone else "",
            speaker.reason if speaker else "",
            hints[0] if hints else "",
        )

    @property
    def _microphone_problem(self) -> AudioUnavailable | None:
        return self._capture.problem if self._capture is not None else self._unusable

    def is_talking(self, origin: str) -> bool:
        """Whether somebody's sound arrives now, or ours goes out."""
        return origin in self._talking

    async def open(self, devices: AsyncExitStack) -> None:
        """Open the speaker; `devices` closes it."""
        self._playback = await devices.enter_async_context(open_playback(self._speaker))

    def set_speakers(self, speaking: frozenset[str]) -> None:
        """Who may be heard, here and by those we send to."""
        gone, self._speaking = self._speaking - speaking, speaking
        self.forwarder.set_speakers(speaking)
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
        self._muted = muted or not may_speak
        if self._capture is not None:
            self._capture.muted = self._muted
        if not self._muted and self._capturing is None:
            self._capturing = self._spawn(self._capture_sound())
        elif not may_speak and self._capturing is not None:
            self._capturing.cancel()
            self._capturing = None

    def look(self) -> None:
        """Notice who began or stopped talking, and what became of the devices."""
        for origin, change in self.activity.poll(self._monotonic()):
            (self._talking.add if change == "started" else self._talking.discard)(origin)
            self._on_talking(origin, "started" if change == "started" else "stopped")
        if self._problems != self.problems:
            self._problems = self.problems
            self._on_changed()

    async def _capture_sound(self) -> None:
        capture: Capture | None = None
        self._unusable = None
        try:
            async with open_capture(self._microphone, self._spoken) as capture:
                self._capture = capture
                capture.muted = self._muted
                await asyncio.get_running_loop().create_future()
        except InvalidAudioSpec as error:  # a file that is gone since its name was checked
            self._unusable = AudioUnavailable(str(error))
        finally:
            if self._capture is capture:  # the next one may be open before this one is closed
                self._capture = None

    def _spoken(self, packet: OpusPacket) -> None:
        if not self._muted:
            self.activity.push(self._me, packet.level, self._monotonic())
            self.forwarder.send_own(packet)

    def _play(self, origin: str, packet: OpusPacket) -> None:
        if origin in self._hidden:
            return
        level = packet.level
        if level == SILENT_LEVEL and len(packet.payload) > _SILENT_BYTES:
            level = _UNKNOWN_LEVEL
        self.activity.push(origin, level, self._monotonic())
        if self._playback is not None:
            self._playback.push(origin, packet)

    def _silence(self, origin: str) -> None:
        """Nothing of what is buffered is heard either."""
        if self._playback is not None:
            self._playback.drop(origin)
