"""Lines out and bytes in, each in a thread of its own: no pipe ever stalls the event loop."""

import asyncio
import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable

from tui.config import limits

_READ_BYTES = 4096  # small: what one of these asks for is done in one turn of the loop


class LineWriter:
    """Writes lines to a file descriptor that may be slow, stuck or closed.

    Lines that wait are bounded: the oldest go first, and `on_lost` makes a line of their number.
    `on_broken` is called once, in the event loop, when nobody reads any more.
    """

    def __init__(
        self,
        descriptor: int,
        *,
        on_lost: Callable[[int], bytes],
        on_broken: Callable[[], None],
    ) -> None:
        self._descriptor = descriptor
        self._on_lost = on_lost
        self._on_broken = on_broken
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[bytes] = deque()
        self._lost = 0
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._write, name="stdout", daemon=True)
        self._thread.start()

    def put(self, line: bytes) -> None:
        """Add a line (with its newline); never waits."""
        with self._changed:
            if len(self._waiting) >= limits.WAITING_OCCURRENCES:
                self._waiting.popleft()
                self._lost += 1
            self._waiting.append(line)
            self._changed.notify()

    async def close(self) -> None:
        """Give the reader a moment to take what is left."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        await asyncio.to_thread(self._thread.join, limits.DRAIN_SECONDS)

    def _write(self) -> None:
        try:
            while lines := self._take():
                while lines:
                    lines = lines[os.write(self._descriptor, lines) :]
        except OSError:
            with contextlib.suppress(RuntimeError):  # the loop has ended before us
                self._loop.call_soon_threadsafe(self._on_broken)

    def _take(self) -> bytes:
        """All that waits; empty once closed and written."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            lines = b"".join(self._waiting)
            self._waiting.clear()
            lost, self._lost = self._lost, 0
        return (self._on_lost(lost) if lost else b"") + lines


def read_in_thread(descriptor: int, feed: Callable[[bytes], None]) -> None:
    """Call `feed` in the running event loop with what arrives, one piece at a time, until EOF."""
    loop = asyncio.get_running_loop()
    fed = threading.Event()

    def step(data: bytes) -> None:
        try:
            feed(data)
        finally:
            fed.set()

    def read() -> None:
        try:
            while data := os.read(descriptor, _READ_BYTES):
                fed.clear()
                loop.call_soon_threadsafe(step, data)
                fed.wait()  # the loop sets the pace: nothing piles up in it
        except (OSError, RuntimeError):
            return  # the other end broke, or the loop has ended

    threading.Thread(target=read, name="stdin", daemon=True).start()
