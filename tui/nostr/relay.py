"""One relay: connect, back off, subscribe again, publish until answered. Checks no signatures.

Writing never waits, so that a slow relay delays nobody: bytes go to the transport's buffer, and a
relay that does not take them in time is dropped. What has to reach a relay is kept as state (the
subscriptions that are wanted, the events without an answer) and is sent anew on each connection.
A subscription that the relay ends is asked for again after a pause, a few times.
"""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

import msgspec
from websockets.exceptions import ConnectionClosed

from tui.config import limits
from tui.nostr.event import Event, InvalidEvent
from tui.nostr.filter import Filter
from tui.nostr.messages import (
    AuthMessage,
    ClosedMessage,
    EoseMessage,
    EventMessage,
    InvalidMessage,
    NoticeMessage,
    OkMessage,
    decode_message,
)
from tui.nostr.requests import Request, Requests
from tui.nostr.websocket import RelaySocket, close_socket, failure, open_socket

log = logging.getLogger(__name__)

# Refusals that stay: asking for the same again would get the same answer.
_FINAL = ("auth-required:", "restricted:", "blocked:", "invalid:", "unsupported:")

State = Literal["connecting", "connected", "waiting", "closed"]


class RelayStatus(msgspec.Struct, frozen=True):
    """A relay as people see it: `reason` of the last failure, what the relay last had to say."""

    url: str
    state: State
    reason: str = ""
    notice: str = ""


class Published(msgspec.Struct, frozen=True):
    """Whether a relay took an event, and its reason or ours if not."""

    ok: bool
    reason: str = ""


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds; see `tui.config.limits` for what each is."""

    open: float = limits.RELAY_OPEN_SECONDS
    ping: float = limits.RELAY_PING_SECONDS
    close: float = limits.RELAY_CLOSE_SECONDS
    retry_first: float = limits.RETRY_FIRST_SECONDS
    retry_longest: float = limits.RETRY_LONGEST_SECONDS
    stable: float = limits.RETRY_STABLE_SECONDS


class Backoff:
    """Pauses that double from first to longest, each cut by up to half at random."""

    def __init__(self, rng: random.Random, first: float, longest: float) -> None:
        self._rng = rng
        self._first = first
        self._longest = longest
        self._next = first

    def pause(self) -> float:
        """Seconds to wait before the next attempt."""
        pause, self._next = self._next, min(2 * self._next, self._longest)
        return self._rng.uniform(pause / 2, pause)

    def reset(self) -> None:
        """Start again with the first pause."""
        self._next = self._first

    def exhaust(self) -> None:
        """Go on with the longest pause."""
        self._next = self._longest


class Listener(Protocol):
    """Who hears what a relay sends for a subscription; `url` says which relay."""

    def on_event(self, url: str, subscription: str, event: Event) -> bool:
        """An event, its signature not checked; false if only a broken relay sends it."""

    def on_eose(self, url: str, subscription: str) -> None:
        """The stored events have all been sent."""

    def on_closed(self, url: str, subscription: str, reason: str) -> None:
        """The relay has ended or refused the subscription; it may yet be asked again."""


class _Unanswered:
    """A published event that waits for its OK."""

    def __init__(self, message: str) -> None:
        self.message = message
        self.futures: set[asyncio.Future[Published]] = set()


class RelayConnection:
    """Keeps one relay connected while `run` runs; everything else returns at once.

    `counts` collects what was dropped and why; `now` is wall-clock time in seconds.
    """

    def __init__(
        self,
        url: str,
        *,
        listener: Listener,
        on_status: Callable[[RelayStatus], None],
        counts: Counter[str],
        rng: random.Random,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        timing: Timing | None = None,
    ) -> None:
        self.status = RelayStatus(url, "connecting")
        self._listener = listener
        self._on_status = on_status
        self._counts = counts
        self._now = now
        self._monotonic = monotonic
        self._timing = timing or Timing()
        self._rng = rng
        self._backoff = Backoff(rng, self._timing.retry_first, self._timing.retry_longest)
        self._socket: RelaySocket | None = None
        self._requests = Requests(self._send)
        self._retries: set[asyncio.TimerHandle] = set()
        self._unanswered: dict[str, _Unanswered] = {}
        self._unanswered_bytes = 0
        self._heard = 0.0

    @property
    def url(self) -> str:
        """The relay's address."""
        return self.status.url

    async def run(self) -> None:
        """Stay connected until cancelled."""
        try:
            while True:
                self._show(state="connecting")
                reason = await self._connection()
                self._show(state="waiting", reason=reason)
                await asyncio.sleep(self._backoff.pause())
        finally:
            self._show(state="closed")
            for event_id in list(self._unanswered):
                self._answer(event_id, Published(False, "the relay is no longer in use"))

    def subscribe(self, subscription: str, filters: Sequence[Filter], page: bool = False) -> None:
        """Ask for events now and after each reconnect; with `page` the whole past of them."""
        self._requests.add(subscription, filters, page)

    def unsubscribe(self, subscription: str) -> None:
        """Ask for these events no longer."""
        self._requests.remove(subscription)

    def publish(self, event_id: str, message: str) -> asyncio.Future[Published]:
        """Send an event, also after a reconnect, until the relay answers or `forget` is called."""
        future: asyncio.Future[Published] = asyncio.get_running_loop().create_future()
        unanswered = self._unanswered.get(event_id)
        if unanswered is None:
            size = self._unanswered_bytes + len(message)
            full = len(self._unanswered) >= limits.PENDING_PUBLISHES
            if full or size > limits.PENDING_PUBLISH_BYTES:
                future.set_result(Published(False, "too many events wait for this relay"))
                return future
            unanswered = self._unanswered[event_id] = _Unanswered(message)
            self._unanswered_bytes = size
            self._send(message)
        unanswered.futures.add(future)
        return future

    def forget(self, event_id: str, future: asyncio.Future[Published]) -> None:
        """Nobody waits for this answer any longer."""
        if unanswered := self._unanswered.get(event_id):
            unanswered.futures.discard(future)
            if not unanswered.futures:
                self._drop(event_id)

    async def _connection(self) -> str:
        """One connection from the first attempt to its end; returns why it ended."""
        timing = self._timing
        try:
            websocket = await open_socket(
                self.url, open_timeout=timing.open, ping=timing.ping, close_timeout=timing.close
            )
        except Exception as error:  # whatever a resolver, proxy or TLS library may raise
            log.info("cannot connect to %s: %r", self.url, error)
            return failure(error)
        opened = self._monotonic()
        try:
            self._socket = websocket
            self._show(state="connected", reason="", notice="")
            self._requests.connected()
            for unanswered in self._unanswered.values():
                self._send(unanswered.message)
            await self._read(websocket)
        except ConnectionClosed as error:
            log.info("connection to %s ended: %r", self.url, error)
            return failure(error)
        except Exception:  # one relay's trouble is not the others'
            log.exception("handling what %s sent failed", self.url)
            return "internal error"
        finally:
            self._socket = None
            for retry in self._retries:
                retry.cancel()
            self._retries.clear()
            self._requests.disconnected(self._heard)
            if self._monotonic() - opened >= timing.stable:
                self._backoff.reset()
            await close_socket(websocket, timing.close)
        self._backoff.exhaust()
        return "sends too much that is not valid"

    async def _read(self, websocket: RelaySocket) -> None:
        """Handle what the relay sends until the connection ends or too much of it is bad."""
        bad_frames = notices = 0
        while bad_frames < limits.RELAY_BAD_FRAMES:
            data = await websocket.recv(decode=False)
            self._heard = self._now()
            try:
                message = decode_message(data)
            except InvalidMessage as error:
                log.debug("%s sent no message: %s", self.url, error)
                self._counts["malformed"] += 1
                bad_frames += 1
            except InvalidEvent as error:
                # Not held against the relay: what it stores, others wrote.
                log.debug("%s sent no event: %s", self.url, error)
                self._counts["invalid"] += 1
            else:
                if isinstance(message, NoticeMessage | AuthMessage):
                    notices += 1
                    if notices <= limits.RELAY_NOTICES:
                        self._show(notice=_notice(message))
                elif not self._handle(message):
                    bad_frames += 1
            # recv does not suspend while frames are queued; let everybody else run in between.
            await asyncio.sleep(0)

    def _handle(self, message: EventMessage | OkMessage | EoseMessage | ClosedMessage) -> bool:
        """Dispatch; False for a message that only a broken or hostile relay sends."""
        if isinstance(message, OkMessage):
            self._answer(message.event_id, Published(message.accepted, message.reason))
            return True
        request = self._requests.find(message.subscription)
        if request is None:
            self._counts["unsolicited"] += 1  # as a rule late: sent before our CLOSE arrived
            return True
        match message:
            case EventMessage():
                if not request.live:
                    self._requests.saw(request, message.subscription, message.event)
                return self._listener.on_event(self.url, request.id, message.event)
            case EoseMessage():
                if self._requests.ended(request, message.subscription):
                    self._listener.on_eose(self.url, request.id)
            case ClosedMessage():
                self._closed(request, message)
        return True

    def _closed(self, request: Request, message: ClosedMessage) -> None:
        self._requests.refused(request, message.subscription, message.reason, self._heard)
        final = message.reason.startswith(_FINAL) or request.refusals > limits.CLOSED_RETRIES
        if not final:
            self._ask_again_later(request)
        elif self._requests.give_up(request):  # only the past, which stays as it is
            self._listener.on_eose(self.url, request.id)
            return
        if message.subscription == request.id:
            self._listener.on_closed(self.url, request.id, message.reason)

    def _ask_again_later(self, request: Request) -> None:
        longest = self._timing.retry_longest
        pause = min(self._timing.retry_first * 2 ** (request.refusals - 1), longest)

        def ask_again() -> None:
            self._retries.discard(retry)
            self._requests.again(request.id)

        retry = asyncio.get_running_loop().call_later(
            self._rng.uniform(pause / 2, pause), ask_again
        )
        self._retries.add(retry)

    def _send(self, message: str) -> None:
        if self._socket is not None:
            self._socket.post(message)

    def _answer(self, event_id: str, published: Published) -> None:
        if unanswered := self._unanswered.get(event_id):
            self._drop(event_id)
            for future in unanswered.futures:
                if not future.done():
                    future.set_result(published)

    def _drop(self, event_id: str) -> None:
        self._unanswered_bytes -= len(self._unanswered.pop(event_id).message)

    def _show(self, **changes: str) -> None:
        status = msgspec.structs.replace(self.status, **changes)
        if status != self.status:
            self.status = status
            self._on_status(status)


def _notice(message: NoticeMessage | AuthMessage) -> str:
    if isinstance(message, AuthMessage):
        return "asks for authentication (NIP-42), which is not supported"
    return message.reason
