"""Whether sound flows: told by the driver of a device or file, read by its owner."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine

from tui.audio.errors import AudioUnavailable, DeviceReplaced

log = logging.getLogger(__name__)

OnProblem = Callable[[AudioUnavailable | None], None]
"""Told of every change in the event loop: the problem, or None once sound flows."""

_OPENING_SECONDS = 1.0  # how long an owner waits for the first word from a device


class Health:
    """The state of one end of sound; `problem` and `available` may both be empty before opening."""

    def __init__(self, on_problem: OnProblem | None = None) -> None:
        self.problem: AudioUnavailable | None = None
        self.available = False
        self._known = asyncio.Event()
        self._on_problem = on_problem

    def report(self, problem: AudioUnavailable | None) -> None:
        """Sound flows (None, or by another device) or does not; repeats are not passed on."""
        before = (self.available, str(self.problem))
        self.problem = problem
        self.available = problem is None or isinstance(problem, DeviceReplaced)
        self._known.set()
        if (self.available, str(problem)) == before:
            return
        if problem is not None:
            log.warning("sound: %s", problem)
        if self._on_problem is not None:
            self._on_problem(problem)

    @contextlib.asynccontextmanager
    async def watching(self, driver: Coroutine[None, None, None]) -> AsyncIterator[None]:
        """Run `driver` for as long as the block; its end or failure is a problem, not an error."""
        task = asyncio.create_task(self._guard(driver))
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._known.wait(), _OPENING_SECONDS)
            if not self._known.is_set():
                self.report(AudioUnavailable("the sound device does not answer"))
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _guard(self, driver: Coroutine[None, None, None]) -> None:
        try:
            await driver
        except AudioUnavailable as problem:
            self.report(problem)
        except Exception as error:
            log.exception("a sound driver failed")
            self.report(AudioUnavailable(f"sound failed: {error}"))
