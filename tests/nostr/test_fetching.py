import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from tui.config import limits
from tui.nostr.filter import Filter
from tui.nostr.pool import Pool

ALL = [Filter()]
Start = Callable[[], Awaitable[Any]]


async def test_fetch_gathers_sorts_and_ends(
    start_relay: Start, sign: Any, until: Any, connected: Any
) -> None:
    relays = [await start_relay() for _ in range(2)]
    events = [await sign(str(number), created_at=number // 2) for number in range(10)]
    for number, event in enumerate(events):
        relays[number % 2].stored.append(event)
        relays[0].stored.append(event)
    async with connected(*relays) as pool:
        async with asyncio.timeout(5):
            found = await pool.fetch([Filter(since=1)], timeout=1_000)
        assert found == sorted(events[2:], key=lambda event: (-event.created_at, event.id))
        await until(lambda: all(relay.received[-1][0] == "CLOSE" for relay in relays))


async def test_fetch_ends_in_time_with_what_there_is(
    start_relay: Start, sign: Any, connected: Any
) -> None:
    good, silent = await start_relay(), await start_relay()
    silent.answers_req = False
    good.stored.append(await sign())
    async with connected(good, silent) as pool:
        assert await pool.fetch(ALL, timeout=0.1) == good.stored


async def test_fetch_does_not_wait_for_the_dead_or_the_refusing(
    start_relay: Start, sign: Any, until: Any, connected: Any
) -> None:
    good, dead, refusing = [await start_relay() for _ in range(3)]
    good.stored.append(await sign())
    refusing.answers_req = False
    async with connected(good, dead, refusing) as pool:
        await dead.die()
        await until(lambda: pool.status()[dead.url].state == "waiting")
        fetching = asyncio.create_task(pool.fetch(ALL, timeout=1_000))
        await until(refusing.requests)
        await refusing.say(["CLOSED", refusing.requests()[0][1], "restricted: no"])
        async with asyncio.timeout(5):
            assert await fetching == good.stored


async def test_fetch_waits_a_moment_for_relays_that_are_connecting(
    start_relay: Start, sign: Any, until: Any, inbox_of: Any, quick: Any
) -> None:
    prompt, slow = await start_relay(), await start_relay()
    slow.stored.append(await sign())
    slow.gate = asyncio.Event()
    async with Pool([prompt.url, slow.url], timing=quick) as pool:
        eose = inbox_of(pool).eose
        fetching = asyncio.create_task(pool.fetch(ALL))
        await until(lambda: eose == [prompt.url])
        slow.gate.set()
        assert await fetching == slow.stored


async def test_fetch_does_not_wait_long_for_a_relay_that_never_connects(
    start_relay: Start, sign: Any, monkeypatch: pytest.MonkeyPatch, quick: Any
) -> None:
    monkeypatch.setattr(limits, "FETCH_GRACE_SECONDS", 0.05)
    prompt, never = await start_relay(), await start_relay()
    prompt.stored.append(await sign())
    never.gate = asyncio.Event()
    timing = msgspec.structs.replace(quick, open=1_000.0)
    async with Pool([prompt.url, never.url], timing=timing) as pool, asyncio.timeout(5):
        assert await pool.fetch(ALL, timeout=1_000) == prompt.stored
    never.gate.set()


async def test_fetch_gets_what_a_relay_does_not_send_at_once(
    relay: Any, sign: Any, connected: Any
) -> None:
    relay.cap = 60
    relay.stored += [await sign(str(number), created_at=number // 30) for number in range(500)]
    async with connected(relay) as pool:
        assert len(await pool.fetch(ALL)) == 500
        assert len(await pool.fetch([Filter(limit=100)])) >= 100


async def test_fetch_is_bounded(
    relay: Any, sign: Any, monkeypatch: pytest.MonkeyPatch, connected: Any
) -> None:
    monkeypatch.setattr(limits, "FETCHED_EVENTS", 3)
    relay.stored += [await sign(str(number)) for number in range(10)]
    async with connected(relay) as pool:
        assert len(await pool.fetch(ALL)) == 3
