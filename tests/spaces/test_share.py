from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.nostr.keys import SecretKey
from tui.nostr.nip19 import Naddr, Nevent, decode
from tui.spaces.events import CREATE_SPACE, Metrics, SpaceCreated, SpaceRef
from tui.spaces.lookup import parse_ref
from tui.spaces.rooms import RoomRef
from tui.spaces.share import ROOM, room_address, room_link, space_link

HOST = SecretKey(bytes(31) + b"\x01").public
RELAYS = tuple(f"wss://{number}.relay.example" for number in range(6))


def created(space: SpaceRef, relays: tuple[str, ...] = RELAYS[:2]) -> SpaceCreated:
    return SpaceCreated(
        space=space,
        signer=space.host,
        at=1,
        id="e" * 64,
        name="Tea",
        metrics=Metrics(),
        relays=relays,
    )


def test_both_links_name_the_space_and_where_it_is_to_be_found() -> None:
    space = SpaceRef(HOST, "tea")
    link = space_link(created(space), RELAYS)
    assert link.startswith("nostr:nevent1")
    # The space's own relays first, each once, no more than anybody connects to.
    assert decode(link) == Nevent("e" * 64, RELAYS[: limits.SPACE_RELAYS], HOST, CREATE_SPACE)
    assert parse_ref(link).filters[0].ids == ("e" * 64,)

    link = room_link(space, RELAYS)
    assert link.startswith("nostr:naddr1")
    assert decode(link) == Naddr("tea", HOST, ROOM, RELAYS[: limits.SPACE_RELAYS])
    assert parse_ref(link).space == space

    assert room_address(space) == RoomRef(ROOM, *space).address


@given(st.text(min_size=1, max_size=limits.SPACE_ID_LENGTH))
def test_a_link_to_any_space_leads_back_to_it_or_is_not_given(space_id: str) -> None:
    link = room_link(SpaceRef(HOST, space_id), RELAYS)
    if link:
        entity = decode(link)
        assert isinstance(entity, Naddr)
        assert entity.identifier == space_id
    else:
        assert len(space_id.encode(errors="surrogatepass")) > 255 or not space_id.isprintable()
