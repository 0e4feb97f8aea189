"""Our own follows and mute list: read live, and the mute list written without losing anything."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from tui.config import limits
from tui.nostr.cache import Cache
from tui.nostr.event import Event, InvalidEvent
from tui.nostr.filter import Filter
from tui.nostr.keys import Signer
from tui.nostr.nip44 import InvalidPayload
from tui.nostr.pool import Pool, Subscription, TooManySubscriptions
from tui.people.asking import ask
from tui.people.contacts import FOLLOWS, MUTES, MuteList, change_mutes, read_follows, read_mutes
from tui.people.repeating import repeat

_log: Final = logging.getLogger(__name__)


class ListNotWritten(Exception):
    """The mute list on the relays is as it was; the text says why."""


class OwnLists:
    """The lists of one signer after another; `changed` hears of each person who came or went."""

    def __init__(
        self,
        pool: Pool,
        cache: Cache,
        *,
        now: Callable[[], float],
        changed: Callable[[str], None],
    ) -> None:
        self.follows: frozenset[str] = frozenset()
        self.hidden: frozenset[str] = frozenset()
        self.signer: Signer | None = None
        self._pool = pool
        self._cache = cache
        self._now = now
        self._changed = changed
        self._subscription: Subscription | None = None
        self._newest: dict[int, Event] = {}
        self._news = asyncio.Event()
        self._cache_read = False
        self._mutes = MuteList()
        self._mutes_read = ""  # the id of the event that `_mutes` comes from
        self._here: OrderedDict[str, bool] = OrderedDict()  # hidden or not, whatever the list says
        self._writing = asyncio.Lock()

    def use(self, signer: Signer | None) -> None:
        """Read the lists of this signer; nobody's if None."""
        self.close()
        self.signer = signer
        self._newest.clear()
        self._here.clear()
        self._mutes, self._mutes_read = MuteList(), ""
        self._cache_read = False
        self._show_follows(frozenset())
        self._show_hidden()
        if signer is not None:
            try:
                self._subscription = self._pool.subscribe(
                    [self._filter(signer)], lambda event, _url: self._take(event)
                )
            except TooManySubscriptions as error:
                _log.warning("own lists are not followed: %s", error)
            self._news.set()

    def close(self) -> None:
        """Listen no more."""
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None

    async def run(self) -> None:
        """Read what comes, until cancelled."""
        await repeat(self._read_news, "own lists")

    async def _read_news(self) -> None:
        await self._news.wait()
        self._news.clear()
        if (signer := self.signer) is not None:
            if not self._cache_read:
                self._cache_read = True
                for event in await self._cache.get([self._filter(signer)]):
                    self._take(event)
            await self._read(signer)

    async def hide(self, pubkey: str, on: bool) -> None:
        """Hide somebody, or show them again: here at once, then in the list on the relays.

        Raises ListNotWritten; it holds here all the same.
        """
        self._here[pubkey] = on
        self._here.move_to_end(pubkey)
        if len(self._here) > limits.HIDDEN_HERE:
            self._here.popitem(last=False)
        self._show_hidden()
        signer = self.signer
        if signer is None:
            raise ListNotWritten("there is no key")
        async with self._writing:  # the next one starts from the list that this one has written
            await self._write(pubkey, on, signer)
        if self.signer is signer and self._here.get(pubkey) is on:
            del self._here[pubkey]
            self._show_hidden()

    async def _write(self, pubkey: str, on: bool, signer: Signer) -> None:
        mutes = await self._present_list(signer)
        try:
            draft = await change_mutes(mutes, pubkey, on, signer, self._now())
            event = await signer.sign(draft) if draft else None
        except (InvalidPayload, InvalidEvent) as error:
            raise ListNotWritten(f"the mute list cannot be written: {error}") from None
        if event is None:
            return
        results = await self._pool.publish(event)
        if not any(result.ok for result in results.values()):
            reasons = "; ".join(f"{url}: {result.reason}" for url, result in results.items())
            raise ListNotWritten(f"no relay has taken the mute list: {reasons or 'none in use'}")
        self._take(event)
        await self._read(signer)

    async def _present_list(self, signer: Signer) -> MuteList:
        """The list as relays have it now: one that was not seen must not be written over."""
        answer = await ask(self._pool, [self._filter(signer)], timeout=limits.LIST_READ_SECONDS)
        if self.signer is not signer:
            raise ListNotWritten("another key is in use")
        for event in answer.events:
            self._take(event)
        if not answer.answered:
            raise ListNotWritten("no relay shows the mute list as it is now")
        if MUTES not in self._newest and answer.silent:
            raise ListNotWritten(f"{min(answer.silent)} may have a mute list and does not answer")
        if self._mutes.private is None:
            self._mutes_read = ""  # the signer may open it today
        await self._read(signer)
        return self._mutes

    def _filter(self, signer: Signer) -> Filter:
        return Filter(kinds=(FOLLOWS, MUTES), authors=(signer.pubkey,))

    def _take(self, event: Event) -> None:
        if self.signer is None or event.pubkey != self.signer.pubkey:
            return
        known = self._newest.get(event.kind)
        older = known and (-known.created_at, known.id) <= (-event.created_at, event.id)
        if older or event.created_at > self._now() + limits.FUTURE_SECONDS:
            return
        self._newest[event.kind] = event
        self._cache.put(event)
        self._news.set()

    async def _read(self, signer: Signer) -> None:
        """Show what the newest lists say; a remote signer may take long over the private part."""
        if follows := self._newest.get(FOLLOWS):
            self._show_follows(read_follows(follows))
        while (mutes := self._newest.get(MUTES)) and mutes.id != self._mutes_read:
            found = await read_mutes(mutes, signer)
            if self.signer is not signer:
                return
            if self._newest.get(MUTES) is mutes:  # else a newer one came meanwhile
                self._mutes, self._mutes_read = found, mutes.id
                self._show_hidden()

    def _show_follows(self, follows: frozenset[str]) -> None:
        before, self.follows = self.follows, follows
        self._tell(before ^ follows)

    def _show_hidden(self) -> None:
        here = {pubkey for pubkey, on in self._here.items() if on}
        shown = {pubkey for pubkey, on in self._here.items() if not on}
        before, self.hidden = self.hidden, (self._mutes.pubkeys | here) - shown
        self._tell(before ^ self.hidden)

    def _tell(self, pubkeys: frozenset[str]) -> None:
        for pubkey in pubkeys:
            self._changed(pubkey)
