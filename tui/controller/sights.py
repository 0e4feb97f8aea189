"""What can be seen of a space, or of a room of other clients, from outside."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from tui.config import limits
from tui.controller.views import RoomView
from tui.nostr.event import Event
from tui.nostr.filter import Filter
from tui.nostr.pool import Pool, Subscription
from tui.spaces import codec, events
from tui.spaces.audience import Audience
from tui.spaces.events import InvalidSpaceEvent, SpaceCreated
from tui.spaces.roles import Role
from tui.spaces.rooms import STREAM, Room
from tui.spaces.share import ROOM, room_address
from tui.spaces.state import SpaceState


class Seen(NamedTuple):
    """Somebody who is there, or is named as one of the stage; `name` may be empty."""

    pubkey: str
    name: str
    role: Role
    present: bool = True
    hand_since: float = 0.0
    muted: bool = False


class Sight(Protocol):
    """One thing that is looked at, between `open` and `close`. `address` is that of its chat,
    empty where that cannot be read."""

    address: str
    dropped: Counter[str]

    def open(self) -> None:
        """Begin to look."""

    def close(self) -> None:
        """Look no more."""

    def people(self) -> Iterator[Seen]:
        """Who is there now."""

    def view(self, name_of: Callable[[str], str]) -> RoomView:
        """What it is."""


class SpaceSight:
    """A space of ours, before it is entered."""

    def __init__(self, created: SpaceCreated, *, pool: Pool, now: Callable[[], float]) -> None:
        self.address = "" if created.access == "password" else room_address(created.space)
        self.dropped: Counter[str] = Counter()
        self._created = created
        self._pool = pool
        self._now = now
        self._state = SpaceState(created.space)
        self._state.apply(created)
        self._subscription: Subscription | None = None

    def open(self) -> None:
        """See `Sight`."""
        space, now = self._created.space, int(self._now())
        of_space: dict[str, tuple[str, ...]] = {"s": (space.id,), "h": (space.host,)}
        self._subscription = self._pool.subscribe(
            [
                Filter(kinds=events.LASTING_KINDS, tags=of_space),
                Filter(kinds=(ROOM,), authors=(space.host,), tags={"d": (space.id,)}),
                Filter(
                    kinds=events.PRESENCE_KINDS,
                    tags=of_space,
                    since=now - events.OPEN_JOIN_LIFETIME,
                ),
                Filter(kinds=(events.REQUEST_SPEECH,), tags=of_space, since=now),
            ],
            self._receive,
        )

    def close(self) -> None:
        """See `Sight`."""
        if self._subscription is not None:
            self._subscription.close()

    def people(self) -> Iterator[Seen]:
        """See `Sight`."""
        state, now = self._state, self._now()
        for pubkey in state.present(now):
            joined = state.peer(pubkey)
            hand = float(state.hand_since(pubkey, now) or 0)
            name = joined.name if joined else ""
            yield Seen(pubkey, name, state.role_of(pubkey), hand_since=hand)

    def view(self, name_of: Callable[[str], str]) -> RoomView:
        """See `Sight`."""
        created, state, now = self._created, self._state, self._now()
        live = state.is_present(created.space.host, now)
        shown = "closed" if state.ended else "live" if live else "stale"
        if shown == "stale" and created.starts > now:
            shown = "scheduled"
        return RoomView(
            ref=str(created.space),
            name=created.name,
            kind="space",
            host=created.space.host,
            host_name=name_of(created.space.host),
            state=shown,
            summary=created.summary,
            starts=created.starts,
        )

    def _receive(self, event: Event, _relay: str) -> None:
        try:
            found = codec.decode(event, _plain)
        except InvalidSpaceEvent as error:
            self.dropped[str(error)] += 1
            return
        if found.at > self._now() + limits.FUTURE_SECONDS:
            self.dropped["dated in the future"] += 1
        else:
            self._state.apply(found)


class RoomSight:
    """A room or stream of other clients (NIP-53)."""

    def __init__(self, room: Room, *, pool: Pool, now: Callable[[], float]) -> None:
        self.address = room.ref.address
        self._room = room
        self._now = now
        self._audience = Audience(self.address, pool=pool, now=now, on_changed=lambda pubkey: None)
        self.dropped = self._audience.dropped
        self._ref = str(room.ref)

    def open(self) -> None:
        """See `Sight`."""
        self._audience.open()

    def close(self) -> None:
        """See `Sight`."""
        self._audience.close()

    def people(self) -> Iterator[Seen]:
        """See `Sight`."""
        roles, here = dict(self._room.people), self._audience.present()
        for pubkey, one in here.items():
            role = roles.get(pubkey, Role.SPEAKER if one.on_stage else Role.LISTENER)
            yield Seen(pubkey, "", role, True, float(one.at if one.hand else 0), one.muted)
        for pubkey, role in roles.items():
            if role.speaks and pubkey not in here:
                yield Seen(pubkey, "", role, present=False)

    def view(self, name_of: Callable[[str], str]) -> RoomView:
        """See `Sight`."""
        room = self._room
        status = room.status_at(self._now())
        return RoomView(
            ref=self._ref,
            name=room.name,
            kind="stream" if room.ref.kind == STREAM else "room",
            host=room.host,
            host_name=name_of(room.host),
            state="scheduled" if status == "planned" else status,
            summary=room.summary,
            url=room.url,
            starts=room.starts,
        )


def _plain(content: str) -> str:
    """The JSON of a JOIN; of one that only people with the password can read, none."""
    return content if content.lstrip()[:1] in ("{", "") else "{}"
