import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve

from tui.nostr.event import Draft, Event
from tui.nostr.keys import LocalSigner, SecretKey
from tui.relay.server import RelayServer

Until = Callable[[Callable[[], object]], Awaitable[None]]


class Person(LocalSigner):
    """Signs events with a key of its own."""

    def __init__(self) -> None:
        super().__init__(SecretKey.generate())

    async def event(
        self, kind: int, content: Any = "", tags: Any = (), at: int | None = None
    ) -> Event:
        text = content if isinstance(content, str) else msgspec.json.encode(content).decode()
        when = int(time.time()) - 100 if at is None else at
        return await self.sign(Draft(kind, text, tuple(map(tuple, tags)), when))


@pytest.fixture
def new_person() -> Callable[[], Person]:
    return Person


@pytest.fixture
def me() -> Person:
    return Person()


@pytest.fixture
def until() -> Until:
    """Wait for a condition, ten seconds at most."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.002)

    return wait


@pytest.fixture
async def start_relay() -> AsyncIterator[Callable[[], Awaitable[RelayServer]]]:
    """Starts embedded relays, which end with the test."""
    async with AsyncExitStack() as stack:

        async def start() -> RelayServer:
            return await stack.enter_async_context(RelayServer())

        yield start


@pytest.fixture
async def relay(start_relay: Callable[[], Awaitable[RelayServer]]) -> RelayServer:
    return await start_relay()


class SilentRelay:
    """Takes connections and messages, and answers none of them unless `answer` does."""

    def __init__(self) -> None:
        self.url = ""
        self.received: list[Any] = []
        self.answer: Callable[[Any], list[Any]] = lambda message: []

    async def serve(self, connection: ServerConnection) -> None:
        async for data in connection:
            message = msgspec.json.decode(data)
            self.received.append(message)
            for reply in self.answer(message):
                await connection.send(msgspec.json.encode(reply), text=True)

    def requests(self) -> list[Any]:
        return [message for message in self.received if message[0] == "REQ"]


@pytest.fixture
async def silent_relay() -> AsyncIterator[SilentRelay]:
    relay = SilentRelay()
    async with serve(relay.serve, "127.0.0.1", 0, close_timeout=0.2, compression=None) as server:
        relay.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield relay
