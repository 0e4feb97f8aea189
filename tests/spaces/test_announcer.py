import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from tui.nostr.event import Draft, Event
from tui.nostr.filter import Filter
from tui.nostr.keys import LocalSigner
from tui.nostr.pool import Pool
from tui.relay.server import RelayServer
from tui.spaces import announcer, codec, events
from tui.spaces.announcer import CHANGE_SECONDS, RECORDING_SECONDS, Announcer
from tui.spaces.events import Metrics, SpaceRef
from tui.spaces.roles import Role
from tui.spaces.rooms import Room, read_announcement, read_room
from tui.spaces.share import ROOM
from tui.spaces.state import SpaceState
from tui.spaces.wire import Wire
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


class Desk:
    """A host's state of the space, fed by the relay, and the announcer that reads it."""

    def __init__(self, space: SpaceRef, signer: LocalSigner, pool: Pool, clock: Clock) -> None:
        self.heard: list[Event] = []
        self.refused: list[str] = []
        self.deaf = False  # then announcements do not come back
        self.state = SpaceState(space)
        self.wire = Wire(
            signer=signer,
            pool=pool,
            state=self.state,
            writer=Writer(space, signer.pubkey),
            now=clock,
            refused=lambda who, reason: self.refused.append(f"{who}: {reason}"),
        )
        self.announcer = Announcer(wire=self.wire, state=self.state, now=clock)
        kinds = (events.CREATE_SPACE, *events.PRESENCE_KINDS, *events.MODERATION_KINDS, ROOM)
        self.past = asyncio.Event()
        self.subscription = pool.subscribe(
            [Filter(kinds=kinds)], self.receive, on_eose=lambda _: self.past.set()
        )

    def receive(self, event: Event, _relay: str) -> None:
        if event.kind == ROOM:
            self.heard.append(event)
        if event.kind != ROOM or not self.deaf:
            self.state.apply(codec.decode(event))

    @property
    def room(self) -> Room:
        return read_room(self.heard[-1])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def sit_down(
    relay: RelayServer, space: SpaceRef, host: LocalSigner, clock: Clock
) -> AsyncIterator[Callable[[], Awaitable[Desk]]]:
    """A desk of the host, once it knows the past of the space."""
    desks: list[Desk] = []
    async with AsyncExitStack() as exits:

        async def sit_down() -> Desk:
            pool = await exits.enter_async_context(Pool([relay.url]))
            desk = Desk(space, host, pool, clock)
            running = asyncio.create_task(desk.wire.run())
            exits.push_async_callback(ended, running)
            await asyncio.wait_for(desk.past.wait(), 10)
            desks.append(desk)
            return desk

        yield sit_down
    assert [desk.refused for desk in desks] == [[] for _ in desks]


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def desk(
    sit_down: Callable[[], Awaitable[Desk]],
    publish: Publish,
    until: Until,
    space: SpaceRef,
    host: LocalSigner,
) -> Desk:
    """The desk of a host whose space has begun."""
    desk = await sit_down()
    now, writer = int(time.time()), Writer(space, host.pubkey)
    assert not desk.announcer.locked
    desk.announcer.look()  # there is nothing to announce yet
    create = writer.create(now - 1, "Tea", METRICS, "green", topics=("tea",), language="de")
    await publish(host, create)
    await publish(host, writer.join(now, "Hana", METRICS))
    await until(lambda: list(desk.state.present(now)) == [host.pubkey])
    assert desk.heard == []
    desk.announcer.look()
    await until(lambda: desk.state.announced)
    return desk


async def test_a_space_is_announced_when_it_begins_and_its_end_when_it_ends(
    desk: Desk, until: Until, space: SpaceRef, host: LocalSigner, clock: Clock
) -> None:
    room = desk.room
    assert (room.ref.pubkey, room.ref.id, room.name) == (space.host, space.id, "Tea")
    assert (room.summary, room.topics, room.language) == ("green", ("tea",), "de")
    assert (room.status, room.private, room.participants) == ("live", False, 1)
    assert room.people == ((host.pubkey, Role.HOST),)
    desk.announcer.look()
    desk.announcer.end()
    await until(lambda: desk.room.status == "closed")
    assert len(desk.heard) == 2
    assert desk.state.announced and desk.state.announced.status == "closed"
    # That was the last word, whatever is asked for later.
    clock.ahead = CHANGE_SECONDS + 1
    desk.announcer.look()
    desk.announcer.lock(True)
    desk.announcer.end()
    await asyncio.wait_for(desk.wire.flush(), 10)
    assert desk.heard[-1].first("status") == "closed" and len(desk.heard) == 2


async def test_changes_wait_a_minute_and_without_any_it_is_said_again_in_time(
    desk: Desk,
    publish: Publish,
    until: Until,
    space: SpaceRef,
    host: LocalSigner,
    guest: LocalSigner,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refresh = 300
    monkeypatch.setattr(announcer, "REFRESH_SECONDS", refresh)  # relays refuse what is far ahead
    now = int(time.time())
    join = Writer(space, guest.pubkey).join(now, "Gus", METRICS)
    await publish(guest, join)
    await publish(host, Writer(space, host.pubkey).promote(now + 1, guest.pubkey))
    await until(lambda: guest.pubkey in desk.state.speaking)
    desk.announcer.look()
    await asyncio.wait_for(desk.wire.flush(), 10)
    assert len(desk.heard) == 1
    clock.ahead = CHANGE_SECONDS + 1
    desk.announcer.look()
    await until(lambda: len(desk.heard) == 2)
    assert desk.room.people == ((host.pubkey, Role.HOST), (guest.pubkey, Role.SPEAKER))
    assert desk.room.participants == 2
    desk.announcer.look()
    # Everybody is gone by then: the host is waited for by nobody here.
    clock.ahead += CHANGE_SECONDS + refresh
    desk.announcer.look()
    await until(lambda: len(desk.heard) == 3)
    assert desk.room.participants == 0
    clock.ahead += refresh - 10
    desk.announcer.look()
    await asyncio.wait_for(desk.wire.flush(), 10)
    assert len(desk.heard) == 3
    clock.ahead += 11
    desk.announcer.look()
    await until(lambda: len(desk.heard) == 4)


async def test_who_records_is_announced_within_seconds(
    desk: Desk, publish: Publish, until: Until, space: SpaceRef, guest: LocalSigner, clock: Clock
) -> None:
    now = int(time.time())
    await publish(guest, Writer(space, guest.pubkey).join(now, "Gus", METRICS, recording=now))
    await until(lambda: desk.state.recorders(now))
    clock.ahead = RECORDING_SECONDS
    desk.announcer.look()
    await until(lambda: len(desk.heard) == 2)
    assert read_announcement(desk.heard[-1]).recorders == (guest.pubkey,)
    desk.announcer.look()
    await asyncio.wait_for(desk.wire.flush(), 10)
    assert len(desk.heard) == 2


async def test_a_lock_is_announced_at_once_with_who_was_there(
    desk: Desk,
    publish: Publish,
    until: Until,
    space: SpaceRef,
    guest: LocalSigner,
    stranger: LocalSigner,
) -> None:
    now = int(time.time())
    await publish(guest, Writer(space, guest.pubkey).join(now, "Gus", METRICS))
    await until(lambda: desk.state.is_present(guest.pubkey, now))
    desk.announcer.lock(True)
    desk.announcer.lock(True)
    assert desk.announcer.locked
    await until(lambda: desk.state.locked)
    announced = read_announcement(desk.heard[-1])
    assert announced.admitted == {guest.pubkey}  # the host is let in by the role
    assert now <= announced.locked_at <= announced.at
    await publish(stranger, Writer(space, stranger.pubkey).join(now + 5, "Stan", METRICS))
    await until(lambda: desk.state.peer(stranger.pubkey))
    assert desk.state.is_admitted(stranger.pubkey)
    assert not desk.state.is_admitted(guest.pubkey)
    # Within the same second: the later word is dated later.
    desk.announcer.lock(False)
    await until(lambda: not desk.state.locked)
    assert not desk.announcer.locked
    assert not desk.state.is_admitted(stranger.pubkey)
    assert [event.first("status") for event in desk.heard] == ["open", "private", "open"]
    dates = [event.created_at for event in desk.heard]
    assert dates == sorted(set(dates))


async def test_a_host_who_returns_finds_the_lock_as_it_was(
    desk: Desk,
    sit_down: Callable[[], Awaitable[Desk]],
    publish: Publish,
    until: Until,
    space: SpaceRef,
    guest: LocalSigner,
    clock: Clock,
) -> None:
    now = int(time.time())
    await publish(guest, Writer(space, guest.pubkey).join(now, "Gus", METRICS))
    await until(lambda: desk.state.is_present(guest.pubkey, now))
    desk.announcer.lock(True)
    await until(lambda: desk.state.locked)
    before = read_announcement(desk.heard[-1])

    clock.ahead = 30
    again = await sit_down()
    assert again.announcer.locked
    again.announcer.look()
    await until(lambda: len(again.heard) == 2)
    after = read_announcement(again.heard[-1])
    assert (after.locked, after.locked_at) == (True, before.locked_at)
    assert after.admitted == before.admitted == {guest.pubkey}
    again.announcer.lock(False)
    await until(lambda: not again.state.locked)


async def test_what_does_not_come_back_is_said_again(
    desk: Desk, until: Until, clock: Clock
) -> None:
    desk.deaf = True
    desk.announcer.lock(True)
    await until(lambda: len(desk.heard) == 2)
    clock.ahead = CHANGE_SECONDS - 10
    desk.announcer.look()
    await asyncio.wait_for(desk.wire.flush(), 10)
    assert len(desk.heard) == 2
    clock.ahead = CHANGE_SECONDS + 10
    desk.announcer.look()
    await until(lambda: len(desk.heard) == 3)
    assert desk.room.private
