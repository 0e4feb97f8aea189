"""What a session says: signed side by side, published in order, without waiting for relays.

A signer may be far away and slow, so several drafts are at it at once. Those about the same person
are published in the order in which they were said; acts and presence go before signalling, and of
what is said again and again only the newest that waits is signed at all.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from itertools import count

from tui.config import limits
from tui.nostr.event import Draft, Event
from tui.nostr.filter import Filter
from tui.nostr.keys import Signer
from tui.nostr.nip44 import InvalidPayload
from tui.nostr.pool import Pool
from tui.nostr.relay import Published
from tui.spaces.access import AccessKey
from tui.spaces.codec import is_encrypted
from tui.spaces.events import SIGNAL_KINDS
from tui.spaces.state import SpaceState
from tui.spaces.tasks import Tasks
from tui.spaces.writer import Writer

log = logging.getLogger(__name__)

PIPELINE = 8  # drafts at the signer at once; a remote one answers each in some 0.3 s
SEALED_ONLY = "only encrypted signalling is accepted"
SIGN_SECONDS = 30.0  # a signer may ask its user; beyond that it does not answer

_Topic = tuple[bool, str]


class NotSaid(Exception):
    """What was to be said was not signed: the signer failed, or there is too much to say."""


class PlainSignalling(InvalidPayload):
    """Signalling that could be read by everybody, which the settings refuse."""


class _Said:
    """A draft on its way."""

    def __init__(self, draft: Draft, name: str = "") -> None:
        self.draft = draft
        self.name = name
        self.outdated = False
        self.sent: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.answered: asyncio.Future[dict[str, Published]] | None = None

    @property
    def topic(self) -> _Topic:
        """What it is about: drafts of one topic keep their order."""
        person = next((tag[1] for tag in self.draft.tags if tag[:1] == ("p",)), "")
        return self.draft.kind in SIGNAL_KINDS, person

    def leave(self, *, signed: bool) -> None:
        """It is at the relays, or given up."""
        if not self.sent.done():
            self.sent.set_result(signed)

    def answer(self, results: dict[str, Published]) -> None:
        """The relays have answered."""
        if self.answered is not None and not self.answered.done():
            self.answered.set_result(results)


class Wire:
    """Signs and publishes for one session; `run` is its task.

    `refused(who, reason)` hears of what relays did not take and the signer did not sign. With
    `access` all signalling is sealed under the space's password; `plain` allows signalling that
    is not encrypted to the other peer; `relays` are those of the space, all if empty.
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
        access: AccessKey | None = None,
        plain: bool = True,
        relays: tuple[str, ...] = (),
    ) -> None:
        self.me = signer.pubkey
        self.writer = writer
        self._access = access
        self._signer = signer
        self._pool = pool
        self._state = state
        self._now = now
        self._refused = refused
        self._plain = plain
        self._relays = relays
        self._numbers = count()
        self._drafts: asyncio.PriorityQueue[tuple[bool, int, _Said]] = asyncio.PriorityQueue()
        self._repeated: dict[str, _Said] = {}
        self._last: dict[_Topic, asyncio.Future[bool]] = {}
        self._told: dict[str, str] = {}
        self.lost = 0
        self.unsigned = 0

    def now(self) -> int:
        """Unix seconds, as events are dated."""
        return int(self._now())

    def say(self, draft: Draft, *, instead: str = "") -> None:
        """Sign and publish soon; `instead` of what was said under the same name and still waits."""
        self._put(_Said(draft, instead))

    async def send(self, draft: Draft, *, instead: str = "") -> None:
        """Sign and publish, and wait until it is on its way to the relays; raises `NotSaid`."""
        said = _Said(draft, instead)
        self._put(said)
        if not await said.sent:
            raise NotSaid(f"kind {draft.kind} was not signed")

    async def deliver(self, draft: Draft) -> dict[str, Published]:
        """Sign and publish, and wait for what each relay answers; empty if it was not signed."""
        said = _Said(draft)
        said.answered = asyncio.get_running_loop().create_future()
        self._put(said)
        return await said.answered

    async def bring(self, past: Sequence[Event], relays: Iterable[str]) -> None:
        """Give relays what they lack of these events, which others may have signed."""
        if not past:
            return
        here: dict[str, tuple[str, ...]] = {"s": (self._state.space.id,)}
        known = Filter(kinds=tuple({event.kind for event in past}), tags=here)
        for relay in relays:
            had = {event.id for event in await self._pool.fetch([known], relays=(relay,))}
            for event in past:
                status = self._pool.status().get(relay)
                if event.id not in had and status is not None and status.state == "connected":
                    await self._pool.publish(event, relays=(relay,))

    async def flush(self) -> None:
        """Wait until everything said so far was answered by the relays, or given up."""
        await self._drafts.join()

    # -- secrecy

    def reads_encrypted(self, other: str) -> bool:
        """Whether a peer's JOIN says that it reads NIP-44."""
        joined = self._state.peer(other)
        return joined is not None and joined.nip44

    def is_plain(self, other: str) -> bool:
        """Whether signalling with somebody who is, or was, here cannot be encrypted."""
        return self._state.peer(other) is not None and not self.reads_encrypted(other)

    def may_signal(self, other: str) -> bool:
        """Whether the settings allow signalling with a peer, in the open if need be."""
        return self._plain or self.reads_encrypted(other)

    async def seal(self, other: str, content: str) -> str:
        """Encrypt for a peer that reads NIP-44; others get plain JSON as the draft shows.

        Raises `PlainSignalling` if that is not allowed, `InvalidPayload`, or what the signer does.
        """
        if not self.may_signal(other):
            raise PlainSignalling(SEALED_ONLY)
        if self.reads_encrypted(other):
            async with asyncio.timeout(SIGN_SECONDS):
                content = await self._signer.encrypt(other, content)
        return self._access.seal(content) if self._access is not None else content

    async def unseal(self, other: str, content: str) -> str:
        """The plain JSON of what a peer sent; raises like `seal`."""
        if self._access is not None:
            content = self._access.open(content)
        if is_encrypted(content):
            async with asyncio.timeout(SIGN_SECONDS):
                return await self._signer.decrypt(other, content)
        if not self._plain:
            raise PlainSignalling(SEALED_ONLY)
        return content

    # -- signing and publishing

    async def run(self) -> None:
        """Sign and publish until cancelled."""
        free = asyncio.Semaphore(PIPELINE)
        async with Tasks() as tasks:
            while True:
                await free.acquire()
                _, _, said = await self._drafts.get()
                if self._repeated.get(said.name) is said:
                    del self._repeated[said.name]
                if said.outdated:
                    free.release()
                    self._drafts.task_done()
                    continue
                before, self._last[said.topic] = self._last.get(said.topic), said.sent
                tasks.spawn(self._bring(said, before, free))

    def _put(self, said: _Said) -> None:
        signalling, _ = said.topic
        # A flood of requests to connect leaves room for everything else.
        if self._drafts.qsize() >= limits.WAITING_DRAFTS // (2 if signalling else 1):
            self.lost += 1
            self._give_up(said)
            return
        if said.name:
            if before := self._repeated.get(said.name):
                before.outdated = True
                self._give_up(before)
            self._repeated[said.name] = said
        self._drafts.put_nowait((signalling, next(self._numbers), said))

    def _give_up(self, said: _Said) -> None:
        said.leave(signed=False)
        said.answer({})

    async def _bring(
        self, said: _Said, before: asyncio.Future[bool] | None, free: asyncio.Semaphore
    ) -> None:
        """One draft, from the signer to the relays, after the one `before` on the same topic."""
        try:
            try:
                event = await self._sign(said.draft)
            finally:
                free.release()
            if before is not None:
                await before
            if event is not None:
                # Once the pool waits for answers, it has written to the relays.
                asyncio.get_running_loop().call_soon(lambda: said.leave(signed=True))
                said.answer(await self._publish(event))
        finally:
            self._give_up(said)
            if self._last.get(said.topic) is said.sent:
                del self._last[said.topic]
            self._drafts.task_done()

    async def _sign(self, draft: Draft) -> Event | None:
        try:
            async with asyncio.timeout(SIGN_SECONDS):
                event = await self._signer.sign(draft)
        except Exception as error:  # whatever a remote signer's trouble is
            self.unsigned += 1
            log.warning("cannot say kind %d: %r", draft.kind, error)
            self._complain("the signer", f"kind {draft.kind}", str(error) or "no answer")
            return None
        self._complain("the signer", "", "")
        return event

    async def _publish(self, event: Event) -> dict[str, Published]:
        results = await self._pool.publish(event, relays=self._within_reach())
        for url, result in results.items():
            self._complain(url, f"kind {event.kind}", "" if result.ok else result.reason)
        return results

    def _complain(self, who: str, what: str, reason: str) -> None:
        told, self._told[who] = self._told.get(who, ""), reason
        if reason and reason != told:  # once, not for each event
            self._refused(who, f"{what}: {reason}")

    def _within_reach(self) -> list[str] | None:
        """The relays that are up or about to be; one that is down is waited for only alone."""
        status = self._pool.status()
        ours = [url for url in status if not self._relays or url in self._relays]
        return [url for url in ours if status[url].state != "waiting"] or ours or None
