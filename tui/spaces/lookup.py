"""From what a user types to a space: `nevent`, `naddr`, `HOST_PUBKEY:ID`, or a bare id."""

from itertools import islice

from tui.nostr import nip19
from tui.nostr.event import Event
from tui.nostr.filter import Filter
from tui.nostr.pool import Pool
from tui.spaces import codec, events
from tui.spaces.events import SpaceCreated, SpaceRef

SECONDS = 3.0  # relays that take longer are not waited for
PAGE = 500  # newest creations looked through for an id; some relays send no more


class UnknownSpace(Exception):
    """No relay knows such a space, or more than one fits; the message is for the user."""


class InvalidRef(ValueError):
    """Text that names no space; the message is for the user."""


class Query:
    """What to ask relays for, and which of the answers are meant."""

    def __init__(
        self, *filters: Filter, space: SpaceRef | None = None, relays: tuple[str, ...] = ()
    ) -> None:
        self.filters = filters
        self.space = space
        self.relays = relays


def parse_ref(text: str) -> Query:
    """Read a reference; raises `InvalidRef`. A `nostr:` in front is fine."""
    text = text.strip().removeprefix("nostr:")
    if "nsec1" in text.lower():  # which would go to every relay as the id to look for
        raise InvalidRef("this holds a secret key; show it to nobody")
    host, colon, space_id = text.partition(":")
    if not colon and text.startswith(("nevent1", "naddr1", "note1", "npub1", "nprofile1")):
        return _parse_nip19(text)
    if colon and host.startswith("npub1"):
        host = _npub(host)
    if colon and codec.is_pubkey(host):
        space = _checked(SpaceRef(host, space_id))
        return Query(Filter(kinds=(events.CREATE_SPACE,), authors=(host,)), space=space)
    space = _checked(SpaceRef("", text))
    return Query(
        Filter(kinds=(events.CREATE_SPACE,), tags={"s": (text,)}),
        Filter(kinds=(events.CREATE_SPACE,), limit=PAGE),  # others write no `s`
        space=space,
    )


def _parse_nip19(text: str) -> Query:
    try:
        entity = nip19.decode(text)
    except nip19.InvalidBech32 as error:
        raise InvalidRef(f"not a reference to a space: {error}") from None
    match entity:
        case nip19.Nevent():
            return Query(Filter(ids=(entity.id,)), relays=entity.relays)
        case nip19.Note():
            return Query(Filter(ids=(entity.id,)))
        case nip19.Naddr():
            space = _checked(SpaceRef(entity.pubkey, entity.identifier))
            filter_ = Filter(kinds=(events.CREATE_SPACE,), authors=(entity.pubkey,))
            return Query(filter_, space=space, relays=entity.relays)
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
    for event in await pool.fetch(query.filters, timeout=SECONDS):
        created = _created(event)
        if created is None or (query.space and created.space.id != query.space.id):
            continue
        if query.space and query.space.host not in ("", created.space.host):
            continue
        known = found.get(created.space)
        if known is None or (created.at, created.id) < (known.at, known.id):
            found[created.space] = created
    if not found:
        raise UnknownSpace("no relay knows this space")
    if len(found) > 1:
        refs = ", ".join(str(space) for space in islice(found, 5))
        raise UnknownSpace(f"more than one space has this id; say which: {refs}")
    return next(iter(found.values()))


def _created(event: Event) -> SpaceCreated | None:
    try:
        found = codec.decode(event)
    except codec.InvalidSpaceEvent:
        return None
    return found if isinstance(found, SpaceCreated) else None
