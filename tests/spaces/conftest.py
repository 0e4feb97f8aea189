import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tui.nostr.event import Draft, Event
from tui.nostr.keys import LocalSigner, SecretKey
from tui.nostr.pool import Pool
from tui.relay.server import RelayServer
from tui.spaces.events import SpaceRef


def _signer(number: int) -> LocalSigner:
    return LocalSigner(SecretKey(number.to_bytes(32, "big")))


@pytest.fixture(scope="session")
def host() -> LocalSigner:
    return _signer(1)


@pytest.fixture(scope="session")
def guest() -> LocalSigner:
    return _signer(2)


@pytest.fixture(scope="session")
def stranger() -> LocalSigner:
    return _signer(3)


@pytest.fixture(scope="session")
def space(host: LocalSigner) -> SpaceRef:
    return SpaceRef(host.pubkey, "0123456789abcdef0123456789abcdef")


Make = Callable[..., Event]


@pytest.fixture(scope="session")
def make(space: SpaceRef) -> Make:
    """An event of the space as it comes out of the pool; nothing after that looks at `sig`."""

    def event(
        kind: int,
        signer: str,
        content: str = "",
        tags: Any = (),
        *,
        at: int = 1_000,
        bare: Any = None,
    ) -> Event:
        common = (("s", space.id), ("h", space.host), ("webrtc", "spaces"))
        return Event(
            id=f"{at:064x}",
            pubkey=signer,
            created_at=at,
            kind=kind,
            tags=tuple(map(tuple, bare if bare is not None else (*common, *tags))),
            content=content,
            sig="0" * 128,
        )

    return event


@pytest.fixture
async def relay() -> AsyncIterator[RelayServer]:
    async with RelayServer() as relay:
        yield relay


@pytest.fixture
async def pool(relay: RelayServer) -> AsyncIterator[Pool]:
    async with Pool([relay.url]) as pool:
        assert await pool.wait_connected(10)
        yield pool


@pytest.fixture
def publish(pool: Pool) -> Callable[[LocalSigner, Draft], Awaitable[Event]]:
    """Sign and publish; a relay that refuses fails the test."""

    async def publish(signer: LocalSigner, draft: Draft) -> Event:
        event = await signer.sign(draft)
        results = await pool.publish(event, timeout=10)
        assert all(result.ok for result in results.values()), results
        return event

    return publish


@pytest.fixture
def until() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Wait for a condition, ten seconds at most."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - any state may be waited for
                await asyncio.sleep(0.005)

    return wait
