import asyncio
import gc
import random
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from tui.config import limits
from tui.nostr.event import Event
from tui.nostr.filter import Filter, InvalidFilter
from tui.nostr.pool import Pool, TooManySubscriptions
from tui.nostr.relay import Published, RelayStatus, Timing
from tui.nostr.url import InvalidRelayUrl

QUICK = Timing(open=1.0, ping=0.2, close=0.3, retry_first=0.01, retry_longest=0.05, stable=0.0)
ALL = [Filter()]
Start = Callable[[], Awaitable[Any]]


@asynccontextmanager
async def connected(*relays: Any, **options: Any) -> AsyncIterator[Pool]:
    options = {"timing": QUICK, "rng": random.Random(1)} | options
    async with Pool([relay.url for relay in relays], **options) as pool:
        assert await pool.wait_connected(5, at_least=len(relays))
        yield pool


class NoPause(random.Random):
    """Draws no pause, and remembers between which bounds it should have drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.bounds: list[tuple[float, float]] = []

    def uniform(self, a: float, b: float) -> float:
        self.bounds.append((a, b))
        return 0.0


class Inbox:
    """Collects what a subscription delivers."""

    def __init__(self, pool: Pool, filters: list[Filter] | None = None, **options: Any) -> None:
        self.events: list[Event] = []
        self.urls: list[str] = []
        self.eose: list[str] = []
        self.closed: list[tuple[str, str]] = []
        self.subscription = pool.subscribe(
            ALL if filters is None else filters,
            self._on_event,
            on_eose=self.eose.append,
            on_closed=lambda url, reason: self.closed.append((url, reason)),
            **options,
        )

    def _on_event(self, event: Event, url: str) -> None:
        self.events.append(event)
        self.urls.append(url)

    @property
    def id(self) -> str:
        return self.subscription.id


def forge(event: Event, **changes: Any) -> Event:
    return msgspec.structs.replace(event, **({"sig": "ab" * 64} | changes))


# --- subscriptions ---------------------------------------------------------------------------


async def test_stored_then_live_events_until_closed(relay: Any, sign: Any, until: Any) -> None:
    stored, live, late = [await sign(text) for text in ("stored", "live", "late")]
    await relay.store(stored)
    async with connected(relay) as pool:
        inbox = Inbox(pool)
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
    start_relay: Start, sign: Any, until: Any
) -> None:
    relays = [await start_relay() for _ in range(3)]
    events = [await sign(str(number)) for number in range(5)]
    for relay in relays:
        for event in events:
            await relay.store(event)
    async with connected(*relays) as pool:
        first = Inbox(pool)
        await until(lambda: len(first.eose) == 3)
        second = Inbox(pool)
        await until(lambda: len(second.eose) == 3)
        for inbox in (first, second):
            assert sorted(event.id for event in inbox.events) == sorted(e.id for e in events)
        assert pool.verified == len(events)
        assert pool.counts == {"duplicate": 2 * 2 * len(events)}


async def test_a_forged_copy_that_comes_first_does_not_block_the_event(
    relay: Any, sign: Any, until: Any
) -> None:
    event = await sign()
    async with connected(relay) as pool:
        inbox = Inbox(pool)
        await until(lambda: inbox.eose)
        await relay.say(["EVENT", inbox.id, forge(event)])
        await relay.say(["EVENT", inbox.id, forge(event)])
        await until(lambda: pool.counts["forged"] == 2)
        assert inbox.events == []
        await relay.say(["EVENT", inbox.id, event])
        await until(lambda: inbox.events)
        assert inbox.events == [event]


async def test_a_known_id_is_not_verified_again_and_keeps_its_good_signature(
    relay: Any, sign: Any, until: Any
) -> None:
    event = await sign()
    async with connected(relay) as pool:
        first, second = Inbox(pool), Inbox(pool)
        await until(lambda: first.eose and second.eose)
        await relay.say(["EVENT", first.id, event])
        await relay.say(["EVENT", second.id, forge(event)])
        await until(lambda: second.events)
        assert first.events == second.events == [event]
        assert pool.verified == 1
        assert not pool.counts["forged"]


async def test_another_content_under_a_known_id_is_dropped(
    relay: Any, sign: Any, until: Any
) -> None:
    event = await sign()
    async with connected(relay) as pool:
        first, second = Inbox(pool), Inbox(pool)
        await until(lambda: first.eose and second.eose)
        await relay.say(["EVENT", first.id, event])
        await relay.say(["EVENT", second.id, msgspec.structs.replace(event, content="evil")])
        await until(lambda: pool.counts["invalid"])
        assert second.events == []


async def test_what_was_not_asked_for_costs_no_verification(
    relay: Any, sign: Any, until: Any
) -> None:
    async with connected(relay) as pool:
        inbox = Inbox(pool, [Filter(kinds=(7,)), Filter(tags={"t": ("x",)})])
        await until(lambda: inbox.eose)
        await relay.say(["EVENT", inbox.id, await sign(kind=1)])
        await relay.say(["EVENT", "other", await sign(kind=7)])
        await until(lambda: pool.counts["unsolicited"] and pool.counts["unmatched"])
        assert pool.verified == 0
        tagged = await sign(tags=(("t", "x"),))
        await relay.say(["EVENT", inbox.id, tagged])
        await until(lambda: inbox.events)
        assert inbox.events == [tagged]


async def test_a_subscription_may_be_bound_to_relays(start_relay: Start, until: Any) -> None:
    one, other = await start_relay(), await start_relay()
    async with connected(one, other) as pool:
        inbox = Inbox(pool, relays=[other.url + "/"])
        await until(lambda: inbox.eose)
        assert inbox.eose == [other.url]
        everywhere = Inbox(pool)
        await until(lambda: len(everywhere.eose) == 2)
        assert [request[1] for request in one.requests()] == [everywhere.id]
        await one.say(["EOSE", inbox.id])  # not asked, so it has nothing to say
        await until(lambda: pool.counts["unsolicited"])
        assert inbox.eose == [other.url]


async def test_a_subscription_reaches_the_relays_it_is_bound_to_when_they_are_added(
    start_relay: Start, sign: Any, until: Any
) -> None:
    one, later = await start_relay(), await start_relay()
    await later.store(await sign())
    async with connected(one) as pool:
        inbox = Inbox(pool, relays=[later.url])
        await pool.add_relay(later.url)
        await until(lambda: inbox.eose == [later.url])
        assert inbox.events == later.stored
        await pool.remove_relay(later.url)
        await until(lambda: not later.connections)
        await later.store(await sign("2"))
        await pool.add_relay(later.url)
        await until(lambda: len(inbox.events) == 2)
        assert one.requests() == []


async def test_a_callback_that_fails_harms_nobody(relay: Any, sign: Any, until: Any) -> None:
    def fail(event: Event, url: str) -> None:
        raise ZeroDivisionError

    async with connected(relay) as pool:
        pool.subscribe(ALL, fail)
        inbox = Inbox(pool)
        await until(lambda: inbox.eose)
        await relay.store(await sign())
        await until(lambda: inbox.events and pool.counts["callback"] == 1)
        assert pool.status()[relay.url].state == "connected"


async def test_the_memory_of_seen_events_is_bounded(
    relay: Any, sign: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SEEN_EVENTS", 3)
    async with connected(relay) as pool:
        inbox = Inbox(pool)
        await until(lambda: inbox.eose)
        for number in range(10):
            await relay.store(await sign(str(number)))
        await until(lambda: len(inbox.events) == 10)
        assert len(pool._seen) == 3
        monkeypatch.setattr(limits, "SEEN_EVENTS", 100)
        for _ in range(50):
            assert len(await pool.fetch(ALL)) == 10
        assert max(len(seen.delivered) for seen in pool._seen.values()) <= 3


async def test_events_that_keep_coming_stay_in_memory(
    relay: Any, sign: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SEEN_EVENTS", 2)
    kept, old, new = [await sign(text, kind=kind) for kind, text in enumerate("abc")]
    relay.stored = [kept, old, new]
    async with connected(relay) as pool:
        for kind in (0, 1, 0, 2):
            await pool.fetch([Filter(kinds=(kind,))])
        assert set(pool._seen) == {kept.id, new.id}


async def test_filters_and_subscriptions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool([])
    monkeypatch.setattr(limits, "SUBSCRIPTIONS", 2)
    big = tuple(f"{number:064x}" for number in range(limits.FILTER_VALUES))
    for filters in ([], ALL * (limits.FILTERS + 1), [Filter(ids=big, authors=big)]):
        with pytest.raises(InvalidFilter):
            Inbox(pool, filters)
    first, _second = Inbox(pool), Inbox(pool)
    with pytest.raises(TooManySubscriptions):
        Inbox(pool)
    first.subscription.close()
    Inbox(pool)


# --- the whole past --------------------------------------------------------------------------


async def test_with_page_the_whole_past_comes_and_then_what_is_new(
    relay: Any, sign: Any, until: Any
) -> None:
    relay.cap = 60
    for number in range(200):
        await relay.store(await sign(str(number), created_at=1_000 + number // 20))
    async with connected(relay) as pool:
        inbox, cut = Inbox(pool, page=True), Inbox(pool)
        await until(lambda: inbox.eose and cut.eose)
        assert (len(inbox.events), len(cut.events)) == (200, 60)
        assert inbox.eose == [relay.url]
        await relay.store(await sign("live"))
        await until(lambda: len(inbox.events) == 201)
        assert len(relay._subscriptions) == 2  # none is left behind by the pages
        assert pool.counts["unsolicited"] == 0


async def test_live_events_come_while_the_past_is_paged_in(
    relay: Any, sign: Any, until: Any
) -> None:
    relay.cap = 60
    for number in range(100):
        await relay.store(await sign(str(number), created_at=number))
    async with connected(relay) as pool:
        inbox = Inbox(pool, page=True)
        await until(relay.requests)
        relay.answers_req = False
        await until(lambda: len(relay.requests()) == 2)
        assert not inbox.eose
        live = await sign("live")
        await relay.store(live)
        await until(lambda: live in inbox.events)
        await relay.say(["EOSE", relay.requests()[1][1]])
        await until(lambda: inbox.eose)


async def test_after_a_reconnect_only_the_gap_is_paged_in(
    relay: Any, sign: Any, until: Any
) -> None:
    relay.cap = 60
    for number in range(200):
        await relay.store(await sign(str(number), created_at=1_000 + number))
    async with connected(relay) as pool:
        inbox = Inbox(pool, page=True)
        await until(lambda: inbox.eose)
        await relay.die()
        await until(lambda: pool.status()[relay.url].state != "connected")
        now = int(time.time())
        missed = [await sign(f"missed {number}", created_at=now - number) for number in range(150)]
        relay.stored += missed
        before = len(relay.requests())
        await relay.start()
        await until(lambda: len(inbox.eose) == 2)
        assert {event.id for event in missed} <= {event.id for event in inbox.events}
        assert len(inbox.events) == 350
        assert all("since" in request[2] for request in relay.requests()[before:])


async def test_a_connection_lost_amid_the_past_begins_anew(
    relay: Any, sign: Any, until: Any
) -> None:
    relay.cap = 60
    for number in range(200):
        await relay.store(await sign(str(number), created_at=1_000 + number))
    async with connected(relay) as pool:
        inbox = Inbox(pool, page=True)
        await until(lambda: len(relay.requests()) == 1)
        relay.answers_req = False
        await until(lambda: len(relay.requests()) == 2)
        await relay.die()
        relay.answers_req = True
        await relay.start()
        await until(lambda: inbox.eose)
        assert len(inbox.events) == 200


async def test_a_relay_that_does_not_heed_until_is_left_with_what_it_sent(
    relay: Any, sign: Any, until: Any
) -> None:
    relay.cap, relay.heeds_until = 60, False
    for number in range(100):
        await relay.store(await sign(str(number), created_at=number))
    async with connected(relay) as pool:
        inbox = Inbox(pool, page=True)
        await until(lambda: inbox.eose)
        assert len(inbox.events) == 60
        assert len(relay.requests()) == 2


async def test_a_relay_that_refuses_a_page_goes_on_with_new_events(
    relay: Any, sign: Any, until: Any
) -> None:
    relay.cap = 60
    for number in range(100):
        await relay.store(await sign(str(number), created_at=number))
    async with connected(relay) as pool:
        inbox = Inbox(pool, page=True)
        await until(relay.requests)
        relay.answers_req = False
        await until(lambda: len(relay.requests()) == 2)
        await relay.say(["CLOSED", relay.requests()[1][1], "rate-limited: slow down"])
        await until(lambda: len(relay.requests()) == 3)  # once more, after a pause
        assert relay.requests()[1] == relay.requests()[2]
        await relay.say(["CLOSED", relay.requests()[1][1], "invalid: no until"])
        await until(lambda: inbox.eose)
        assert inbox.closed == []
        live = await sign("live")
        await relay.store(live)
        await until(lambda: live in inbox.events)


async def test_closing_while_the_past_is_paged_in(relay: Any, sign: Any, until: Any) -> None:
    relay.cap = 60
    for number in range(100):
        await relay.store(await sign(str(number), created_at=number))
    async with connected(relay) as pool:
        inbox = Inbox(pool, page=True)
        await until(relay.requests)
        relay.answers_req = False
        await until(lambda: len(relay.requests()) == 2)
        inbox.subscription.close()
        page_id = relay.requests()[1][1]
        await until(lambda: ["CLOSE", page_id] in relay.received)
        assert ["CLOSE", inbox.id] in relay.received


# --- relays that misbehave -------------------------------------------------------------------


async def test_nonsense_is_counted_and_changes_nothing(relay: Any, sign: Any, until: Any) -> None:
    async with connected(relay) as pool:
        inbox = Inbox(pool)
        await until(lambda: inbox.eose)
        nonsense = ["", "x", "null", "[]", '["EVENT"]', b"\xff\x00", "[" * 50_000, '["X",1]']
        for data in nonsense:
            await relay.say(data)
        await relay.say("x" * (2 * limits.EVENT_BYTES + 1))
        await relay.store(await sign())
        await until(lambda: inbox.events)
        assert pool.counts == {"malformed": len(nonsense), "invalid": 1}
        assert relay.accepted == 1


async def test_a_huge_frame_ends_the_connection_which_comes_back(relay: Any, until: Any) -> None:
    seen: list[RelayStatus] = []
    async with connected(relay) as pool:
        pool.on_status = seen.append
        await relay.say("x" * (limits.RELAY_FRAME_BYTES + 1))
        await until(lambda: relay.accepted == 2)
        assert await pool.wait_connected(5)
        assert "too large" in seen[0].reason
        assert [status.state for status in seen] == ["waiting", "connecting", "connected"]


async def test_a_relay_that_sends_only_nonsense_is_left_alone(
    relay: Any, sign: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RELAY_BAD_FRAMES", 20)
    event = forge(await sign())
    rng = NoPause()
    seen: list[str] = []
    async with connected(relay, rng=rng) as pool:
        pool.on_status = lambda status: seen.append(status.reason)
        inbox = Inbox(pool)
        await until(lambda: inbox.eose)
        for _ in range(10):
            await relay.say("nonsense")
            await relay.say(["EVENT", inbox.id, event])
        await until(lambda: rng.bounds)
        assert rng.bounds == [(QUICK.retry_longest / 2, QUICK.retry_longest)]
        assert seen[0] == "sends too much that is not valid"
        assert pool.counts == {"malformed": 10, "forged": 10}


async def test_notices_and_challenges_are_surfaced_but_not_without_end(
    relay: Any, until: Any
) -> None:
    seen: list[str] = []
    async with connected(relay) as pool:
        pool.on_status = lambda status: seen.append(status.notice)
        await relay.say(["AUTH", "challenge"])
        await until(lambda: "authentication" in pool.status()[relay.url].notice)
        for number in range(100):
            await relay.say(["NOTICE", f"n{number}\x1b"])
        inbox = Inbox(pool)
        await until(lambda: inbox.eose)
        assert seen[1:] == [f"n{number}" for number in range(limits.RELAY_NOTICES - 1)]


async def test_a_subscription_that_a_relay_ends_is_asked_for_again(
    relay: Any, sign: Any, until: Any
) -> None:
    async with connected(relay) as pool:
        inbox = Inbox(pool)
        await until(lambda: inbox.eose)
        await relay.say(["CLOSED", inbox.id, "error: restarting"])
        await until(lambda: len(inbox.eose) == 2)
        assert inbox.closed == [(relay.url, "error: restarting")]
        live = await sign("live")
        await relay.store(live)
        await until(lambda: inbox.events == [live])


async def test_a_relay_that_always_refuses_is_asked_less_and_less_and_then_no_more(
    relay: Any, until: Any
) -> None:
    relay.answers_req = False
    rng = NoPause()
    timing = msgspec.structs.replace(QUICK, retry_first=1.0, retry_longest=10.0)
    async with connected(relay, rng=rng, timing=timing) as pool:
        inbox = Inbox(pool)
        for attempt in range(limits.CLOSED_RETRIES + 1):
            await until(lambda attempt=attempt: len(relay.requests()) == attempt + 1)
            await relay.say(["CLOSED", inbox.id, "rate-limited: slow down"])
        await until(lambda: len(inbox.closed) == limits.CLOSED_RETRIES + 1)
        assert rng.bounds == [(0.5, 1), (1, 2), (2, 4), (4, 8), (5, 10), (5, 10)]
        relay.answers_req = True
        await relay.die()
        await relay.start()
        await until(lambda: inbox.eose)  # a new connection is a new chance


@pytest.mark.parametrize("prefix", ["auth-required", "restricted", "blocked", "invalid"])
async def test_a_refusal_that_stays_is_surfaced_and_not_argued_with(
    relay: Any, until: Any, prefix: str
) -> None:
    relay.answers_req = False
    rng = NoPause()
    async with connected(relay, rng=rng) as pool:
        inbox = Inbox(pool)
        await until(relay.requests)
        await relay.say(["CLOSED", inbox.id, f"{prefix}: who are you?"])
        await until(lambda: inbox.closed)
        assert inbox.closed == [(relay.url, f"{prefix}: who are you?")]
        assert rng.bounds == []
        relay.answers_req = True
        await relay.die()
        await relay.start()
        await until(lambda: inbox.eose)


async def test_a_silent_relay_is_noticed_and_left(relay: Any, until: Any) -> None:
    async with connected(relay) as pool:
        seen: list[RelayStatus] = []
        pool.on_status = seen.append
        relay.freeze()
        await until(lambda: relay.accepted == 2)
        assert seen[0].state == "waiting"
        assert seen[0].reason == "no longer answers"


async def test_a_relay_that_takes_no_data_is_left_and_delays_nobody(
    start_relay: Start, sign: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, sound = await start_relay(), await start_relay()
    monkeypatch.setattr(limits, "RELAY_WRITE_BYTES", 500_000)
    timing = msgspec.structs.replace(QUICK, ping=1_000.0, retry_first=1_000, retry_longest=1_000)
    async with connected(stuck, sound, timing=timing) as pool:
        stuck.freeze()
        for number in range(200):
            event = await sign(str(number) + "x" * 60_000)
            assert (await pool.publish(event, relays=[sound.url]))[sound.url].ok
            publishing = asyncio.create_task(pool.publish(event, relays=[stuck.url], timeout=0.01))
            answer = await publishing
            assert not answer[stuck.url].ok
            if pool.status()[stuck.url].state == "waiting":
                break
        assert pool.status()[stuck.url] == RelayStatus(stuck.url, "waiting", "connection lost")
        assert pool.status()[sound.url].state == "connected"


async def test_a_server_that_never_answers_the_handshake(until: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"ws://127.0.0.1:{server.getsockname()[1]}"
        timing = msgspec.structs.replace(QUICK, open=0.05)
        async with Pool([url], timing=timing) as pool:
            await until(lambda: pool.status()[url].reason == "does not answer")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: TARGET\r\nContent-Length: 0\r\n\r\n", "HTTP 302"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "HTTP 403"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP 200"),
        (b"SSH-2.0-OpenSSH\r\n", "not a WebSocket server"),
        (b"", "not a WebSocket server"),
    ],
)
async def test_what_is_no_relay_is_named_and_nobody_is_redirected(
    relay: Any, until: Any, answer: bytes, reason: str
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer.replace(b"TARGET", relay.url.encode()))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Pool([url], timing=QUICK) as pool:
            await until(lambda: reason in pool.status()[url].reason)
    assert relay.accepted == 0


async def test_nobody_listens(until: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"ws://127.0.0.1:{server.getsockname()[1]}"
    async with Pool([url], timing=QUICK) as pool:
        await until(lambda: pool.status()[url].reason == "connection refused")
        assert not await pool.wait_connected(0.05)


# --- reconnecting ----------------------------------------------------------------------------


async def test_after_a_reconnect_everything_that_was_missed_arrives(
    relay: Any, sign: Any, until: Any
) -> None:
    now = int(time.time())
    before = await sign("before")
    await relay.store(before)
    async with connected(relay) as pool:
        everything = Inbox(pool)
        newest = Inbox(pool, [Filter(limit=1)])
        only_new = Inbox(pool, [Filter(limit=0)])
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
    relay: Any, until: Any
) -> None:
    relay.answers_req = False
    async with connected(relay) as pool:
        Inbox(pool, [Filter(limit=3)])
        await until(relay.requests)
        await relay.die()
        await relay.start()
        await until(lambda: len(relay.requests()) == 2)
        assert relay.requests()[0] == relay.requests()[1]


async def test_a_gap_is_counted_from_the_last_complete_connection(
    relay: Any, sign: Any, until: Any
) -> None:
    clock = [10_000.0]
    async with connected(relay, now=lambda: clock[0]) as pool:
        inbox = Inbox(pool, [Filter(limit=0)])
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


async def test_the_first_attempt_may_fail(start_relay: Start, until: Any) -> None:
    relay = await start_relay()
    await relay.die()
    async with Pool([relay.url], timing=QUICK) as pool:
        inbox = Inbox(pool)
        await until(lambda: pool.status()[relay.url].state == "waiting")
        await relay.start()
        await until(lambda: inbox.eose)


@pytest.mark.parametrize(
    ("stable", "longest"), [(1_000.0, [1, 2, 4, 8, 16, 32, 60, 60]), (0.0, [1] * 8)]
)
async def test_a_relay_that_always_dies_is_asked_less_and_less_unless_it_lasted(
    relay: Any, until: Any, stable: float, longest: list[float]
) -> None:
    async def hang_up(connection: Any) -> None:
        connection.transport.abort()

    relay.on_connect = hang_up
    rng = NoPause()
    timing = Timing(retry_first=1.0, retry_longest=60.0, stable=stable)
    async with Pool([relay.url], timing=timing, rng=rng):
        await until(lambda: len(rng.bounds) >= 8)
    assert rng.bounds[:8] == [(pause / 2, pause) for pause in longest]


# --- publishing ------------------------------------------------------------------------------


async def test_every_relay_says_what_it_did(start_relay: Start, sign: Any, until: Any) -> None:
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


async def test_publishing_waits_only_for_answers(start_relay: Start, sign: Any) -> None:
    relays = [await start_relay() for _ in range(3)]
    async with connected(*relays) as pool:
        async with asyncio.timeout(5):
            answers = await pool.publish(await sign(), timeout=1_000)
        assert all(answer.ok for answer in answers.values())


async def test_an_event_waits_for_the_connection(start_relay: Start, sign: Any) -> None:
    relay = await start_relay()
    async with Pool([relay.url], timing=QUICK) as pool:
        assert pool.status()[relay.url].state == "connecting"
        assert (await pool.publish(await sign()))[relay.url].ok


async def test_an_unanswered_event_is_sent_again_after_a_reconnect(
    relay: Any, sign: Any, until: Any
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
    start_relay: Start, sign: Any, until: Any
) -> None:
    good, mute = await start_relay(), await start_relay()
    mute.answer_publish = lambda event: None
    async with connected(good, mute) as pool:
        inbox = Inbox(pool, relays=[good.url])
        event = await sign()
        publishing = asyncio.create_task(pool.publish(event))
        await until(lambda: inbox.events and mute.published())
        await good.die()
        await good.start()
        await until(lambda: len(inbox.eose) == 2)
        await mute.say(["OK", event.id, True, ""])
        assert all(answer.ok for answer in (await publishing).values())
        assert good.published() == [event.id]


async def test_publishing_the_same_twice_sends_it_once(relay: Any, sign: Any, until: Any) -> None:
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
    sign: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PENDING_PUBLISHES", 2)
    url = "ws://127.0.0.1:1"
    events = [await sign(str(number)) for number in range(3)]
    async with Pool([url], timing=QUICK) as pool:
        waiting = [asyncio.create_task(pool.publish(event, timeout=0.05)) for event in events[:2]]
        await asyncio.sleep(0)
        assert (await pool.publish(events[2]))[url].reason == "too many events wait for this relay"
        await asyncio.gather(*waiting)
        monkeypatch.setattr(limits, "PENDING_PUBLISH_BYTES", 100)
        assert "too many" in (await pool.publish(events[2]))[url].reason
        connection = pool._relays[url]
        assert not connection._unanswered
        assert connection._unanswered_bytes == 0


async def test_an_answer_nobody_waits_for_is_ignored(relay: Any, sign: Any, until: Any) -> None:
    async with connected(relay) as pool:
        await relay.say(["OK", "00" * 32, True, ""])
        inbox = Inbox(pool)
        await until(lambda: inbox.eose)
        assert pool.counts == {}


# --- fetching --------------------------------------------------------------------------------


async def test_fetch_gathers_sorts_and_ends(start_relay: Start, sign: Any, until: Any) -> None:
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


async def test_fetch_ends_in_time_with_what_there_is(start_relay: Start, sign: Any) -> None:
    good, silent = await start_relay(), await start_relay()
    silent.answers_req = False
    good.stored.append(await sign())
    async with connected(good, silent) as pool:
        assert await pool.fetch(ALL, timeout=0.1) == good.stored


async def test_fetch_does_not_wait_for_the_dead_or_the_refusing(
    start_relay: Start, sign: Any, until: Any
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
    start_relay: Start, sign: Any, until: Any
) -> None:
    quick, slow = await start_relay(), await start_relay()
    slow.stored.append(await sign())
    slow.gate = asyncio.Event()
    async with Pool([quick.url, slow.url], timing=QUICK) as pool:
        eose = Inbox(pool).eose
        fetching = asyncio.create_task(pool.fetch(ALL))
        await until(lambda: eose == [quick.url])
        slow.gate.set()
        assert await fetching == slow.stored


async def test_fetch_does_not_wait_long_for_a_relay_that_never_connects(
    start_relay: Start, sign: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FETCH_GRACE_SECONDS", 0.05)
    quick, never = await start_relay(), await start_relay()
    quick.stored.append(await sign())
    never.gate = asyncio.Event()
    timing = msgspec.structs.replace(QUICK, open=1_000.0)
    async with Pool([quick.url, never.url], timing=timing) as pool, asyncio.timeout(5):
        assert await pool.fetch(ALL, timeout=1_000) == quick.stored
    never.gate.set()


async def test_fetch_gets_what_a_relay_does_not_send_at_once(relay: Any, sign: Any) -> None:
    relay.cap = 60
    relay.stored += [await sign(str(number), created_at=number // 30) for number in range(500)]
    async with connected(relay) as pool:
        assert len(await pool.fetch(ALL)) == 500
        assert len(await pool.fetch([Filter(limit=100)])) >= 100


async def test_fetch_is_bounded(relay: Any, sign: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FETCHED_EVENTS", 3)
    relay.stored += [await sign(str(number)) for number in range(10)]
    async with connected(relay) as pool:
        assert len(await pool.fetch(ALL)) == 3


# --- relays of the pool ----------------------------------------------------------------------


async def test_relays_come_and_go(start_relay: Start, sign: Any, until: Any) -> None:
    one, other = await start_relay(), await start_relay()
    async with connected(one) as pool:
        inbox = Inbox(pool)
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
async def test_leaving_is_quick_and_leaves_nothing(relay: Any, until: Any, frozen: bool) -> None:
    before = asyncio.all_tasks()
    timing = msgspec.structs.replace(QUICK, ping=1_000.0, close=0.2)
    async with connected(relay, timing=timing) as pool:
        Inbox(pool)
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
async def test_leaving_at_any_moment_closes_the_socket(until: Any) -> None:
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
            async with Pool([url], timing=QUICK):
                for _ in range(turns):
                    await asyncio.sleep(0)
        await until(lambda: 20 < opened == closed)


async def test_an_error_of_the_user_leaves_as_it_is(relay: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        async with connected(relay):
            raise ZeroDivisionError  # and not in an exception group


async def test_cancelling_the_owner_closes_the_pool(relay: Any, until: Any) -> None:
    async def own() -> None:
        async with connected(relay):
            await asyncio.Event().wait()

    owner = asyncio.create_task(own())
    await until(lambda: relay.connections)
    owner.cancel()
    with pytest.raises(asyncio.CancelledError):
        await owner
    await until(lambda: not relay.connections)


# --- a flood ---------------------------------------------------------------------------------


async def test_others_run_between_any_two_events_of_a_flood(
    start_relay: Start, sign: Any, until: Any
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
    assert max(seen_at.count(turn) for turn in set(seen_at)) <= len(relays)
