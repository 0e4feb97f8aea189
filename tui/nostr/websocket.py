"""The WebSocket to one relay: opened and closed in bounded time, written to without waiting.

No compression (a few bytes could grow without bound), no redirects (a relay must not send us to
another host, or into our own network), no proxy for relays on this machine.
"""

import asyncio
import contextlib
import functools
import socket
import ssl
from typing import Any, TypeVar, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.connection import broadcast
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.protocol import State

from tui.config import limits
from tui.nostr.frames import MASKED, PLAIN_TEXT, frame_extent
from tui.nostr.text import clean_text
from tui.nostr.url import is_loopback

_END_OF_HEADERS = b"\r\n\r\n"

_Socket = TypeVar("_Socket", bound=ClientConnection)


class RelaySocket(ClientConnection):
    """A client connection that parses in small portions and whose writers never wait.

    One read may bring thousands of frames, and parsing them at one go would hold everybody else
    up. So bytes wait here, with reading paused, and a few frames are parsed a turn. Whole text
    messages, which is nearly all that relays send, go past the library's parser, as it would cost
    a third of what checking a signature does; every other frame is the library's.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._unparsed = bytearray()
        self._last = b""  # end of what the library has had of the handshake
        self._more: asyncio.Handle | None = None
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Parse a portion now; the rest in the next turns of the event loop."""
        self._unparsed += data
        if self._more is None:
            self._parse()

    def eof_received(self) -> None:
        """Parse what is left: as a rule why the relay closes."""
        while self._unparsed and self._parse_one():
            pass
        super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop what is left: nobody can be answered any more."""
        self._unparsed.clear()
        super().connection_lost(exc)

    def _parse(self) -> None:
        self._more = None
        for _ in range(limits.RELAY_TURN_FRAMES):
            if not self._unparsed or not self._parse_one():
                if not self.recv_messages.paused:
                    self.transport.resume_reading()
                break
        else:
            self.transport.pause_reading()
            self._more = self.loop.call_soon(self._parse)
        self._abort_if_stuck()  # pings were answered, and a peer may send them without reading

    def _parse_one(self) -> bool:
        """Parse a frame or a piece of the handshake; false if more has to come first."""
        data = self._unparsed
        if self.protocol.state is not State.OPEN:
            self._pass_on(self._until_frames())
            return True
        header, size = frame_extent(data)
        if size - header > limits.RELAY_FRAME_BYTES:
            self._pass_on(header)  # of which the library sees that it is too large
            return True
        if not header or len(data) < size:
            return False
        if data[0] == PLAIN_TEXT and data[1] < MASKED and self.protocol.current_size is None:
            self.process_event(Frame(Opcode.TEXT, data[header:size]))
            del data[:size]
        else:
            self._pass_on(size)
        return True

    def _until_frames(self) -> int:
        """How many bytes, at most a portion, belong to the handshake or follow the end."""
        size = min(len(self._unparsed), limits.RELAY_PARSE_BYTES)
        if self.protocol.state is State.CONNECTING:
            seen = self._last + self._unparsed[:size]
            end = seen.find(_END_OF_HEADERS)
            if end >= 0:
                size = end + len(_END_OF_HEADERS) - len(self._last)
            self._last = bytes(seen[-3:])
        return size

    def _pass_on(self, size: int) -> None:
        data = bytes(self._unparsed[:size])
        del self._unparsed[:size]
        super().data_received(data)

    def post(self, message: str) -> None:
        """Send without waiting; aborts the connection if too much is unsent already."""
        broadcast((self,), message)  # the way of this library to send without waiting
        self._abort_if_stuck()

    def _abort_if_stuck(self) -> None:
        if self.transport.get_write_buffer_size() > limits.RELAY_WRITE_BYTES:
            self.transport.abort()


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception:
        return exc


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


async def connect_to(
    url: str, create: type[_Socket], *, open_timeout: float, **options: Any
) -> _Socket:
    """A connection of that class to a relay's address; times in seconds."""
    # Reading the certificates takes tens of milliseconds: once, and not in the event loop.
    context = await asyncio.to_thread(_tls) if url.startswith("wss:") else None
    connection = await _Connect(
        url,
        compression=None,
        proxy=None if is_loopback(url) else True,
        open_timeout=open_timeout,
        create_connection=create,
        ssl=context,
        **options,
    )
    return cast("_Socket", connection)


async def open_socket(
    url: str, *, open_timeout: float, ping: float, close_timeout: float
) -> RelaySocket:
    """Connect to a relay, times in seconds; raises what `failure` puts into words."""
    return await connect_to(
        url,
        RelaySocket,
        open_timeout=open_timeout,
        ping_interval=ping,
        ping_timeout=ping,
        close_timeout=0.8 * close_timeout,
        max_size=limits.RELAY_FRAME_BYTES,
        # Never pause writers: a peer that stops reading would hold up pings and their time limit.
        write_limit=2 * limits.RELAY_WRITE_BYTES,
    )


async def close_socket(websocket: RelaySocket, timeout: float) -> None:
    """Close within `timeout` seconds, whatever the other side does."""
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await websocket.close()
    finally:
        websocket.transport.abort()


def failure(error: Exception) -> str:
    """Why there is no connection (any longer), for people."""
    match error:
        case ConnectionClosed():
            return _closed(error)
        case InvalidStatus():
            return f"answered HTTP {error.response.status_code} instead of a WebSocket"
        case InvalidHandshake():
            return "is not a WebSocket server"
        case TimeoutError():
            return "does not answer"
        case ConnectionRefusedError():
            return "connection refused"
        case socket.gaierror():
            return "host not found"
        case ssl.SSLCertVerificationError():
            return f"certificate is not valid: {error.verify_message}"
        case OSError() if error.strerror:
            return clean_text(error.strerror, limits.RELAY_TEXT_CHARS)
        case _:
            return "cannot connect"


def _closed(error: ConnectionClosed) -> str:
    if error.rcvd is not None:
        text = clean_text(error.rcvd.reason, limits.RELAY_TEXT_CHARS)
        return f"closed by the relay ({error.rcvd.code}{': ' if text else ''}{text})"
    if error.sent is not None and error.sent.code == 1009:
        return "sent a message that is too large"
    if error.sent is not None and error.sent.code == 1011:
        return "no longer answers"
    return "connection lost"
