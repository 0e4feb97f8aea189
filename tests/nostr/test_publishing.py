import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tui.config import limits
from tui.nostr.event import Event
from tui.nostr.filter import Filter
from tui.nostr.pool import Pool
from tui.nostr.relay import Published

ALL = [Filter()]
Start = Callable[[], Awaitable[Any]]


async def test_every_relay_says_what_it_did(
    start_relay: Start, sign: Any, until: Any, connected: Any
) -> None:
    good, refusing, mute, dead = [await start_relay() for _ in range(4)]
    refusing.answer_publish = lambda event: ["OK", event.id, False, "blocked: not here"]
    mute.answer_publish = lambda event: None
    async with connected(good, refusing, mute, dead) as pool:
        await dead.die()
        await until(lambda: pool.status()[dead.url].reason == "connection refused")
        event = await sign()
        started = time.monotonic()
        answers = await pool.publish(event, timeout=0.3)
        assert time.monotonic() - started < 2
        assert answers == {
            good.url: Published(True),
            refusing.url: Published(False, "blocked: not here"),
            mute.url: Published(False, "no answer"),
            dead.url: Published(False, "not connected: connection refused"),
        }
        assert good.published() == refusing.published() == mute.published() == [event.id]
        answers = await pool.publish(event, relays=[good.url, "ws://127.0.0.1:1"])
        assert answers["ws://127.0.0.1:1"] == Published(False, "not a relay in use")
        assert len(answers) == 2


async def test_publishing_waits_only_for_answers(
    start_relay: Start, sign: Any, connected: Any
) -> None:
    relays = [await start_relay() for _ in range(3)]
    async with connected(*relays) as pool:
        async with asyncio.timeout(5):
            answers = await pool.publish(await sign(), timeout=1_000)
        assert all(answer.ok for answer in answers.values())


async def test_an_event_waits_for_the_connection(start_relay: Start, sign: Any, quick: Any) -> None:
    relay = await start_relay()
    async with Pool([relay.url], timing=quick) as pool:
        assert pool.status()[relay.url].state == "connecting"
        assert (await pool.publish(await sign()))[relay.url].ok


async def test_an_unanswered_event_is_sent_again_after_a_reconnect(
    relay: Any, sign: Any, until: Any, connected: Any
) -> None:
    answer = relay.answer_publish
    relay.answer_publish = lambda event: None
    async with connected(relay) as pool:
        event = await sign()
        publishing = asyncio.create_task(pool.publish(event))
        await until(relay.published)
        relay.answer_publish = answer
        await relay.die()
        await relay.start()
        assert (await publishing)[relay.url].ok
        assert relay.published() == [event.id] * 2


async def test_an_answered_event_is_not_sent_again(
    start_relay: Start, sign: Any, until: Any, connected: Any, inbox_of: Any
) -> None:
    good, mute = await start_relay(), await start_relay()
    mute.answer_publish = lambda event: None
    async with connected(good, mute) as pool:
        inbox = inbox_of(pool, relays=[good.url])
        event = await sign()
        publishing = asyncio.create_task(pool.publish(event))
        await until(lambda: inbox.events and mute.published())
        await good.die()
        await good.start()
        await until(lambda: len(inbox.eose) == 2)
        await mute.say(["OK", event.id, True, ""])
        assert all(answer.ok for answer in (await publishing).values())
        assert good.published() == [event.id]


async def test_publishing_the_same_twice_sends_it_once(
    relay: Any, sign: Any, until: Any, connected: Any
) -> None:
    relay.answer_publish = lambda event: None
    async with connected(relay) as pool:
        event = await sign()
        patient = asyncio.create_task(pool.publish(event))
        impatient = await pool.publish(event, timeout=0.01)
        assert not impatient[relay.url].ok
        await until(relay.published)
        await relay.say(["OK", event.id, True, ""])
        assert (await patient)[relay.url].ok
        assert relay.published() == [event.id]


async def test_events_that_wait_are_bounded_and_forgotten(
    sign: Any, monkeypatch: pytest.MonkeyPatch, quick: Any
) -> None:
    monkeypatch.setattr(limits, "PENDING_PUBLISHES", 2)
    url = "ws://127.0.0.1:1"
    events = [await sign(str(number)) for number in range(3)]
    async with Pool([url], timing=quick) as pool:
        waiting = [asyncio.create_task(pool.publish(event, timeout=0.05)) for event in events[:2]]
        await asyncio.sleep(0)
        assert (await pool.publish(events[2]))[url].reason == "too many events wait for this relay"
        await asyncio.gather(*waiting)
        monkeypatch.setattr(limits, "PENDING_PUBLISH_BYTES", 100)
        assert "too many" in (await pool.publish(events[2]))[url].reason
        outbox = pool._relays[url].conversation._outbox
        assert not outbox._unanswered
        assert outbox._bytes == 0


async def test_an_answer_nobody_waits_for_is_ignored(
    relay: Any, sign: Any, until: Any, connected: Any, inbox_of: Any
) -> None:
    async with connected(relay) as pool:
        await relay.say(["OK", "00" * 32, True, ""])
        inbox = inbox_of(pool)
        await until(lambda: inbox.eose)
        assert pool.counts == {"unsolicited": 1}


async def test_one_yes_may_be_enough(
    start_relay: Start, sign: Any, until: Any, connected: Any
) -> None:
    good, refusing, late = [await start_relay() for _ in range(3)]
    refusing.answer_publish = lambda event: ["OK", event.id, False, "blocked: not here"]
    late.answer_publish = lambda event: None
    async with connected(good, refusing, late) as pool:
        event = await sign()
        async with asyncio.timeout(5):
            answers = await pool.publish(event, timeout=1_000, enough=1)
        assert answers[good.url].ok
        assert answers[late.url] == Published(False, "no answer")
        await until(late.published)
        await late.say(["OK", event.id, False, "blocked: nor here"])
        await until(lambda: pool.status()[late.url].refusals)
        await until(lambda: pool.status()[refusing.url].refusals)
        assert pool.status()[good.url].refusals == {}


async def test_too_few_are_waited_for_in_vain(
    start_relay: Start, sign: Any, connected: Any
) -> None:
    refusing, mute = await start_relay(), await start_relay()
    refusing.answer_publish = lambda event: ["OK", event.id, False, "blocked: not here"]
    mute.answer_publish = lambda event: None
    async with connected(refusing, mute) as pool:
        answers = await pool.publish(await sign(), timeout=0.1, enough=1)
        assert [answer.reason for answer in answers.values()] == ["blocked: not here", "no answer"]


async def test_what_had_enough_is_forgotten_in_time(
    start_relay: Start, sign: Any, until: Any, connected: Any
) -> None:
    good, mute = await start_relay(), await start_relay()
    mute.answer_publish = lambda event: None
    async with connected(good, mute) as pool:
        await pool.publish(await sign(), timeout=0.05, enough=1)
        outbox = pool._relays[mute.url].conversation._outbox
        await until(lambda: not outbox._unanswered)


async def test_refusals_are_kept_by_kind_until_taken_back(
    relay: Any, sign: Any, connected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: dict[int, str] = {}

    def answer(event: Event) -> list[Any]:
        return ["OK", event.id, event.kind not in refused, refused.get(event.kind, "")]

    relay.answer_publish = answer
    async with connected(relay) as pool:

        async def after(kind: int, reason: str) -> dict[int, str]:
            refused[kind] = reason
            await pool.publish(await sign(str(len(relay.received)), kind=kind))
            return dict(pool.status()[relay.url].refusals)

        assert await after(1, "blocked: a") == {1: "blocked: a"}
        assert await after(2, "pow: b") == {1: "blocked: a", 2: "pow: b"}
        assert await after(1, "rate-limited: c") == {1: "rate-limited: c", 2: "pow: b"}
        assert await after(3, "duplicate: have a newer one") == {1: "rate-limited: c", 2: "pow: b"}
        refused.clear()
        await pool.publish(await sign("4", kind=1))
        assert pool.status()[relay.url].refusals == {2: "pow: b"}
        monkeypatch.setattr(limits, "REMEMBERED_KINDS", 2)
        for kind in range(10, 20):
            await after(kind, "blocked: x")
        assert pool.status()[relay.url].refusals == {2: "pow: b", 10: "blocked: x"}
