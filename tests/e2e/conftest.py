from collections.abc import AsyncIterator
from typing import Any

import pytest
from nostr_sdk import LocalRelayBuilder


@pytest.fixture(params=["ours", "independent"])
async def relay(request: pytest.FixtureRequest, stage: Any) -> AsyncIterator[str]:
    """The URL of an empty relay: a process of ours, or nostr-sdk's."""
    if request.param == "ours":
        yield (await stage.relay())[0]
    else:
        local = LocalRelayBuilder().build()
        await local.run()
        yield str(await local.url())
        local.shutdown()
