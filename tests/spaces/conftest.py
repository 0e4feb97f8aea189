from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tui.nostr.event import Draft, Event
from tui.nostr.keys import LocalSigner, SecretKey
from tui.spaces.events import SpaceRef

SpaceId = "0123456789abcdef0123456789abcdef"


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
    return SpaceRef(host.pubkey, SpaceId)


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
def sign() -> Callable[[LocalSigner, Draft], Coroutine[Any, Any, Event]]:
    async def sign(signer: LocalSigner, draft: Draft) -> Event:
        return await signer.sign(draft)

    return sign
