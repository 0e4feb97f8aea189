import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from tui.config import limits
from tui.nostr.filter import Filter
from tui.nostr.pool import Pool
from tui.nostr.relay import Timing

ALL = [Filter()]
Start = Callable[[], Awaitable[Any]]


async def test_after_a_reconnect_everything_that_was_missed_arrives(
    relay: Any, sign: Any, until: Any, connected: Any, inbox_of: Any
) -> None:
    now = int(time.time())
    before = await sign("before")
    await relay.store(before)
    async with connected(relay) as pool:
        everything = inbox_of(pool)
        newest = inbox_of(pool, [Filter(limit=1)])
        only_new = inbox_of(pool, [Filter(limit=0)])
        inboxes = [everything, newest, only_new]
        await until(lambda: all(inbox.eose for inbox in inboxes))
        await relay.die()
        await until(lambda: pool.status()[relay.url].state != "connected")
        missed = [await sign(str(number), created_at=now - number) for number in range(20)]
        old = await sign("published late", created_at=5)
        relay.stored += [*missed, old]
        await relay.start()
        await until(lambda: all(len(inbox.eose) == 2 for inbox in inboxes))
        live = await sign("live")
        await relay.store(live)
        await until(lambda: all(live in inbox.events for inbox in inboxes))
        assert {event.id for event in everything.events} == {
            event.id for event in (before, *missed, old, live)
        }
        for inbox in (newest, only_new):
            assert {event.id for event in missed} <= {event.id for event in inbox.events}
        assert len(everything.events) == 23  # nothing twice


async def test_a_subscription_that_never_completed_asks_for_the_same_again(
    relay: Any, until: Any, connected: Any, inbox_of: Any
) -> None:
    relay.answers_req = False
    async with connected(relay) as pool:
        inbox_of(pool, [Filter(limit=3)])
        await until(relay.requests)
        await relay.die()
        await relay.start()
        await until(lambda: len(relay.requests()) == 2)
        assert relay.requests()[0] == relay.requests()[1]


async def test_a_gap_is_counted_from_the_last_complete_connection(
    relay: Any, sign: Any, until: Any, connected: Any, inbox_of: Any
) -> None:
    clock = [10_000.0]
    async with connected(relay, now=lambda: clock[0]) as pool:
        inbox = inbox_of(pool, [Filter(limit=0)])
        await until(lambda: inbox.eose)
        relay.answers_req = False
        for attempt in (2, 3):  # connections on which the subscription is never answered
            clock[0] += 5_000
            await relay.die()
            await relay.start()
            await until(lambda attempt=attempt: len(relay.requests()) == attempt)
            await relay.say(["NOTICE", "heard, but not complete"])
            await until(lambda: pool.status()[relay.url].notice)
        since = 10_000 - limits.RESUBSCRIBE_OVERLAP
        assert [request[2:] for request in relay.requests()] == [
            [{"limit": 0}],
            [{"since": since}],
            [{"since": since}],
        ]


async def test_the_first_attempt_may_fail(
    start_relay: Start, until: Any, inbox_of: Any, quick: Any
) -> None:
    relay = await start_relay()
    await relay.die()
    async with Pool([relay.url], timing=quick) as pool:
        inbox = inbox_of(pool)
        await until(lambda: pool.status()[relay.url].state == "waiting")
        await relay.start()
        await until(lambda: inbox.eose)


async def test_a_relay_that_is_left_alone_for_long_is_tried_at_once_if_asked(
    start_relay: Start, until: Any, inbox_of: Any, quick: Any
) -> None:
    relay = await start_relay()
    await relay.die()
    patient = msgspec.structs.replace(quick, retry_first=1_000.0, retry_longest=1_000.0)
    async with Pool([relay.url], timing=patient, now=lambda: 5_000.0) as pool:
        inbox = inbox_of(pool)
        await until(lambda: pool.status()[relay.url].state == "waiting")
        assert 5_500 <= pool.status()[relay.url].retry_at <= 6_000
        await relay.start()
        assert pool.retry_now() == 1
        await until(lambda: inbox.eose)
        assert pool.status()[relay.url].retry_at == 0
        assert pool.retry_now() == 0


@pytest.mark.parametrize(
    ("stable", "longest"), [(1_000.0, [1, 2, 4, 8, 16, 32, 60, 60]), (0.0, [1] * 8)]
)
async def test_a_relay_that_always_dies_is_asked_less_and_less_unless_it_lasted(
    relay: Any, until: Any, stable: float, longest: list[float], no_pause: Any
) -> None:
    async def hang_up(connection: Any) -> None:
        connection.transport.abort()

    relay.on_connect = hang_up
    rng = no_pause
    timing = Timing(retry_first=1.0, retry_longest=60.0, stable=stable)
    async with Pool([relay.url], timing=timing, rng=rng):
        await until(lambda: len(rng.bounds) >= 8)
    assert rng.bounds[:8] == [(pause / 2, pause) for pause in longest]
