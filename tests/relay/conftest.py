import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tui.nostr.event import Event, check_event, encode_event, event_id
from tui.nostr.keys import SecretKey

DEADLINE = 20.0  # seconds that anything may take before the test fails


class Author:
    """Signs events with a key of its own."""

    def __init__(self) -> None:
        self._secret = SecretKey.generate()
        self.pubkey = self._secret.public

    def event(
        self,
        kind: int = 1,
        content: str = "",
        tags: tuple[tuple[str, ...], ...] = (),
        at: int | None = None,
    ) -> Event:
        at = int(time.time()) if at is None else at
        id_ = event_id(self.pubkey, at, kind, tags, content)
        signature = self._secret.sign(bytes.fromhex(id_)).hex()
        return Event(id_, self.pubkey, at, kind, tags, content, signature)


class RawClient:
    """A relay's client that speaks NIP-01 by hand; every wait has a deadline."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._numbers = itertools.count()

    async def send(self, *message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def receive(self) -> list[Any]:
        async with asyncio.timeout(DEADLINE):
            message = json.loads(await self.socket.recv())
        assert isinstance(message, list)
        return message

    async def until(self, *start: Any) -> list[list[Any]]:
        """All messages up to and including the first that starts like this."""
        messages = [await self.receive()]
        while messages[-1][: len(start)] != list(start):
            messages.append(await self.receive())
        return messages

    async def publish(self, event: Event | dict[str, Any]) -> tuple[bool, str]:
        """Publish an event: whether it was accepted, and the words of the relay."""
        obj = json.loads(encode_event(event)) if isinstance(event, Event) else event
        await self.send("EVENT", obj)
        _, _, accepted, reason = (await self.until("OK", obj["id"]))[-1]
        return accepted, reason

    async def request(self, *filters: dict[str, Any]) -> list[Event]:
        """The stored events that match, in the order in which they came."""
        id_ = f"request {next(self._numbers)}"  # a late CLOSED is not taken for the next one's
        await self.send("REQ", id_, *filters)
        messages = await self.until("EOSE", id_)
        await self.send("CLOSE", id_)
        return [check_event(message[2]) for message in messages if message[:2] == ["EVENT", id_]]

    async def subscribe(self, *filters: dict[str, Any], id_: str = "live") -> None:
        """Open a subscription and wait until what is stored has been sent."""
        await self.send("REQ", id_, *filters)
        await self.until("EOSE", id_)

    async def next_event(self, id_: str = "live") -> Event:
        """The next new event of a subscription."""
        return check_event((await self.until("EVENT", id_))[-1][2])


@pytest.fixture
def new_author() -> Callable[[], Author]:
    return Author


@pytest.fixture
def author() -> Author:
    return Author()


@pytest.fixture
def now() -> int:
    return int(time.time())


@pytest.fixture
async def dial() -> AsyncIterator[Callable[..., Awaitable[RawClient]]]:
    """Connects to a URL; the connections end with the test."""
    async with AsyncExitStack() as stack:

        async def dial(url: str, **options: Any) -> RawClient:
            options = {"close_timeout": 1, "max_size": None, "compression": None} | options
            return RawClient(await stack.enter_async_context(connect(url, **options)))

        yield dial


@pytest.fixture
def stop_watch() -> Iterator[Callable[[], bool]]:
    """Whether the time that anything may take is not over yet."""
    end = time.monotonic() + DEADLINE

    def running() -> bool:
        assert time.monotonic() < end, "waited too long"
        return True

    yield running
