import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec
import nostr_sdk as sdk
import pytest

from tui.config import limits
from tui.nostr.event import Event
from tui.nostr.filter import Filter
from tui.nostr.keys import LocalSigner, SecretKey
from tui.nostr.pool import Pool
from tui.relay.information import information_document
from tui.relay.limits import RelayLimits
from tui.relay.server import RelayServer
from tui.relay.visitor import AuthPolicy, Visitor

DEADLINE = 10
PROTECTED = (("-",),)
Start = Callable[..., Awaitable[RelayServer]]


@pytest.fixture
async def start_relay() -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def start(**policy: Any) -> RelayServer:
            server = RelayServer(auth=AuthPolicy(**policy))
            return await stack.enter_async_context(server)

        yield start


def answer(author: Any, url: str, challenge: str, **changes: Any) -> Event:
    tags = changes.pop("tags", (("relay", url), ("challenge", challenge)))
    event: Event = author.event(changes.pop("kind", 22242), tags=tags, **changes)
    return event


async def challenge_of(client: Any) -> str:
    verb, challenge = await client.receive()
    assert verb == "AUTH"
    assert len(challenge) == 32
    return str(challenge)


async def authenticate(client: Any, event: Event) -> tuple[bool, str]:
    await client.send("AUTH", msgspec.to_builtins(event))
    _, _, accepted, reason = (await client.until("OK", event.id))[-1]
    return accepted, reason


async def test_who_is_known_may_write_what_strangers_may_not(
    start_relay: Start, dial: Any, author: Any
) -> None:
    relay = await start_relay(write=True)
    client = await dial(relay.url)
    challenge = await challenge_of(client)
    event = author.event(1)
    accepted, reason = await client.publish(event)
    assert not accepted
    assert reason.startswith("auth-required: ")
    assert await client.request({"kinds": [1]}) == []
    assert await authenticate(client, answer(author, relay.url, challenge)) == (True, "")
    assert await client.publish(event) == (True, "")
    stranger = await dial(relay.url)
    assert await stranger.request({"kinds": [1]}) == [event]
    assert await stranger.request({"kinds": [22242]}) == []


async def test_who_is_known_may_read_what_strangers_may_not(
    start_relay: Start, dial: Any, author: Any
) -> None:
    relay = await start_relay(read=True)
    client = await dial(relay.url)
    challenge = await challenge_of(client)
    event = author.event(1)
    assert await client.publish(event) == (True, "")
    for verb in ("REQ", "COUNT"):
        await client.send(verb, "x", {"kinds": [1]})
        assert (await client.receive())[:2] == ["CLOSED", "x"]
    assert await authenticate(client, answer(author, relay.url, challenge)) == (True, "")
    assert await client.request({"kinds": [1]}) == [event]


async def test_a_protected_event_is_taken_from_its_author_only(
    start_relay: Start, dial: Any, author: Any, new_author: Any
) -> None:
    relay = await start_relay()
    client = await dial(relay.url)
    challenge = await challenge_of(client)
    event, other = author.event(1, tags=PROTECTED), new_author()
    assert await client.publish(author.event(1)) == (True, "")
    assert (await client.publish(event))[1].startswith("auth-required: ")
    assert await authenticate(client, answer(other, relay.url, challenge)) == (True, "")
    assert (await client.publish(event))[1].startswith("restricted: ")
    assert await authenticate(client, answer(author, relay.url, challenge)) == (True, "")
    assert await client.publish(event) == (True, "")
    assert await client.publish(other.event(1, tags=PROTECTED)) == (True, "")  # both are known
    reader = await dial(relay.url)
    assert event in await reader.request({"kinds": [1]})


async def test_what_proves_nothing_does_not_count(
    start_relay: Start, dial: Any, author: Any, new_author: Any, now: int
) -> None:
    relay = await start_relay(write=True)
    client, other = await dial(relay.url), await dial(relay.url)
    challenge, of_other = await challenge_of(client), await challenge_of(other)
    assert challenge != of_other
    good = answer(author, relay.url, challenge)
    port = urlsplit(relay.url).port
    bad = [
        answer(author, relay.url, of_other),
        answer(author, "wss://relay.example.com", challenge),
        answer(author, f"ws://127.0.0.1:{port}.example.com", challenge),
        answer(author, "not a url [", challenge),
        answer(author, relay.url, challenge, at=now - limits.AUTH_AGE_SECONDS - 5),
        answer(author, relay.url, challenge, at=now + limits.AUTH_AGE_SECONDS + 5),
        answer(author, relay.url, challenge, kind=1),
        answer(author, relay.url, challenge, tags=()),
        answer(author, relay.url, challenge, tags=(("relay",), ("challenge",))),
        msgspec.structs.replace(good, sig="ab" * 64),
        msgspec.structs.replace(good, pubkey=new_author().pubkey),
    ]
    for event in bad:
        accepted, reason = await authenticate(client, event)
        assert not accepted
        assert reason.startswith("invalid: ")
    assert relay.counts["refused authentication"] == len(bad) - 1
    assert not (await client.publish(author.event(1)))[0]
    assert await authenticate(client, good) == (True, "")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "LOCALHOST"])
async def test_any_name_of_this_machine_will_do(
    start_relay: Start, dial: Any, author: Any, host: str
) -> None:
    relay = await start_relay(write=True)
    client = await dial(relay.url)
    url = f"ws://{host}:{urlsplit(relay.url).port}/"
    assert (await authenticate(client, answer(author, url, await challenge_of(client))))[0]


async def test_the_public_address_will_do(start_relay: Start, dial: Any, author: Any) -> None:
    relay = await start_relay(url="wss://relay.example.com")
    client = await dial(relay.url)
    event = answer(author, "wss://relay.example.com:443/", await challenge_of(client))
    assert (await authenticate(client, event))[0]


def test_one_connection_speaks_for_a_few_keys(new_author: Any, now: int) -> None:
    visitor = Visitor(AuthPolicy(), "10.0.0.1", 7777)
    answers = [
        visitor.authenticate(answer(new_author(), "ws://10.0.0.1:7777", visitor.challenge), now)
        for _ in range(9)
    ]
    assert answers[:8] == [""] * 8
    assert answers[8].startswith("rate-limited: ")


async def test_without_the_option_nobody_is_asked(dial: Any, author: Any) -> None:
    async with RelayServer() as relay:
        client = await dial(relay.url)
        accepted, reason = await authenticate(client, answer(author, relay.url, ""))
        assert (accepted, reason.partition(":")[0]) == (False, "invalid")
        assert (await client.publish(author.event(1, tags=PROTECTED)))[1].startswith("blocked: ")


def test_the_document_tells(author: Any) -> None:
    def document(auth: AuthPolicy | None) -> Any:
        return json.loads(information_document(RelayLimits(), auth))

    assert 42 not in document(None)["supported_nips"]
    assert 42 in document(AuthPolicy())["supported_nips"]
    for policy, required in [
        (None, False),
        (AuthPolicy(), False),
        (AuthPolicy(read=True), True),
        (AuthPolicy(write=True), True),
    ]:
        assert document(policy)["limitation"]["auth_required"] is required


async def test_our_own_client_gets_in(start_relay: Start, author: Any) -> None:
    relay = await start_relay(read=True, write=True)
    async with Pool([relay.url]) as pool:
        pool.signer = LocalSigner(SecretKey.generate())
        event = author.event(1)
        assert (await pool.publish(event))[relay.url].ok
        assert await pool.fetch([Filter(kinds=(1,))]) == [event]
        assert pool.status()[relay.url].auth == "accepted"


@pytest.fixture
async def _loop_of_callbacks() -> AsyncIterator[None]:
    """Where the independent client calls its signer."""
    sdk.uniffi_set_event_loop(asyncio.get_running_loop())
    yield
    sdk.uniffi_set_event_loop(None)


@pytest.mark.usefixtures("_loop_of_callbacks")
async def test_another_client_gets_in(start_relay: Start) -> None:
    relay = await start_relay(read=True, write=True)
    keys = sdk.Keys.generate()
    client = sdk.ClientBuilder().authenticator(sdk.SignerAuthenticator(keys)).build()
    url = sdk.RelayUrl.parse(relay.url)
    await client.add_relay(url, and_connect=True)
    try:
        event = sdk.EventBuilder(sdk.Kind(1), "hello").finalize(keys)
        output = await client.send_event(event, ok_timeout=timedelta(seconds=DEADLINE))
        assert output.success == [url]
        target = sdk.ReqTarget.auto([sdk.Filter().kind(sdk.Kind(1))])
        (found,) = await client.fetch_events(target, timedelta(seconds=DEADLINE))
        assert found.id() == event.id()
    finally:
        await client.shutdown()
