import asyncio
from collections.abc import AsyncIterator
from typing import Any

import nostr_sdk as sdk
import pytest

from tui.config import limits
from tui.nostr.auth import auth_draft, auth_problem, host_and_port
from tui.nostr.event import Draft, Event, InvalidEvent
from tui.nostr.filter import Filter
from tui.nostr.keys import LocalSigner, SecretKey
from tui.nostr.pool import Pool

MODES = sdk.LocalRelayBuilderNip42Mode


@pytest.fixture
def other() -> LocalSigner:
    return LocalSigner(SecretKey(bytes(31) + b"\x08"))


async def challenge(connection: Any) -> None:
    await connection.send('["AUTH","who are you"]')


def answers(relay: Any) -> list[Any]:
    return [message[1] for message in relay.received if message[0] == "AUTH"]


# --- against relays of others ----------------------------------------------------------------


@pytest.fixture(params=[MODES.READ, MODES.WRITE, MODES.BOTH], ids=["read", "write", "both"])
async def their_relay(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    options = sdk.LocalRelayBuilderNip42(mode=request.param)
    relay = sdk.LocalRelayBuilder().nip42(options).build()
    await relay.run()
    yield str(await relay.url())
    relay.shutdown()


async def test_their_relay_lets_us_in(
    their_relay: str, sign: Any, signer: LocalSigner, until: Any, inbox_of: Any
) -> None:
    async with Pool([their_relay]) as pool:
        (url,) = pool.urls
        pool.signer = signer
        inbox = inbox_of(pool)
        event = await sign()
        assert (await pool.publish(event))[url].ok
        await until(lambda: inbox.events == [event])
        assert await pool.fetch([Filter(ids=(event.id,))]) == [event]
        assert inbox.closed == []
        assert pool.status()[url].auth == "accepted"


async def test_their_relay_does_not_let_strangers_in(their_relay: str, sign: Any) -> None:
    async with Pool([their_relay]) as pool:
        (url,) = pool.urls
        event = await sign()
        published = (await pool.publish(event))[url]
        found = await pool.fetch([Filter(ids=(event.id,))])
        assert not (published.ok and found)
        refused = pool.status()[url].refusals
        assert published.ok or refused[event.kind].startswith("auth-required:")


# --- when we answer --------------------------------------------------------------------------


async def test_a_challenge_at_the_beginning_is_answered(
    relay: Any, signer: LocalSigner, connected: Any, until: Any
) -> None:
    relay.on_connect = challenge
    async with connected(relay) as pool:
        await until(lambda: pool.status()[relay.url].auth == "asked")
        assert answers(relay) == []  # nobody to say
        pool.signer = signer
        await until(lambda: pool.status()[relay.url].auth == "accepted")
        (answer,) = answers(relay)
        assert (answer["kind"], answer["pubkey"]) == (22242, signer.pubkey)
        assert answer["tags"] == [["relay", relay.url], ["challenge", "who are you"]]


async def test_what_was_refused_is_repeated(
    relay: Any, signer: LocalSigner, sign: Any, connected: Any, inbox_of: Any, until: Any
) -> None:
    relay.needs_auth = {"REQ", "EVENT"}
    async with connected(relay) as pool:
        pool.signer = signer
        inbox = inbox_of(pool)
        event = await sign()
        publishing = asyncio.create_task(pool.publish(event, timeout=1_000))
        await until(lambda: len(relay.received) == 2)
        await until(lambda: inbox.closed)  # so far the relay has not asked who we are
        await relay.say(["AUTH", "now"])
        assert (await publishing)[relay.url].ok
        await until(lambda: inbox.events == [event])
        assert pool.status()[relay.url].refusals == {}


async def test_without_a_signer_the_refusal_stands(
    relay: Any, sign: Any, connected: Any, inbox_of: Any, until: Any
) -> None:
    relay.needs_auth, relay.on_connect = {"REQ", "EVENT"}, challenge
    async with connected(relay) as pool:
        inbox = inbox_of(pool)
        event = await sign()
        published = (await pool.publish(event, timeout=1_000))[relay.url]
        assert (published.ok, published.reason) == (False, "auth-required: who are you?")
        assert pool.status()[relay.url].refusals == {event.kind: published.reason}
        await until(lambda: inbox.closed)
        assert await pool.fetch([Filter()], timeout=1_000) == []


async def test_who_never_asks_is_not_waited_for_without_end(
    relay: Any, signer: LocalSigner, sign: Any, connected: Any
) -> None:
    relay.needs_auth = {"REQ", "EVENT"}
    async with connected(relay) as pool:
        pool.signer = signer
        published = (await pool.publish(await sign(), timeout=0.05))[relay.url]
        assert (published.ok, published.reason) == (False, "auth-required: who are you?")
        async with asyncio.timeout(5):
            assert await pool.fetch([Filter()], timeout=1_000) == []


async def test_a_refused_answer_ends_it(
    relay: Any, signer: LocalSigner, sign: Any, connected: Any, inbox_of: Any, until: Any
) -> None:
    relay.needs_auth, relay.on_connect, relay.accepts_auth = {"REQ", "EVENT"}, challenge, False
    async with connected(relay) as pool:
        pool.signer = signer
        inbox = inbox_of(pool)
        assert not (await pool.publish(await sign(), timeout=1_000))[relay.url].ok
        await until(lambda: inbox.closed)
        assert pool.status()[relay.url].auth == "refused"
        assert pool.status()[relay.url].notice == "restricted: not you"
        assert not (await pool.publish(await sign("2"), timeout=1_000))[relay.url].ok
        assert len(answers(relay)) == 1


async def test_a_relay_that_knows_us_and_asks_all_the_same_is_not_asked_for_ever(
    relay: Any, signer: LocalSigner, sign: Any, connected: Any, inbox_of: Any, until: Any
) -> None:
    relay.needs_auth, relay.on_connect, relay.remembers_auth = {"REQ", "EVENT"}, challenge, False
    async with connected(relay) as pool:
        pool.signer = signer
        inbox = inbox_of(pool)
        assert not (await pool.publish(await sign(), timeout=1_000))[relay.url].ok
        await until(lambda: inbox.closed)
        assert len(relay.published()) <= 3
        assert len(relay.requests()) <= 3


async def test_challenges_without_end_cost_a_few_signatures(
    relay: Any, signer: LocalSigner, connected: Any, until: Any
) -> None:
    async with connected(relay) as pool:
        pool.signer = signer
        for number in range(50):
            await relay.say(["AUTH", f"challenge {number}"])
        await relay.say(["AUTH", "x" * (limits.CHALLENGE_CHARS + 1)])
        await until(lambda: pool.counts["challenge"] == 51 - limits.AUTH_CHALLENGES)
        assert len(answers(relay)) <= limits.AUTH_CHALLENGES


async def test_a_new_connection_is_a_new_conversation(
    relay: Any, signer: LocalSigner, connected: Any, inbox_of: Any, until: Any
) -> None:
    relay.needs_auth, relay.on_connect = {"REQ"}, challenge
    async with connected(relay) as pool:
        pool.signer = signer
        inbox = inbox_of(pool)
        await until(lambda: inbox.eose)
        await relay.die()
        await relay.start()
        await until(lambda: len(inbox.eose) == 2)
        assert len(answers(relay)) == 2


async def test_who_becomes_somebody_else_says_so(
    relay: Any, signer: LocalSigner, other: LocalSigner, connected: Any, until: Any
) -> None:
    relay.on_connect = challenge
    async with connected(relay) as pool:
        pool.signer = signer
        await until(lambda: pool.status()[relay.url].auth == "accepted")
        pool.signer = None
        pool.signer = other
        await until(lambda: len(answers(relay)) == 2)
        assert [answer["pubkey"] for answer in answers(relay)] == [signer.pubkey, other.pubkey]


async def test_who_becomes_somebody_else_meanwhile_is_only_that(
    relay: Any, signer: LocalSigner, connected: Any, until: Any
) -> None:
    relay.on_connect = challenge
    slow = SlowSigner()
    async with connected(relay) as pool:
        pool.signer = slow
        await until(lambda: slow.asked)
        pool.signer = signer
        slow.agreed.set()
        await until(lambda: pool.status()[relay.url].auth == "accepted")
        assert len(answers(relay)) == 1


class SlowSigner(LocalSigner):
    """Asks somebody who thinks about it."""

    def __init__(self) -> None:
        super().__init__(SecretKey(bytes(31) + b"\x07"))
        self.asked = 0
        self.agreed = asyncio.Event()

    async def sign(self, draft: Draft) -> Event:
        self.asked += 1
        await self.agreed.wait()
        return await super().sign(draft)


class Refusing(LocalSigner):
    async def sign(self, draft: Draft) -> Event:
        raise InvalidEvent("its owner said no")


async def test_a_challenge_that_comes_while_the_signer_thinks_is_the_one_that_counts(
    relay: Any, connected: Any, until: Any
) -> None:
    slow = SlowSigner()
    async with connected(relay) as pool:
        pool.signer = slow
        await relay.say(["AUTH", "first"])
        await until(lambda: slow.asked)
        await relay.say(["AUTH", "second"])
        await relay.say(["NOTICE", "x"])
        await until(lambda: pool.status()[relay.url].notice)
        slow.agreed.set()
        await until(lambda: pool.status()[relay.url].auth == "accepted")
        assert [answer["tags"][1][1] for answer in answers(relay)] == ["second"]


async def test_a_signer_that_never_answers_is_left_behind(
    relay: Any, connected: Any, until: Any
) -> None:
    slow = SlowSigner()
    relay.on_connect = challenge
    before = asyncio.all_tasks()
    async with connected(relay) as pool:
        pool.signer = slow
        await until(lambda: slow.asked)
    assert not [task for task in asyncio.all_tasks() - before if "auth" in task.get_name()]


async def test_a_signer_that_refuses_is_named(relay: Any, connected: Any, until: Any) -> None:
    relay.on_connect = challenge
    async with connected(relay) as pool:
        pool.signer = Refusing(SecretKey.generate())
        await until(lambda: pool.status()[relay.url].auth == "refused")
        assert pool.status()[relay.url].notice == "auth-required: not signed: its owner said no"


# --- the event -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ws://127.0.0.1:7777", "127.0.0.1:7777"),
        ("ws://Relay.example.com/path?x=1", "relay.example.com:80"),
        ("wss://relay.example.com", "relay.example.com:443"),
        ("ws://[::1]:7000", "::1:7000"),
        ("https://relay.example.com", ""),
        ("relay.example.com", ""),
        ("ws://relay.example.com:99999", ""),
        ("ws://[", ""),
        ("", ""),
    ],
)
def test_host_and_port(url: str, expected: str) -> None:
    assert host_and_port(url) == expected


async def test_what_we_sign_is_what_relays_take(signer: LocalSigner) -> None:
    event = await signer.sign(auth_draft("wss://relay.example.com", "c", 1_000))
    hosts = {"relay.example.com:443"}
    assert auth_problem(event, "c", hosts, 1_000) == ""
    assert auth_problem(event, "d", hosts, 1_000)
    assert auth_problem(event, "c", {"example.com:443"}, 1_000)
    assert auth_problem(event, "c", hosts, 1_000 + limits.AUTH_AGE_SECONDS + 1)
