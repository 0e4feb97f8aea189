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

# A plain browser may send no levels; then the size of a packet tells speech from silence.
_SILENT_BYTES = 12
_UNKNOWN_LEVEL = 30


class Sound:
    """Plays what arrives and captures what we say; packets go out through `on_spoken`.

    The microphone is opened when it is first wanted and shut when the right to speak is gone.
    """

    def __init__(
        self,
        me: str,
        *,
        microphone: str,
        speaker: str,
        tasks: asyncio.TaskGroup,
        on_spoken: Callable[[OpusPacket], None],
        on_talking: Callable[[str, Literal["started", "stopped"]], None],
        on_changed: Callable[[], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._me = me
        self._microphone = microphone
        self._speaker = speaker
        self._tasks = tasks
        self._on_spoken = on_spoken
        self._on_talking = on_talking
        self._on_changed = on_changed
        self._monotonic = monotonic
        self._playback: Playback | None = None
        self._capture: Capture | None = None
        self._capturing: asyncio.Task[None] | None = None
        self._unusable: AudioUnavailable | None = None
        self._muted = True
        self._problems = ("", "", "")
        self.activity = Activity()
        self.talking: set[str] = set()

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

    async def open(self, devices: AsyncExitStack) -> None:
        """Open the speaker; `devices` closes it."""
        self._playback = await devices.enter_async_context(open_playback(self._speaker))

    def play(self, origin: str, packet: OpusPacket) -> None:
        """One packet of somebody's sound."""
        level = packet.level
        if level == SILENT_LEVEL and len(packet.payload) > _SILENT_BYTES:
            level = _UNKNOWN_LEVEL
        self.activity.push(origin, level, self._monotonic())
        if self._playback is not None:
            self._playback.push(origin, packet)

    def silence(self, origin: str) -> None:
        """Somebody may not be heard any more: nothing of what is buffered either."""
        if self._playback is not None:
            self._playback.drop(origin)

    def set_microphone(self, *, may_speak: bool, muted: bool) -> None:
        """Bring the microphone to where it should be."""
        self._muted = muted or not may_speak
        if self._capture is not None:
            self._capture.muted = self._muted
        if not self._muted and self._capturing is None:
            self._capturing = self._tasks.create_task(self._capture_sound())
        elif not may_speak and self._capturing is not None:
            self._capturing.cancel()
            self._capturing = None

    def look(self) -> None:
        """Notice who began or stopped talking, and what became of the devices."""
        for origin, change in self.activity.poll(self._monotonic()):
            (self.talking.add if change == "started" else self.talking.discard)(origin)
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
            self._on_spoken(packet)
