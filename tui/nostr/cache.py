"""What relays said before, kept on disk, so that names and the lobby are there before any answers.

The file is opened, read and written on a thread of its own, which nothing waits for longer than
`limits.CACHE_READ_SECONDS`. The cache may lose anything at any time: relays have it all.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from sqlite3 import Error as SqliteError
from types import TracebackType
from typing import Any, Final, Self

from tui.config import limits
from tui.nostr.cache_file import CacheFile
from tui.nostr.event import Event
from tui.nostr.filter import Filter

_log: Final = logging.getLogger(__name__)

CACHED_KINDS: Final = frozenset({0, 3, 10000, 10002, 1000, 1001, 30311, 30312, 30313})
"""Profiles, follows, mute lists, relay lists; spaces that begin and end; rooms (NIP-53)."""

_Job = tuple[Callable[[CacheFile], Any], asyncio.Future[Any] | None]


class Cache:
    """Verified events, the newest of each address, in a file or (path None) in memory.

    An async context manager; entering it waits for nothing. `counts` tells of events and reads that
    were given up: overflow, slow, failed.
    """

    def __init__(self, path: Path | None, *, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        self.counts: Counter[str] = Counter()
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._waiting: deque[Event] = deque()
        self._open = False

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._open = True
        # A daemon: a disk that never answers must not hold up the end of the program.
        self._thread = threading.Thread(target=self._work, name="cache", daemon=True)
        self._thread.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write what waits; give up on a disk that takes longer than a moment."""
        self._open = False
        self._jobs.put(None)
        await asyncio.wait([self._ended], timeout=limits.CACHE_CLOSE_SECONDS)
        if self._ended.done():
            self._thread.join()  # it has nothing left to do

    def put(self, event: Event) -> None:
        """Keep a verified event soon, if it is of CACHED_KINDS and the newest of its address."""
        if not self._open or event.kind not in CACHED_KINDS:
            return
        if len(self._waiting) >= limits.CACHE_WAITING:
            self.counts["overflow"] += 1
            return
        self._waiting.append(event)
        if len(self._waiting) == 1:  # else a job that takes all that waits is on its way
            self._jobs.put((self._write, None))

    async def get(self, filters: Sequence[Filter]) -> list[Event]:
        """What matches any filter, newest first; nothing from a disk that does not answer in time.

        Events that were put before are among them.
        """
        return await self._ask(lambda file: file.find(filters)) or []

    async def flush(self) -> None:
        """Return when all that was put is stored, or given up."""
        await self._ask(lambda _file: None)

    async def _ask(self, work: Callable[[CacheFile], Any]) -> Any:
        """What `work` returns on the thread; None if it fails or takes too long."""
        if not self._open:
            return None
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._jobs.put((work, answer))
        try:
            async with asyncio.timeout(limits.CACHE_READ_SECONDS):
                return await answer
        except TimeoutError:
            self.counts["slow"] += 1
            return None

    # --- on the thread ---------------------------------------------------------------------------

    def _work(self) -> None:
        file = CacheFile(self._path, self._now)
        while (job := self._jobs.get()) is not None:
            work, answer = job
            if answer is not None and answer.cancelled():
                continue
            result = self._carry_out(work, file)
            if answer is not None:
                self._tell(answer, result)
        file.close()
        self._tell(self._ended, None)

    def _carry_out(self, work: Callable[[CacheFile], Any], file: CacheFile) -> Any:
        try:
            return work(file)
        except (SqliteError, OSError) as error:
            if not self.counts["failed"]:  # once: a full disk stays full
                _log.warning("the cache %s: %s", self._path, error)
        except Exception:
            _log.exception("the cache could not be used")
        self.counts["failed"] += 1
        return None

    def _write(self, file: CacheFile) -> None:
        batch: list[Event] = []
        with contextlib.suppress(IndexError):
            while True:
                batch.append(self._waiting.popleft())
        file.add(batch)

    def _tell(self, answer: asyncio.Future[Any], result: Any) -> None:
        def settle() -> None:
            if not answer.done():
                answer.set_result(result)

        with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
            self._loop.call_soon_threadsafe(settle)
