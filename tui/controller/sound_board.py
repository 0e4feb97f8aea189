"""How connections and sound are, on the board; and for scripts: quality, parents, outages."""

from collections.abc import Callable
from typing import Literal

import msgspec

from tui.config import limits
from tui.controller.board import Board
from tui.controller.messages import Outage, ParentChanged, QualityChanged
from tui.controller.views import Hearing, LinkQuality, Quality
from tui.spaces import quality as measured
from tui.spaces.session import SpaceSession

What = Literal["sound", "relays", "microphone", "speaker", "host"]


class SoundBoard:
    """Looks at one session as often as it is told to, and tells only what has changed."""

    def __init__(self, board: Board, monotonic: Callable[[], float]) -> None:
        self.hearing = Hearing()
        self._board = board
        self._monotonic = monotonic
        self._seen: set[str] = set()
        self._gone: dict[What, float] = {}
        self._parent = ""
        self._ended: dict[str, str] = {}  # why the last parent is none any more
        self._in_vain: set[str] = set()
        self._moved_until = 0.0
        self._looked_at = self._told_at = float("-inf")
        self._told: QualityChanged | None = None

    def connection_changed(self, session: SpaceSession, pubkey: str, state: str) -> None:
        """A connection has come to its end, or could not be made."""
        if pubkey == self._parent:
            self._ended = {pubkey: {"failed": "lost", "closed": "ended"}.get(state, "")}
        elif state == "failed" and not self._parent and len(self._in_vain) < limits.REFUSALS:
            self._in_vain.add(pubkey)
        self.look(session)

    def look(self, session: SpaceSession) -> bool:
        """See from whom the sound comes; whether `hearing` is another now."""
        before, at = self.hearing, self._monotonic()
        listens = session.stage == "joined" and not session.role.speaks
        parent = session.parent if listens else ""
        moved, came_from = parent != self._parent, self._parent
        if moved:
            reason = self._ended.get(came_from, "moved" if parent and came_from else "")
            self._board.occurred(ParentChanged(parent, "on stage" if not listens else reason))
            self._parent, self._ended = parent, {}
        if not listens:
            self._seen.discard("sound")
            self._gone.pop("sound", None)
            self._in_vain.clear()
        elif parent:
            was_heard = "sound" in self._seen
            gone_for = self._outage("sound", there=True)
            self._in_vain.clear()
            if moved and was_heard:
                self._moved_until = at + limits.MOVED_SECONDS
                self.hearing = Hearing(moved=True, moved_in=round(gone_for, 1))
        else:
            self._outage("sound", there=False)
        if not self.hearing.moved or not parent or at > self._moved_until:
            self.hearing = Hearing(lost="sound" in self._gone, asked=len(self._in_vain))
        return self.hearing != before

    def tick(self, session: SpaceSession) -> None:
        """The rest, once a second."""
        at = self._monotonic()
        if at - self._looked_at < limits.QUALITY_SECONDS:
            return
        self._looked_at = at
        microphone, speaker, _ = session.problems
        self._outage("microphone", there=not microphone)
        self._outage("speaker", there=not speaker)
        self._outage("host", there=session.is_present(session.space.host))
        relays = self._board.view.relays.values()
        self._outage("relays", there=any(relay.state == "connected" for relay in relays))
        quality = _shown(session.quality())
        self._board.set_quality(quality)
        told = QualityChanged(
            *(getattr(quality, name) for name in QualityChanged.__struct_fields__)
        )
        if told != self._told and at - self._told_at >= limits.QUALITY_TOLD_SECONDS:
            self._told, self._told_at = told, at
            self._board.occurred(told)

    def _outage(self, what: What, *, there: bool) -> float:
        """Tell when it goes and comes back; for how long it was gone, 0 if it was not."""
        if not there:
            if what in self._seen and what not in self._gone:
                self._gone[what] = self._monotonic()
                self._board.occurred(Outage(what, 0.0))
            return 0.0
        self._seen.add(what)
        if what not in self._gone:
            return 0.0
        gone_for = self._monotonic() - self._gone.pop(what)
        self._board.occurred(Outage(what, round(gone_for, 3)))
        return gone_for


def _shown(quality: measured.Quality) -> Quality:
    fields = msgspec.structs.asdict(quality)
    links = tuple(LinkQuality(**msgspec.structs.asdict(link)) for link in quality.links)
    return Quality(**{**fields, "links": links})
