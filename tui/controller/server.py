"""The controller's Unix socket: one link for each client that attaches.

Only this user's processes get in: the socket has mode 0600 in a directory of mode 0700, and the
kernel is asked who called. A client that stops reading, breaks off or is killed costs the
controller nothing: what waits for it is merged in its outbox.
"""

import asyncio
import logging
import os
import socket
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from tui.config import limits
from tui.controller.lines import IntentLines
from tui.controller.link import Link
from tui.controller.messages import (
    Failed,
    IntentRefused,
    Message,
    encode_message,
)

_log = logging.getLogger(__name__)
_READ_BYTES = 4096


class LinkServer:
    """Serves links until its context ends, which waits for clients to read their last messages.

    `counts` says what was turned away, by reason.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()
        self.counts: Counter[str] = Counter()

    async def __aenter__(self) -> "LinkServer":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop_listening()
        if self._clients:
            await asyncio.wait(self._clients, timeout=limits.DRAIN_SECONDS)
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def listen(self, attach: Callable[[], Link]) -> None:
        """Take clients from now on. Whoever calls this holds the lock: a socket left is stale."""
        self._path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.bind(str(self._path))
            self._path.chmod(0o600)  # before it listens, so nobody slips in
            self._server = await asyncio.start_unix_server(
                lambda reader, writer: self._connected(reader, writer, attach), sock=listening
            )
        except BaseException:
            listening.close()
            raise

    def stop_listening(self) -> None:
        """Let no further client in; those attached stay."""
        if self._server is not None:
            self._path.unlink(missing_ok=True)
            self._server.close()
            self._server = None

    def _connected(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        attach: Callable[[], Link],
    ) -> None:
        if not _same_user(writer):
            self.counts["other user"] += 1
            writer.close()
            return
        if len(self._clients) >= limits.LINK_CLIENTS:
            self.counts["too many clients"] += 1
            writer.write(_line(Failed("too many clients are attached", cause="clients")))
            writer.close()
            return
        # What the kernel does not take yet waits in the outbox, where it is merged.
        writer.transport.set_write_buffer_limits(high=0)
        client = asyncio.create_task(self._serve(reader, writer, attach()))
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: Link
    ) -> None:
        listening = asyncio.create_task(self._hear(reader, writer, link))
        telling = asyncio.create_task(_tell(writer, link))
        both = (listening, telling)
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            for result in await asyncio.gather(*both, return_exceptions=True):
                if isinstance(result, Exception) and not isinstance(result, ConnectionError):
                    _log.error("a client was dropped", exc_info=result)
            await link.close()
            writer.transport.abort()

    async def _hear(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: Link
    ) -> None:
        lines = IntentLines()
        while data := await reader.read(_READ_BYTES):
            for asked in lines.feed(data):
                if isinstance(asked, IntentRefused):
                    self.counts["bad intents"] += 1
                    writer.write(_line(asked))
                    await writer.drain()  # who does not read the answers is not heard either
                else:
                    await link.send(asked)


async def _tell(writer: asyncio.StreamWriter, link: Link) -> None:
    while True:
        writer.write(_line(await link.receive()))
        await writer.drain()


def _line(message: Message) -> bytes:
    return encode_message(message) + b"\n"


def _same_user(writer: asyncio.StreamWriter) -> bool:
    """Ask the kernel; where it has no SO_PEERCRED, the modes of socket and directory decide."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    peer = writer.get_extra_info("socket")
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    return bool(uid == os.getuid())
