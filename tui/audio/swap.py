"""One end of sound, microphone or speaker, that can be exchanged while a session goes on."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Generic, Protocol, TypeVar

from tui.audio.errors import AudioUnavailable, InvalidAudioSpec

log = logging.getLogger(__name__)


class End(Protocol):
    """A `Capture` or a `Playback`."""

    @property
    def problem(self) -> AudioUnavailable | None:
        """Why there is no sound."""

    @property
    def available(self) -> bool:
        """Whether there is sound."""


AnyEnd = TypeVar("AnyEnd", bound=End)


class Swap(Generic[AnyEnd]):
    """Keeps open what was wanted last; a new device opens before the old one closes.

    What cannot be opened does not take the place of what works: `refused` says why.
    """

    def __init__(
        self,
        open_end: Callable[[str], AbstractAsyncContextManager[AnyEnd]],
        adopt: Callable[[AnyEnd, AnyEnd | None], None],
    ) -> None:
        self.current: AnyEnd | None = None
        self.refused: AudioUnavailable | None = None
        self._open_end = open_end
        self._adopt = adopt  # told of the new one and the one that it replaces
        self._wanted: str | None = None
        self._spec: str | None = None
        self._stack = AsyncExitStack()
        self._changed = asyncio.Event()
        self._settled = asyncio.Event()
        self._over = False

    def want(self, spec: str | None) -> None:
        """Have this device open, by its name (see `specs`), or none."""
        self._wanted = spec
        self._settled.clear()
        self._changed.set()

    async def settled(self) -> None:
        """Wait until what is wanted is open, or refused."""
        await self._settled.wait()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Open and close devices for as long as the block, none of them beyond it."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self._over = True
            self.want(None)
            await asyncio.wait([task])

    async def _run(self) -> None:
        try:
            while not self._over:
                await self._changed.wait()
                self._changed.clear()
                await self._follow(self._wanted)
                if not self._changed.is_set():
                    self._settled.set()
        finally:
            self.current = None
            self._settled.set()
            await self._stack.aclose()

    async def _follow(self, spec: str | None) -> None:
        self.refused = None
        if spec == self._spec:
            return
        if spec is None:
            self.current = self._spec = None
            await self._stack.aclose()
            return
        try:
            await self._exchange(spec)
        except InvalidAudioSpec as error:
            self.refused = AudioUnavailable(str(error))
        except Exception as error:
            log.exception("a sound device could not be exchanged")
            self.refused = AudioUnavailable(f"sound failed: {error}")

    async def _exchange(self, spec: str) -> None:
        async with AsyncExitStack() as opening:
            new, old = await opening.enter_async_context(self._open_end(spec)), self.current
            if new.problem is not None and old is not None and old.available:
                self.refused = new.problem
                return
            self._adopt(new, old)
            self.current, self._spec = new, spec
            former, self._stack = self._stack, opening.pop_all()
        await former.aclose()
