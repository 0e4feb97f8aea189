"""From what a user types to a space: `nevent`, `naddr`, `HOST_PUBKEY:ID`, or a bare id."""

from tui.nostr import nip19
from tui.nostr.event import Event
from tui.nostr.filter import Filter
from tui.nostr.pool import Pool
from tui.spaces import codec, events
from tui.spaces.events import SpaceCreated, SpaceRef

SECONDS = 3.0  # relays that take longer are not waited for


class UnknownSpace(Exception):
    """No relay knows such a space, or more than one fits; the message is for the user."""


class InvalidRef(ValueError):
    """Text that names no space; the message is for the user."""


class Query:
    """What to ask relays for, and which of the answers are meant."""

    def __init__(self, filter_: Filter, space: SpaceRef | None, relays: tuple[str, ...]) -> None:
        self.filter = filter_
        self.space = space
        self.relays = relays


def parse_ref(text: str) -> Query:
    """Read a reference; raises `InvalidRef`. A `nostr:` in front is fine."""
    text = text.strip()
    bare = text.removeprefix("nostr:")
    if bare.startswith(("nevent1", "naddr1", "note1")):
        return _parse_nip19(bare)
    host, colon, space_id = text.partition(":")
    if colon and host.startswith("npub1"):
        host = _npub(host)
    if colon and codec.is_pubkey(host):
        space = _checked(SpaceRef(host, space_id))
        return Query(Filter(kinds=(events.CREATE_SPACE,), authors=(host,)), space, ())
    space = _checked(SpaceRef("", text))
    return Query(Filter(kinds=(events.CREATE_SPACE,), tags={"s": (text,)}), space, ())


def _parse_nip19(text: str) -> Query:
    try:
        entity = nip19.decode(text)
    except nip19.InvalidBech32 as error:
        raise InvalidRef(f"not a reference to a space: {error}") from None
    match entity:
        case nip19.Nevent():
            return Query(Filter(ids=(entity.id,)), None, entity.relays)
        case nip19.Note():
            return Query(Filter(ids=(entity.id,)), None, ())
        case nip19.Naddr():
            space = _checked(SpaceRef(entity.pubkey, entity.identifier))
            filter_ = Filter(kinds=(events.CREATE_SPACE,), authors=(entity.pubkey,))
            return Query(filter_, space, entity.relays)
        case _:
            raise InvalidRef("a reference to a space is a nevent or naddr")


def _npub(text: str) -> str:
    try:
        entity = nip19.decode(text)
    except nip19.InvalidBech32 as error:
        raise InvalidRef(f"not a pubkey: {error}") from None
    assert isinstance(entity, nip19.Npub)
    return entity.pubkey


def _checked(space: SpaceRef) -> SpaceRef:
    try:
        codec.check_space_id(space.id)
    except codec.InvalidSpaceEvent as error:
        raise InvalidRef(f"not a reference to a space: {error}") from None
    return space


async def find_space(pool: Pool, query: Query) -> SpaceCreated:
    """Ask the relays; raises `UnknownSpace`."""
    found: dict[SpaceRef, SpaceCreated] = {}
    for event in await pool.fetch([query.filter], timeout=SECONDS):
        created = _created(event)
        if created is None or (query.space and created.space.id != query.space.id):
            continue
        if query.space and query.space.host not in ("", created.space.host):
            continue
        known = found.get(created.space)
        if known is None or created.at < known.at:
            found[created.space] = created
    if not found:
        raise UnknownSpace("no relay knows this space")
    if len(found) > 1:
        refs = ", ".join(str(space) for space in found)
        raise UnknownSpace(f"more than one space has this id; say which: {refs}")
    return next(iter(found.values()))


def _created(event: Event) -> SpaceCreated | None:
    try:
        found = codec.decode(event)
    except codec.InvalidSpaceEvent:
        return None
    return found if isinstance(found, SpaceCreated) else None
