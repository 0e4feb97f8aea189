import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tui.config import limits
from tui.nostr import nip19
from tui.nostr.event import Draft, Event
from tui.nostr.keys import LocalSigner, SecretKey
from tui.nostr.pool import Pool
from tui.spaces import events
from tui.spaces.events import Metrics, SpaceRef
from tui.spaces.lookup import InvalidRef, Query, UnknownSpace, find, find_space, parse_ref
from tui.spaces.rooms import Room, RoomRef
from tui.spaces.writer import Writer

HOST = SecretKey(bytes(31) + b"\x01").public
NPUB = nip19.encode_npub(HOST)
EVENT = "e" * 64
RELAYS = ("ws://127.0.0.1:7777", "wss://relay.example")

Publish = Callable[[LocalSigner, Draft], Awaitable[Event]]


@pytest.mark.parametrize("prefix", ["", "nostr:", "web+nostr:", "NOSTR:", "nostr://"])
@pytest.mark.parametrize("space", ["", "  ", "\n"])
def test_every_form_of_a_reference(prefix: str, space: str) -> None:
    def parsed(text: str) -> Query:
        return parse_ref(f"{space}{prefix}{text}{space}")

    query = parsed(nip19.encode_nevent(nip19.Nevent(EVENT, RELAYS, HOST, events.CREATE_SPACE)))
    assert [filter_.ids for filter_ in query.filters] == [(EVENT,)]
    assert (query.space, query.relays) == (None, RELAYS)

    query = parsed(nip19.encode_note(EVENT))
    assert [filter_.ids for filter_ in query.filters] == [(EVENT,)]

    query = parsed(nip19.encode_naddr(nip19.Naddr("tea", HOST, 30312, RELAYS)))
    assert (query.space, query.relays) == (SpaceRef(HOST, "tea"), RELAYS)
    assert query.room == RoomRef(30312, HOST, "tea")
    assert {filter_.authors for filter_ in query.filters} == {(HOST,)}
    assert parsed(f"30312:{HOST}:tea").room == query.room

    for kind in (30311, 30313):  # never one of ours
        query = parsed(nip19.encode_naddr(nip19.Naddr("a||b", HOST, kind, RELAYS)))
        assert (query.space, query.room) == (None, RoomRef(kind, HOST, "a||b"))
        assert (query.filters[0].tags, query.relays) == ({"d": ("a||b",)}, RELAYS)

    for text in (f"{HOST}:tea: green", f"{NPUB}:tea: green"):
        query = parsed(text)
        assert query.space == SpaceRef(HOST, "tea: green")
        assert [filter_.authors for filter_ in query.filters] == [(HOST,)]

    for space_id in ("tea", "a:b", "0" * 32, "x" * limits.SPACE_ID_LENGTH, "grüner Tee"):
        query = parsed(space_id)
        assert query.space == SpaceRef("", space_id)
        assert query.filters[0].tags == {"s": (space_id,)}
    for query in (parsed("tea"), parsed(f"{HOST}:tea")):
        assert {filter_.kinds for filter_ in query.filters} == {(events.CREATE_SPACE,)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "nostr:",
        "a||b",
        "a\nb",
        "\ud800",
        "x" * (limits.SPACE_ID_LENGTH + 1),
        f"{HOST}:",
        f"{HOST}:a||b",
        f"{NPUB}:",
        f"{NPUB[:-1]}x:tea",
        "npub1:tea",
        NPUB,
        nip19.encode_nprofile(nip19.Nprofile(HOST)),
        "nevent1",
        "nevent1qqqq",
        nip19.encode_note(EVENT)[:-1],
        nip19.encode_naddr(nip19.Naddr("", HOST, 30312)),
        nip19.encode_naddr(nip19.Naddr("a\x00b", HOST, 30312)),
        nip19.encode_naddr(nip19.Naddr("an article", HOST, 30023)),
        f"30312:{HOST}:a\u202eb",
    ],
)
def test_what_names_no_space_is_refused_with_one_line(text: str) -> None:
    with pytest.raises(InvalidRef) as caught:
        parse_ref(text)
    message = str(caught.value)
    assert 0 < len(message) < 120
    assert message.isprintable()


@pytest.mark.parametrize("form", ["{}", "nostr:{}", "{}:tea", "  {}\n", "my key {}"])
@pytest.mark.parametrize("change", [str, str.upper])
def test_a_secret_key_is_never_asked_of_relays_and_never_repeated(
    form: str, change: Callable[[str], str]
) -> None:
    nsec = change(SecretKey(bytes(31) + b"\x05").to_nsec())
    with pytest.raises(InvalidRef, match="secret key") as caught:
        parse_ref(form.format(nsec))
    assert nsec[5:] not in str(caught.value)


@given(
    st.one_of(
        st.text(),
        st.sampled_from(["nevent1", "naddr1", "note1", "npub1", "nostr:", HOST + ":", NPUB + ":"])
        .flatmap(lambda start: st.text().map(lambda rest: start + rest)),
        st.binary().map(lambda data: nip19.encode_note(EVENT)[: len(data)] + data.hex()),
    )
)  # fmt: skip
@example("nostr:nostr:tea")
def test_garbage_is_a_reference_or_refused(text: str) -> None:
    try:
        query = parse_ref(text)
    except InvalidRef:
        return
    if query.space is not None:
        assert 0 < len(query.space.id) <= limits.SPACE_ID_LENGTH
        assert query.space.id.isprintable()


# -- asking relays


def creation(space: SpaceRef, name: str, at: int) -> Draft:
    return Writer(space, space.host).create(at, name, Metrics(), "", ())


async def test_each_form_finds_the_space_it_names(
    pool: Pool, publish: Publish, host: LocalSigner
) -> None:
    now = int(time.time())
    tea, coffee = SpaceRef(host.pubkey, "tea"), SpaceRef(host.pubkey, "coffee")
    event = await publish(host, creation(tea, "Tea", now))
    await publish(host, creation(coffee, "Coffee", now))
    await publish(host, creation(tea, "Tea again", now + 1))
    for ref in (
        "tea",
        str(tea),
        f"{nip19.encode_npub(host.pubkey)}:tea",
        nip19.encode_nevent(nip19.Nevent(event.id)),
        nip19.encode_note(event.id),
        nip19.encode_naddr(nip19.Naddr("tea", host.pubkey, 30312)),
    ):
        found = await find_space(pool, parse_ref(ref))
        assert (found.space, found.name) == (tea, "Tea")


async def test_the_room_of_a_space_leads_to_the_space_and_one_of_others_is_only_read(
    pool: Pool, publish: Publish, host: LocalSigner, guest: LocalSigner
) -> None:
    now = int(time.time())
    # The host announces the space; somebody else has a room of the same name.
    tea = SpaceRef(host.pubkey, "tea")
    await publish(host, creation(tea, "Tea", now))
    announced = await publish(
        host, Draft(30312, "", (("d", "tea"), ("room", "Tea"), ("webrtc", "spaces")), now)
    )
    tags: Any = (("d", "tea"), ("title", "Nest"), ("streaming", "https://moq.example"))
    room = await publish(guest, Draft(30312, "", tags, now))
    stream = await publish(guest, Draft(30311, "", (("d", "tea"), ("title", "Stream")), now))
    for ref in (
        nip19.encode_naddr(nip19.Naddr("tea", host.pubkey, 30312)),
        nip19.encode_nevent(nip19.Nevent(announced.id, (), host.pubkey, 30312)),
        f"30312:{host.pubkey}:tea",
    ):
        assert (await find_space(pool, parse_ref(ref))).space == tea

    for ref in (
        nip19.encode_naddr(nip19.Naddr("tea", guest.pubkey, 30312)),
        nip19.encode_nevent(nip19.Nevent(room.id)),
    ):
        with pytest.raises(UnknownSpace, match=r"only be read here.*https://moq.example"):
            await find_space(pool, parse_ref(ref))
        found = await find(pool, parse_ref(ref))
        assert isinstance(found, Room)
        assert (found.ref, found.name) == (RoomRef(30312, guest.pubkey, "tea"), "Nest")
    for ref in (
        nip19.encode_naddr(nip19.Naddr("tea", guest.pubkey, 30311)),
        nip19.encode_note(stream.id),
    ):
        found = await find(pool, parse_ref(ref))
        assert isinstance(found, Room)
        assert found.name == "Stream"
    with pytest.raises(UnknownSpace, match="no relay knows"):
        await find(pool, parse_ref(nip19.encode_naddr(nip19.Naddr("tea", host.pubkey, 30311))))


async def test_a_bare_id_also_finds_a_space_whose_creation_has_no_s_tag(
    pool: Pool, publish: Publish, host: LocalSigner
) -> None:
    content = json.dumps({"id": "tea", "name": "From another program"})
    tags: tuple[Any, ...] = (("h", host.pubkey), ("webrtc", "spaces"))
    await publish(host, Draft(events.CREATE_SPACE, content, tags, int(time.time())))
    found = await find_space(pool, parse_ref("tea"))
    assert found.name == "From another program"


async def test_an_id_that_two_spaces_have_is_not_guessed(
    pool: Pool, publish: Publish, host: LocalSigner, guest: LocalSigner
) -> None:
    now = int(time.time())
    for signer in (host, guest):
        await publish(signer, creation(SpaceRef(signer.pubkey, "tea"), "Tea", now))
    with pytest.raises(UnknownSpace, match="more than one") as caught:
        await find_space(pool, parse_ref("tea"))
    assert host.pubkey in str(caught.value)
    assert guest.pubkey in str(caught.value)
    found = await find_space(pool, parse_ref(f"{guest.pubkey}:tea"))
    assert found.space.host == guest.pubkey


async def test_what_nobody_knows_or_is_no_space_is_unknown(
    pool: Pool, publish: Publish, host: LocalSigner, guest: LocalSigner
) -> None:
    now = int(time.time())
    note = await publish(host, Draft(1, "no space", (), now))
    # Somebody claims a space of another host.
    forged = creation(SpaceRef(host.pubkey, "tea"), "Tea", now)
    await publish(guest, forged)
    for ref in (nip19.encode_note(note.id), nip19.encode_note(EVENT), "tea", f"{host.pubkey}:tea"):
        with pytest.raises(UnknownSpace, match="no relay knows"):
            await find_space(pool, parse_ref(ref))
