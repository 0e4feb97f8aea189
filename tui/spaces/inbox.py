"""What relays say about one space, checked, with a count of what was dropped and why."""

import asyncio
from collections.abc import Callable

from tui.config import limits
from tui.nostr.event import Event
from tui.nostr.filter import Filter
from tui.nostr.pool import Pool, Subscription
from tui.spaces import codec, events
from tui.spaces.events import Signal, SpaceEvent, SpaceRef, SpeechAsked
from tui.spaces.state import HAND_LIFETIME

HISTORY_SECONDS = 3.0  # relays that take longer to send the past are not waited for
HISTORY_GRACE = 0.2  # after the first relay has sent it, the others get so long
FRESH_SECONDS = 60  # signalling older than that is a replay from a relay's store


class Inbox:
    """One session's subscriptions: `on_event` hears of the space, `on_signal` what is for us."""

    def __init__(
        self,
        space: SpaceRef,
        me: str,
        pool: Pool,
        *,
        on_event: Callable[[SpaceEvent], None],
        on_signal: Callable[[Signal], None],
        now: Callable[[], float],
    ) -> None:
        self._space = space
        self._me = me
        self._pool = pool
        self._on_event = on_event
        self._on_signal = on_signal
        self._now = now
        self._subscriptions: list[Subscription] = []
        self._past = asyncio.Event()
        self.dropped: dict[str, int] = {}

    def open(self) -> None:
        """Subscribe; by kinds, `#s` and `#h` or `#p`, since some relays fail on three tags."""
        now, here = int(self._now()), (self._space.id,)
        of_space: dict[str, tuple[str, ...]] = {"s": here, "h": (self._space.host,)}
        about = [
            Filter(kinds=(events.CREATE_SPACE,), authors=(self._space.host,)),
            Filter(kinds=events.LASTING_KINDS, tags=of_space),
            Filter(
                kinds=events.PRESENCE_KINDS, tags=of_space, since=now - events.OPEN_JOIN_LIFETIME
            ),
            Filter(kinds=events.GRAPH_KINDS, tags=of_space, since=now - events.CONNECTION_LIFETIME),
        ]
        to_us = Filter(
            kinds=events.SIGNAL_KINDS, tags={"s": here, "p": (self._me,)}, since=now - FRESH_SECONDS
        )
        self._subscriptions = [
            self._pool.subscribe(about, self._receive, on_eose=lambda _: self._past.set()),
            self._pool.subscribe([to_us], self._receive_signal),
        ]

    def close(self) -> None:
        """Hear no more."""
        for subscription in self._subscriptions:
            subscription.close()

    async def hear_past(self) -> bool:
        """Wait for the first relay's past, and a moment for the others'; false if none came."""
        try:
            async with asyncio.timeout(HISTORY_SECONDS):
                await self._past.wait()
        except TimeoutError:
            return False
        await asyncio.sleep(HISTORY_GRACE if len(self._pool.urls) > 1 else 0)
        return True

    def _receive(self, event: Event, _relay: str) -> None:
        found = self._read(event)
        if isinstance(found, SpeechAsked) and self._now() - found.at > HAND_LIFETIME:
            self._count("a hand of long ago")  # not stored by relays: dated back to be first
        elif found is not None:
            self._on_event(found)

    def _receive_signal(self, event: Event, _relay: str) -> None:
        found = self._read(event)
        # Two sessions of ours may share a pool; what a relay sends unasked is no signal either.
        fresh = found is not None and self._now() - found.at <= FRESH_SECONDS
        if isinstance(found, Signal) and fresh and found.to == self._me != found.signer:
            self._on_signal(found)

    def _read(self, event: Event) -> SpaceEvent | None:
        try:
            found = codec.decode(event)
        except codec.InvalidSpaceEvent as error:
            self._count(str(error))
            return None
        if found.space != self._space:
            return None  # another space of the same host
        if found.at > self._now() + limits.FUTURE_SECONDS:
            self._count("dated in the future")
            return None
        return found

    def _count(self, reason: str) -> None:
        if reason in self.dropped or len(self.dropped) < limits.DROP_REASONS:
            self.dropped[reason] = self.dropped.get(reason, 0) + 1
