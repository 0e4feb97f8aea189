"""The present space as clients see it: hears a session and keeps the board up to date."""

from collections.abc import Callable
from typing import Final, Literal

from tui.controller.board import Board
from tui.controller.messages import (
    AudioChanged,
    ConnectionChanged,
    Joined,
    ParticipantChanged,
    SpeechRequested,
)
from tui.controller.views import (
    AudioView,
    Participant,
    Role,
    SpaceView,
)
from tui.spaces.events import SpaceCreated
from tui.spaces.roles import Role as SpaceRole
from tui.spaces.session import SpaceSession

_ROLES: Final[dict[SpaceRole, Role]] = {
    SpaceRole.HOST: "host",
    SpaceRole.COHOST: "cohost",
    SpaceRole.SPEAKER: "speaker",
    SpaceRole.LISTENER: "listener",
}


class Room:
    """The observer of one session."""

    def __init__(
        self,
        board: Board,
        *,
        microphone: str,
        speaker: str,
        share: Callable[[SpaceCreated], str],
        now: Callable[[], float],
    ) -> None:
        self._board = board
        self._microphone = microphone
        self._speaker = speaker
        self._share = share
        self._now = now
        self._session: SpaceSession | None = None
        self._links: dict[str, str] = {}
        self._levels: dict[str, int] = {}

    def watch(self, session: SpaceSession) -> None:
        """Begin; the session calls from now on."""
        self._session = session
        self.session_changed()

    def tick(self) -> None:
        """Show how loud people are; a few times a second."""
        if self._session is not None:
            levels = self._session.levels
            if levels or self._levels:
                self._board.show_levels(levels)
            self._levels = levels

    def end(self) -> None:
        """The session is over."""
        self._session = None
        self._board.clear_space()

    # -- what the session says

    def participant_changed(self, pubkey: str) -> None:
        """See `tui.spaces.session.Observer`."""
        session = self._session
        if session is None:
            return
        known = self._board.participant(pubkey)
        present = session.is_present(pubkey)
        shown = self._participant(session, pubkey) if present else None
        if shown == known:
            return
        self._board.set_participant(pubkey, shown)
        described = shown or known
        assert described is not None
        if known is None or shown is None or _told(known) != _told(shown):
            self._board.occurred(
                ParticipantChanged(pubkey, described.name, described.role, present)
            )

    def session_changed(self) -> None:
        """See `tui.spaces.session.Observer`."""
        session = self._session
        if session is None:
            return
        state = session.state
        created = state.created
        microphone, speaker, hint = session.problems
        self._board.set_audio(AudioView(self._microphone, self._speaker, microphone, speaker, hint))
        self._board.set_space(
            SpaceView(
                ref=str(session.space),
                host=session.space.host,
                id=session.space.id,
                name=created.name if created else session.space.id,
                stage=session.stage,
                started_at=created.at if created else 0,
                summary=created.summary if created else "",
                share=self._share(created) if created else "",
                role=_ROLES[session.role],
                microphone=session.microphone,
                hand_since=self._hand(session, session.me),
                heard_from=session.parent,
            )
        )

    def joined(self) -> None:
        """See `tui.spaces.session.Observer`."""
        self._board.occurred(Joined())

    def connection_changed(self, pubkey: str, state: str) -> None:
        """See `tui.spaces.session.Observer`."""
        self._board.occurred(ConnectionChanged(pubkey, state))

    def audio_changed(self, pubkey: str, state: Literal["started", "stopped"]) -> None:
        """See `tui.spaces.session.Observer`."""
        self._board.occurred(AudioChanged(pubkey, state))

    def speech_requested(self, pubkey: str) -> None:
        """See `tui.spaces.session.Observer`."""
        self._board.occurred(SpeechRequested(pubkey))

    def invited(self, by: str, message: str) -> None:
        """See `tui.spaces.session.Observer`."""
        self._board.log("info", f"{by} asks whether you want to speak: {message}")

    def role_changed(self, pubkey: str, role: SpaceRole, by: str) -> None:
        """See `tui.spaces.session.Observer`."""
        self._board.log("info", f"{pubkey} is {_ROLES[role]} by {by}")

    def removed(self, pubkey: str, by: str, reason: str) -> None:
        """See `tui.spaces.session.Observer`."""
        self._board.log("info", f"{pubkey} was removed by {by}: {reason}")

    def barred_changed(self, pubkey: str) -> None:
        """See `tui.spaces.session.Observer`."""

    def denied(self, by: str, reason: str) -> None:
        """See `tui.spaces.session.Observer`."""
        self._board.log("info", f"{by} turned your hand down: {reason}")

    def mute_asked(self, by: str) -> None:
        """See `tui.spaces.session.Observer`."""
        self._board.log("info", f"{by} has muted you")

    def chat_changed(self, ids: frozenset[str]) -> None:
        """See `tui.spaces.session.Observer`."""

    def reacted(self, pubkey: str, emoji: str) -> None:
        """See `tui.spaces.session.Observer`."""

    def journal_changed(self, ids: frozenset[str]) -> None:
        """See `tui.spaces.session.Observer`."""

    def log(self, level: Literal["info", "warning", "error"], text: str) -> None:
        """See `tui.spaces.session.Observer`."""
        self._board.log(level, text)

    def _participant(self, session: SpaceSession, pubkey: str) -> Participant:
        return Participant(
            pubkey=pubkey,
            name=session.name_of(pubkey),
            role=_ROLES[session.state.role_of(pubkey)],
            speaking=session.is_talking(pubkey),
            hand_since=self._hand(session, pubkey),
            queue=session.queue.get(pubkey, 0),
            link=session.link_state(pubkey),
            me=pubkey == session.me,
        )

    def _hand(self, session: SpaceSession, pubkey: str) -> float:
        return float(session.state.hand_since(pubkey, self._now()) or 0)


def _told(participant: Participant) -> tuple[str, str]:
    return participant.name, participant.role
