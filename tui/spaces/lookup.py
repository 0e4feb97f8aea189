"""From what a user types to a space: `nevent`, `naddr`, `HOST_PUBKEY:ID`, or a bare id.

The `naddr` of a room (NIP-53) leads to the space that it announces; one of other clients is found,
too, and can only be read.
"""

import re
from itertools import islice

import msgspec

from tui.nostr import nip19
from tui.nostr.event import Event
from tui.nostr.filter import Filter
from tui.nostr.pool import Pool
from tui.spaces import codec
from tui.spaces.events import (
    CREATE_SPACE,
    InvalidSpaceEvent,
    SpaceCreated,
    SpaceRef,
    check_space_id,
    is_pubkey,
)
from tui.spaces.rooms import ROOM_KINDS, Room, RoomRef, check_room_id, read_room
from tui.spaces.share import ROOM

SECONDS = 3.0  # relays that take longer are not waited for
PAGE = 500  # newest creations looked through for an id; some relays send no more

_SCHEME = re.compile(r"\A(web\+)?nostr:(//)?", re.IGNORECASE)  # NIP-21, and as browsers pass it on
_ADDRESS = re.compile(r"(3031[123]):([0-9a-f]{64}):(.+)")
_NIP19 = ("nevent1", "naddr1", "note1", "npub1", "nprofile1")


class UnknownSpace(Exception):
    """No relay knows such a space, or more than one fits; the message is for the user."""


class InvalidRef(ValueError):
    """Text that names no space; the message is for the user."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask relays for, and which of the answers are meant.

    `space` may lack its host, `room` is the NIP-53 room that is meant, `relays` may know more.
    """

    filters: tuple[Filter, ...]
    space: SpaceRef | None = None
    room: RoomRef | None = None
    relays: tuple[str, ...] = ()


def parse_ref(text: str) -> Query:
    """Read a reference, a `nostr:` in front or not; raises `InvalidRef`."""
    text = _SCHEME.sub("", text.strip())
    if "nsec1" in text.lower():  # which would go to every relay as the id to look for
        raise InvalidRef("this holds a secret key; show it to nobody")
    if address := _ADDRESS.fullmatch(text):
        return _query_room(RoomRef(int(address[1]), address[2], address[3]), ())
    host, colon, space_id = text.partition(":")
    if not colon and text.lower().startswith(_NIP19):
        return _parse_nip19(text)
    if colon and host.startswith("npub1"):
        host = _npub(host)
    if colon and is_pubkey(host):
        space = _checked(SpaceRef(host, space_id))
        return Query(filters=(_creations(host),), space=space)
    return Query(
        filters=(
            Filter(kinds=(CREATE_SPACE,), tags={"s": (text,)}),
            Filter(kinds=(CREATE_SPACE,), limit=PAGE),  # others write no `s`
        ),
        space=_checked(SpaceRef("", text)),
    )


def _parse_nip19(text: str) -> Query:
    try:
        entity = nip19.decode(text)
    except nip19.InvalidBech32 as error:
        raise InvalidRef(f"not a reference to a space: {error}") from None
    match entity:
        case nip19.Nevent():
            return Query(filters=(Filter(ids=(entity.id,)),), relays=entity.relays)
        case nip19.Note():
            return Query(filters=(Filter(ids=(entity.id,)),))
        case nip19.Naddr() if entity.kind in ROOM_KINDS:
            ref = RoomRef(entity.kind, entity.pubkey, entity.identifier)
            return _query_room(ref, entity.relays)
        case _:
            raise InvalidRef("a reference to a space is a nevent or naddr")


def _query_room(room: RoomRef, relays: tuple[str, ...]) -> Query:
    try:
        check_room_id(room.id)
    except InvalidSpaceEvent as error:
        raise InvalidRef(f"not a reference to a space: {error}") from None
    itself = Filter(kinds=(room.kind,), authors=(room.pubkey,), tags={"d": (room.id,)})
    if room.kind != ROOM:
        return Query(filters=(itself,), room=room, relays=relays)
    space = SpaceRef(room.pubkey, room.id)
    return Query(filters=(_creations(room.pubkey), itself), space=space, room=room, relays=relays)


def _creations(host: str) -> Filter:
    return Filter(kinds=(CREATE_SPACE,), authors=(host,))


def _npub(text: str) -> str:
    try:
        entity = nip19.decode(text)
    except nip19.InvalidBech32 as error:
        raise InvalidRef(f"not a pubkey: {error}") from None
    assert isinstance(entity, nip19.Npub)
    return entity.pubkey


def _checked(space: SpaceRef) -> SpaceRef:
    try:
        check_space_id(space.id)
    except InvalidSpaceEvent as error:
        raise InvalidRef(f"not a reference to a space: {error}") from None
    return space


async def find_space(pool: Pool, query: Query) -> SpaceCreated:
    """Ask the relays for a space to join; raises `UnknownSpace`."""
    found = await find(pool, query)
    if isinstance(found, Room):
        where = f" (its sound is at {found.url})" if found.url else ""
        raise UnknownSpace(f"this is a room of another client and can only be read here{where}")
    return found


async def find(pool: Pool, query: Query) -> SpaceCreated | Room:
    """Ask the relays for a space, or for a room of other clients; raises `UnknownSpace`."""
    spaces: dict[SpaceRef, SpaceCreated] = {}
    room: Room | None = None
    for event in await pool.fetch(query.filters, timeout=SECONDS):
        match _read(event):
            case SpaceCreated() as created if _is_meant(created.space, query):
                known = spaces.get(created.space)
                if known is None or (created.at, created.id) < (known.at, known.id):
                    spaces[created.space] = created
            case Room() as found if query.room in (None, found.ref):
                room = room or found  # the newest comes first
    if len(spaces) > 1:
        refs = ", ".join(str(space) for space in islice(spaces, 5))
        raise UnknownSpace(f"more than one space has this id; say which: {refs}")
    if spaces:
        return next(iter(spaces.values()))
    if room is None:
        raise UnknownSpace("no relay knows this space")
    if (
        query.room is None and room.ref.kind == ROOM
    ):  # a link to the event of a room: what is it the room of?
        return await find(pool, _query_room(room.ref, query.relays))
    return room


def _is_meant(space: SpaceRef, query: Query) -> bool:
    if query.space is None:
        return True
    return space.id == query.space.id and query.space.host in ("", space.host)


def _read(event: Event) -> SpaceCreated | Room | None:
    try:
        if event.kind in ROOM_KINDS:
            return read_room(event)
        found = codec.decode(event)
    except InvalidSpaceEvent:
        return None
    return found if isinstance(found, SpaceCreated) else None
