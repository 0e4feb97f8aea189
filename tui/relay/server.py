"""The relay as a whole: a listening socket, a store, and the clients between them."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from tui.config import limits as bounds
from tui.relay.connection import ClientConnection
from tui.relay.hub import Hub
from tui.relay.information import asks_for_information, information_response
from tui.relay.limits import RelayLimits
from tui.relay.store import StoreError
from tui.relay.visitor import AuthPolicy

_log: Final = logging.getLogger(__name__)

# The library logs a traceback for each broken handshake: strangers could fill the disk with it.
_library_log: Final = logging.getLogger(f"{__name__}.websockets")
_library_log.setLevel(logging.CRITICAL)

_FRAMES_WAITING: Final = 4  # read ahead of one client; more stays in the kernel


class RelayServer:
    """A relay that serves while its context is open; port 0 takes a free one.

    `store` is a file, or None for memory; with `auth`, clients are asked who they are. Entering
    raises StoreError, or OSError if the address cannot be listened on. `counts` says what was
    refused or dropped, and how often.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        store: Path | None = None,
        limits: RelayLimits | None = None,
        auth: AuthPolicy | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._host = host
        self._port = port
        self._limits = limits or RelayLimits()
        self._hub = Hub(store, self._limits, auth, now)
        self._clients: set[ClientConnection] = set()
        self.counts = self._hub.counts

    @property
    def url(self) -> str:
        """Where it listens, `ws://HOST:PORT`."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"ws://{host}:{self._port}"

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._hub.archive)
            await stack.enter_async_context(self._housekeeping())
            server = await stack.enter_async_context(
                serve(
                    self._serve_client,
                    self._host,
                    self._port,
                    process_request=self._process_request,
                    # Ids, keys and signatures hardly compress, and each context costs memory.
                    compression=None,
                    open_timeout=bounds.RELAY_SERVER_OPEN_SECONDS,
                    ping_interval=bounds.RELAY_SERVER_PING_SECONDS,
                    ping_timeout=bounds.RELAY_SERVER_PING_SECONDS,
                    close_timeout=bounds.RELAY_SERVER_CLOSE_SECONDS,
                    max_size=self._limits.max_message_length,
                    max_queue=_FRAMES_WAITING,
                    server_header=None,
                    logger=_library_log,
                )
            )
            self._port = server.sockets[0].getsockname()[1]
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    def _process_request(self, socket: ServerConnection, request: Request) -> Response | None:
        if asks_for_information(request):
            return information_response(self._limits, self._hub.auth)
        if len(self._clients) >= self._limits.max_connections:
            self.counts["refused connection"] += 1
            return socket.respond(HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections.\n")
        return None

    async def _serve_client(self, socket: ServerConnection) -> None:
        client = ClientConnection(socket, self._hub)
        self._clients.add(client)
        try:
            await client.serve()
        except Exception:
            # A fault of ours; it ends this client and nobody else.
            _log.exception("a client could not be served")
            self.counts["fault"] += 1
        finally:
            self._clients.discard(client)

    @asynccontextmanager
    async def _housekeeping(self) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(self._sweep(), name="relay-sweep"),
            asyncio.create_task(self._purge(), name="relay-purge"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _sweep(self) -> None:
        """Drop clients who send pings and never read: pongs are queued by the library."""
        while True:
            await asyncio.sleep(bounds.RELAY_SWEEP_SECONDS)
            for client in list(self._clients):
                client.drop_if_slow()

    async def _purge(self) -> None:
        while True:
            await asyncio.sleep(bounds.RELAY_PURGE_SECONDS)
            try:
                await self._hub.archive.purge()
            except StoreError as error:
                _log.error("expired events could not be removed: %s", error)
