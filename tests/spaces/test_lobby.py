import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.nostr.event import Draft, Event
from tui.nostr.filter import Filter
from tui.nostr.keys import LocalSigner, SecretKey
from tui.nostr.nip19 import short_npub
from tui.nostr.pool import Pool
from tui.spaces import codec, events
from tui.spaces.access import AccessKey
from tui.spaces.events import Metrics, SpaceCreated, SpaceRef
from tui.spaces.listing import IDLE_AFTER, RECENT
from tui.spaces.lobby import Listing, Lobby, LobbyRef
from tui.spaces.rooms import MEETING, PRESENCE, STREAM, RoomRef, write_announcement
from tui.spaces.share import ROOM
from tui.spaces.writer import Writer

Publish = Callable[[LocalSigner, Draft], Awaitable[Event]]
Until = Callable[[Callable[[], object]], Awaitable[None]]

METRICS = Metrics(max_audio_outputs=5)


class Clock:
    """The time, which a test may move."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def changed() -> list[LobbyRef]:
    return []


@pytest.fixture
def lobby(pool: Pool, clock: Clock, changed: list[LobbyRef]) -> Iterator[Lobby]:
    lobby = Lobby(pool, changed=changed.append, now=clock)
    yield lobby
    lobby.close()


async def test_a_space_is_listed_with_its_people_from_creation_to_end(
    lobby: Lobby,
    publish: Publish,
    until: Until,
    changed: list[LobbyRef],
    clock: Clock,
    space: SpaceRef,
    host: LocalSigner,
    guest: LocalSigner,
    stranger: LocalSigner,
) -> None:
    now = int(time.time())
    writers = {who: Writer(space, who.pubkey) for who in (host, guest, stranger)}
    # The past, before anybody looks.
    await publish(host, writers[host].create(now - 30, "Tea", METRICS, "green", ()))
    await publish(host, writers[host].join(now - 30, "Hana", METRICS))
    await publish(guest, writers[guest].join(now - 20, "Gus", METRICS))
    lobby.open()

    def listing() -> Listing:
        found = lobby.listing(space)
        assert found is not None
        return found

    await until(lambda: lobby.listing(space) and listing().listeners == 1)
    assert listing() == Listing(
        ref=space,
        kind="space",
        host=space.host,
        host_name="Hana",
        name="Tea",
        summary="green",
        started_at=now - 30,
        state="live",
        speakers=1,
        listeners=1,
    )
    assert list(lobby.spaces()) == [space]
    assert set(changed) == {space}
    # What happens while somebody looks.
    await publish(stranger, writers[stranger].join(now, "Stan", METRICS))
    await publish(host, writers[host].promote(now, guest.pubkey))
    await until(lambda: (listing().speakers, listing().listeners) == (2, 1))
    await publish(stranger, writers[stranger].leave(now))
    await until(lambda: (listing().speakers, listing().listeners) == (2, 0))
    await publish(stranger, writers[stranger].close(now))  # who has no right to
    await publish(stranger, writers[stranger].join(now + 5, "Stan", METRICS))
    await until(lambda: listing().listeners == 1)
    assert listing().state == "live"
    clock.ahead = 800
    assert listing().state == "stale"
    assert (listing().speakers, listing().listeners) == (0, 0)
    clock.ahead = 0
    await publish(host, writers[host].remove(now + 1, guest.pubkey, "noise"))
    await until(lambda: (listing().speakers, listing().listeners) == (1, 1))
    await publish(host, writers[host].close(now))
    await until(lambda: listing().state == "closed")
    assert (listing().speakers, listing().listeners) == (0, 0)


async def test_a_space_that_nobody_created_is_not_listed_and_a_nameless_host_has_a_short_key(
    lobby: Lobby,
    publish: Publish,
    until: Until,
    changed: list[LobbyRef],
    space: SpaceRef,
    host: LocalSigner,
    guest: LocalSigner,
) -> None:
    lobby.open()
    await publish(guest, Writer(space, guest.pubkey).join(int(time.time()), "Gus", METRICS))
    await until(lambda: space in changed)
    assert lobby.listing(space) is None
    assert list(lobby.spaces()) == []
    create = Writer(space, host.pubkey).create(int(time.time()), "Tea", METRICS, "", ())
    await publish(host, create)
    await until(lambda: lobby.listing(space))
    found = lobby.listing(space)
    assert found is not None
    assert found.host_name == short_npub(host.pubkey)
    assert (found.speakers, found.listeners) == (0, 1)


async def test_what_is_of_no_space_or_of_the_future_is_dropped_and_counted(
    lobby: Lobby,
    publish: Publish,
    until: Until,
    changed: list[LobbyRef],
    host: LocalSigner,
) -> None:
    lobby.open()
    now = int(time.time())
    await publish(host, Draft(events.CREATE_SPACE, "another meaning of the kind", (), now))
    await publish(host, Draft(events.JOIN_SPACE, "", (("d", "x"),), now))
    ahead = SpaceRef(host.pubkey, "ahead")
    await publish(host, Writer(ahead, host.pubkey).create(now + 90, "Ahead", METRICS, "", ()))
    await until(lambda: lobby.dropped.total() == 3)
    assert changed == []


async def test_only_so_many_spaces_are_remembered_and_live_ones_longest(
    lobby: Lobby,
    publish: Publish,
    until: Until,
    changed: list[LobbyRef],
    host: LocalSigner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "LOBBY_SPACES", 3)
    lobby.open()
    now = int(time.time())

    async def heard(space: SpaceRef) -> None:
        await until(lambda: space in changed)

    async def create(name: str, ago: int) -> SpaceRef:
        space = SpaceRef(host.pubkey, name)
        await publish(host, Writer(space, host.pubkey).create(now - ago, name, METRICS, "", ()))
        await heard(space)
        return space

    old, ended, new = await create("old", 300), await create("ended", 100), await create("new", 50)
    await publish(host, Writer(ended, host.pubkey).close(now))
    await until(lambda: (found := lobby.listing(ended)) and found.state == "closed")
    newer = await create("newer", 10)
    assert set(lobby.spaces()) == {old, new, newer}
    assert changed[-1] == newer
    assert lobby.listing(ended) is None
    # Junk about spaces that nobody created pushes no more than one out.
    for number in range(5):
        junk = LocalSigner(SecretKey(bytes(31) + bytes([100 + number])))
        nowhere = SpaceRef(junk.pubkey, "nowhere")
        await publish(junk, Writer(nowhere, junk.pubkey).join(now, "", METRICS))
        await heard(nowhere)
    assert set(lobby.spaces()) >= {new, newer}


async def test_after_closing_nothing_is_heard(
    lobby: Lobby,
    pool: Pool,
    publish: Publish,
    until: Until,
    changed: list[LobbyRef],
    space: SpaceRef,
    host: LocalSigner,
) -> None:
    lobby.open()
    await until(lambda: lobby.past_heard)
    lobby.close()
    lobby.close()
    event = await publish(host, Writer(space, host.pubkey).join(int(time.time()), "", METRICS))
    assert await pool.fetch([Filter(ids=(event.id,))]) == [event]
    assert changed == []


# -- rooms and streams of others


def room(kind: int, room_id: str, at: int, *tags: tuple[str, ...]) -> Draft:
    return Draft(kind, "", (("d", room_id), *tags), at)


async def test_rooms_and_streams_of_others_are_listed_with_their_people_and_where_to_go(
    lobby: Lobby,
    publish: Publish,
    until: Until,
    clock: Clock,
    host: LocalSigner,
    guest: LocalSigner,
    stranger: LocalSigner,
) -> None:
    now = int(time.time())
    nest = RoomRef(ROOM, host.pubkey, "nest")
    tags = (("title", "Nest"), ("status", "live"), ("streaming", "https://moq.example"))
    await publish(host, room(ROOM, "nest", now - 30, *tags, ("t", "Talk")))
    lobby.open()

    def listing(ref: RoomRef) -> Listing:
        found = lobby.listing(ref)
        assert found is not None
        return found

    await until(lambda: lobby.listing(nest))
    assert listing(nest) == Listing(
        ref=nest,
        kind="room",
        host=host.pubkey,
        host_name=short_npub(host.pubkey),
        name="Nest",
        summary="",
        started_at=now - 30,
        state="live",
        topics=("talk",),
        url="https://moq.example",
    )
    for signer in (guest, stranger):
        await publish(signer, Draft(PRESENCE, "", (("a", nest.address),), now))
    await until(lambda: listing(nest).listeners == 2)
    clock.ahead = IDLE_AFTER + 1  # nobody there and nobody cares
    assert (listing(nest).listeners, listing(nest).state) == (0, "stale")
    clock.ahead = RECENT + 1
    assert lobby.listing(nest) is None
    clock.ahead = 0

    # A stream by a service that names the host; what it claims of the audience is all we have.
    chess = RoomRef(STREAM, guest.pubkey, "chess")
    tags = (("title", "Chess"), ("status", "live"), ("current_participants", "40"))
    stage = (("p", stranger.pubkey, "", "Host"), ("p", host.pubkey, "", "Speaker"))
    await publish(guest, room(STREAM, "chess", now, *tags, *stage))
    await until(lambda: lobby.listing(chess))
    found = listing(chess)
    assert (found.kind, found.host, found.proven) == ("stream", stranger.pubkey, False)
    assert (found.speakers, found.listeners, found.state) == (2, 38, "live")
    clock.ahead = 3601  # not updated for an hour
    assert (listing(chess).state, listing(chess).listeners) == ("closed", 0)
    clock.ahead = 0

    planned = RoomRef(MEETING, guest.pubkey, "annual")
    tags = (("title", "Annual"), ("status", "planned"), ("starts", str(now + 7200)))
    await publish(guest, room(MEETING, "annual", now, *tags))
    await until(lambda: lobby.listing(planned))
    assert (listing(planned).state, listing(planned).starts) == ("scheduled", now + 7200)
    await publish(guest, room(MEETING, "annual", now + 1, *tags[:1], ("status", "ended")))
    await until(lambda: listing(planned).state == "closed")
    assert set(lobby.spaces()) == {nest, chess, planned}


@pytest.mark.parametrize("announced_first", [True, False])
async def test_the_announcement_of_a_space_is_not_listed_beside_it_and_is_newer_than_it(
    lobby: Lobby,
    pool: Pool,
    publish: Publish,
    until: Until,
    space: SpaceRef,
    host: LocalSigner,
    announced_first: bool,
) -> None:
    lobby.open()
    changed: list[LobbyRef] = []
    now = int(time.time())
    writer, itself = Writer(space, host.pubkey), RoomRef(ROOM, *space)
    create = await host.sign(writer.create(now - 60, "Tea", METRICS, "green"))
    lobby.seed([create])
    created = codec.decode(create)
    assert isinstance(created, SpaceCreated)
    draft = write_announcement(created, now, status="live", locked_at=now, present=1)
    tags = (("title", "Late tea"), ("summary", "black"), *draft.tags)
    announcement = await host.sign(Draft(ROOM, "", tags, now))

    other = Lobby(pool, changed=changed.append, now=time.time)
    order = [announcement, create] if announced_first else [create, announcement]
    for event in order:
        other.seed([event])
    found = other.listing(space)
    assert found is not None
    assert (found.name, found.summary, found.locked) == ("Late tea", "black", True)
    assert other.listing(itself) is None
    told = changed[changed.index(itself) + 1 :] if announced_first else changed
    assert {space, itself} <= set(told)  # also that the room is to be listed no more
    # Its end counts, whichever of the two ways it is told in.
    await publish(host, writer.join(now, "Hana", METRICS))
    await publish(host, write_announcement(created, now + 1, status="closed"))
    await until(lambda: (found := lobby.listing(space)) and found.state == "closed")


# -- times, access, people


async def test_a_space_of_the_future_is_scheduled_until_its_host_comes(
    lobby: Lobby,
    publish: Publish,
    until: Until,
    clock: Clock,
    space: SpaceRef,
    host: LocalSigner,
) -> None:
    lobby.open()
    now = int(time.time())
    writer = Writer(space, host.pubkey)
    await publish(host, writer.create(now, "Tea", METRICS, starts=now + 600))
    await until(lambda: lobby.listing(space))

    def listing() -> Listing:
        found = lobby.listing(space)
        assert found is not None
        return found

    assert (listing().state, listing().starts, listing().started_at) == (
        "scheduled",
        now + 600,
        now,
    )
    clock.ahead = 700  # hosts are late
    assert (listing().state, listing().started_at) == ("scheduled", now + 600)
    clock.ahead = 1300  # and some do not come at all
    assert listing().state == "stale"
    clock.ahead = 0
    await publish(host, writer.join(now, "Hana", METRICS))
    await until(lambda: listing().state == "live")
    assert listing().speakers == 1
    clock.ahead = RECENT + 2000
    assert lobby.listing(space) is None


async def test_in_a_space_with_a_password_people_are_counted_though_nothing_of_them_can_be_read(
    lobby: Lobby,
    publish: Publish,
    until: Until,
    space: SpaceRef,
    host: LocalSigner,
    guest: LocalSigner,
) -> None:
    lobby.open()
    now, key = int(time.time()), await AccessKey.derive("green tea", space)
    create = Writer(space, host.pubkey).create(now, "Tea", METRICS, access="password")
    await publish(host, create)
    for signer in (host, guest):
        draft = Writer(space, signer.pubkey).join(now, "A name", METRICS, seal=key.seal)
        assert "A name" not in draft.content
        await publish(signer, draft)
    await until(lambda: (found := lobby.listing(space)) and found.listeners == 1)
    found = lobby.listing(space)
    assert found is not None
    assert (found.access, found.speakers, found.state) == ("password", 1, "live")
    assert found.host_name == short_npub(host.pubkey)
    assert lobby.dropped.total() == 0


async def test_who_may_not_be_in_a_space_is_not_counted(
    lobby: Lobby,
    publish: Publish,
    until: Until,
    space: SpaceRef,
    host: LocalSigner,
    guest: LocalSigner,
    stranger: LocalSigner,
) -> None:
    lobby.open()
    now, writer = int(time.time()), Writer(space, host.pubkey)
    await publish(host, writer.create(now, "Tea", METRICS, access="invite"))
    for signer in (host, guest, stranger):
        await publish(signer, Writer(space, signer.pubkey).join(now, "", METRICS))

    def people() -> tuple[int, int]:
        found = lobby.listing(space)
        return (found.speakers, found.listeners) if found else (0, 0)

    await until(lambda: people() == (1, 0))
    await publish(host, writer.invite(now, guest.pubkey))
    await until(lambda: people() == (1, 1))
    await publish(host, writer.promote(now, stranger.pubkey))
    await until(lambda: people() == (2, 1))
    await publish(host, writer.remove(now + 1, stranger.pubkey, "noise"))
    await publish(stranger, Writer(space, stranger.pubkey).remove(now + 1, guest.pubkey, "revenge"))
    await until(lambda: people() == (1, 1))


# -- what was kept


async def test_what_was_kept_is_listed_at_once_and_marked_until_a_relay_has_it(
    lobby: Lobby,
    pool: Pool,
    publish: Publish,
    until: Until,
    clock: Clock,
    changed: list[LobbyRef],
    space: SpaceRef,
    host: LocalSigner,
    guest: LocalSigner,
) -> None:
    now = int(time.time())
    kept: list[Event] = []
    watcher = Lobby(pool, changed=lambda _: None, now=clock, kept=kept.append)
    watcher.open()
    nest = RoomRef(ROOM, guest.pubkey, "nest")
    await publish(host, Writer(space, host.pubkey).create(now, "Tea", METRICS))
    await publish(host, Writer(space, host.pubkey).join(now, "Hana", METRICS))
    await publish(guest, room(ROOM, "nest", now, ("title", "Nest")))
    # Somebody else says that it is over; that is not worth keeping.
    forged = await publish(guest, Writer(space, guest.pubkey).close(now))
    await until(lambda: len(list(watcher.spaces())) == 2 and len(kept) == 2)
    assert {event.kind for event in kept} == {events.CREATE_SPACE, ROOM}
    assert forged not in kept
    watcher.close()

    lobby.seed(kept)
    for ref in (space, nest):
        assert (found := lobby.listing(ref)) and found.cached
    assert set(changed) == {space, nest}
    lobby.open()
    for ref in (space, nest):
        await until(lambda ref=ref: (found := lobby.listing(ref)) and not found.cached)
    assert (found := lobby.listing(space)) and found.speakers == 1


# -- bounds


async def test_a_flood_of_people_or_acts_in_one_space_leaves_the_others_as_they_are(
    lobby: Lobby,
    space: SpaceRef,
    host: LocalSigner,
    guest: LocalSigner,
    make: Callable[..., Event],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "LOBBY_ACTS", 1_000)
    now, writer = int(time.time()), Writer(space, host.pubkey)
    lobby.seed(
        [
            await host.sign(writer.create(now, "Tea", METRICS)),
            await host.sign(writer.join(now, "Hana", METRICS)),
        ]
    )
    flooded = SpaceRef(guest.pubkey, "flooded")
    tags = (("s", flooded.id), ("h", flooded.host), ("webrtc", "spaces"))
    lobby.seed([await guest.sign(Writer(flooded, guest.pubkey).create(now, "Flood", METRICS))])
    for number in range(limits.LOBBY_PEOPLE + 5_000):
        person = f"{number:064x}"
        act = (*tags, ("p", person))
        lobby.seed([make(events.JOIN_SPACE, person, "{}", at=now, bare=tags)])
        if number < 3_000:
            lobby.seed([make(events.REMOVE_PEER, person, at=now, bare=act)])
    counted = lobby.listing(flooded)
    assert counted is not None
    assert 10_000 < counted.speakers + counted.listeners <= limits.LOBBY_PEOPLE
    assert lobby.dropped.total() >= 2_000
    # Whoever comes and is let on stage there now counts as ever.
    signer = LocalSigner(SecretKey(bytes(31) + b"\x77"))
    lobby.seed(
        [
            await signer.sign(Writer(space, signer.pubkey).join(now, "", METRICS)),
            await host.sign(writer.promote(now, signer.pubkey)),
        ]
    )
    found = lobby.listing(space)
    assert found is not None
    assert (found.speakers, found.listeners) == (2, 0)


async def test_rooms_are_bounded_and_those_of_people_one_likes_stay(
    pool: Pool,
    host: LocalSigner,
    guest: LocalSigner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "LOBBY_ROOMS", 20)
    monkeypatch.setattr(limits, "LOBBY_SPACES", 20)
    changed: list[LobbyRef] = []
    lobby = Lobby(pool, changed=changed.append, now=time.time, favours=host.pubkey.__eq__)
    now = int(time.time())
    liked = {RoomRef(ROOM, host.pubkey, "nest"), SpaceRef(host.pubkey, "tea")}
    lobby.seed([await host.sign(room(ROOM, "nest", now - 900, ("status", "closed")))])
    tea = SpaceRef(host.pubkey, "tea")
    lobby.seed([await host.sign(Writer(tea, host.pubkey).create(now - 900, "Tea", METRICS))])
    for number in range(100):
        lobby.seed([await guest.sign(room(STREAM, f"{number}", now))])
        other = SpaceRef(guest.pubkey, f"{number}")
        lobby.seed([await guest.sign(Writer(other, guest.pubkey).create(now, "x", METRICS))])
    left = set(lobby.spaces())
    assert liked <= left
    assert len(left) <= 40
    for ref in set(changed) - left:
        assert lobby.listing(ref) is None


_TAG = st.tuples(
    st.sampled_from(["d", "a", "p", "s", "h", "webrtc", "status", "starts", "expiration", "title"]),
    st.one_of(
        st.text(max_size=10),
        st.sampled_from(
            ["a" * 64, "b" * 64, "spaces", "tea", f"30312:{'a' * 64}:tea", "9", "open"]
        ),
    ),
)


@given(
    st.lists(
        st.builds(
            Event,
            id=st.integers(0, 50).map(lambda number: f"{number:064x}"),
            pubkey=st.sampled_from(["a" * 64, "b" * 64]),
            created_at=st.integers(0, 2_000),
            kind=st.sampled_from(
                [
                    *(events.CREATE_SPACE, events.CLOSE_SPACE, *events.MODERATION_KINDS),
                    *(*events.PRESENCE_KINDS, STREAM, ROOM, MEETING, PRESENCE),
                ]
            ),
            tags=st.lists(_TAG, max_size=8).map(
                lambda tags: (
                    *tags,
                    *(("s", "tea"), ("h", "a" * 64), ("webrtc", "spaces"), ("d", "tea")),
                )
            ),
            content=st.sampled_from(["", "{}", '{"id": "tea", "name": "Tea"}', "x", "[]"]),
            sig=st.just("0" * 128),
        ),
        max_size=20,
    )
)
def test_anything_is_taken_in_or_counted_in_any_order(heard: list[Event]) -> None:
    def listed(heard: list[Event]) -> tuple[Any, ...]:
        lobby = Lobby(Pool([]), changed=lambda _: None, now=lambda: 1_000.0)
        lobby.seed(heard)
        found = {ref: lobby.listing(ref) for ref in lobby.spaces()}
        for listing in found.values():
            assert listing is None or (listing.speakers >= 0 and listing.listeners >= 0)
        return found, lobby.dropped

    once = {event.id: event for event in heard}
    events = list(once.values())
    assert listed(events) == listed(events[::-1])
    assert listed(events)[0] == listed(events + events)[0]
