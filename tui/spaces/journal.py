"""The journal of a space: every act of moderation as it was signed, and whether it was honoured."""

from bisect import insort
from collections.abc import Iterator
from typing import Final, NamedTuple

from tui.config import limits
from tui.nostr.event import Event, encode_event
from tui.spaces import codec
from tui.spaces.events import (
    CREATE_SPACE,
    LASTING_KINDS,
    CohostPromoted,
    MuteRequested,
    PeerDemoted,
    PeerInvited,
    PeerRemoved,
    SpaceAnnounced,
    SpaceCreated,
    SpaceEnded,
    SpaceEvent,
    SpeakerPromoted,
    SpeechProposed,
)
from tui.spaces.state import SpaceState

_ACTS: Final[dict[type[SpaceEvent], str]] = {
    SpaceCreated: "created",
    SpaceAnnounced: "locked",
    SpaceEnded: "closed",
    SpeakerPromoted: "promoted",
    CohostPromoted: "made co-host",
    PeerDemoted: "demoted",
    PeerRemoved: "removed",
    PeerInvited: "invited",
    SpeechProposed: "asked to speak",
    MuteRequested: "asked to mute",
}
_OVERHEAD: Final = 500  # bytes of an event beside its content and tags


class Entry(NamedTuple):
    """One act; `refused` says why it changed nothing, empty where it was honoured."""

    id: str
    at: int
    act: str
    by: str
    target: str
    reason: str
    refused: str


class _Line(NamedTuple):
    at: int
    created: int  # 0 for the creation, which is before all else of its second
    id: str
    event: Event
    found: SpaceEvent
    size: int


class Journal:
    """What was done in a space, in order, with the signed events as proof; bounded.

    Acts that were refused make room first, so that no flood of forged ones hides what was done.
    """

    def __init__(self, state: SpaceState) -> None:
        self._state = state
        self._lines: list[_Line] = []
        self._known: dict[str, _Line] = {}
        self._size = 0
        self._lock = (0, False, 0)  # when it was last announced, and what
        self.forgotten = 0

    def add(self, event: Event) -> bool:
        """Keep one verified event, if it is an act that is not here yet; whether it was kept.

        The state is to have heard it before.
        """
        if event.id in self._known:
            return False
        try:
            found = codec.decode(event)
        except codec.InvalidSpaceEvent:
            return False
        if found.space != self._state.space or type(found) not in _ACTS:
            return False
        if isinstance(found, SpaceAnnounced) and not self._changes_lock(found):
            return False
        size = len(event.content) + sum(len(text) for tag in event.tags for text in tag) + _OVERHEAD
        created = int(not isinstance(found, SpaceCreated))
        line = _Line(event.created_at, created, event.id, event, found, size)
        self._known[event.id] = line
        insort(self._lines, line)
        self._size += size
        if len(self._lines) > limits.JOURNAL_EVENTS or self._size > limits.JOURNAL_BYTES:
            self._make_room()
        return event.id in self._known

    @property
    def entries(self) -> list[Entry]:
        """All acts in order."""
        return [self._entry(line) for line in self._lines]

    def entry(self, event_id: str) -> Entry | None:
        """One act."""
        line = self._known.get(event_id)
        return self._entry(line) if line else None

    def lines(self) -> Iterator[str]:
        """The signed events as JSON, one a line, in order; anybody may check them again."""
        return (encode_event(line.event).decode() for line in self._lines)

    def lasting(self) -> list[Event]:
        """What relays are to keep: the creation and the honoured acts, the newest about each."""
        kinds = (CREATE_SPACE, *LASTING_KINDS)
        honoured = (
            line.event
            for line in self._lines
            if line.event.kind in kinds and self._state.refusal(line.found) == ""
        )
        newest = {(event.kind, event.pubkey, _d(event)): event for event in honoured}
        return list(newest.values())

    def _changes_lock(self, found: SpaceAnnounced) -> bool:
        """An announcement is said again and again; it is an act only where it turns the lock."""
        at, *before = self._lock
        if found.at <= at:
            return False
        self._lock = (found.at, found.locked, found.locked_at)
        return before != [found.locked, found.locked_at]

    def _entry(self, line: _Line) -> Entry:
        found, refused = line.found, self._state.refusal(line.found)
        return Entry(
            id=line.id,
            at=line.at,
            act=self._name(found),
            by=found.signer,
            target=getattr(found, "target", ""),
            reason=getattr(found, "reason", "") or getattr(found, "message", ""),
            refused="not judged any more" if refused is None else refused,
        )

    def _name(self, found: SpaceEvent) -> str:
        if isinstance(found, SpaceAnnounced) and not found.locked:
            return "unlocked"
        if isinstance(found, PeerDemoted):
            before = self._state.standing_at(found.target, found.at, found.id)
            if before.bar is not None:
                return "pardoned"
            if not before.role.speaks:
                return "denied"
            if found.signer == found.target:
                return "stepped down"
        return _ACTS[type(found)]

    def _make_room(self) -> None:
        events, size = limits.JOURNAL_EVENTS * 9 // 10, limits.JOURNAL_BYTES * 9 // 10
        for line in sorted(self._lines, key=lambda one: self._state.refusal(one.found) == ""):
            if len(self._known) <= events and self._size <= size:
                break
            del self._known[line.id]
            self._size -= line.size
            self.forgotten += 1
        self._lines = sorted(self._known.values())


def _d(event: Event) -> str:
    return next((tag[1] for tag in event.tags if tag[0] == "d" and len(tag) > 1), event.id)
