"""The tasks of one session: all end with it, and none of them by its own error ends the session."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

log = logging.getLogger(__name__)

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
"""Starts a task that somebody else owns."""


class Tasks:
    """A task group whose tasks may fail: the error is logged and counted in `errors`.

    A signer, a relay or a stranger's SDP may make anything raise; a space goes on without it.
    """

    def __init__(self) -> None:
        self.errors = 0
        self._group = asyncio.TaskGroup()
        self._running: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Tasks":
        """Tasks may begin."""
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        """Wait until all tasks have ended."""
        await self._group.__aexit__(*error)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begin a task."""
        task = self._group.create_task(self._guard(work))
        self._running.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._running.discard(task)
            work.close()  # cancelled before it began, it would complain that nobody awaited it

        task.add_done_callback(ended)
        return task

    def end(self) -> None:
        """Cancel all that still goes on."""
        for task in self._running:
            task.cancel()

    def guard(self, call: Callable[[], None]) -> None:
        """Call something that must not end its caller either."""
        try:
            call()
        except Exception:
            self._failed()

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            self._failed()

    def _failed(self) -> None:
        self.errors += 1
        log.exception("a part of the session failed")
