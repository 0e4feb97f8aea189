import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.nostr.event import Draft, Event, encode_event
from tui.nostr.keys import LocalSigner, SecretKey
from tui.nostr.nip19 import Naddr, decode
from tui.spaces import codec
from tui.spaces.events import InvalidSpaceEvent, Metrics, SpaceCreated, SpaceRef
from tui.spaces.roles import Role
from tui.spaces.rooms import (
    MEETING,
    PRESENCE,
    ROOM_KINDS,
    STREAM,
    Attendee,
    Room,
    RoomRef,
    Status,
    read_announcement,
    read_attendee,
    read_room,
    write_announcement,
)
from tui.spaces.share import ROOM

Make = Callable[..., Event]

ALICE = SecretKey(bytes(31) + b"\x21")
BOB = SecretKey(bytes(31) + b"\x22")
NOW = 1_000_000


def room(kind: int, *tags: tuple[str, ...], at: int = NOW, signer: str = ALICE.public) -> Event:
    return Event(f"{at:064x}", signer, at, kind, (("d", "tea"), *tags), "", "0" * 128)


def read(kind: int, *tags: tuple[str, ...], at: int = NOW) -> Room:
    return read_room(room(kind, *tags, at=at))


# -- our own announcement


def creation(**more: Any) -> SpaceCreated:
    fields: dict[str, Any] = {
        "space": SpaceRef(ALICE.public, "tea"),
        "signer": ALICE.public,
        "at": NOW - 100,
        "id": "c" * 64,
        "name": "Tea",
        "metrics": Metrics(),
        "summary": "green and black",
        "relays": ("wss://one.example", "wss://two.example"),
        "image": "https://pictures.example/tea.png",
        "topics": ("tea", "slow-living"),
        "language": "de",
    }
    return SpaceCreated(**fields | more)


async def signed(draft: Draft) -> Event:
    return await LocalSigner(ALICE).sign(draft)


async def test_what_a_host_announces_is_read_back_by_us_and_as_a_room_by_others() -> None:
    stage = [(ALICE.public, Role.HOST), (BOB.public, Role.COHOST)]
    draft = write_announcement(creation(), NOW, status="live", stage=stage, present=7)
    event = await signed(draft)
    for announced in (read_announcement(event), codec.decode(event)):
        assert announced == read_announcement(event)
    announced = read_announcement(event)
    assert (announced.space, announced.signer) == (SpaceRef(ALICE.public, "tea"), ALICE.public)
    assert (announced.name, announced.summary) == ("Tea", "green and black")
    assert (announced.status, announced.locked, announced.locked_at) == ("live", False, 0)
    found = read_room(event)
    assert found == Room(
        ref=RoomRef(ROOM, ALICE.public, "tea"),
        at=NOW,
        id=event.id,
        name="Tea",
        summary="green and black",
        status="live",
        host=ALICE.public,
        proven=True,
        people=tuple(stage),
        participants=7,
        topics=("tea", "slow-living"),
        language="de",
        image="https://pictures.example/tea.png",
        relays=("wss://one.example", "wss://two.example"),
    )
    # As NIP-53 has it: a name, a status it knows, a service, one host at least.
    assert event.first("room") == event.first("title") == "Tea"
    assert event.first("status") == "open"
    assert ("p", ALICE.public, "", "Host") in event.tags
    assert ("p", BOB.public, "", "Moderator") in event.tags
    link = decode(event.first("service") or "")
    assert link == Naddr("tea", ALICE.public, ROOM, ("wss://one.example", "wss://two.example"))


@pytest.mark.parametrize(
    ("status", "locked_at", "spelled"),
    [
        ("live", 0, "open"),
        ("live", NOW - 5, "private"),
        ("planned", 0, "planned"),
        ("closed", 0, "closed"),
        ("closed", NOW - 5, "closed"),
    ],
)
async def test_every_status_is_spelled_for_others_and_read_back(
    status: Status, locked_at: int, spelled: str
) -> None:
    admitted = {BOB.public, "a" * 64}
    event = await signed(
        write_announcement(
            creation(starts=NOW + 500), NOW, status=status, locked_at=locked_at, admitted=admitted
        )
    )
    assert event.first("status") == spelled
    announced = read_announcement(event)
    assert announced.status == read_room(event).status == status
    assert read_room(event).starts == NOW + 500
    locked = spelled == "private"
    assert announced.locked is read_room(event).private is locked
    assert announced.locked_at == (locked_at if locked else 0)
    assert announced.admitted == (admitted if locked else set())
    # Admitted people have no role in the eyes of others.
    assert not any(person in (BOB.public, "a" * 64) for person, _ in read_room(event).people)
    # A host that crashes leaves no room for ever; an end is not to be forgotten.
    until = int(event.first("expiration") or 0)
    assert until == 0 if status == "closed" else until > NOW + 3600


async def test_an_announcement_is_bounded_whoever_comes() -> None:
    people = [f"{number:064x}" for number in range(5_000)]
    event = await signed(
        write_announcement(
            creation(summary="x" * limits.SUMMARY_LENGTH),
            NOW,
            status="live",
            stage=[(ALICE.public, Role.HOST), *((one, Role.SPEAKER) for one in people)],
            present=5_000,
            locked_at=NOW,
            admitted=people,
        )
    )
    assert len(encode_event(event)) < 64 * 1024
    assert len(read_announcement(event).admitted) == limits.ROOM_ADMITTED
    assert len(read_room(event).people) == limits.ROOM_STAGE


async def test_an_id_too_long_for_a_link_is_announced_without_one() -> None:
    space = SpaceRef(ALICE.public, "茶" * limits.SPACE_ID_LENGTH)
    event = await signed(write_announcement(creation(space=space), NOW, status="live"))
    assert read_announcement(event).space == space
    assert event.first("service") is None


@pytest.mark.parametrize("locked", ["", "x", "-1", "1e9", "9" * 30, str(NOW + 50), "٣"])
def test_a_lock_without_a_date_of_use_was_made_when_it_was_announced(locked: str) -> None:
    event = room(ROOM, ("status", "private"), ("locked", locked), ("admitted", "x", "a" * 64, ""))
    announced = read_announcement(event)
    assert (announced.locked, announced.locked_at) == (True, NOW)
    assert announced.admitted == {"a" * 64}


@pytest.mark.parametrize("space_id", ["", "a||b", "a\nb", "x" * (limits.SPACE_ID_LENGTH + 1)])
def test_a_room_that_cannot_be_a_space_announces_none(space_id: str) -> None:
    event = Event("1" * 64, ALICE.public, NOW, ROOM, (("d", space_id),), "", "0" * 128)
    with pytest.raises(InvalidSpaceEvent):
        read_announcement(event)
    with pytest.raises(InvalidSpaceEvent, match="kind"):
        read_announcement(room(STREAM))


# -- rooms of others


def test_the_spellings_of_several_clients() -> None:
    by_the_book = read(
        ROOM,
        ("room", "Main hall"),
        ("summary", "A place"),
        ("status", "open"),
        ("service", "https://meet.example/room"),
        ("endpoint", "https://api.example/room"),
        ("t", "Music"),
        ("t", "#music"),
        ("p", ALICE.public, "wss://nostr.example/", "Host", "proof"),
        ("p", BOB.public, "wss://nostr.example/", "Moderator"),
        ("relays", "wss://one.example", "nonsense", "wss://two.example"),
    )
    assert (by_the_book.name, by_the_book.summary) == ("Main hall", "A place")
    assert (by_the_book.status, by_the_book.private) == ("live", False)
    assert by_the_book.url == "https://meet.example/room"
    assert by_the_book.topics == ("music",)
    assert by_the_book.people == ((ALICE.public, Role.HOST), (BOB.public, Role.COHOST))
    assert by_the_book.relays == ("wss://one.example", "wss://two.example")

    with_moq = read(
        ROOM,
        ("title", "My Nest"),
        ("status", "live"),
        ("streaming", "https://moq.example:4443"),
        ("auth", "https://moq-auth.example"),
        ("p", BOB.public, "", "admin"),
        ("p", "a" * 64, "", "speaker"),
        ("color", "gradient-1"),
    )
    assert (with_moq.name, with_moq.status) == ("My Nest", "live")
    assert with_moq.url == "https://moq.example:4443"
    assert with_moq.host == ALICE.public
    assert with_moq.people == ((BOB.public, Role.COHOST), ("a" * 64, Role.SPEAKER))

    stream = read(
        STREAM,
        ("title", "Chess"),
        ("status", "live"),
        ("service", "https://api.example/v1"),
        ("streaming", "https://video.example/live.m3u8"),
        ("starts", str(NOW - 60)),
        ("current_participants", "12"),
        ("p", ALICE.public, "", "host"),
    )
    assert stream.url == "https://video.example/live.m3u8"
    assert (stream.starts, stream.participants, stream.host) == (NOW - 60, 12, ALICE.public)

    meeting = read(
        MEETING,
        ("a", f"30312:{ALICE.public}:hall"),
        ("title", "Annual"),
        ("status", "planned"),
        ("starts", str(NOW + 60)),
    )
    assert (meeting.name, meeting.status, meeting.starts) == ("Annual", "planned", NOW + 60)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("open", "live"),
        ("private", "live"),
        ("live", "live"),
        ("", "live"),
        ("planned", "planned"),
        ("closed", "closed"),
        ("ended", "closed"),
    ],
)
def test_every_status_is_one_of_three(status: str, expected: Status) -> None:
    for kind in ROOM_KINDS:
        assert read(kind, ("status", status)).status == expected


def test_what_nobody_updates_has_ended_but_a_room_stays() -> None:
    hour = 3600
    for kind, later in ((STREAM, "closed"), (MEETING, "closed"), (ROOM, "live")):
        live = read(kind, ("status", "live"), ("starts", str(NOW + 10**9)))
        assert live.status_at(NOW + hour) == "live"
        assert live.status_at(NOW + hour + 1) == later
        planned = read(kind, ("status", "planned"), ("starts", str(NOW + 5 * hour)))
        assert planned.status_at(NOW + 6 * hour) == "planned"
        assert planned.status_at(NOW + 6 * hour + 1) == "closed"
        assert read(kind, ("status", "ended")).status_at(NOW) == "closed"


def test_a_host_who_is_only_named_is_not_proven() -> None:
    address = f"{STREAM}:{ALICE.public}:tea"
    digest = hashlib.sha256(address.encode()).digest()
    other = hashlib.sha256(b"another room").digest()
    for proof, proven in (
        ("", False),
        ("ff", False),
        ("not hex", False),
        (BOB.sign(other).hex(), False),
        (ALICE.sign(digest).hex(), False),
        (BOB.sign(digest).hex(), True),
    ):
        found = read(STREAM, ("p", BOB.public, "", "Host", proof))
        assert (found.host, found.proven) == (BOB.public, proven)
    assert read(STREAM).host == ALICE.public
    assert read(STREAM).proven
    assert read(STREAM, ("p", ALICE.public, "", "Host")).proven
    # Nobody's key, and no key at all.
    assert not read(STREAM, ("p", "0" * 64, "", "Host", BOB.sign(digest).hex())).proven
    assert read(STREAM, ("p", "nobody", "", "Host")).host == ALICE.public


def test_text_and_addresses_are_clean_and_bounded() -> None:
    found = read(
        STREAM,
        ("title", "a\x1b[31m\u202eb\n" + "x" * 500),
        ("summary", "\u2066" + "y" * 5_000),
        ("image", "https://x.example/\x1b]8"),
        ("streaming", "javascript:alert(1)"),
        ("recording", "https://x.example/" + "z" * 1_000),
        ("endpoint", "https://ok.example/"),
        *(("t", f"topic {number}") for number in range(100)),
        *(("p", f"{number:064x}", "", "Speaker") for number in range(1_000)),
        ("current_participants", "9" * 16),
    )
    assert found.name.isprintable() and len(found.name) <= limits.NAME_LENGTH
    assert found.summary.isprintable() and len(found.summary) <= limits.SUMMARY_LENGTH
    assert (found.image, found.url) == ("", "https://ok.example/")
    assert len(found.topics) == limits.TOPICS
    assert len(found.people) == limits.ROOM_STAGE
    assert found.participants == limits.PARTICIPANTS_CLAIMED


def test_presence_in_a_room_of_others() -> None:
    address = f"{ROOM}:{ALICE.public}:tea"
    event = room(
        PRESENCE, ("a", address, "", "root"), ("hand", "1"), ("muted", "0"), ("onstage", "1")
    )
    assert read_attendee(event) == (
        address,
        Attendee(ALICE.public, NOW, hand=True, muted=False, on_stage=True),
    )
    assert read_attendee(room(PRESENCE, ("a", "x")))[1] == Attendee(ALICE.public, NOW)
    for wrong in (room(PRESENCE), room(ROOM, ("a", address)), room(PRESENCE, ("a",))):
        with pytest.raises(InvalidSpaceEvent):
            read_attendee(wrong)


def test_a_room_has_an_address_that_can_be_copied() -> None:
    ref = RoomRef(ROOM, ALICE.public, "tea")
    assert ref.address == f"30312:{ALICE.public}:tea"
    assert decode(str(ref)) == Naddr("tea", ALICE.public, ROOM)
    long = RoomRef(ROOM, ALICE.public, "茶" * 128)
    assert str(long) == long.address


_NAMES = (
    *("d", "room", "title", "summary", "status", "service", "endpoint", "streaming", "auth"),
    *("image", "p", "t", "relays", "starts", "ends", "locked", "admitted", "hand", "a", "l"),
    *("current_participants", "muted", "onstage", "webrtc"),
)
_VALUES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [ALICE.public, "Host", "open", "private", "planned", "12", "https://x.example", "1"]
    ),
)
_TAGS = st.lists(
    st.tuples(st.sampled_from(_NAMES), st.lists(_VALUES, max_size=5)).map(
        lambda tag: (tag[0], *tag[1])
    ),
    max_size=30,
).map(tuple)


@given(st.sampled_from([*ROOM_KINDS, PRESENCE, 1]), _TAGS, st.integers(0, limits.TIMESTAMP))
def test_any_tags_are_read_or_refused(kind: int, tags: tuple[Any, ...], at: int) -> None:
    event = Event("0" * 64, ALICE.public, at, kind, tags, "", "0" * 128)
    for reader in (read_room, read_announcement, read_attendee):
        try:
            found = reader(event)
        except InvalidSpaceEvent as error:
            assert str(error).isprintable()
            continue
        if isinstance(found, Room):
            assert found.name.isprintable() and found.ref.address.isprintable()
            assert found.status_at(at) in ("planned", "live", "closed")
            assert str(found.ref)
