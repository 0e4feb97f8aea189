from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from tui.controller.intents import HostSpace, UseThrowawayKey
from tui.controller.messages import Joined, SpaceFound
from tui.nostr.event import Draft
from tui.nostr.keys import LocalSigner, SecretKey
from tui.nostr.pool import Pool
from tui.relay.server import RelayServer

Run = Callable[..., Awaitable[Any]]


async def publish(relay: RelayServer, secret: SecretKey, *drafts: Draft) -> None:
    signer = LocalSigner(secret)
    async with Pool((relay.url,)) as pool:
        for draft in drafts:
            results = await pool.publish(await signer.sign(draft))
            assert all(result.ok for result in results.values())


async def test_what_was_seen_before_is_shown_before_any_relay_is_contacted(
    run: Run, relay: RelayServer, tmp_path: Path
) -> None:
    cache = str(tmp_path / "cache.sqlite")
    host = await run()
    host.do(HostSpace("Tea"))
    ref = (await host.hears(SpaceFound)).ref
    await host.hears(Joined)
    first = await run(cache=cache)
    await first.sees(lambda view: view.spaces.get(ref))
    await first.end()

    second = await run(cache=cache, throwaway=False)
    shown = await second.sees(lambda view: view.spaces.get(ref))
    assert (shown.name, shown.cached) == ("Tea", True)
    assert second.view.relays == {}, "without a key nobody is asked"
    second.do(UseThrowawayKey())
    await second.sees(lambda view: view.spaces[ref].cached is False)


async def test_a_host_is_called_by_the_profile_and_marked_if_followed(
    run: Run, relay: RelayServer
) -> None:
    hosts, mine = SecretKey.generate(), SecretKey.generate()
    now = 1_700_000_000
    profile = msgspec.json.encode({"name": "Grace"}).decode()
    await publish(relay, hosts, Draft(0, profile, (), now))
    await publish(relay, mine, Draft(3, "", (("p", hosts.public),), now))
    host = await run(secret=hosts.to_nsec(), name="", throwaway=False)
    host.do(HostSpace("Tea"))
    ref = (await host.hears(SpaceFound)).ref
    guest = await run(secret=mine.to_nsec(), throwaway=False)
    shown = await guest.sees(
        lambda view: ref in view.spaces and view.spaces[ref].followed and view.spaces[ref]
    )
    await guest.sees(lambda view: view.spaces[ref].host_name == "Grace")
    assert shown.host == hosts.public
