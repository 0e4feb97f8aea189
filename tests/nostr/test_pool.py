import asyncio
import gc
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec
import pytest

from tui.config import limits
from tui.nostr.event import Event
from tui.nostr.filter import Filter, InvalidFilter
from tui.nostr.pool import Pool, TooManySubscriptions
from tui.nostr.relay import Published
from tui.nostr.url import InvalidRelayUrl

ALL = [Filter()]
Start = Callable[[], Awaitable[Any]]


async def test_stored_then_live_events_until_closed(
    relay: Any, sign: Any, until: Any, connected: Any, inbox_of: Any
) -> None:
    stored, live, late = [await sign(text) for text in ("stored", "live", "late")]
    await relay.store(stored)
    async with connected(relay) as pool:
        inbox = inbox_of(pool)
        await until(lambda: inbox.eose)
        assert inbox.events == [stored]
        await relay.store(live)
        await until(lambda: len(inbox.events) == 2)
        assert inbox.urls == [relay.url] * 2
        inbox.subscription.close()
        inbox.subscription.close()
        await until(lambda: ["CLOSE", inbox.id] in relay.received)
        await relay.say(["EVENT", inbox.id, late])
        await until(lambda: pool.counts["unsolicited"])
        assert inbox.events == [stored, live]


async def test_an_event_of_several_relays_comes_once_and_is_verified_once(
    start_relay: Start, sign: Any, until: Any, connected: Any, inbox_of: Any
) -> None:
    relays = [await start_relay() for _ in range(3)]
    events = [await sign(str(number)) for number in range(5)]
    for relay in relays:
        for event in events:
            await relay.store(event)
    async with connected(*relays) as pool:
        first = inbox_of(pool)
        await until(lambda: len(first.eose) == 3)
        second = inbox_of(pool)
        await until(lambda: len(second.eose) == 3)
        for inbox in (first, second):
            assert sorted(event.id for event in inbox.events) == sorted(e.id for e in events)
        assert pool.verified == len(events)
        assert pool.counts == {"duplicate": 2 * 2 * len(events)}


async def test_a_forged_copy_that_comes_first_does_not_block_the_event(
    relay: Any, sign: Any, until: Any, connected: Any, inbox_of: Any, forge: Any
) -> None:
    event = await sign()
    async with connected(relay) as pool:
        inbox = inbox_of(pool)
        await until(lambda: inbox.eose)
        await relay.say(["EVENT", inbox.id, forge(event)])
        await relay.say(["EVENT", inbox.id, forge(event)])
        await until(lambda: pool.counts["forged"] == 2)
        assert inbox.events == []
        await relay.say(["EVENT", inbox.id, event])
        await until(lambda: inbox.events)
        assert inbox.events == [event]


async def test_a_known_id_is_not_verified_again_and_keeps_its_good_signature(
    relay: Any, sign: Any, until: Any, connected: Any, inbox_of: Any, forge: Any
) -> None:
    event = await sign()
    async with connected(relay) as pool:
        first, second = inbox_of(pool), inbox_of(pool)
        await until(lambda: first.eose and second.eose)
        await relay.say(["EVENT", first.id, event])
        await relay.say(["EVENT", second.id, forge(event)])
        await until(lambda: second.events)
        assert first.events == second.events == [event]
        assert pool.verified == 1
        assert not pool.counts["forged"]


async def test_another_content_under_a_known_id_is_dropped(
    relay: Any, sign: Any, until: Any, connected: Any, inbox_of: Any
) -> None:
    event = await sign()
    async with connected(relay) as pool:
        first, second = inbox_of(pool), inbox_of(pool)
        await until(lambda: first.eose and second.eose)
        await relay.say(["EVENT", first.id, event])
        await relay.say(["EVENT", second.id, msgspec.structs.replace(event, content="evil")])
        await until(lambda: pool.counts["invalid"])
        assert second.events == []


async def test_what_was_not_asked_for_costs_no_verification(
    relay: Any, sign: Any, until: Any, connected: Any, inbox_of: Any
) -> None:
    async with connected(relay) as pool:
        inbox = inbox_of(pool, [Filter(kinds=(7,)), Filter(tags={"t": ("x",)})])
        await until(lambda: inbox.eose)
        await relay.say(["EVENT", inbox.id, await sign(kind=1)])
        await relay.say(["EVENT", "other", await sign(kind=7)])
        await until(lambda: pool.counts["unsolicited"] and pool.counts["unmatched"])
        assert pool.verified == 0
        tagged = await sign(tags=(("t", "x"),))
        await relay.say(["EVENT", inbox.id, tagged])
        await until(lambda: inbox.events)
        assert inbox.events == [tagged]


async def test_a_subscription_may_be_bound_to_relays(
    start_relay: Start, until: Any, connected: Any, inbox_of: Any
) -> None:
    one, other = await start_relay(), await start_relay()
    async with connected(one, other) as pool:
        inbox = inbox_of(pool, relays=[other.url + "/"])
        await until(lambda: inbox.eose)
        assert inbox.eose == [other.url]
        everywhere = inbox_of(pool)
        await until(lambda: len(everywhere.eose) == 2)
        assert [request[1] for request in one.requests()] == [everywhere.id]
        await one.say(["EOSE", inbox.id])  # not asked, so it has nothing to say
        await until(lambda: pool.counts["unsolicited"])
        assert inbox.eose == [other.url]


async def test_a_subscription_reaches_the_relays_it_is_bound_to_when_they_are_added(
    start_relay: Start, sign: Any, until: Any, connected: Any, inbox_of: Any
) -> None:
    one, later = await start_relay(), await start_relay()
    await later.store(await sign())
    async with connected(one) as pool:
        inbox = inbox_of(pool, relays=[later.url])
        await pool.add_relay(later.url)
        await until(lambda: inbox.eose == [later.url])
        assert inbox.events == later.stored
        await pool.remove_relay(later.url)
        await until(lambda: not later.connections)
        await later.store(await sign("2"))
        await pool.add_relay(later.url)
        await until(lambda: len(inbox.events) == 2)
        assert one.requests() == []


async def test_a_callback_that_fails_harms_nobody(
    relay: Any, sign: Any, until: Any, connected: Any, inbox_of: Any
) -> None:
    def fail(event: Event, url: str) -> None:
        raise ZeroDivisionError

    async with connected(relay) as pool:
        pool.subscribe(ALL, fail)
        inbox = inbox_of(pool)
        await until(lambda: inbox.eose)
        await relay.store(await sign())
        await until(lambda: inbox.events and pool.counts["callback"] == 1)
        assert pool.status()[relay.url].state == "connected"


async def test_the_memory_of_seen_events_is_bounded(
    relay: Any,
    sign: Any,
    until: Any,
    monkeypatch: pytest.MonkeyPatch,
    connected: Any,
    inbox_of: Any,
) -> None:
    monkeypatch.setattr(limits, "SEEN_EVENTS", 3)
    async with connected(relay) as pool:
        inbox = inbox_of(pool)
        await until(lambda: inbox.eose)
        for number in range(10):
            await relay.store(await sign(str(number)))
        await until(lambda: len(inbox.events) == 10)
        assert len(pool._seen) == 3
        monkeypatch.setattr(limits, "SEEN_EVENTS", 100)
        for _ in range(50):
            assert len(await pool.fetch(ALL)) == 10
        assert max(len(pool._seen.verify(event).delivered) for event in relay.stored) <= 3


async def test_events_that_keep_coming_stay_in_memory(
    relay: Any, sign: Any, monkeypatch: pytest.MonkeyPatch, connected: Any
) -> None:
    monkeypatch.setattr(limits, "SEEN_EVENTS", 2)
    kept, old, new = [await sign(text, kind=kind) for kind, text in enumerate("abc")]
    relay.stored = [kept, old, new]
    async with connected(relay) as pool:
        for kind in (0, 1, 0, 2):
            await pool.fetch([Filter(kinds=(kind,))])
        assert [event.id in pool._seen for event in relay.stored] == [True, False, True]


async def test_filters_and_subscriptions_are_bounded(
    monkeypatch: pytest.MonkeyPatch, inbox_of: Any
) -> None:
    pool = Pool([])
    monkeypatch.setattr(limits, "SUBSCRIPTIONS", 2)
    big = tuple(f"{number:064x}" for number in range(limits.FILTER_VALUES))
    for filters in ([], ALL * (limits.FILTERS + 1), [Filter(ids=big, authors=big)]):
        with pytest.raises(InvalidFilter):
            inbox_of(pool, filters)
    first, _second = inbox_of(pool), inbox_of(pool)
    with pytest.raises(TooManySubscriptions):
        inbox_of(pool)
    first.subscription.close()
    inbox_of(pool)


async def test_relays_come_and_go(
    start_relay: Start, sign: Any, until: Any, connected: Any, inbox_of: Any
) -> None:
    one, other = await start_relay(), await start_relay()
    async with connected(one) as pool:
        inbox = inbox_of(pool)
        assert await pool.add_relay(other.url + "/") == other.url
        await pool.add_relay(other.url)
        assert pool.urls == (one.url, other.url)
        await until(lambda: len(inbox.eose) == 2)
        publishing = asyncio.create_task(pool.publish(await sign(), timeout=1_000))
        one.answer_publish = lambda event: None
        await until(lambda: len(inbox.events) == 1)
        await pool.remove_relay(one.url)
        await pool.remove_relay(one.url)
        answers = await publishing
        assert answers[one.url] == Published(False, "the relay is no longer in use")
        assert answers[other.url].ok
        assert pool.urls == (other.url,)
        await until(lambda: not one.connections)


async def test_addresses_are_checked_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidRelayUrl):
        Pool(["http://example.com"])
    monkeypatch.setattr(limits, "RELAYS", 1)
    pool = Pool(["ws://127.0.0.1:1", "ws://127.0.0.1:1/"])
    with pytest.raises(InvalidRelayUrl):
        await pool.add_relay("ws://127.0.0.1:2")


@pytest.mark.parametrize("frozen", [False, True])
async def test_leaving_is_quick_and_leaves_nothing(
    relay: Any, until: Any, frozen: bool, connected: Any, inbox_of: Any, quick: Any
) -> None:
    before = asyncio.all_tasks()
    timing = msgspec.structs.replace(quick, ping=1_000.0, close=0.2)
    async with connected(relay, timing=timing) as pool:
        inbox_of(pool)
        await until(relay.requests)
        if frozen:
            relay.freeze()
        started = time.monotonic()
    assert time.monotonic() - started < 0.8
    assert pool.status()[relay.url].state == "closed"
    await until(lambda: not [t for t in asyncio.all_tasks() - before if "relay" in t.get_name()])
    if not frozen:
        await until(lambda: not relay.connections)


async def test_leaving_while_connecting_is_quick() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"ws://127.0.0.1:{server.getsockname()[1]}"
        async with Pool([url]) as pool:
            await asyncio.sleep(0)
            assert pool.status()[url].state == "connecting"
            started = time.monotonic()
        assert time.monotonic() - started < 0.5


@pytest.fixture
def no_gc() -> Iterator[None]:
    """Nothing that was forgotten is tidied up by chance."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_gc")
async def test_leaving_at_any_moment_closes_the_socket(until: Any, quick: Any) -> None:
    opened = closed = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened, closed
        opened += 1
        while await reader.read(1_000):
            pass
        writer.close()
        closed += 1

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for turns in range(40):
            async with Pool([url], timing=quick):
                for _ in range(turns):
                    await asyncio.sleep(0)
        await until(lambda: 20 < opened == closed)


async def test_an_error_of_the_user_leaves_as_it_is(relay: Any, connected: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        async with connected(relay):
            raise ZeroDivisionError  # and not in an exception group


async def test_cancelling_the_owner_closes_the_pool(relay: Any, until: Any, connected: Any) -> None:
    async def own() -> None:
        async with connected(relay):
            await asyncio.Event().wait()

    owner = asyncio.create_task(own())
    await until(lambda: relay.connections)
    owner.cancel()
    with pytest.raises(asyncio.CancelledError):
        await owner
    await until(lambda: not relay.connections)


async def test_others_run_every_few_events_of_a_flood(
    start_relay: Start, sign: Any, until: Any, connected: Any
) -> None:
    relays = [await start_relay() for _ in range(3)]
    events = [await sign(str(number)) for number in range(600)]
    turns = 0

    async def other_task() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with connected(*relays) as pool:
        seen_at: list[int] = []
        eose: list[str] = []
        subscription = pool.subscribe(
            ALL, lambda event, url: seen_at.append(turns), on_eose=eose.append
        )
        await until(lambda: len(eose) == 3)
        other = asyncio.create_task(other_task())
        for index, relay in enumerate(relays):
            relay.burst([["EVENT", subscription.id, event] for event in events[index::3]])
        await until(lambda: len(seen_at) == len(events))
        other.cancel()
    most = limits.RELAY_TURN_BYTES // 512 + 1  # of one relay
    assert max(seen_at.count(turn) for turn in set(seen_at)) <= most * len(relays)
