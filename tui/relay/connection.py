"""One client of the relay: what it asks, and what it is sent (NIP-01, NIP-42, NIP-45)."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec
from websockets.asyncio.server import ServerConnection, broadcast
from websockets.exceptions import ConnectionClosed

from tui.nostr.event import BAD_JSON, Event, InvalidEvent, decode_event, is_ephemeral
from tui.nostr.filter import Filter, InvalidFilter, check_filter
from tui.relay.admission import refusal
from tui.relay.hub import Hub
from tui.relay.limits import Allowance
from tui.relay.store import Outcome, QueryTooLong, StoreError
from tui.relay.subscriptions import Subscription, count_values
from tui.relay.visitor import Visitor

_T = TypeVar("_T")

_ANSWERS: Final = {
    Outcome.STORED: (True, ""),
    Outcome.DUPLICATE: (True, "duplicate: already have this event"),
    Outcome.OUTDATED: (False, "duplicate: have a newer event in its place"),
    Outcome.DELETED: (False, "blocked: its author has deleted this event"),
    Outcome.FAILED: (False, "error: the event could not be stored"),
}
_TOO_FAST: Final = "rate-limited: slow down"


class _Identified(msgspec.Struct):
    """What an OK needs to know of an event that is no event."""

    id: str


_array: Final = msgspec.json.Decoder(list[msgspec.Raw])
_string: Final = msgspec.json.Decoder(str)
_anything: Final = msgspec.json.Decoder()
_identified: Final = msgspec.json.Decoder(_Identified)


class _Unreadable(Exception):
    """A message of which not even the addressee of an answer can be read."""


class _Refused(Exception):
    """A REQ or COUNT that is not fulfilled; the text has a prefix of NIP-01."""


class ClientConnection:
    """Serves one WebSocket until it closes; owns its subscriptions and the tasks behind them."""

    def __init__(self, socket: ServerConnection, hub: Hub) -> None:
        self._socket = socket
        self._hub = hub
        self._limits = hub.limits
        self._visitor = Visitor(hub.auth, *(socket.local_address or ("", 0))[:2])
        self._subscriptions: dict[str, Subscription] = {}
        self._streaming = asyncio.Lock()  # one subscription at a time gets its stored events
        self._allowance = Allowance(hub.limits.messages_per_second, hub.limits.message_burst)

    async def serve(self) -> None:
        """Answer messages until the connection closes."""
        async with asyncio.TaskGroup() as self._tasks:
            try:
                if self._visitor.challenge:
                    self._answer("AUTH", self._visitor.challenge)
                # What has arrived before the connection closed is still handled.
                async for data in self._socket:
                    await self._handle(data)
                    # Messages that wait in the buffer would otherwise be handled all at one go.
                    await asyncio.sleep(0)
            except ConnectionClosed:
                pass
            finally:
                for id_ in list(self._subscriptions):
                    self._end(id_)

    def drop_if_slow(self) -> None:
        """End the connection if too much waits for its reader."""
        if self._socket.transport.get_write_buffer_size() > self._limits.send_buffer_bytes:
            self._drop()

    def _drop(self) -> None:
        # Not closed but aborted: a close frame would queue up behind what is not being read.
        if not self._socket.transport.is_closing():
            self._hub.counts["slow reader"] += 1
            self._socket.transport.abort()

    def _send(self, message: str) -> None:
        """Send without waiting for the reader."""
        if not self._socket.transport.is_closing():
            broadcast((self._socket,), message)
            self.drop_if_slow()

    def _answer(self, *message: object) -> None:
        self._send(msgspec.json.encode(message).decode())

    async def _handle(self, data: str | bytes) -> None:
        try:
            if isinstance(data, bytes):
                raise _Unreadable("messages are text")
            await self._dispatch(data)
        except _Unreadable as error:
            self._hub.counts["unreadable message"] += 1
            self._answer("NOTICE", f"invalid: {error}")

    async def _dispatch(self, data: str) -> None:
        message = _decode(_array, data)
        verb = _decode(_string, message[0]) if message else ""
        match verb, message[1:]:
            case "EVENT", [event]:
                await self._event(event)
            case "AUTH", [event]:
                self._authenticate(event)
            case "REQ", [id_, *filters]:
                self._req(_decode(_string, id_), filters)
            case "COUNT", [id_, *filters]:
                await self._count(_decode(_string, id_), filters)
            case "CLOSE", [id_]:
                self._end(_decode(_string, id_))
            case _:
                raise _Unreadable("not a message that this relay knows")

    def _read(self, raw: msgspec.Raw) -> Event | None:
        """The event in a message; None if it is none, which its sender is told."""
        try:
            return decode_event(bytes(raw))
        except InvalidEvent as error:
            self._hub.counts["invalid event"] += 1
            self._answer("OK", _decode(_identified, raw).id, False, f"invalid: {error}")
            return None

    def _authenticate(self, raw: msgspec.Raw) -> None:
        event = self._read(raw)
        if event is None:
            return
        if not self._allowance.take(asyncio.get_running_loop().time()):
            reason = _TOO_FAST
        else:
            reason = self._visitor.authenticate(event, self._hub.now())
        if reason:
            self._hub.counts["refused authentication"] += 1
        self._answer("OK", event.id, not reason, reason)

    async def _event(self, raw: msgspec.Raw) -> None:
        event = self._read(raw)
        if event is None:
            return
        if not self._allowance.take(asyncio.get_running_loop().time()):
            reason = _TOO_FAST
        else:
            reason = refusal(event, self._visitor, self._limits, self._hub.now())
        if reason:
            self._hub.counts["refused event"] += 1
            self._answer("OK", event.id, False, reason)
        elif is_ephemeral(event.kind):
            self._hub.publish(event)
            self._answer("OK", event.id, True, "")
        else:
            self._answer("OK", event.id, *_ANSWERS[await self._hub.archive.add(event)])

    def _req(self, id_: str, raw_filters: Sequence[msgspec.Raw]) -> None:
        self._end(id_)  # a REQ replaces one of the same id, even if it is refused itself
        limits = self._limits
        try:
            filters = self._filters(id_, raw_filters)
            if len(self._subscriptions) >= limits.max_subscriptions:
                raise _Refused(f"rate-limited: {limits.max_subscriptions} subscriptions are open")
            values = sum(each.values for each in self._subscriptions.values())
            if values + count_values(filters) > limits.filter_values:
                raise _Refused(f"rate-limited: more than {limits.filter_values} filter values")
        except _Refused as error:
            self._answer("CLOSED", id_, str(error))
            return
        subscription = Subscription(
            id_, filters, self._send, self._drop, hold_chars=limits.send_buffer_bytes
        )
        self._subscriptions[id_] = subscription
        # Before the query, so that no event falls between the stored and the new ones.
        self._hub.subscriptions.add(subscription)
        subscription.task = self._tasks.create_task(self._send_stored(subscription))

    async def _send_stored(self, subscription: Subscription) -> None:
        """Send what is stored at the reader's pace, then let new events through."""
        with contextlib.suppress(ConnectionClosed):
            try:
                async with self._streaming:
                    found = await self._hub.archive.find(subscription.filters)
                    keys = iter([each.key for each in found])
                    while texts := await self._hub.archive.read(keys):
                        for text in texts:
                            await self._socket.send(subscription.message(text))
            except (QueryTooLong, StoreError) as error:
                self._end(subscription.id)
                self._answer("CLOSED", subscription.id, f"error: {error}")
                return
            self._answer("EOSE", subscription.id)
            subscription.release({each.id for each in found})

    async def _count(self, id_: str, raw_filters: Sequence[msgspec.Raw]) -> None:
        try:
            count = await self._hub.archive.count(self._filters(id_, raw_filters))
        except _Refused as error:
            self._answer("CLOSED", id_, str(error))
        except (QueryTooLong, StoreError) as error:
            self._answer("CLOSED", id_, f"error: {error}")
        else:
            self._answer("COUNT", id_, {"count": count})

    def _filters(self, id_: str, raw_filters: Sequence[msgspec.Raw]) -> tuple[Filter, ...]:
        if not self._allowance.take(asyncio.get_running_loop().time()):
            raise _Refused(_TOO_FAST)
        if reason := self._visitor.may_read():
            raise _Refused(reason)
        if not 0 < len(id_) <= self._limits.max_subid_length:
            raise _Refused(f"invalid: an id has 1 to {self._limits.max_subid_length} characters")
        if not 0 < len(raw_filters) <= self._limits.max_filters:
            raise _Refused(f"invalid: not 1 to {self._limits.max_filters} filters")
        try:
            filters = tuple(check_filter(_decode(_anything, raw)) for raw in raw_filters)
        except (InvalidFilter, _Unreadable) as error:
            raise _Refused(f"invalid: {error}") from None
        if count_values(filters) > self._limits.filter_values:
            raise _Refused(f"invalid: more than {self._limits.filter_values} filter values")
        return filters

    def _end(self, id_: str) -> None:
        subscription = self._subscriptions.pop(id_, None)
        if subscription is not None:
            self._hub.subscriptions.remove(subscription)
            if subscription.task is not None:
                subscription.task.cancel()


def _decode(decoder: msgspec.json.Decoder[_T], data: str | msgspec.Raw) -> _T:
    try:
        return decoder.decode(data)
    except BAD_JSON:
        raise _Unreadable("not the JSON of a message") from None
