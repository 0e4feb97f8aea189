"""The spaces, rooms and streams that relays know of, with how many people are in them.

Bounded on the whole: spaces and rooms in number, people and acts of moderation in all of them
together. A space keeps its fair share of these even while another is flooded.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain
from typing import Any, Final, TypeVar

from tui.config import limits
from tui.nostr.event import Event
from tui.nostr.filter import Filter
from tui.nostr.pool import Pool, Subscription
from tui.spaces import codec, events
from tui.spaces.attendance import Attendance
from tui.spaces.events import (
    InvalidSpaceEvent,
    PeerJoined,
    PeerLeft,
    SpaceCreated,
    SpaceEnded,
    SpaceEvent,
    SpaceRef,
)
from tui.spaces.listing import Listing, LobbyRef, list_room, list_space
from tui.spaces.rooms import (
    PRESENCE,
    PRESENCE_LIFETIME,
    ROOM_KINDS,
    Room,
    RoomRef,
    read_attendee,
    read_room,
)
from tui.spaces.share import ROOM
from tui.spaces.state import SpaceState

__all__ = ["Listing", "Lobby", "LobbyRef"]

LOOK_BACK = 14 * 24 * 3600  # seconds; a space announced earlier than that is not found
PAGE = 500  # rooms asked of a relay at once; some cap answers there
SPACES_ASKED = 2_000  # creations and ends asked of a relay, newest first
PEOPLE_ASKED = 10_000  # joins asked of a relay; those of ten minutes
_SHARE_OF_ACTS: Final = limits.LOBBY_ACTS // limits.LOBBY_SPACES

_Ref = TypeVar("_Ref", SpaceRef, RoomRef)


class _Space:
    """What is known of one space; `acts` counts the moderation in its state."""

    def __init__(self, space: SpaceRef) -> None:
        self.state = SpaceState(space)
        self.acts = 0
        self.confirmed = False


class _Room:
    """A room as it was last announced."""

    def __init__(self, room: Room) -> None:
        self.newest = room
        self.confirmed = False


class Lobby:
    """Folds what relays say of all spaces and rooms; `changed` hears which to look at again.

    `kept` hears of events worth keeping for the next start, which `seed` then takes. Spaces of
    people whom `favours` names are forgotten last.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        changed: Callable[[LobbyRef], None],
        now: Callable[[], float],
        kept: Callable[[Event], None] = lambda _: None,
        favours: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.past_heard: set[str] = set()
        self.dropped: Counter[str] = Counter()
        self._pool = pool
        self._changed = changed
        self._now = now
        self._kept = kept
        self._favours = favours
        self._spaces: dict[SpaceRef, _Space] = {}
        self._rooms: dict[RoomRef, _Room] = {}
        self._people: Attendance[SpaceRef | str] = Attendance(limits.LOBBY_PEOPLE)
        self._acts = 0
        self._subscriptions: list[Subscription] = []

    def open(self) -> None:
        """Begin to listen; relays cannot filter by our two-letter tag, so `codec` does."""
        now = int(self._now())
        spaces = [
            Filter(
                kinds=(events.CREATE_SPACE, events.CLOSE_SPACE),
                since=now - LOOK_BACK,
                limit=SPACES_ASKED,
            ),
            Filter(kinds=events.MODERATION_KINDS, since=now - LOOK_BACK, limit=limits.LOBBY_ACTS),
            Filter(
                kinds=events.PRESENCE_KINDS,
                since=now - events.OPEN_JOIN_LIFETIME,
                limit=PEOPLE_ASKED,
            ),
        ]
        rooms = [Filter(kinds=(kind,), since=now - LOOK_BACK, limit=PAGE) for kind in ROOM_KINDS]
        present = Filter(kinds=(PRESENCE,), since=now - PRESENCE_LIFETIME, limit=PAGE)
        self._subscriptions = [
            self._pool.subscribe(spaces, self._receive, on_eose=self.past_heard.add, page=True),
            self._pool.subscribe([*rooms, present], self._receive),
        ]

    def close(self) -> None:
        """Listen no more."""
        for subscription in self._subscriptions:
            subscription.close()
        self._subscriptions.clear()

    def seed(self, events: Iterable[Event]) -> None:
        """Take verified events that were kept; they count as `cached` until a relay has them."""
        for event in events:
            self._take(event)

    def spaces(self) -> Iterator[LobbyRef]:
        """All spaces whose creation we have seen, and all rooms."""
        created = (ref for ref, space in self._spaces.items() if space.state.created is not None)
        return chain(created, self._rooms)

    def listing(self, ref: LobbyRef) -> Listing | None:
        """What the lobby says of a space or room now; `None` when it is not to be listed."""
        now = self._now()
        if isinstance(ref, SpaceRef):
            space = self._spaces.get(ref)
            announced = self._rooms.get(RoomRef(ROOM, *ref))
            room = announced.newest if announced else None
            if space is None:
                return None
            present = self._present(space.state)
            return list_space(space.state, room, present, now, cached=not space.confirmed)
        found = self._rooms.get(ref)
        if found is None or self._announces(ref):
            return None
        here = tuple(self._people.present(ref.address, now))
        return list_room(found.newest, here, now, cached=not found.confirmed)

    def room(self, ref: RoomRef) -> Room | None:
        """All that a room of others says of itself."""
        found = self._rooms.get(ref)
        return found.newest if found is not None else None

    def _present(self, state: SpaceState) -> Collection[str]:
        """Who is in a space, of those that may be."""
        here = set(self._people.present(state.space, self._now()))
        here.difference_update(act.target for act in state.barred())
        if state.access == "invite":
            here = {pubkey for pubkey in here if not state.is_admitted(pubkey)}
        return here

    def _announces(self, ref: RoomRef) -> bool:
        """Whether this room is only the announcement of a space that is listed itself."""
        space = self._spaces.get(SpaceRef(ref.pubkey, ref.id)) if ref.kind == ROOM else None
        return space is not None and space.state.created is not None

    # -- taking in

    def _receive(self, event: Event, _relay: str) -> None:
        ref = self._take(event)
        if isinstance(ref, SpaceRef):
            self._spaces[ref].confirmed = True
            if event.kind in (events.CREATE_SPACE, events.CLOSE_SPACE) and event.pubkey == ref.host:
                self._kept(event)
        elif ref is not None:
            self._rooms[ref].confirmed = True
            self._kept(event)

    def _take(self, event: Event) -> LobbyRef | None:
        """Fold one event in; returns whose it is, if that is remembered."""
        try:
            if event.created_at > self._now() + limits.FUTURE_SECONDS:
                raise InvalidSpaceEvent("dated in the future")
            if event.kind in ROOM_KINDS:
                return self._take_room(read_room(event))
            if event.kind == PRESENCE:
                self._take_presence(event)
                return None
            return self._take_space(codec.decode(event, _readable))
        except InvalidSpaceEvent as error:
            self.dropped[str(error)] += 1
            return None

    def _take_room(self, room: Room) -> RoomRef:
        known = self._rooms.get(room.ref)
        if known is None:
            self._rooms[room.ref] = _Room(room)
            self._make_room(self._rooms, limits.LOBBY_ROOMS, self._worth_of_room)
        elif (room.at, known.newest.id) > (known.newest.at, room.id):  # NIP-01: then the lower id
            known.newest = room
        self._changed(room.ref)
        space = SpaceRef(room.ref.pubkey, room.ref.id)
        if self._announces(room.ref):
            self._changed(space)
        return room.ref

    def _take_presence(self, event: Event) -> None:
        address, attendee = read_attendee(event)
        until = attendee.at + PRESENCE_LIFETIME
        self._people.meet(address, attendee.pubkey, attendee.at, until, self._now())
        kind, _, rest = address.partition(":")
        pubkey, _, room_id = rest.partition(":")
        ref = RoomRef(int(kind) if kind in ("30311", "30312", "30313") else 0, pubkey, room_id)
        if ref in self._rooms:
            self._changed(ref)

    def _take_space(self, event: SpaceEvent) -> SpaceRef:
        ref = event.space
        space = self._spaces.get(ref)
        if space is None:
            space = self._spaces[ref] = _Space(ref)
            self._make_room(self._spaces, limits.LOBBY_SPACES, self._worth_of_space)
        now, by_host = self._now(), event.signer == ref.host
        match event:
            case PeerJoined():
                self._people.meet(ref, event.signer, event.at, event.until, now)
            case PeerLeft():
                until = event.at + events.OPEN_JOIN_LIFETIME
                self._people.part(ref, event.signer, event.at, until, now)
            case SpaceCreated() | SpaceEnded():
                pass
            case _:
                if self._acts >= limits.LOBBY_ACTS and space.acts >= _SHARE_OF_ACTS:
                    raise InvalidSpaceEvent("more moderation than the lobby remembers")
                space.acts += 1
                self._acts += 1
        # Of those present, the state needs to know only the host; it would grow with the others.
        if by_host or not isinstance(event, PeerJoined | PeerLeft):
            space.state.apply(event)
        self._changed(ref)
        if isinstance(event, SpaceCreated) and (room := RoomRef(ROOM, *ref)) in self._rooms:
            self._changed(room)
        return ref

    # -- forgetting

    def _worth_of_space(self, ref: SpaceRef) -> tuple[bool, bool, int]:
        """Spaces that nobody created or that have ended go first, then old ones."""
        state = self._spaces[ref].state
        at = state.created.at if state.created else 0
        live = state.created is not None and state.ended is None
        return self._favours(ref.host), live, at

    def _worth_of_room(self, ref: RoomRef) -> tuple[bool, bool, int]:
        room = self._rooms[ref].newest
        return self._favours(room.ref.pubkey), room.status_at(self._now()) != "closed", room.at

    def _make_room(
        self, table: dict[_Ref, Any], most: int, worth: Callable[[_Ref], tuple[bool, bool, int]]
    ) -> None:
        """A tenth goes, so that not every newcomer costs a look at all; the newcomer stays."""
        if len(table) <= most:
            return
        for ref in sorted(list(table)[:-1], key=worth)[: most // 10 + 1]:
            gone = table.pop(ref)
            if isinstance(gone, _Space):
                self._acts -= gone.acts
                self._people.forget(gone.state.space)
            else:
                self._people.forget(gone.newest.ref.address)
            self._changed(ref)


def _readable(content: str) -> str:
    """The JSON of a JOIN; of one that only people with the password can read, none."""
    return content if content.lstrip()[:1] in ("{", "") else "{}"
