"""The store on a thread of its own: a commit that waits for the disk delays nobody else."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from tui.config import limits as bounds
from tui.nostr.event import Event
from tui.nostr.filter import Filter
from tui.relay.limits import RelayLimits
from tui.relay.store import EventStore, Found, Outcome, StoreError

_log: Final = logging.getLogger(__name__)
_T = TypeVar("_T")


class Archive:
    """The stored events of a relay; an async context manager that raises StoreError on entry.

    Waiting events are committed together. `on_stored` is called in the loop with each new one,
    before any query that found it returns and before its publisher hears of it.
    """

    def __init__(
        self,
        path: Path | None,
        limits: RelayLimits,
        on_stored: Callable[[Event], None],
        now: Callable[[], float],
    ) -> None:
        self._path = path
        self._limits = limits
        self._on_stored = on_stored
        self._now = now
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="relay-store")
        # Commits and queries take turns, in the order of asking: a commit waits for one query, and
        # a query until all that it might find has been announced.
        self._turn = asyncio.Lock()
        self._waiting: list[tuple[Event, asyncio.Future[Outcome]]] = []
        self._more = asyncio.Event()

    async def __aenter__(self) -> Self:
        limits = self._limits
        try:
            self._store = await self._run(
                lambda: EventStore(
                    self._path,
                    max_bytes=limits.store_bytes,
                    query_seconds=limits.query_seconds,
                )
            )
        except BaseException:
            self._thread.shutdown(wait=False)
            raise
        self._writer = asyncio.create_task(self._write(), name="relay-writer")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._writer.cancel()
        await asyncio.wait([self._writer])
        await self._run(self._store.close)
        self._thread.shutdown(wait=False)

    async def add(self, event: Event) -> Outcome:
        """Store an event; returns once it is committed, FAILED if it cannot be."""
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, answer))
        self._more.set()
        return await answer

    async def find(self, filters: Sequence[Filter]) -> list[Found]:
        """What matches, newest first; raises QueryTooLong, StoreError."""
        return await self._query(self._store.find, filters, self._now(), self._limits.max_limit)

    async def count(self, filters: Sequence[Filter]) -> int:
        """How many events match; raises QueryTooLong, StoreError."""
        return await self._query(self._store.count, filters, self._now())

    async def read(self, keys: Iterator[int]) -> list[str]:
        """The JSON of the next events of `keys`, a bounded part of them; raises StoreError."""
        return await self._query(self._store.read, keys, bounds.RELAY_READ_BYTES)

    async def purge(self) -> None:
        """Remove expired events; raises StoreError."""
        await self._run(self._store.purge, self._now())

    async def _query(self, function: Callable[..., _T], *arguments: Any) -> _T:
        async with self._turn:
            return await self._run(function, *arguments)

    async def _run(self, function: Callable[..., _T], *arguments: Any) -> _T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, function, *arguments)

    async def _write(self) -> None:
        while True:
            await self._more.wait()
            batch = self._waiting[: bounds.RELAY_WRITE_BATCH]
            del self._waiting[: bounds.RELAY_WRITE_BATCH]
            if not self._waiting:
                self._more.clear()
            if batch:
                await self._commit(batch)

    async def _commit(self, batch: list[tuple[Event, asyncio.Future[Outcome]]]) -> None:
        async with self._turn:
            try:
                events = [event for event, _ in batch]
                outcomes = await self._run(self._store.add, events, self._now())
            except StoreError as error:
                _log.error("%d events could not be stored: %s", len(batch), error)
                outcomes = [Outcome.FAILED] * len(batch)
            for (event, answer), outcome in zip(batch, outcomes, strict=True):
                if outcome is Outcome.STORED:
                    self._on_stored(event)
                if not answer.done():
                    answer.set_result(outcome)
                # With a thousand subscribers an announcement takes tens of milliseconds.
                await asyncio.sleep(0)
