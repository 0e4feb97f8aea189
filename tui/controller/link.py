"""The link between the controller and its clients: one interface, two carriers.

A client sends intents and receives messages. The carriers are a Unix socket with one JSON object
a line, and a queue inside one process. A client that reads slowly costs the controller at most one
view: changes that wait are merged, levels replace one another, occurrences are bounded.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from tui.config import limits
from tui.controller.intents import AnyIntent, Intent, encode_intent
from tui.controller.messages import AnyMessage, Levels, ViewChanged, decode_message


class LinkClosed(ConnectionError):
    """The other end is gone."""


class Link(Protocol):
    """The client's end."""

    async def send(self, intent: AnyIntent) -> None:
        """Hand over an intent; its outcome arrives as a message. Raises `LinkClosed`."""

    async def receive(self) -> AnyMessage:
        """The next message; raises `LinkClosed` once there are no more."""

    async def close(self) -> None:
        """Detach; the controller goes on."""


_WHOLE = ("me", "audio", "space", "login", "room")
"""Fields of a change that hold one value, `UNSET` where it is as it was."""
_KEYED = ("relays", "spaces", "participants", "accounts", "chat", "journal", "barred")
"""Fields of a change that hold values by key, `None` where one is gone."""


def merge(older: ViewChanged, newer: ViewChanged) -> ViewChanged:
    """One change with the effect of both, applied in order."""
    if newer.reset:
        return newer
    fields: dict[str, Any] = {}
    for name in _WHOLE:
        value = getattr(newer, name)
        fields[name] = getattr(older, name) if value is msgspec.UNSET else value
    for name in _KEYED:
        values = getattr(older, name) | getattr(newer, name)
        if older.reset:  # what is gone was never there
            values = {key: value for key, value in values.items() if value is not None}
        fields[name] = values
    return ViewChanged(
        version=newer.version,
        reset=older.reset,
        dropped=older.dropped | newer.dropped,
        log=(*older.log, *newer.log)[-limits.LOG_LINES :],
        **fields,
    )


class Outbox:
    """What one client has yet to read."""

    def __init__(self) -> None:
        self._view: ViewChanged | None = None
        self._levels: Levels | None = None
        self._occurred: deque[AnyMessage] = deque(maxlen=limits.WAITING_OCCURRENCES)
        self._filled = asyncio.Event()
        self.closed = False

    @property
    def waiting(self) -> int:
        """Changed values by key; a whole view, which grows no further, counts as none."""
        view = self._view
        return 0 if view is None or view.reset else sum(len(getattr(view, f)) for f in _KEYED)

    def put(self, message: AnyMessage) -> None:
        """Add a message without ever waiting."""
        if isinstance(message, ViewChanged):
            self._view = message if self._view is None else merge(self._view, message)
        elif isinstance(message, Levels):
            self._levels = message
        else:
            self._occurred.append(message)
        self._filled.set()

    def close(self) -> None:
        """Let the reader take what is left and then see the end."""
        self.closed = True
        self._filled.set()

    async def take(self) -> AnyMessage:
        """The next message, occurrences first; raises `LinkClosed` at the end."""
        while True:
            if self._occurred:
                return self._occurred.popleft()
            if self._view is not None:
                view, self._view = self._view, None
                return view
            if self._levels is not None:
                levels, self._levels = self._levels, None
                return levels
            if self.closed:
                raise LinkClosed("the controller has ended")
            self._filled.clear()
            await self._filled.wait()


class QueueLink:
    """A client inside the controller's own process."""

    def __init__(
        self, outbox: Outbox, submit: Callable[[AnyIntent], None], detach: Callable[[Outbox], None]
    ) -> None:
        self._outbox = outbox
        self._submit = submit
        self._detach = detach

    async def send(self, intent: AnyIntent) -> None:
        """Hand over an intent."""
        if self._outbox.closed:
            raise LinkClosed("the controller has ended")
        self._submit(intent)

    async def receive(self) -> AnyMessage:
        """The next message."""
        return await self._outbox.take()

    async def close(self) -> None:
        """Detach."""
        self._detach(self._outbox)
        self._outbox.close()


class SocketLink:
    """A client of a controller in the background, over its Unix socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, path: Path) -> "SocketLink":
        """Attach to the socket at `path`; raises `OSError` when nobody listens there."""
        reader, writer = await asyncio.open_unix_connection(path, limit=limits.LINK_FRAME_BYTES)
        return cls(reader, writer)

    async def send(self, intent: Intent) -> None:
        """Hand over an intent."""
        try:
            self._writer.write(encode_intent(intent) + b"\n")
            await self._writer.drain()
        except OSError as error:
            raise LinkClosed("the controller has ended") from error

    async def receive(self) -> AnyMessage:
        """The next message."""
        try:
            line = await self._reader.readline()
        except (OSError, ValueError) as error:
            raise LinkClosed("the link to the controller broke") from error
        if not line.endswith(b"\n"):
            raise LinkClosed("the controller has ended")
        return decode_message(line)

    async def close(self) -> None:
        """Detach."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            return
