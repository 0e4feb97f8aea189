"""The present space as clients see it: hears a session and keeps the board up to date."""

import time
from collections.abc import Callable, Iterable
from typing import Final, Literal, NamedTuple

from tui.config import limits
from tui.controller.board import Board
from tui.controller.chat_board import ChatBoard
from tui.controller.messages import (
    AudioChanged,
    ConnectionChanged,
    Denied,
    Invited,
    Joined,
    MuteAsked,
    ParticipantChanged,
    RecordingChanged,
    Removed,
    RoleChanged,
    SpeechRequested,
)
from tui.controller.sound_board import SoundBoard
from tui.controller.views import (
    AudioView,
    Barred,
    JournalEntry,
    OwnRecording,
    Participant,
    Role,
    SpaceView,
)
from tui.nostr.nip19 import short_npub
from tui.people.book import People
from tui.spaces.observer import RecordingState
from tui.spaces.roles import Role as SpaceRole
from tui.spaces.session import SpaceSession
from tui.spaces.share import room_link, space_link
from tui.spaces.state import SpaceState

ROLES: Final[dict[SpaceRole, Role]] = {
    SpaceRole.HOST: "host",
    SpaceRole.COHOST: "cohost",
    SpaceRole.SPEAKER: "speaker",
    SpaceRole.LISTENER: "listener",
}


class _Links(NamedTuple):
    """By which others find the space with this creation."""

    created: str = ""
    space: str = ""
    room: str = ""


class Room:
    """The observer of one session. `relays` are those of the space."""

    def __init__(
        self,
        board: Board,
        people: People,
        *,
        me: str,
        relays: tuple[str, ...],
        now: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._board = board
        self._people = people
        self._relays = relays
        self._now = now
        self._since = int(now())
        self._chat = ChatBoard(board, me=me, people=people, name_of=self.name_of, now=now)
        self._sound = SoundBoard(board, monotonic)
        self._session: SpaceSession | None = None
        self._levels: dict[str, int] = {}
        self._links = _Links()

    def watch(self, session: SpaceSession) -> None:
        """Begin; the session calls from now on."""
        self._session = session
        self.session_changed()

    def tick(self) -> None:
        """Show how loud people are, and how good the sound; a few times a second."""
        session = self._session
        if session is None:
            return
        if (levels := session.levels) or self._levels:
            self._board.show_levels(levels)
        self._levels = levels
        if self._sound.look(session):
            self.session_changed()
        self._sound.tick(session)

    def end(self) -> None:
        """The session is over."""
        self._session = None
        self._board.clear_space()

    def name_of(self, pubkey: str) -> str:
        """What somebody calls themselves here, else in their profile, else a short npub."""
        joined = self._session.state.peer(pubkey) if self._session is not None else None
        return (joined.name if joined else "") or self._people.name_of(pubkey) or short_npub(pubkey)

    def renamed(self, pubkey: str) -> None:
        """The profile, follow or mute of somebody has changed."""
        session = self._session
        if session is None:
            return
        shown = self._board.view
        self.participant_changed(pubkey)
        self._chat.renamed(session.chat, pubkey)
        for bar in list(shown.barred.values()):
            if pubkey in (bar.pubkey, bar.by):
                self.barred_changed(bar.pubkey)
        acts = list(shown.journal.values())
        self.journal_changed(act.id for act in acts if pubkey in (act.by, act.target))

    # -- what the session says

    def participant_changed(self, pubkey: str) -> None:
        """See `tui.spaces.observer.Observer`."""
        session = self._session
        if session is None:
            return
        known = self._board.participant(pubkey)
        present = session.is_present(pubkey)
        away = not present and session.state.is_away(pubkey, self._now())
        shown = self._participant(session, pubkey, present) if present or away else None
        if shown == known:
            return
        self._board.set_participant(pubkey, shown)
        described = shown or known
        assert described is not None
        if _told(known) != _told(shown):
            self._board.occurred(
                ParticipantChanged(pubkey, described.name, described.role, present)
            )

    def session_changed(self) -> None:
        """See `tui.spaces.observer.Observer`."""
        session = self._session
        if session is None:
            return
        self._sound.look(session)
        self._board.set_audio(AudioView(*session.sound.devices, *session.problems))
        self._board.set_space(self._space(session))

    def joined(self) -> None:
        """See `tui.spaces.observer.Observer`."""
        self._board.occurred(Joined())

    def connection_changed(self, pubkey: str, state: str) -> None:
        """See `tui.spaces.observer.Observer`."""
        self._board.occurred(ConnectionChanged(pubkey, state))
        if self._session is not None:
            self._sound.connection_changed(self._session, pubkey, state)

    def audio_changed(self, pubkey: str, state: Literal["started", "stopped"]) -> None:
        """See `tui.spaces.observer.Observer`."""
        self._board.occurred(AudioChanged(pubkey, state))

    def speech_requested(self, pubkey: str) -> None:
        """See `tui.spaces.observer.Observer`."""
        self._board.occurred(SpeechRequested(pubkey))

    def invited(self, by: str, message: str) -> None:
        """See `tui.spaces.observer.Observer`."""
        self._board.occurred(Invited(by, message))

    def role_changed(self, pubkey: str, role: SpaceRole, by: str) -> None:
        """See `tui.spaces.observer.Observer`."""
        self._board.occurred(RoleChanged(pubkey, ROLES[role], by))

    def removed(self, pubkey: str, by: str, reason: str) -> None:
        """See `tui.spaces.observer.Observer`."""
        self._board.occurred(Removed(pubkey, by, reason))

    def denied(self, by: str, reason: str) -> None:
        """See `tui.spaces.observer.Observer`."""
        self._board.occurred(Denied(by, reason))

    def mute_asked(self, by: str) -> None:
        """See `tui.spaces.observer.Observer`."""
        self._board.occurred(MuteAsked(by))

    def recording_changed(
        self, by: str, state: RecordingState, reason: str = "", folder: str = ""
    ) -> None:
        """See `tui.spaces.observer.Observer`."""
        self._board.occurred(RecordingChanged(by, state, reason, folder))
        words = {"started": "records", "stopped": "records no more", "failed": "records no more"}
        wish = {"refused": "wishes not to be recorded", "allowed": "may be recorded again"}
        said = f"{self.name_of(by)} {(words | wish)[state]}"
        self._board.log("info", f"{said}: {reason or folder}" if reason or folder else said)

    def chat_changed(self, ids: Iterable[str]) -> None:
        """See `tui.spaces.observer.Observer`."""
        if self._session is not None:
            self._chat.show(self._session.chat, ids)

    def reacted(self, pubkey: str, emoji: str) -> None:
        """See `tui.spaces.observer.Observer`."""
        self._chat.reacted(pubkey, emoji)

    def journal_changed(self, ids: Iterable[str]) -> None:
        """See `tui.spaces.observer.Observer`."""
        if self._session is None:
            return
        for id_ in ids:
            entry = self._session.journal.entry(id_)
            shown = None
            if entry is not None:
                shown = JournalEntry(
                    id=entry.id,
                    at=entry.at,
                    act=entry.act,
                    by=entry.by,
                    by_name=self.name_of(entry.by),
                    target=entry.target,
                    target_name=self.name_of(entry.target) if entry.target else "",
                    reason=entry.reason,
                    refused=entry.refused,
                )
                self._log_act(shown)
            self._board.set_journal(id_, shown)

    def barred_changed(self, pubkey: str) -> None:
        """See `tui.spaces.observer.Observer`."""
        if self._session is None:
            return
        bar = next((bar for bar in self._session.state.barred() if bar.target == pubkey), None)
        shown = None
        if bar is not None:
            names = self.name_of(pubkey), self.name_of(bar.signer)
            shown = Barred(pubkey, names[0], bar.signer, names[1], bar.reason, bar.at)
        self._board.set_barred(pubkey, shown)

    def log(self, level: Literal["info", "warning", "error"], text: str) -> None:
        """See `tui.spaces.observer.Observer`."""
        self._board.log(level, text)

    def _log_act(self, act: JournalEntry) -> None:
        """What was done since we came is for the log, too; the session logs what was refused."""
        if act.at >= self._since and not act.refused and not self._board.has_act(act.id):
            everybody = "everybody" if act.act == "asked to mute" else ""
            words = f"{act.by_name} {act.done_to(act.target_name or everybody)}"
            self._board.log("info", f"{words}: {act.reason}" if act.reason else words)

    # -- views

    def _participant(self, session: SpaceSession, pubkey: str, present: bool) -> Participant:
        role = session.state.role_of(pubkey)
        self._people.want([pubkey], verify=role.speaks)
        return Participant(
            pubkey=pubkey,
            name=self.name_of(pubkey),
            role=ROLES[role],
            present=present,
            speaking=session.is_talking(pubkey),
            hand_since=float(session.hand_since(pubkey)),
            queue=session.queue.get(pubkey, 0),
            link=session.link_state(pubkey),
            me=pubkey == session.me,
            later=pubkey in session.later,
            away=not present,
            plain=session.is_plain(pubkey),
            muted=session.is_muted(pubkey),
            hidden=pubkey in session.hidden,
            followed=pubkey in self._people.follows,
            verified=self._people.verified_of(pubkey),
            volume=session.sound.volume(pubkey),
        )

    def _space(self, session: SpaceSession) -> SpaceView:
        state, proposal, recording = session.state, session.proposal, session.recording
        created = state.created
        if created is not None and created.id != self._links.created:  # they take a millisecond
            share, room = space_link(created, self._relays), room_link(session.space, self._relays)
            self._links = _Links(created.id, share, room)
        return SpaceView(
            ref=str(session.space),
            host=session.space.host,
            id=session.space.id,
            name=created.name if created else session.space.id,
            stage=session.stage,
            started_at=created.at if created else 0,
            summary=created.summary if created else "",
            share=self._links.space,
            share_room=self._links.room,
            role=ROLES[session.role],
            microphone=session.microphone,
            hand_since=float(session.hand_since(session.me)),
            heard_from=self._sound.parent,
            reason=session.not_admitted,
            access=state.access,
            locked=state.locked,
            stale=state.is_stale(self._now()),
            topics=created.topics if created else (),
            language=created.language if created else "",
            starts=created.starts if created else 0,
            invited_by=proposal.by if proposal else "",
            invitation=proposal.message if proposal else "",
            undo=session.undoable,
            muted_by=session.muted_by,
            relays=self._relays,
            hearing=self._sound.hearing,
            crowd=_crowd(state),
            recording=OwnRecording(*recording.own) if recording.own is not None else None,
            recorders=recording.recorders[: limits.ROOM_RECORDERS],
            unrecorded=tuple(sorted(recording.unrecorded)),
            refuses_recording=recording.refuses,
        )


def _crowd(state: SpaceState) -> int:
    """How many are here, as the host says, where we may not hear of all of them."""
    people = state.announced.people if state.announced is not None else 0
    return people if people > limits.ROSTER_PEOPLE else 0


def _told(person: Participant | None) -> tuple[str, str] | None:
    """What scripts hear of, while somebody is there."""
    return (person.name, person.role) if person is not None and person.present else None
