from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tui.controller.intents import AddRelay, Chat, HostSpace, JoinSpace, LeaveSpace, WatchRoom
from tui.controller.messages import (
    ChatReceived,
    Failed,
    IntentRefused,
    Joined,
    SpaceClosed,
    SpaceFound,
)
from tui.nostr.event import Draft
from tui.nostr.filter import Filter
from tui.nostr.keys import LocalSigner, SecretKey
from tui.nostr.nip19 import Nevent, encode_nevent
from tui.nostr.pool import Pool
from tui.relay.server import RelayServer

Run = Callable[..., Awaitable[Any]]


@pytest.fixture
async def relays() -> AsyncIterator[list[RelayServer]]:
    async with AsyncExitStack() as exits:
        yield [await exits.enter_async_context(RelayServer()) for _ in range(4)]


async def kinds(relay: RelayServer) -> set[int]:
    async with Pool((relay.url,)) as pool:
        return {event.kind for event in await pool.fetch([Filter()])}


async def test_a_space_is_held_where_its_host_writes_and_met_there_by_others(
    run: Run, relays: list[RelayServer]
) -> None:
    common, first, second, guests = relays
    secret = SecretKey.generate()
    listed = Draft(10002, "", (("r", first.url), ("r", second.url, "write")), 1_700_000_000)
    async with Pool((common.url,)) as pool:
        await pool.publish(await LocalSigner(secret).sign(listed))
    host = await run(relays=(common.url,), secret=secret.to_nsec(), throwaway=False)
    host.do(HostSpace("Tea"))
    ref = (await host.hears(SpaceFound)).ref
    await host.hears(Joined)
    await host.sees(lambda view: view.space and view.space.share)
    assert host.view.space.relays == (first.url, second.url, common.url)
    assert {1000, 31101} <= await kinds(first)
    assert {1000, 31101} <= await kinds(second)

    guest = await run(relays=(guests.url, common.url))
    guest.do(JoinSpace(host.view.space.share))
    assert (await guest.hears(SpaceFound)).ref == ref
    await guest.hears(Joined)
    await guest.sees(lambda view: view.space and len(view.space.relays) == 4)
    assert guest.view.space.relays[:2] == (first.url, second.url)
    assert first.url in guest.view.relays
    host.do(Chat("hello"))
    await guest.hears(ChatReceived, text="hello")

    guest.do(LeaveSpace())
    await guest.hears(SpaceClosed)
    guest.do(HostSpace("Elsewhere"))
    await guest.hears(Joined)
    await guest.sees(lambda view: set(view.relays) == {guests.url, common.url})


async def test_the_settings_say_where_own_spaces_are_held(
    run: Run, relays: list[RelayServer]
) -> None:
    common, chosen, *_ = relays
    host = await run(relays=(common.url,), space_relays=(chosen.url,))
    host.do(HostSpace("Tea"))
    await host.hears(Joined)
    await host.sees(lambda view: view.space and view.space.relays == (chosen.url, common.url))


async def test_a_relay_that_refuses_is_shown_with_what_and_why(
    run: Run, relays: list[RelayServer]
) -> None:
    from tui.relay.limits import RelayLimits

    good = relays[0]
    async with RelayServer(limits=RelayLimits(max_content_length=10)) as strict:
        host = await run(relays=(good.url, strict.url))
        host.do(HostSpace("Tea"))
        await host.hears(Joined)
        shown = await host.sees(lambda view: view.relays[strict.url].refusals.get(1000))
        assert shown
        assert not host.view.relays[good.url].refusals


async def test_no_link_makes_us_knock_at_doors_of_our_own_network(
    run: Run, relays: list[RelayServer]
) -> None:
    inside = Nevent("ab" * 32, (relays[0].url, "ws://192.168.0.1"), "cd" * 32, 1000)
    public = ("wss://relay.example",)  # nobody there, and nobody needs to be
    client = await run(relays=public)
    client.do(WatchRoom(encode_nevent(inside)), JoinSpace(encode_nevent(inside)))
    await client.hears(Failed)
    assert set(client.view.relays) <= set(public)
    odd = Nevent("ab" * 32, ("ws://[::1", "http://x", "x" * 200), "cd" * 32, 1000)
    client.do(JoinSpace(encode_nevent(odd)))
    assert (await client.hears(Failed)).cause in ("unknown_space", "relay")
    near = await run(relays=(relays[1].url,))
    near.do(WatchRoom(encode_nevent(inside)))
    await near.sees(lambda view: relays[0].url in view.relays)


async def test_a_bad_relay_is_refused(run: Run) -> None:
    client = await run()
    client.do(AddRelay("http://example.com"))
    assert (await client.hears(IntentRefused)).intent == "add_relay"
