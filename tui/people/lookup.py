"""Profiles of whoever is wanted: from the cache at once, from relays in batches, remembered."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable

from tui.config import limits
from tui.nostr.cache import Cache
from tui.nostr.event import Event
from tui.nostr.filter import Filter
from tui.nostr.pool import Pool
from tui.people.asking import ask
from tui.people.contacts import is_pubkey
from tui.people.nip05 import NameChecker, parse_name
from tui.people.profiles import PROFILE, Profile, read_profile
from tui.people.repeating import repeat


class _Person:
    """What is known of somebody; times in unix seconds."""

    __slots__ = ("ask_at", "check", "check_at", "event", "profile", "verified")

    def __init__(self) -> None:
        self.profile: Profile | None = None
        self.event: tuple[int, str] = (1, "")  # minus its date, and its id: the lowest is newest
        self.ask_at = 0.0  # when relays may be asked (again)
        self.check = False  # whether somebody cares about the name that a domain vouches for
        self.check_at = 0.0
        self.verified = ""


class _Queue:
    """Public keys that wait for something, each once and a bounded number of them."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._keys: dict[str, None] = {}
        self._some = asyncio.Event()

    def put(self, pubkey: str) -> None:
        if len(self._keys) < self._bound:
            self._keys[pubkey] = None
            self._some.set()

    async def wait(self) -> None:
        await self._some.wait()

    async def take(self, most: int) -> list[str]:
        await self.wait()
        batch = list(self._keys)[:most]
        for pubkey in batch:
            del self._keys[pubkey]
        if not self._keys:
            self._some.clear()
        return batch


class ProfileLookup:
    """`changed` hears of each person of whom there is news, as a rule several times."""

    def __init__(
        self,
        pool: Pool,
        cache: Cache,
        *,
        checker: NameChecker | None,
        now: Callable[[], float],
        changed: Callable[[str], None],
    ) -> None:
        self._pool = pool
        self._cache = cache
        self._checker = checker
        self._now = now
        self._changed = changed
        self._people: OrderedDict[str, _Person] = OrderedDict()
        self._uncached = _Queue(limits.PROFILES_WAITING)
        self._unasked = _Queue(limits.PROFILES_WAITING)
        self._unchecked = _Queue(limits.NIP05_WAITING)

    def want(self, pubkeys: Iterable[str], *, verify: bool) -> None:
        """Look people up, unless that was done lately."""
        now = self._now()
        for pubkey in pubkeys:
            person = self._people.get(pubkey)
            if person is None:
                if not is_pubkey(pubkey):
                    continue
                person = self._people[pubkey] = _Person()
                if len(self._people) > limits.PROFILES:
                    self._people.popitem(last=False)
                self._uncached.put(pubkey)
            elif now >= person.ask_at:
                self._unasked.put(pubkey)
            self._people.move_to_end(pubkey)
            person.check = person.check or verify
            self._check_soon(pubkey, person)

    def profile_of(self, pubkey: str) -> Profile | None:
        """The profile, if one is known."""
        person = self._people.get(pubkey)
        return person.profile if person else None

    def verified_of(self, pubkey: str) -> str:
        """The name that a domain vouches for, `name@domain` or `domain`; empty if none is known."""
        person = self._people.get(pubkey)
        return person.verified if person else ""

    async def run(self) -> None:
        """Look up, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(repeat(self._read_cache, "profiles in the cache"))
            tasks.create_task(repeat(self._ask_relays, "profiles on relays"))
            for _ in range(limits.NIP05_WORKERS if self._checker else 0):
                tasks.create_task(repeat(self._check_name, "names of domains"))

    async def _read_cache(self) -> None:
        batch = await self._uncached.take(limits.FILTER_VALUES)
        for event in await self._cache.get([Filter(kinds=(PROFILE,), authors=tuple(batch))]):
            self._learn(event)
        for pubkey in batch:
            person = self._people.get(pubkey)
            if person is not None and self._now() >= person.ask_at:
                self._unasked.put(pubkey)

    async def _ask_relays(self) -> None:
        await self._unasked.wait()
        while not await self._pool.wait_connected(limits.PROFILE_RETRY_SECONDS):
            pass
        await asyncio.sleep(limits.PROFILE_BATCH_SECONDS)
        batch = await self._unasked.take(limits.PROFILE_BATCH)
        for pubkey in batch:
            if person := self._people.get(pubkey):
                person.ask_at = self._now() + limits.PROFILE_MISSING_SECONDS
        answer = await ask(
            self._pool,
            [Filter(kinds=(PROFILE,), authors=tuple(batch))],
            timeout=limits.PROFILE_SECONDS,
        )
        for event in answer.events:
            if self._learn(event):
                self._cache.put(event)
        for pubkey in batch:
            if person := self._people.get(pubkey):
                if not answer.answered:
                    person.ask_at = 0.0
                    self._unasked.put(pubkey)
                elif person.profile is not None:
                    person.ask_at = self._now() + limits.PROFILE_FRESH_SECONDS
        if not answer.answered:
            await asyncio.sleep(limits.PROFILE_RETRY_SECONDS)

    def _learn(self, event: Event) -> bool:
        """Take a profile if it is newer than what is known; says whether it is."""
        person = self._people.get(event.pubkey)
        version = (-event.created_at, event.id)
        ahead = event.created_at > self._now() + limits.FUTURE_SECONDS
        if person is None or ahead or version >= person.event:
            return False
        before, person.profile, person.event = person.profile, read_profile(event), version
        if before != person.profile:
            if before is not None and before.nip05 != person.profile.nip05:
                person.verified = ""
                person.check_at = 0.0
            self._check_soon(event.pubkey, person)
            self._changed(event.pubkey)
        return True

    def _check_soon(self, pubkey: str, person: _Person) -> None:
        given = person.profile is not None and person.profile.nip05
        if self._checker and person.check and given and self._now() >= person.check_at:
            self._unchecked.put(pubkey)

    async def _check_name(self) -> None:
        assert self._checker is not None
        for pubkey in await self._unchecked.take(1):
            person = self._people.get(pubkey)
            if person is None or person.profile is None:
                continue
            given = person.profile.nip05
            person.check_at = self._now() + limits.NIP05_RETRY_SECONDS
            verdict = await self._checker.check(given, pubkey)
            if verdict is None or person.profile.nip05 != given:
                continue
            verified = str(parse_name(given)) if verdict else ""
            if verified != person.verified:
                person.verified = verified
                self._changed(pubkey)
