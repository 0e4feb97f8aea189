import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.nostr.event import Draft
from tui.nostr.filter import Filter
from tui.nostr.information import (
    Information,
    Limitation,
    NoInformation,
    fetch_information,
    read_information,
)
from tui.nostr.keys import LocalSigner
from tui.nostr.messages import encode_event_message
from tui.nostr.pool import Pool
from tui.relay.server import RelayServer

DOCUMENT = json.dumps({"name": "a relay", "limitation": {"max_subscriptions": 7}}).encode()
KNOWN = Information("a relay", Limitation(max_subscriptions=7))
Serve = Callable[..., Awaitable[str]]


def document(**limitation: Any) -> bytes:
    return json.dumps({"name": "a relay", "limitation": limitation}).encode()


# --- the document ----------------------------------------------------------------------------


def test_what_a_relay_states() -> None:
    stated = {
        "max_message_length": 16_384,
        "max_subscriptions": 300,
        "max_limit": 5_000,
        "default_limit": 500,
        "max_subid_length": 100,
        "max_event_tags": 100,
        "max_content_length": 8_196,
        "created_at_lower_limit": 31_536_000,
        "created_at_upper_limit": 3,
        "auth_required": True,
        "payment_required": True,
        "restricted_writes": True,
    }
    read = read_information(document(**stated, min_pow_difficulty=30, max_filters=5))
    assert msgspec.structs.asdict(read.limitation) == stated
    assert read.name == "a relay"


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"[]", b"null", b'"x"', b"{", b"\xff", b"[" * 50_000, b'{"x":' * 10_000, b"<html>"),
        b'{"name":"' + b"x" * limits.INFORMATION_BYTES + b'"}',
    ],
)
def test_what_is_no_document(data: bytes) -> None:
    with pytest.raises(NoInformation):
        read_information(data)


@pytest.mark.parametrize(
    "stated",
    [
        {},
        {"limitation": None},
        {"limitation": []},
        {"limitation": {"max_limit": "500", "max_subscriptions": 0, "auth_required": "yes"}},
        {"limitation": {"max_limit": -1, "max_event_tags": 1.5, "max_message_length": True}},
        {"limitation": {"max_limit": 2**60, "created_at_lower_limit": None, "auth_required": 1}},
        {"name": 5},
        {"name": ["a relay"]},
    ],
)
def test_wrong_types_and_absurd_numbers_state_nothing(stated: Any) -> None:
    assert read_information(json.dumps(stated).encode()) == Information()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=10,
)
NAMES = st.sampled_from([field.name for field in msgspec.structs.fields(Limitation)])


@given(st.dictionaries(st.sampled_from(["name", "limitation"]), st.dictionaries(NAMES, JSON)))
def test_whatever_a_relay_states_can_be_read(stated: Any) -> None:
    limitation = read_information(json.dumps(stated).encode()).limitation
    for name, value in msgspec.structs.asdict(limitation).items():
        assert value is None or isinstance(value, bool) or value == stated["limitation"][name]


def test_names_are_cleaned() -> None:
    name = read_information(json.dumps({"name": "\x1b[31mred\u202e" + "x" * 500}).encode()).name
    assert name.startswith("[31mredxxx")
    assert len(name) <= limits.NAME_LENGTH


@pytest.mark.parametrize(
    ("limitation", "draft", "refused"),
    [
        ({}, {}, False),
        ({"max_event_tags": 2}, {"tags": (("t", "x"),) * 2}, False),
        ({"max_event_tags": 2}, {"tags": (("t", "x"),) * 3}, True),
        ({"max_content_length": 5}, {"content": "é" * 5}, False),
        ({"max_content_length": 5}, {"content": "e" * 6}, True),
        ({"max_message_length": 600}, {"content": "é" * 100}, False),
        ({"max_message_length": 600}, {"content": "é" * 200}, True),
        ({"created_at_lower_limit": 60}, {"created_at": 10_000 - 60}, False),
        ({"created_at_lower_limit": 60}, {"created_at": 10_000 - 61}, True),
        ({"created_at_upper_limit": 60}, {"created_at": 10_000 + 60}, False),
        ({"created_at_upper_limit": 60}, {"created_at": 10_000 + 61}, True),
    ],
)
async def test_what_a_relay_would_not_take_is_known(
    signer: LocalSigner, limitation: Any, draft: Any, refused: bool
) -> None:
    fields = {"kind": 1, "content": "", "tags": (), "created_at": 10_000} | draft
    event = await signer.sign(Draft(**fields))
    rules = Limitation(**limitation)
    assert bool(rules.refusal(event, encode_event_message(event), 10_000)) is refused


# --- asking ----------------------------------------------------------------------------------


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts servers that answer every request with these bytes; their addresses."""
    servers: list[asyncio.Server] = []
    requests: list[bytes] = []

    async def start(*parts: bytes, pause: float = 0, hold: bool = False) -> str:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            requests.append(await reader.readuntil(b"\r\n\r\n"))
            try:
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(pause)
                if hold:
                    await reader.read()
            except ConnectionError:
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        servers.append(server)
        return f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/path?x=1"

    start.requests = requests  # type: ignore[attr-defined]
    yield start
    for server in servers:
        server.close()


def ok(body: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 200 OK", *headers, b"", body])


LENGTH = b"Content-Length: %d" % len(DOCUMENT)


async def test_it_is_asked_for_as_the_nip_says(serve: Any) -> None:
    url = await serve(ok(DOCUMENT, LENGTH))
    assert await fetch_information(url, 5) == KNOWN
    (request,) = serve.requests
    lines = request.decode().split("\r\n")
    assert lines[0] == "GET /path?x=1 HTTP/1.1"
    assert "Accept: application/nostr+json" in lines
    assert "upgrade" not in request.decode().lower()


@pytest.mark.parametrize(
    "parts",
    [
        [ok(DOCUMENT, LENGTH)],
        [ok(DOCUMENT)],  # ends with the connection
        [
            ok(b"", b"Transfer-Encoding: chunked"),
            b"%x\r\n" % len(DOCUMENT),
            DOCUMENT,
            b"\r\n0\r\n\r\n",
        ],
        [bytes([byte]) for byte in ok(DOCUMENT, LENGTH)],
    ],
)
async def test_any_way_to_send_it_will_do(serve: Any, parts: list[bytes]) -> None:
    assert await fetch_information(await serve(*parts), 5) == KNOWN


@pytest.mark.parametrize(
    "parts",
    [
        [b""],
        [b"SSH-2.0-OpenSSH\r\n"],
        [b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"],
        [b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"],
        [b"HTTP/1.1 101 Switching Protocols\r\n\r\n"],
        [b"HTTP/1.1 500 Oops\r\n\r\n" + DOCUMENT],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"],
        [ok(b"[" * 50_000)],
        [ok(b"<html>hello</html>")],
        [b"HTTP/1.1 200 OK\r\n", *[b"x: y\r\n"] * 10_000],
        [b"HTTP/1.1 200 OK\r\nx: ", b"y" * 100_000],
    ],
)
async def test_other_answers_are_nothing(serve: Any, parts: list[bytes]) -> None:
    with pytest.raises(NoInformation):
        await fetch_information(await serve(*parts), 5)
    assert len(serve.requests) == 1


async def test_an_answer_without_end_is_cut_off(serve: Any) -> None:
    flood = [b"x" * 65_536] * 10_000
    with pytest.raises(NoInformation):
        await fetch_information(await serve(b"HTTP/1.1 200 OK\r\n\r\n", *flood), 30)


@pytest.mark.parametrize("pause", [0.001, 1_000])
async def test_slow_answers_end_in_time(serve: Any, pause: float) -> None:
    url = await serve(b"HTTP/1.1 200 OK\r\n\r\n{", *[b" "] * 1_000_000, pause=pause)
    started = time.monotonic()
    with pytest.raises(NoInformation):
        await fetch_information(url, 0.2)
    assert time.monotonic() - started < 2


async def test_nobody_there() -> None:
    with pytest.raises(NoInformation):
        await fetch_information("ws://127.0.0.1:1", 5)


async def test_our_own_relay_tells() -> None:
    async with RelayServer() as server:
        information = await fetch_information(server.url, 5)
    assert information.name == "spaces"
    assert information.limitation.max_subscriptions == limits.RELAY_SUBSCRIPTIONS


# --- keeping to it ---------------------------------------------------------------------------


async def test_a_relay_tells_once(relay: Any, connected: Any, until: Any) -> None:
    relay.information = document(max_subscriptions=7)
    async with connected(relay) as pool:
        await until(lambda: pool.status()[relay.url].name == "a relay")
        assert pool.status()[relay.url].limits == Limitation(max_subscriptions=7)
        await relay.die()
        await relay.start()
        await until(lambda: relay.accepted == 2 and pool.status()[relay.url].state == "connected")
        assert await pool.fetch([Filter()]) == []
        assert pool.status()[relay.url].name == "a relay"
    assert relay.asked_for_information == 1


async def test_a_relay_that_does_not_tell_is_asked_again_on_the_next_connection(
    relay: Any, connected: Any, until: Any
) -> None:
    async with connected(relay) as pool:
        await until(lambda: relay.asked_for_information == 1)
        relay.information = DOCUMENT
        await relay.die()
        await relay.start()
        await until(lambda: pool.status()[relay.url].name == "a relay")


async def test_the_document_is_not_waited_for(
    relay: Any, sign: Any, connected: Any, until: Any
) -> None:
    gate = asyncio.Event()
    relay.before_information = gate.wait
    async with connected(relay) as pool:
        event = await sign()
        assert (await pool.publish(event))[relay.url].ok
        assert await pool.fetch([Filter()]) == [event]
        assert relay.asked_for_information == 1
        assert pool.status()[relay.url].name == ""
    gate.set()


async def test_too_much_for_a_relay_is_not_sent(
    start_relay: Any, sign: Any, connected: Any, until: Any
) -> None:
    small, large = await start_relay(), await start_relay()
    small.information = document(max_content_length=5, max_event_tags=1, max_message_length=900)
    async with connected(small, large) as pool:
        await until(lambda: pool.status()[small.url].name)
        event = await sign("123456")
        answers = await pool.publish(event)
        assert answers[large.url].ok
        assert answers[small.url].reason == "takes at most 5 characters of content"
        assert pool.status()[small.url].refusals == {1: answers[small.url].reason}
        assert (await pool.publish(await sign("12345")))[small.url].ok
        assert pool.status()[small.url].refusals == {}
        assert len(small.published()) == 1


async def test_too_long_a_question_is_not_asked(
    start_relay: Any, connected: Any, inbox_of: Any, until: Any
) -> None:
    small, large = await start_relay(), await start_relay()
    small.information = document(max_message_length=200)
    async with connected(small, large) as pool:
        await until(lambda: pool.status()[small.url].name)
        long = inbox_of(pool, [Filter(authors=("ab" * 32, "cd" * 32, "ef" * 32))])
        await until(lambda: long.eose)
        assert long.eose == [large.url]
        assert long.closed == [(small.url, "takes at most 200 bytes")]
        short = inbox_of(pool, [Filter(authors=("ab" * 32,))])
        await until(lambda: len(short.eose) == 2)
        assert len(small.requests()) == 1


async def test_subscriptions_beyond_what_a_relay_allows_wait(
    relay: Any, sign: Any, connected: Any, inbox_of: Any, until: Any
) -> None:
    relay.information = document(max_subscriptions=3)
    relay.stored = [await sign(str(number), created_at=number) for number in range(5)]
    async with connected(relay) as pool:
        await until(lambda: pool.status()[relay.url].name)
        inboxes = [inbox_of(pool) for _ in range(5)]
        await until(lambda: all(inbox.eose for inbox in inboxes[:2]))
        assert relay.most_subscriptions == 2
        assert len(relay.requests()) == 2  # a place is kept for the past of these
        inboxes[0].subscription.close()
        await until(lambda: inboxes[2].eose)
        for inbox in inboxes[1:3]:
            inbox.subscription.close()
        await until(lambda: all(len(inbox.events) == 5 for inbox in inboxes))
        assert relay.most_subscriptions <= 3


async def test_the_past_is_paged_in_the_place_that_is_kept(
    relay: Any, sign: Any, connected: Any, inbox_of: Any, until: Any
) -> None:
    relay.information, relay.cap = document(max_subscriptions=2, max_limit=10), 10
    relay.stored = [await sign(str(number), created_at=number) for number in range(95)]
    async with connected(relay) as pool:
        await until(lambda: pool.status()[relay.url].name)
        first, second = inbox_of(pool, page=True), inbox_of(pool, [Filter(limit=50)], page=True)
        await until(lambda: first.eose)
        assert len(first.events) == 95
        first.subscription.close()
        await until(lambda: second.eose)
        assert 50 <= len(second.events) <= 60
        assert relay.most_subscriptions == 2
        assert all(request[2].get("limit", 0) <= 10 for request in relay.requests())


async def test_one_subscription_is_better_than_none(
    relay: Any, sign: Any, connected: Any, inbox_of: Any, until: Any
) -> None:
    relay.information, relay.cap = document(max_subscriptions=1, max_limit=10), 10
    relay.stored = [await sign(str(number), created_at=number) for number in range(95)]
    async with connected(relay) as pool:
        await until(lambda: pool.status()[relay.url].name)
        inbox = inbox_of(pool, page=True)
        await until(lambda: inbox.eose)
        assert len(inbox.events) == 10
        assert relay.most_subscriptions == 1


async def test_leaving_while_a_relay_tells_of_itself(relay: Any, until: Any, quick: Any) -> None:
    gate = asyncio.Event()
    relay.before_information = gate.wait
    before = asyncio.all_tasks()
    async with Pool([relay.url], timing=quick):
        await until(lambda: relay.asked_for_information)
    names = [task.get_name() for task in asyncio.all_tasks() - before]
    assert not [name for name in names if name.startswith("information")]
    gate.set()
