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
from tui.spaces.uplink import SILENT

What = Literal["sound", "relays", "microphone", "speaker", "host"]


class SoundBoard:
    """Looks at one session as often as it is told to, and tells only what has changed."""

    def __init__(self, board: Board, monotonic: Callable[[], float]) -> None:
        self.hearing = Hearing()
        self.parent = ""
        """Who sends us the sound; empty while nobody does, and on stage."""
        self._board = board
        self._monotonic = monotonic
        self._seen: set[str] = set()
        self._gone: dict[What, float] = {}
        self._ended: dict[str, str] = {}  # why the last parent is none any more
        self._in_vain: set[str] = set()
        self._moved_until = 0.0
        self._looked_at = self._told_at = float("-inf")
        self._told: QualityChanged | None = None

    def connection_changed(self, session: SpaceSession, pubkey: str, state: str) -> None:
        """A connection has come to its end, or could not be made."""
        if pubkey == self.parent:
            self._ended = {pubkey: {"failed": "lost", "closed": "ended"}.get(state, "")}
        elif state == "failed" and not self.parent and len(self._in_vain) < limits.REFUSALS:
            self._in_vain.add(pubkey)
        self.look(session)

    def look(self, session: SpaceSession) -> bool:
        """See from whom the sound comes; whether `hearing` is another now."""
        before, at = self.hearing, self._monotonic()
        listens = session.stage == "joined" and not session.role.speaks
        uplink = session.uplink
        parent = uplink.parent if listens and not uplink.needs_parent else ""
        move = uplink.moves[-1] if uplink.moves and uplink.moves[-1].to == parent else None
        changed = parent != self.parent
        if changed:
            reason = self._ended.get(self.parent, "")
            if move is not None:
                reason = move.reason
            elif listens and uplink.parent and not parent:  # connected, and nothing comes
                reason = SILENT
            self._board.occurred(ParentChanged(parent, reason if listens else "on stage"))
            self.parent, self._ended = parent, {}
        if not listens:
            self._seen.discard("sound")
            self._gone.pop("sound", None)
            self._in_vain.clear()
        elif parent:
            was_heard = "sound" in self._seen
            gone_for = self._back("sound", move.orphaned if move is not None and changed else 0.0)
            self._in_vain.clear()
            if changed and was_heard:
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
        known = bool(quality.badge) or self._told is not None
        if known and told != self._told and at - self._told_at >= limits.QUALITY_TOLD_SECONDS:
            self._told, self._told_at = told, at
            self._board.occurred(told)

    def _outage(self, what: What, *, there: bool) -> None:
        """Tell when something goes and comes back."""
        if there:
            self._back(what)
        elif what in self._seen and what not in self._gone:
            self._gone[what] = self._monotonic()
            self._board.occurred(Outage(what, 0.0))

    def _back(self, what: What, gone_for: float = 0.0) -> float:
        """It is there; for how long it was gone, which may be known better than by our looks."""
        since = self._gone.pop(what, None)
        if since is not None:
            gone_for = gone_for or self._monotonic() - since
        if gone_for and what in self._seen:
            self._board.occurred(Outage(what, round(gone_for, 3)))
        self._seen.add(what)
        return gone_for


def _shown(quality: measured.Quality) -> Quality:
    fields = msgspec.structs.asdict(quality)
    links = tuple(LinkQuality(**msgspec.structs.asdict(link)) for link in quality.links)
    return Quality(**{**fields, "links": links})
