"""A question to the relays of which one knows who has answered it."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tui.config import limits
from tui.nostr.event import Event
from tui.nostr.filter import Filter
from tui.nostr.pool import Pool


class Answer(NamedTuple):
    """Events in the order in which they came; `answered` are the relays that sent all they have,
    `silent` those that are connected and did not."""

    events: list[Event]
    answered: frozenset[str]
    silent: frozenset[str]


async def ask(
    pool: Pool,
    filters: Sequence[Filter],
    *,
    timeout: float,
    monotonic: Callable[[], float] = time.monotonic,
) -> Answer:
    """Stored events of all relays; returns when those that are connected have answered.

    Relays that are connecting get a moment; nobody gets longer than `timeout` seconds. Raises
    TooManySubscriptions, InvalidFilter.
    """
    events: list[Event] = []
    answered: set[str] = set()
    refused: set[str] = set()
    more = asyncio.Event()

    def on_event(event: Event, _url: str) -> None:
        if len(events) < limits.FETCHED_EVENTS:
            events.append(event)

    def on_eose(url: str) -> None:
        answered.add(url)
        more.set()

    def on_closed(url: str, _reason: str) -> None:
        refused.add(url)
        more.set()

    def missing(*states: str) -> set[str]:
        return {url for url, status in pool.status().items() if status.state in states} - answered

    async def wait(seconds: float, *states: str) -> None:
        """Until those in these states have answered; one that fails meanwhile wakes nobody."""
        end = monotonic() + seconds
        while (missing(*states) - refused or not answered | refused) and monotonic() < end:
            more.clear()
            try:
                async with asyncio.timeout(end - monotonic()):
                    await more.wait()
            except TimeoutError:
                return

    subscription = pool.subscribe(filters, on_event, on_eose=on_eose, on_closed=on_closed)
    try:
        started = monotonic()
        await wait(timeout, "connected")
        left = timeout - (monotonic() - started)
        await wait(min(left, limits.FETCH_GRACE_SECONDS), "connected", "connecting")
    finally:
        subscription.close()
    return Answer(events, frozenset(answered), frozenset(missing("connected")))
