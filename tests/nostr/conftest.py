import asyncio
import random
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import msgspec
import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.http11 import Response

from tui.nostr.event import Draft, Event
from tui.nostr.filter import Filter, check_filter
from tui.nostr.keys import LocalSigner, SecretKey
from tui.nostr.pool import Pool
from tui.nostr.relay import Timing

Until = Callable[[Callable[[], object]], Awaitable[None]]


class Sign(Protocol):
    async def __call__(
        self, content: str = ..., kind: int = ..., tags: Any = ..., created_at: int | None = ...
    ) -> Event: ...


@pytest.fixture
def until() -> Until:
    """Wait for a condition, five seconds at most."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.002)

    return wait


@pytest.fixture
def signer() -> LocalSigner:
    return LocalSigner(SecretKey(bytes(31) + b"\x07"))


@pytest.fixture
def sign(signer: LocalSigner) -> Sign:
    async def make(
        content: str = "hello", kind: int = 1, tags: Any = (), created_at: int | None = None
    ) -> Event:
        at = int(time.time()) if created_at is None else created_at
        return await signer.sign(Draft(kind, content, tags, at))

    return make


class ScriptedRelay:
    """A small real relay on loopback that can be told to misbehave."""

    def __init__(self) -> None:
        self.stored: list[Event] = []
        self.received: list[Any] = []  # decoded messages of clients
        self.connections: set[ServerConnection] = set()
        self.accepted = 0  # connections so far
        self.port = 0
        self.answers_req = True
        self.cap = 1_000_000  # events of one filter's answer
        self.heeds_until = True
        self.forgotten: set[int] = set()  # kinds that are accepted and not stored
        self.information: bytes | None = None  # what a GET is answered
        self.asked_for_information = 0
        self.before_information: Callable[[], Awaitable[None]] | None = None
        self.most_subscriptions = 0  # that were open at a time
        self.needs_auth: set[str] = set()  # REQ, EVENT
        self.accepts_auth = True
        self.remembers_auth = True
        self._authenticated: set[ServerConnection] = set()
        self.answer_publish: Callable[[Event], list[Any] | None] = lambda event: [
            "OK",
            event.id,
            True,
            "",
        ]
        self.on_connect: Callable[[ServerConnection], Awaitable[None]] | None = None
        self._subscriptions: dict[tuple[ServerConnection, str], list[Any]] = {}
        self.gate: asyncio.Event | None = None  # handshakes are not answered before it is set
        self.tls: ssl.SSLContext | None = None
        self._server: Server | None = None

    @property
    def url(self) -> str:
        return f"{'wss' if self.tls else 'ws'}://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            self.port,
            ssl=self.tls,
            process_request=self._process_request,
            compression=None,
            close_timeout=0.2,
            ping_interval=None,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def die(self) -> None:
        """All connections and the listening socket are gone at once, without a goodbye."""
        assert self._server is not None
        for connection in list(self.connections):
            connection.transport.abort()
        self._server.close(close_connections=True)
        await self._server.wait_closed()
        self._server = None

    def freeze(self) -> None:
        """Half-open: connected, but nothing is read or answered any more."""
        for connection in self.connections:
            connection.transport.pause_reading()

    async def stop(self) -> None:
        if self._server is not None:
            await self.die()

    async def say(self, message: Any) -> None:
        """Send a message (encoded), or raw text or bytes, to every client."""
        data = message if isinstance(message, str | bytes) else encode(message)
        for connection in list(self.connections):
            await connection.send(data)

    def burst(self, messages: list[Any], end: bytes = b"") -> None:
        """Send many messages to every client in one write, and raw bytes after them."""
        frames = [
            Frame(Opcode.TEXT, msgspec.json.encode(message)).serialize(mask=False)
            for message in messages
        ]
        data = b"".join(frames)
        for connection in self.connections:
            connection.transport.write(data + end)

    async def store(self, event: Event) -> None:
        """Store an event and pass it on to open subscriptions, as relays do."""
        self.stored.append(event)
        for (connection, id_), filters in list(self._subscriptions.items()):
            if any(check_filter(filter_).matches(event) for filter_ in filters):
                await connection.send(encode(["EVENT", id_, event]))

    def requests(self) -> list[list[Any]]:
        return [message for message in self.received if message[0] == "REQ"]

    def published(self) -> list[str]:
        return [message[1]["id"] for message in self.received if message[0] == "EVENT"]

    async def _process_request(
        self, _connection: ServerConnection, request: Any
    ) -> Response | None:
        if self.gate:
            await self.gate.wait()
        if request.headers.get("Accept") != "application/nostr+json":
            return None
        self.asked_for_information += 1
        if self.before_information:
            await self.before_information()
        if self.information is None:
            return Response(404, "Not Found", Headers(), b"")
        headers = Headers({"Content-Length": str(len(self.information)), "Connection": "close"})
        return Response(200, "OK", headers, self.information)

    async def _serve(self, connection: ServerConnection) -> None:
        self.connections.add(connection)
        self.accepted += 1
        try:
            if self.on_connect:
                await self.on_connect(connection)
            async for data in connection:
                await self._handle(connection, msgspec.json.decode(data))
        except ConnectionClosed:
            pass
        finally:
            self.connections.discard(connection)
            self._authenticated.discard(connection)
            for key in [key for key in self._subscriptions if key[0] is connection]:
                del self._subscriptions[key]

    async def _handle(self, connection: ServerConnection, message: Any) -> None:
        self.received.append(message)
        known = connection in self._authenticated
        match message:
            case ["AUTH", obj]:
                if self.accepts_auth and self.remembers_auth:
                    self._authenticated.add(connection)
                reason = "" if self.accepts_auth else "restricted: not you"
                await connection.send(encode(["OK", obj["id"], self.accepts_auth, reason]))
            case ["REQ", id_, *_] if "REQ" in self.needs_auth and not known:
                await connection.send(encode(["CLOSED", id_, "auth-required: who are you?"]))
            case ["EVENT", obj] if "EVENT" in self.needs_auth and not known:
                answer = ["OK", obj["id"], False, "auth-required: who are you?"]
                await connection.send(encode(answer))
            case ["REQ", id_, *filters] if self.answers_req:
                self._subscriptions[connection, id_] = filters
                self.most_subscriptions = max(self.most_subscriptions, len(self._subscriptions))
                found: dict[str, Event] = {}
                for obj in filters:
                    if not self.heeds_until:
                        obj.pop("until", None)
                    filter_ = check_filter(obj)
                    newest = sorted(
                        filter(filter_.matches, self.stored),
                        key=lambda event: event.created_at,
                        reverse=True,
                    )
                    found |= {event.id: event for event in newest[: filter_.limit][: self.cap]}
                for event in found.values():
                    await connection.send(encode(["EVENT", id_, event]))
                await connection.send(encode(["EOSE", id_]))
            case ["CLOSE", id_]:
                self._subscriptions.pop((connection, id_), None)
            case ["EVENT", obj]:
                event = msgspec.convert(obj, Event)
                if (answer := self.answer_publish(event)) is not None:
                    if event.kind not in self.forgotten:
                        await self.store(event)
                    await connection.send(encode(answer))


def encode(message: Any) -> str:
    return msgspec.json.encode(message).decode()


@pytest.fixture
async def start_relay() -> AsyncIterator[Callable[[], Awaitable[ScriptedRelay]]]:
    relays: list[ScriptedRelay] = []

    async def start() -> ScriptedRelay:
        relay = ScriptedRelay()
        relays.append(relay)
        await relay.start()
        return relay

    yield start
    for relay in relays:
        await relay.stop()


@pytest.fixture
async def relay(start_relay: Callable[[], Awaitable[ScriptedRelay]]) -> ScriptedRelay:
    return await start_relay()


QUICK = Timing(
    open=1.0,
    ping=0.2,
    close=0.3,
    retry_first=0.01,
    retry_longest=0.05,
    stable=0.0,
    information=0.5,
    memory=0.01,
)


@pytest.fixture
def quick() -> Timing:
    return QUICK


class Inbox:
    """Collects what a subscription delivers."""

    def __init__(self, pool: Pool, filters: list[Filter] | None = None, **options: Any) -> None:
        self.events: list[Event] = []
        self.urls: list[str] = []
        self.eose: list[str] = []
        self.closed: list[tuple[str, str]] = []
        self.subscription = pool.subscribe(
            [Filter()] if filters is None else filters,
            self._on_event,
            on_eose=self.eose.append,
            on_closed=lambda url, reason: self.closed.append((url, reason)),
            **options,
        )

    def _on_event(self, event: Event, url: str) -> None:
        self.events.append(event)
        self.urls.append(url)

    @property
    def id(self) -> str:
        return self.subscription.id


@pytest.fixture
def inbox_of() -> type[Inbox]:
    return Inbox


@pytest.fixture
def connected() -> Callable[..., AbstractAsyncContextManager[Pool]]:
    """A pool that is connected to these relays."""

    @asynccontextmanager
    async def connected(*relays: Any, **options: Any) -> AsyncIterator[Pool]:
        options = {"timing": QUICK, "rng": random.Random(1)} | options
        async with Pool([relay.url for relay in relays], **options) as pool:
            assert await pool.wait_connected(5, at_least=len(relays))
            yield pool

    return connected


class NoPause(random.Random):
    """Draws no pause, and remembers between which bounds it should have drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.bounds: list[tuple[float, float]] = []

    def uniform(self, a: float, b: float) -> float:
        self.bounds.append((a, b))
        return 0.0


@pytest.fixture
def no_pause() -> NoPause:
    return NoPause()


@pytest.fixture
def forge() -> Callable[..., Event]:
    """An event with a signature that is not its author's."""

    def forge(event: Event, **changes: Any) -> Event:
        return msgspec.structs.replace(event, **({"sig": "ab" * 64} | changes))

    return forge
