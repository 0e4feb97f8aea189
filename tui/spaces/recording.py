"""Recording a space: our own recording, who else records, and who does not want to be recorded.

Nobody is recorded in secret: our JOIN says that we record before the first packet is written, and
a voice whose JOIN asks to be left out, or is not known yet, is in no file from then on. Whom the
user hides is left out, too: a recording is of what they hear, at its own volume.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tui.audio.errors import AudioUnavailable
from tui.audio.packet import OpusPacket
from tui.audio.recording import Recording, Voice, file_name, new_folder
from tui.audio.threads import in_thread
from tui.config import limits
from tui.spaces.observer import Observer
from tui.spaces.sound import Sound
from tui.spaces.state import SpaceState
from tui.spaces.tasks import Spawn
from tui.spaces.throttle import Throttle
from tui.spaces.visit import Visit
from tui.spaces.wire import Wire

TOLD = 3  # people who began to record that are told at once, with a chime, and then
TOLD_SECONDS = 20.0  # one in so many seconds; who records is shown all the time


class OwnRecording(NamedTuple):
    """Where our files are, and since when (unix seconds)."""

    folder: str
    since: int
    separate: bool


class _NotRecorded(Exception):
    """Why a recording did not begin."""


class SpaceRecording:
    """Owned by the session. `look` draws the consequences of what others say; `chime` is heard when
    somebody begins to record."""

    def __init__(
        self,
        state: SpaceState,
        wire: Wire,
        visit: Visit,
        sound: Sound,
        observer: Observer,
        *,
        spawn: Spawn,
        name_of: Callable[[str], str],
        chime: Callable[[], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._me = wire.me
        self._state = state
        self._wire = wire
        self._visit = visit
        self._sound = sound
        self._observer = observer
        self._spawn = spawn
        self._name_of = name_of
        self._chime = chime
        self._monotonic = monotonic
        self._pace = Throttle(TOLD, TOLD_SECONDS, monotonic)
        self._task: asyncio.Task[None] | None = None
        self._recording: Recording | None = None
        self._allowed: frozenset[str] = frozenset()
        self._told: set[str] = set()
        self._leaving = False
        self.dropped: Counter[str] = Counter()
        self.own: OwnRecording | None = None
        self.recorders: tuple[str, ...] = ()
        """Who records and says so, we ourselves among them; for longest first."""
        self.unrecorded: frozenset[str] = frozenset()
        """Who on stage has asked not to be recorded."""

    # -- what the user wants

    @property
    def busy(self) -> bool:
        """Whether we record, or are about to begin or to end."""
        return self._task is not None and not self._task.done()

    @property
    def refuses(self) -> bool:
        """Whether our own voice is to be left out of recordings."""
        return self._visit.unrecorded

    def start(self, base: Path, *, separate: bool) -> None:
        """Record into a new folder in `base`; what comes of it is told to the observer."""
        if not self.busy:
            self._task = self._spawn(self._record(base, separate))

    def stop(self) -> None:
        """Record no more."""
        if self._recording is not None:
            self._recording.stop()
        elif self._task is not None:
            self._task.cancel()

    def refuse(self, on: bool) -> None:
        """Ask all who record to leave our voice out from now on, or allow it again."""
        self._visit.unrecorded = on
        self._visit.say_again()
        self.look()
        self._observer.session_changed()

    async def close(self) -> None:
        """Finish the files: we are on the way out."""
        self._leaving = True
        self.stop()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=limits.RECORDING_CLOSE_SECONDS)

    # -- what others want

    def look(self) -> None:
        """Notice who records, and whose voice may be in it."""
        state, now = self._state, self._wire.now()
        stage = state.speaking
        allowed = frozenset(pubkey for pubkey in stage if state.may_record(pubkey))
        unrecorded = frozenset(p for p in stage - allowed if state.peer(p) is not None)
        if self.refuses:
            allowed -= {self._me}
        if self._recording is not None:
            for pubkey in self._allowed - allowed:
                self._recording.drop(pubkey)
            for pubkey in self.unrecorded ^ unrecorded:
                refuses = pubkey in unrecorded
                self._observer.recording_changed(pubkey, "refused" if refuses else "allowed")
        recorders = state.recorders(now) if state.is_present(self._me, now) else ()
        changed = (recorders, unrecorded) != (self.recorders, self.unrecorded)
        self.recorders, self.unrecorded, self._allowed = recorders, unrecorded, allowed
        self._tell_of_others()
        if changed:
            self._observer.session_changed()

    def _tell_of_others(self) -> None:
        others = {*self.recorders} - {self._me}
        for pubkey in others - self._told:
            if self._pace.allows(""):
                self._told.add(pubkey)
                self._observer.recording_changed(pubkey, "started")
                self._chime()
        for pubkey in self._told - others:
            self._told.discard(pubkey)
            self._observer.recording_changed(pubkey, "stopped")

    # -- our own

    async def _record(self, base: Path, separate: bool) -> None:
        began, reason, folder = False, "", ""
        try:
            recording = await self._begin(base, separate)
            began, folder = True, str(recording.folder)
            await recording.run()
        except _NotRecorded as error:
            reason = str(error)
        except AudioUnavailable as error:
            reason = str(error)
        except OSError as error:  # a full disk, or a folder that is gone
            reason = f"{error.strerror or error}: {error.filename or folder}"
        except Exception:
            reason = "an error of ours; see the log"
            raise
        finally:
            self._end()
            if reason:
                self._observer.recording_changed(self._me, "failed", reason, folder)
            elif began:
                self._observer.recording_changed(self._me, "stopped", "", folder)

    async def _begin(self, base: Path, separate: bool) -> Recording:
        """Say that we record, and begin once that is known."""
        now = self._wire.now()
        created = self._state.created
        title = created.name if created is not None else self._state.space.id
        date = time.strftime("%Y-%m-%d %H.%M.%S", time.localtime(now))
        folder = await in_thread(
            lambda: new_folder(base, f"{file_name(title)} {date}"), "recording-folder"
        )
        try:
            self._visit.recording = now
            if problem := await self._visit.deliver(self._visit.draft()):
                raise _NotRecorded(f"nobody could be told of it: {problem}")
        except BaseException:
            with suppress(OSError):
                folder.rmdir()
            raise
        self._recording = Recording(
            folder,
            separate=separate,
            title=title,
            date=date[:10],
            monotonic=self._monotonic,
        )
        self.own = OwnRecording(str(folder), now, separate)
        self._sound.taps.append(self._hear)
        self._observer.recording_changed(self._me, "started", "", str(folder))
        self._chime()
        self._observer.session_changed()
        return self._recording

    def _end(self) -> None:
        if self._recording is not None:
            self.dropped += self._recording.counts
            if lost := self._recording.lost:
                self.dropped["not recorded: the disk was too slow"] += lost
                self._observer.log("warning", f"{lost} packets are missing: the disk was too slow")
        if self._hear in self._sound.taps:
            self._sound.taps.remove(self._hear)
        self._recording, self.own = None, None
        if self._visit.recording and not self._leaving:
            self._visit.recording = 0
            self._visit.say_again()
        self._observer.session_changed()

    def _hear(self, origin: str, packet: OpusPacket) -> None:
        if origin in self._allowed and self._recording is not None:
            self._recording.push(Voice(origin, self._name_of(origin)), packet)
