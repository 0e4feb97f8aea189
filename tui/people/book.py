"""The people around us: what they are called, whom we follow, whom we do not want to hear."""

import asyncio
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from tui.config import limits
from tui.nostr.cache import Cache
from tui.nostr.keys import Signer
from tui.nostr.pool import Pool
from tui.people.lookup import ProfileLookup
from tui.people.nip05 import NameChecker
from tui.people.own_lists import OwnLists
from tui.people.profiles import Profile


class People:
    """Use as an async context manager. Nothing here waits but `hide`.

    `changed(pubkey)` hears, a moment later and once, that something of somebody is not as it was.
    Without a `checker` no domain is asked about names (NIP-05).
    """

    def __init__(
        self,
        pool: Pool,
        cache: Cache,
        *,
        changed: Callable[[str], None],
        checker: NameChecker | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._lookup = ProfileLookup(pool, cache, checker=checker, now=now, changed=self._note)
        self._lists = OwnLists(pool, cache, now=now, changed=self._note)
        self._changed = changed
        self._noted: set[str] = set()
        self._telling: asyncio.TimerHandle | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(self._lookup.run(), name="people"),
            asyncio.create_task(self._lists.run(), name="own lists"),
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lists.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        if self._telling is not None:
            self._telling.cancel()

    @property
    def me(self) -> Signer | None:
        """Whose follows and mute list count; set it when the key changes."""
        return self._lists.signer

    @me.setter
    def me(self, signer: Signer | None) -> None:
        self._lists.use(signer)
        if signer is not None:
            self.want([signer.pubkey])

    def want(self, pubkeys: Iterable[str], *, verify: bool = False) -> None:
        """Look these people up; cheap and harmless to repeat, which also refreshes what is old.

        With `verify` the domain in their profile is asked whether it knows them, which tells it of
        our interest: for those on stage and hosts, not for everybody who walks in.
        """
        self._lookup.want(pubkeys, verify=verify)

    def profile_of(self, pubkey: str) -> Profile | None:
        """What somebody says of themselves; None if that is not known (yet)."""
        return self._lookup.profile_of(pubkey)

    def name_of(self, pubkey: str) -> str:
        """The name in the profile; empty if it is not known or has none."""
        profile = self._lookup.profile_of(pubkey)
        return profile.shown_name if profile else ""

    def verified_of(self, pubkey: str) -> str:
        """The NIP-05 address, `name@domain` or `domain`, if its domain confirmed it; else empty."""
        return self._lookup.verified_of(pubkey)

    @property
    def follows(self) -> frozenset[str]:
        """Whom we follow (kind 3)."""
        return self._lists.follows

    @property
    def hidden(self) -> frozenset[str]:
        """Whom we neither hear nor read: our mute list (kind 10000), and since this run `hide`."""
        return self._lists.hidden

    async def hide(self, pubkey: str, on: bool) -> None:
        """Hide somebody or show them again: here at once, then in the mute list on the relays.

        Raises own_lists.ListNotWritten, with what to tell the user; it holds here all the same.
        """
        await self._lists.hide(pubkey, on)

    def _note(self, pubkey: str) -> None:
        self._noted.add(pubkey)
        if self._telling is None:
            loop = asyncio.get_running_loop()
            self._telling = loop.call_later(limits.PEOPLE_CHANGED_SECONDS, self._tell)

    def _tell(self) -> None:
        self._telling = None
        noted, self._noted = self._noted, set()
        for pubkey in noted:
            self._changed(pubkey)
