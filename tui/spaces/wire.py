"""What a session says: drafts signed in order and published without anybody waiting for relays."""

import asyncio
import logging
from collections.abc import Callable

from tui.config import limits
from tui.nostr.event import Draft, Event, InvalidEvent
from tui.nostr.keys import Signer
from tui.nostr.pool import Pool
from tui.nostr.relay import Published
from tui.spaces.codec import is_encrypted
from tui.spaces.state import SpaceState
from tui.spaces.writer import Writer

log = logging.getLogger(__name__)


class Wire:
    """Signs and publishes for one session; `run` is its task.

    `refused(url, reason)` hears of what relays did not take.
    """

    def __init__(
        self,
        *,
        signer: Signer,
        pool: Pool,
        state: SpaceState,
        writer: Writer,
        now: Callable[[], float],
        refused: Callable[[str, str], None],
    ) -> None:
        self.me = signer.pubkey
        self.writer = writer
        self._signer = signer
        self._pool = pool
        self._state = state
        self._now = now
        self._refused = refused
        self._drafts: asyncio.Queue[tuple[Draft, asyncio.Future[dict[str, Published]] | None]] = (
            asyncio.Queue(limits.WAITING_DRAFTS)
        )
        self._told: dict[str, str] = {}
        self.lost = 0

    def now(self) -> int:
        """Unix seconds, as events are dated."""
        return int(self._now())

    def say(self, draft: Draft) -> None:
        """Sign and publish soon, after everything said before."""
        try:
            self._drafts.put_nowait((draft, None))
        except asyncio.QueueFull:
            self.lost += 1

    async def deliver(self, draft: Draft) -> dict[str, Published]:
        """Sign and publish, and wait for what each relay answers."""
        answered: asyncio.Future[dict[str, Published]] = asyncio.get_running_loop().create_future()
        await self._drafts.put((draft, answered))
        return await answered

    async def flush(self) -> None:
        """Wait until everything said so far was answered by the relays, or given up."""
        await self._drafts.join()

    async def seal(self, other: str, content: str) -> str:
        """Encrypt for a peer that reads NIP-44; others get plain JSON as the draft shows."""
        joined = self._state.peer(other)
        if joined is not None and joined.nip44:
            return await self._signer.encrypt(other, content)
        return content

    async def unseal(self, other: str, content: str) -> str:
        """The plain JSON of what a peer sent; raises `InvalidPayload`."""
        return await self._signer.decrypt(other, content) if is_encrypted(content) else content

    async def run(self) -> None:
        """Sign and publish until cancelled; publishing goes on side by side."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                draft, answered = await self._drafts.get()
                try:
                    event = await self._signer.sign(draft)
                except InvalidEvent as error:
                    log.warning("cannot say kind %d: %s", draft.kind, error)
                    if answered is not None and not answered.done():
                        answered.set_result({})
                    self._drafts.task_done()
                    continue
                tasks.create_task(self._publish(event, answered))

    async def _publish(
        self, event: Event, answered: asyncio.Future[dict[str, Published]] | None
    ) -> None:
        try:
            results = await self._pool.publish(event, relays=self._within_reach())
        finally:
            self._drafts.task_done()
        for url, result in results.items():
            told, self._told[url] = self._told.get(url, ""), "" if result.ok else result.reason
            if not result.ok and result.reason != told:  # once, not for each event
                self._refused(url, f"kind {event.kind}: {result.reason}")
        if answered is not None and not answered.done():
            answered.set_result(results)

    def _within_reach(self) -> list[str] | None:
        """The relays that are up or about to be; one that is down is waited for only alone."""
        states = {url: status.state for url, status in self._pool.status().items()}
        return [url for url, state in states.items() if state != "waiting"] or None
