from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from nostr_sdk import LocalRelayBuilder, RateLimit

from tests.hostile.attackers import wait
from tests.hostile.world import World
from tui.config import limits
from tui.spaces import inbox, scope


@pytest.fixture(autouse=True)
def _hear_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mobs do not make a crowd of which most is not listened for: the more there is to attack."""
    monkeypatch.setattr(limits, "ROSTER_PEOPLE", 10_000)
    monkeypatch.setattr(scope, "FIRST_LOOK", 30_000)
    monkeypatch.setattr(inbox, "FIRST_LOOK", 30_000)


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    """Wait for a state."""
    return wait


@asynccontextmanager
async def _local_relay() -> AsyncIterator[str]:
    """nostr-sdk's, which takes as many events as ours."""
    builder = LocalRelayBuilder()
    local = builder.rate_limit(RateLimit(max_reqs=500, notes_per_minute=1_000_000)).build()
    await local.run()
    yield str(await local.url())
    local.shutdown()


@pytest.fixture(params=["ours"])
async def relay(request: pytest.FixtureRequest, stage: Any) -> AsyncIterator[str]:
    """The URL of an empty relay: a process of ours, or with `independent` nostr-sdk's."""
    if request.param == "ours":
        yield (await stage.relay())[0]
    else:
        async with _local_relay() as url:
            yield url


@pytest.fixture
async def world(relay: str, stage: Any) -> AsyncIterator[World]:
    async with AsyncExitStack() as exits:
        yield World(relay, stage, exits)
