"""Several relays as one: subscribe, publish and fetch over all of them.

Every event is verified once. An id that has been verified is known by its hash to carry the same
content again, so copies of it, from whatever relay and for whatever subscription, are not verified
again. An id is remembered only after its signature held: a forged copy that comes first cannot
keep the genuine event out.
"""

import asyncio
import logging
import random
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Self

import msgspec

from tui.config import limits
from tui.nostr.event import Event, signature_ok
from tui.nostr.filter import Filter, InvalidFilter
from tui.nostr.messages import encode_event_message, encode_req
from tui.nostr.relay import Published, RelayConnection, RelayStatus, Timing
from tui.nostr.url import InvalidRelayUrl, relay_url

log = logging.getLogger(__name__)


class TooManySubscriptions(RuntimeError):
    """More subscriptions at once than `limits.SUBSCRIPTIONS`."""


class Subscription:
    """A wish for events; lives until `close`."""

    def __init__(
        self,
        pool: "Pool",
        id_: str,
        filters: tuple[Filter, ...],
        *,
        relays: frozenset[str] | None,
        page: bool,
        on_event: Callable[[Event, str], None],
        on_eose: Callable[[str], None] | None,
        on_closed: Callable[[str, str], None] | None,
    ) -> None:
        self.id = id_
        self.filters = filters
        self.relays = relays
        self.page = page
        self._pool = pool
        self.on_event = on_event
        self.on_eose = on_eose
        self.on_closed = on_closed

    def includes(self, url: str) -> bool:
        """Whether this relay is asked."""
        return self.relays is None or url in self.relays

    def close(self) -> None:
        """End it; no callback is called afterwards. Closing twice is harmless."""
        self._pool._unsubscribe(self)


class _Seen:
    """A verified id: its good signature, and the subscriptions that have had the event."""

    __slots__ = ("delivered", "sig")

    def __init__(self, sig: str) -> None:
        self.sig = sig
        self.delivered: tuple[str, ...] = ()


class Pool:
    """Relays that are kept connected inside `async with`; addresses in normal form throughout.

    `counts` tells what was dropped and why: malformed, invalid (size or id), forged, duplicate,
    unmatched, unsolicited, callback. `verified` counts signature checks that were made.
    """

    def __init__(
        self,
        urls: Iterable[str],
        *,
        rng: random.Random | None = None,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        timing: Timing | None = None,
    ) -> None:
        """May raise InvalidRelayUrl."""
        self.counts: Counter[str] = Counter()
        self.verified = 0
        self.on_status: Callable[[RelayStatus], None] | None = None
        self._rng = rng or random.Random()
        self._now = now
        self._monotonic = monotonic
        self._timing = timing or Timing()
        self._relays: dict[str, RelayConnection] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._subscriptions: dict[str, Subscription] = {}
        self._last_id = 0
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._changed = asyncio.Event()
        for url in urls:
            self._add(url)

    async def __aenter__(self) -> Self:
        """Start connecting; returns at once."""
        self._group = await asyncio.TaskGroup().__aenter__()
        for connection in self._relays.values():
            self._start(connection)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close all connections, within a good second."""
        group, self._group = self._group, None
        assert group is not None
        for task in self._tasks.values():
            task.cancel()
        # Not told of the caller's exception, which is to leave as it is and not in a group.
        await group.__aexit__(None, None, None)
        self._tasks.clear()

    # --- relays ----------------------------------------------------------------------------------

    @property
    def urls(self) -> tuple[str, ...]:
        """The addresses of all relays, connected or not."""
        return tuple(self._relays)

    def status(self) -> dict[str, RelayStatus]:
        """How each relay is doing, by address."""
        return {url: connection.status for url, connection in self._relays.items()}

    async def add_relay(self, url: str) -> str:
        """Use one more relay, if it is not in use; returns its address; may raise InvalidRelayUrl.

        Subscriptions that are not bound to certain relays reach it too.
        """
        return self._add(url)

    async def remove_relay(self, url: str) -> None:
        """Close the connection to a relay and forget it."""
        url = relay_url(url)
        self._relays.pop(url, None)
        if task := self._tasks.pop(url, None):
            task.cancel()
            await asyncio.wait([task])

    async def wait_connected(self, timeout: float, at_least: int = 1) -> bool:
        """Wait until so many relays are connected; False after `timeout` seconds."""
        return await self._wait_until(lambda: len(self._in_state("connected")) >= at_least, timeout)

    # --- events ----------------------------------------------------------------------------------

    def subscribe(
        self,
        filters: Sequence[Filter],
        on_event: Callable[[Event, str], None],
        *,
        on_eose: Callable[[str], None] | None = None,
        on_closed: Callable[[str, str], None] | None = None,
        relays: Iterable[str] | None = None,
        page: bool = False,
    ) -> Subscription:
        """Ask relays (all, or those named, also if added later) for events until closed.

        `on_event(event, url)` gets each verified event that matches once, stored ones first. With
        `page` all that a relay has stored comes (up to each filter's `limit` and to
        `limits.PAGED_EVENTS`), however little the relay sends at once; `on_eose(url)` says that it
        has come. `on_eose` and `on_closed(url, reason)` may come again: after a reconnect, or when
        what the relay ended is asked for once more. Raises InvalidFilter, TooManySubscriptions.
        """
        if not 1 <= len(filters) <= limits.FILTERS:
            raise InvalidFilter(f"a subscription has 1 to {limits.FILTERS} filters")
        if len(self._subscriptions) >= limits.SUBSCRIPTIONS:
            raise TooManySubscriptions(f"more than {limits.SUBSCRIPTIONS} subscriptions")
        self._last_id += 1
        subscription = Subscription(
            self,
            str(self._last_id),
            tuple(filters),
            relays=None if relays is None else frozenset(map(relay_url, relays)),
            page=page,
            on_event=on_event,
            on_eose=on_eose,
            on_closed=on_closed,
        )
        if len(encode_req(subscription.id, filters)) > limits.REQ_BYTES:
            raise InvalidFilter(f"a subscription has at most {limits.REQ_BYTES} bytes")
        self._subscriptions[subscription.id] = subscription
        for connection in self._relays.values():
            if subscription.includes(connection.url):
                connection.subscribe(subscription.id, subscription.filters, subscription.page)
        return subscription

    async def publish(
        self, event: Event, *, relays: Iterable[str] | None = None, timeout: float = 5.0
    ) -> dict[str, Published]:
        """Send an event to relays (all, or those named); what each said, by address.

        Returns when all have answered or after `timeout` seconds; a relay that is not connected
        gets the event if it connects in time.
        """
        message = encode_event_message(event)
        urls = self.urls if relays is None else tuple(map(relay_url, relays))
        futures = {
            url: connection.publish(event.id, message)
            for url in urls
            if (connection := self._relays.get(url))
        }
        try:
            if futures:
                await asyncio.wait(futures.values(), timeout=timeout)
            return {url: self._published(url, futures.get(url)) for url in urls}
        finally:
            for url, future in futures.items():
                if connection := self._relays.get(url):
                    connection.forget(event.id, future)

    async def fetch(
        self,
        filters: Sequence[Filter],
        *,
        timeout: float = 5.0,
        relays: Iterable[str] | None = None,
    ) -> list[Event]:
        """Stored events, newest first (ties: lower id first), at most `limits.FETCHED_EVENTS`.

        Returns when all connected relays have sent theirs, with a moment for those that are still
        connecting, or after `timeout` seconds. Raises like `subscribe`.
        """
        events: dict[str, Event] = {}
        ended: set[str] = set()

        def on_event(event: Event, _url: str) -> None:
            if len(events) < limits.FETCHED_EVENTS:
                events[event.id] = event
            else:
                self._wake()

        def on_end(url: str, _reason: str = "") -> None:
            ended.add(url)
            self._wake()

        def complete(*states: str) -> bool:
            asked = {url for url in self._in_state(*states) if subscription.includes(url)}
            return len(events) >= limits.FETCHED_EVENTS or (bool(ended) and asked <= ended)

        subscription = self.subscribe(
            filters, on_event, on_eose=on_end, on_closed=on_end, relays=relays, page=True
        )
        try:
            started = self._monotonic()
            if await self._wait_until(lambda: complete("connected"), timeout):
                left = timeout - (self._monotonic() - started)
                await self._wait_until(
                    lambda: complete("connected", "connecting"),
                    min(left, limits.FETCH_GRACE_SECONDS),
                )
        finally:
            subscription.close()
        return sorted(events.values(), key=lambda event: (-event.created_at, event.id))

    # --- inside ----------------------------------------------------------------------------------

    def _add(self, text: str) -> str:
        url = relay_url(text)
        if url in self._relays:
            return url
        if len(self._relays) >= limits.RELAYS:
            raise InvalidRelayUrl(f"more than {limits.RELAYS} relays")
        connection = self._relays[url] = RelayConnection(
            url,
            listener=self,
            on_status=self._on_relay_status,
            counts=self.counts,
            rng=self._rng,
            now=self._now,
            monotonic=self._monotonic,
            timing=self._timing,
        )
        for subscription in self._subscriptions.values():
            if subscription.includes(url):
                connection.subscribe(subscription.id, subscription.filters, subscription.page)
        self._start(connection)
        return url

    def _start(self, connection: RelayConnection) -> None:
        if self._group is not None:
            url = connection.url
            self._tasks[url] = self._group.create_task(connection.run(), name=f"relay {url}")

    def _unsubscribe(self, subscription: Subscription) -> None:
        if self._subscriptions.pop(subscription.id, None):
            for connection in self._relays.values():
                connection.unsubscribe(subscription.id)

    def on_event(self, url: str, id_: str, event: Event) -> bool:
        """An event of a relay; false if only a broken or hostile relay sends it."""
        subscription = self._subscriptions.get(id_)
        if subscription is None:  # closed while the relay is being removed
            return True
        if not any(filter_.matches(event) for filter_ in subscription.filters):
            self.counts["unmatched"] += 1
            return True
        seen = self._seen.get(event.id)
        if seen is None:
            self.verified += 1
            if not signature_ok(event):
                self.counts["forged"] += 1
                return False
            seen = self._seen[event.id] = _Seen(event.sig)
            if len(self._seen) > limits.SEEN_EVENTS:
                self._seen.popitem(last=False)
        else:
            self._seen.move_to_end(event.id)
            if event.sig != seen.sig:  # another signature of the same: keep to the one that held
                event = msgspec.structs.replace(event, sig=seen.sig)
        if subscription.id in seen.delivered:
            self.counts["duplicate"] += 1
            return True
        live = (id_ for id_ in seen.delivered if id_ in self._subscriptions)
        seen.delivered = (*live, subscription.id)
        self._call(subscription.on_event, event, url)
        return True

    def on_eose(self, url: str, id_: str) -> None:
        """A relay has sent what it had stored."""
        subscription = self._subscriptions.get(id_)
        if subscription is not None and subscription.on_eose:
            self._call(subscription.on_eose, url)

    def on_closed(self, url: str, id_: str, reason: str) -> None:
        """A relay has ended or refused a subscription."""
        subscription = self._subscriptions.get(id_)
        if subscription is not None and subscription.on_closed:
            self._call(subscription.on_closed, url, reason)

    def _call(self, callback: Callable[..., None], *args: object) -> None:
        try:
            callback(*args)
        except Exception:
            self.counts["callback"] += 1
            log.exception("a callback failed")

    def _on_relay_status(self, status: RelayStatus) -> None:
        self._wake()
        if self.on_status:
            self._call(self.on_status, status)

    def _published(self, url: str, future: asyncio.Future[Published] | None) -> Published:
        if future is not None and future.done():
            return future.result()
        connection = self._relays.get(url)
        if connection is None:
            return Published(False, "not a relay in use")
        status = connection.status
        if status.state == "connected":
            return Published(False, "no answer")
        return Published(False, f"not connected: {status.reason or 'does not answer'}")

    def _in_state(self, *states: str) -> set[str]:
        return {url for url, status in self.status().items() if status.state in states}

    def _wake(self) -> None:
        """Let everybody in `_wait_until` look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def _wait_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        try:
            async with asyncio.timeout(timeout):
                while not condition():
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True
