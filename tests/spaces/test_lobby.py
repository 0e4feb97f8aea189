import time
from collections.abc import Awaitable, Callable, Iterator

import pytest

from tui.config import limits
from tui.nostr.event import Draft, Event
from tui.nostr.filter import Filter
from tui.nostr.keys import LocalSigner, SecretKey
from tui.nostr.nip19 import short_npub
from tui.nostr.pool import Pool
from tui.spaces import events
from tui.spaces.events import Metrics, SpaceRef
from tui.spaces.lobby import Listing, Lobby, LobbyRef
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
