"""Several relays as one: subscribe, publish and fetch over all of them.

Every event is verified once and given to each subscription once, whatever relays send it.
"""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Self

import msgspec

from tui.config import limits
from tui.nostr.event import Event
from tui.nostr.filter import Filter, InvalidFilter
from tui.nostr.keys import Signer
from tui.nostr.messages import encode_req
from tui.nostr.publication import NO_ANSWER, Publication
from tui.nostr.relay import RelayConnection
from tui.nostr.seen import SeenEvents
from tui.nostr.status import Published, RelayStatus
from tui.nostr.subscription import Subscription
from tui.nostr.timing import Timing
from tui.nostr.url import InvalidRelayUrl, relay_url

log = logging.getLogger(__name__)

__all__ = ["NO_ANSWER", "Pool", "Subscription", "TooManySubscriptions"]


class TooManySubscriptions(RuntimeError):
    """More subscriptions at once than `limits.SUBSCRIPTIONS`."""


class Pool:
    """Relays that are kept connected inside `async with`; addresses in normal form throughout.

    `counts` tells what was dropped and why: malformed, invalid (size or id), forged, duplicate,
    unmatched, unsolicited, notice, challenge, callback. `signer` says who we are when a relay asks
    (NIP-42).
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
        self._seen = SeenEvents()
        self._signer: Signer | None = None
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

    @property
    def signer(self) -> Signer | None:
        """Who we are, for relays that ask (NIP-42); None keeps it to ourselves."""
        return self._signer

    @signer.setter
    def signer(self, signer: Signer | None) -> None:
        self._signer = signer
        for connection in self._relays.values():
            connection.conversation.identify()

    @property
    def verified(self) -> int:
        """How many signatures have been checked."""
        return self._seen.verified

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

    def retry_now(self) -> int:
        """Try all relays again that wait for it; how many those are."""
        waiting = self._in_state("waiting")
        for url in waiting:
            self._relays[url].retry_now()
        return len(waiting)

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
            str(self._last_id),
            tuple(filters),
            relays=None if relays is None else frozenset(map(relay_url, relays)),
            page=page,
            on_event=on_event,
            on_eose=on_eose,
            on_closed=on_closed,
            end=self._unsubscribe,
        )
        if len(encode_req(subscription.id, filters)) > limits.REQ_BYTES:
            raise InvalidFilter(f"a subscription has at most {limits.REQ_BYTES} bytes")
        self._subscriptions[subscription.id] = subscription
        for connection in self._relays.values():
            if subscription.includes(connection.url):
                subscription.open(connection.conversation)
        return subscription

    async def publish(
        self,
        event: Event,
        *,
        relays: Iterable[str] | None = None,
        timeout: float = 5.0,
        enough: int | None = None,
    ) -> dict[str, Published]:
        """Send an event to relays (all, or those named); what each said, by address.

        Returns when all have answered, or `enough` have accepted it, or after `timeout` seconds. A
        relay that is not connected gets the event if it connects within that time.
        """
        urls = self.urls if relays is None else map(relay_url, relays)
        publication = Publication(event, urls, self._relays, self._monotonic)
        return await publication.wait(timeout, enough)

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
                subscription.open(connection.conversation)
        self._start(connection)
        return url

    def _start(self, connection: RelayConnection) -> None:
        if self._group is not None:
            url = connection.url
            self._tasks[url] = self._group.create_task(connection.run(), name=f"relay {url}")

    def _unsubscribe(self, subscription: Subscription) -> None:
        if self._subscriptions.pop(subscription.id, None):
            for connection in self._relays.values():
                connection.conversation.unsubscribe(subscription.id)

    def on_event(self, url: str, id_: str, event: Event) -> str:
        """An event of a relay; why it was dropped, "" if it was not."""
        subscription = self._subscriptions.get(id_)
        if subscription is None:  # closed while the relay is being removed
            return "unsolicited"
        if not subscription.matches(event):
            return "unmatched"
        seen = self._seen.verify(event)
        if seen is None:
            return "forged"
        if id_ in seen.delivered:
            return "duplicate"
        if event.sig != seen.sig:  # another signature of the same: keep to the one that held
            event = msgspec.structs.replace(event, sig=seen.sig)
        if seen.delivered:
            live = (other for other in seen.delivered if other in self._subscriptions)
            seen.delivered = (*live, id_)
        else:
            seen.delivered = (id_,)
        self._call(subscription.on_event, event, url)
        return ""

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
