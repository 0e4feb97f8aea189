import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tui.config import limits
from tui.nostr.event import Draft
from tui.nostr.filter import Filter
from tui.nostr.keys import LocalSigner
from tui.nostr.nip44 import InvalidPayload
from tui.nostr.pool import Pool
from tui.spaces.events import Metrics, PeerJoined, SpaceRef
from tui.spaces.state import SpaceState
from tui.spaces.wire import Wire
from tui.spaces.writer import Writer

Until = Callable[[Callable[[], object]], Awaitable[None]]

NOW = int(time.time())


@pytest.fixture
def refused() -> list[str]:
    return []


@pytest.fixture
def state(space: SpaceRef) -> SpaceState:
    return SpaceState(space)


@pytest.fixture
def wire(
    space: SpaceRef, guest: LocalSigner, pool: Pool, state: SpaceState, refused: list[str]
) -> Wire:
    return Wire(
        signer=guest,
        pool=pool,
        state=state,
        writer=Writer(space, guest.pubkey),
        now=time.time,
        refused=lambda _url, reason: refused.append(reason),
    )


@pytest.fixture
async def running(wire: Wire) -> AsyncIterator[Wire]:
    task = asyncio.create_task(wire.run())
    yield wire
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_is_said_arrives_in_order_and_flushing_waits_for_it(
    running: Wire, pool: Pool, until: Until, guest: LocalSigner
) -> None:
    heard: list[str] = []
    pool.subscribe([Filter(kinds=(1,))], lambda event, _url: heard.append(event.content))
    for number in range(50):
        running.say(Draft(1, str(number), (), NOW))
    await running.flush()
    await until(lambda: len(heard) == 50)
    assert heard == [str(number) for number in range(50)]
    assert len(await pool.fetch([Filter(authors=(guest.pubkey,))])) == 50


async def test_whoever_delivers_learns_what_each_relay_says(
    running: Wire, pool: Pool, refused: list[str]
) -> None:
    (url,) = pool.urls
    results = await running.deliver(Draft(1, "hello", (), NOW))
    assert {url: result.ok for url, result in results.items()} == {url: True}
    results = await running.deliver(Draft(1, "too early", (), NOW + 10**6))
    assert {url: result.ok for url, result in results.items()} == {url: False}
    await running.deliver(Draft(1, "too early again", (), NOW + 10**6))
    assert len(refused) == 1  # the same complaint is not made for each event
    assert refused[0].startswith("kind 1: ")
    await running.deliver(Draft(1, "hello again", (), NOW))
    await running.deliver(Draft(1, "too early once more", (), NOW + 10**6))
    assert len(refused) == 2


async def test_what_cannot_be_signed_is_given_up_and_the_rest_goes_on(running: Wire) -> None:
    too_large = Draft(1, "x" * limits.EVENT_BYTES, (), NOW)
    running.say(too_large)
    assert await running.deliver(too_large) == {}
    impatient = asyncio.create_task(running.deliver(too_large))
    await asyncio.sleep(0)
    impatient.cancel()
    results = await running.deliver(Draft(1, "hello", (), NOW))
    assert all(result.ok for result in results.values())


async def test_only_so_much_waits_to_be_signed(wire: Wire) -> None:
    for number in range(limits.WAITING_DRAFTS + 5):
        wire.say(Draft(1, str(number), (), NOW))
    assert wire.lost == 5


async def test_only_who_reads_encrypted_signalling_gets_it(
    wire: Wire, state: SpaceState, space: SpaceRef, guest: LocalSigner, host: LocalSigner
) -> None:
    plain = '{"sdp": "v=0"}'
    assert await wire.seal(host.pubkey, plain) == plain

    def join(at: int, **fields: Any) -> None:
        common: dict[str, Any] = {"space": space, "signer": host.pubkey, "until": NOW + 180}
        common |= {"name": "", "metrics": Metrics(), "at": at, "id": f"{at:064x}"}
        state.apply(PeerJoined(**common, **fields))

    join(NOW, nip44=False)
    assert await wire.seal(host.pubkey, plain) == plain
    join(NOW + 1, nip44=True)
    sealed = await wire.seal(host.pubkey, plain)
    assert "sdp" not in sealed
    assert await host.decrypt(guest.pubkey, sealed) == plain
    answer = await host.encrypt(guest.pubkey, plain)
    assert await wire.unseal(host.pubkey, answer) == plain
    assert await wire.unseal(host.pubkey, plain) == plain
    for bad in ("", "v=0", sealed[:-1]):
        with pytest.raises(InvalidPayload):
            await wire.unseal(host.pubkey, bad)
