import asyncio
import random
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from tui.config import limits
from tui.nostr.filter import Filter
from tui.nostr.pool import Pool
from tui.nostr.relay import RelayStatus

ALL = [Filter()]
Start = Callable[[], Awaitable[Any]]


async def test_nonsense_is_counted_and_changes_nothing(
    relay: Any, sign: Any, until: Any, connected: Any, inbox_of: Any
) -> None:
    async with connected(relay) as pool:
        inbox = inbox_of(pool)
        await until(lambda: inbox.eose)
        nonsense = ["", "x", "null", "[]", '["EVENT"]', b"\xff\x00", "[" * 50_000, '["X",1]']
        for data in nonsense:
            await relay.say(data)
        await relay.say("x" * (2 * limits.EVENT_BYTES + 1))
        await relay.store(await sign())
        await until(lambda: inbox.events)
        assert pool.counts == {"malformed": len(nonsense), "invalid": 1}
        assert relay.accepted == 1


async def test_a_huge_frame_ends_the_connection_which_comes_back(
    relay: Any, until: Any, connected: Any
) -> None:
    seen: list[RelayStatus] = []
    async with connected(relay) as pool:
        pool.on_status = seen.append
        await relay.say("x" * (limits.RELAY_FRAME_BYTES + 1))
        await until(lambda: relay.accepted == 2)
        assert await pool.wait_connected(5)
        assert "too large" in seen[0].reason
        assert [status.state for status in seen] == ["waiting", "connecting", "connected"]


async def test_a_relay_that_sends_only_nonsense_is_left_alone(
    relay: Any,
    sign: Any,
    until: Any,
    monkeypatch: pytest.MonkeyPatch,
    connected: Any,
    inbox_of: Any,
    forge: Any,
    quick: Any,
    no_pause: Any,
) -> None:
    monkeypatch.setattr(limits, "RELAY_BAD_FRAMES", 20)
    event = forge(await sign())
    rng = no_pause
    seen: list[str] = []
    async with connected(relay, rng=rng) as pool:
        pool.on_status = lambda status: seen.append(status.reason)
        inbox = inbox_of(pool)
        await until(lambda: inbox.eose)
        for _ in range(10):
            await relay.say("nonsense")
            await relay.say(["EVENT", inbox.id, event])
        await until(lambda: rng.bounds)
        assert rng.bounds == [(quick.retry_longest / 2, quick.retry_longest)]
        assert seen[0] == "sends too much that is not valid"
        assert pool.counts == {"malformed": 10, "forged": 10}


async def test_notices_are_surfaced_but_not_without_end(
    relay: Any, until: Any, connected: Any, inbox_of: Any
) -> None:
    seen: list[str] = []
    async with connected(relay) as pool:
        pool.on_status = lambda status: seen.append(status.notice)
        for number in range(100):
            await relay.say(["NOTICE", f"n{number}\x1b"])
        inbox = inbox_of(pool)
        await until(lambda: inbox.eose)
        assert seen == [f"n{number}" for number in range(limits.RELAY_NOTICES)]
        assert pool.counts == {"notice": 100 - limits.RELAY_NOTICES}


async def test_anything_at_all_is_counted_and_what_is_good_comes_through(
    relay: Any, sign: Any, until: Any, connected: Any, inbox_of: Any, forge: Any, signer: Any
) -> None:
    rng = random.Random(5)
    good = [await sign(str(number), kind=7) for number in range(50)]
    other = [await sign(str(number), kind=1) for number in range(10)]
    async with connected(relay) as pool:
        pool.signer = signer
        inbox = inbox_of(pool, [Filter(kinds=(7,))])
        await until(lambda: inbox.eose)
        ids = [inbox.id, inbox.id, inbox.id + "p", "k7", "", "other", "\x00", "9" * 5_000, None, 5]
        values = [*good, *other, *map(forge, good[:5]), None, [], {}, "x" * 999, 5, True, ids]
        verbs = ["EVENT", "EVENT", "OK", "EOSE", "NOTICE", "AUTH", "COUNT", "", None, 7, [[]]]
        flood: list[Any] = []
        for _ in range(800):
            message = [rng.choice(verbs)]
            for _ in range(rng.randrange(4)):
                message.append(rng.choice(rng.choice([ids, values])))
            flood.append(message)
        flood += [["EVENT", inbox.id, event] for event in good]
        rng.shuffle(flood)
        relay.burst(flood)
        await until(lambda: len(inbox.events) == len(good))
        await relay.say(["EVENT", inbox.id, good[0]])
        assert {event.id for event in inbox.events} == {event.id for event in good}
        assert relay.accepted == 1
        known = {"malformed", "forged", "unmatched", "unsolicited", "notice", "challenge"}
        assert set(pool.counts) <= known | {"duplicate"}
        assert len(pool.status()[relay.url].notice) <= limits.RELAY_TEXT_CHARS


async def test_a_relay_that_only_says_what_nobody_asked_for_is_left_alone(
    relay: Any,
    sign: Any,
    until: Any,
    monkeypatch: pytest.MonkeyPatch,
    connected: Any,
    inbox_of: Any,
    no_pause: Any,
) -> None:
    monkeypatch.setattr(limits, "RELAY_USELESS_FRAMES", 60)
    async with connected(relay, rng=no_pause) as pool:
        inbox = inbox_of(pool, [Filter(kinds=(7,))])
        await until(lambda: inbox.eose)
        wanted, unmatched = await sign(kind=7), await sign(kind=1)
        flood = [
            ["EVENT", "other", wanted],
            ["EVENT", inbox.id, unmatched],
            ["EOSE", "other"],
            ["CLOSED", "other", "error: x"],
            ["OK", "00" * 32, False, "blocked: x"],
        ]
        relay.burst(flood * 10)
        await until(lambda: pool.counts["unsolicited"] == 40)
        assert pool.counts["unmatched"] == 10
        assert relay.accepted == 1
        relay.burst([["EVENT", inbox.id, wanted], *flood * 3])  # one useful frame buys one more
        await until(lambda: no_pause.bounds)
        assert pool.counts["unsolicited"] + pool.counts["unmatched"] == 63 - 1
        assert inbox.events == [wanted]


async def test_a_subscription_that_a_relay_ends_is_asked_for_again(
    relay: Any, sign: Any, until: Any, connected: Any, inbox_of: Any
) -> None:
    async with connected(relay) as pool:
        inbox = inbox_of(pool)
        await until(lambda: inbox.eose)
        await relay.say(["CLOSED", inbox.id, "error: restarting"])
        await until(lambda: len(inbox.eose) == 2)
        assert inbox.closed == [(relay.url, "error: restarting")]
        live = await sign("live")
        await relay.store(live)
        await until(lambda: inbox.events == [live])


async def test_a_relay_that_always_refuses_is_asked_less_and_less_and_then_no_more(
    relay: Any, until: Any, connected: Any, inbox_of: Any, quick: Any, no_pause: Any
) -> None:
    relay.answers_req = False
    rng = no_pause
    timing = msgspec.structs.replace(quick, retry_first=1.0, retry_longest=10.0)
    async with connected(relay, rng=rng, timing=timing) as pool:
        inbox = inbox_of(pool)
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
    relay: Any, until: Any, prefix: str, connected: Any, inbox_of: Any, no_pause: Any
) -> None:
    relay.answers_req = False
    rng = no_pause
    async with connected(relay, rng=rng) as pool:
        inbox = inbox_of(pool)
        await until(relay.requests)
        await relay.say(["CLOSED", inbox.id, f"{prefix}: who are you?"])
        await until(lambda: inbox.closed)
        assert inbox.closed == [(relay.url, f"{prefix}: who are you?")]
        assert rng.bounds == []
        relay.answers_req = True
        await relay.die()
        await relay.start()
        await until(lambda: inbox.eose)


async def test_a_silent_relay_is_noticed_and_left(relay: Any, until: Any, connected: Any) -> None:
    async with connected(relay) as pool:
        seen: list[RelayStatus] = []
        pool.on_status = seen.append
        relay.freeze()
        await until(lambda: relay.accepted == 2)
        assert seen[0].state == "waiting"
        assert seen[0].reason == "no longer answers"


async def test_a_relay_that_takes_no_data_is_left_and_delays_nobody(
    start_relay: Start,
    sign: Any,
    until: Any,
    monkeypatch: pytest.MonkeyPatch,
    connected: Any,
    quick: Any,
) -> None:
    stuck, sound = await start_relay(), await start_relay()
    monkeypatch.setattr(limits, "RELAY_WRITE_BYTES", 500_000)
    timing = msgspec.structs.replace(quick, ping=1_000.0, retry_first=1_000, retry_longest=1_000)
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
        status = pool.status()[stuck.url]
        assert (status.state, status.reason) == ("waiting", "connection lost")
        assert pool.status()[sound.url].state == "connected"


async def test_a_server_that_never_answers_the_handshake(until: Any, quick: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"ws://127.0.0.1:{server.getsockname()[1]}"
        timing = msgspec.structs.replace(quick, open=0.05)
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
    relay: Any, until: Any, answer: bytes, reason: str, quick: Any
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer.replace(b"TARGET", relay.url.encode()))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Pool([url], timing=quick) as pool:
            await until(lambda: reason in pool.status()[url].reason)
    assert relay.accepted == 0


async def test_nobody_listens(until: Any, quick: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"ws://127.0.0.1:{server.getsockname()[1]}"
    async with Pool([url], timing=quick) as pool:
        await until(lambda: pool.status()[url].reason == "connection refused")
        assert not await pool.wait_connected(0.05)
