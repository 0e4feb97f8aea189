"""The relays in use as clients see them, which ones join them, and which a space is held on."""

from collections.abc import Iterable, Sequence

from tui.config import limits
from tui.controller.board import Board
from tui.controller.refusal import Refusal, require
from tui.controller.views import RelayView
from tui.nostr.cache import Cache
from tui.nostr.filter import Filter
from tui.nostr.pool import Pool
from tui.nostr.relay_lists import RELAY_LIST, RelayList, choose_relays, read_relay_list
from tui.nostr.status import RelayStatus
from tui.nostr.url import InvalidRelayUrl, is_private, relay_url


class Relays:
    """Adds relays to the pool and shows how each one is.

    Relays that the user has not named are borrowed for one space or room, and given back after it.
    `for_spaces` are those of the settings for spaces of our own.
    """

    def __init__(
        self, pool: Pool, cache: Cache, board: Board, *, for_spaces: tuple[str, ...]
    ) -> None:
        self._pool = pool
        self._cache = cache
        self._board = board
        self._for_spaces = for_spaces
        self._own: dict[str, None] = {}
        self._borrowed: set[str] = set()
        pool.on_status = self._changed

    async def add(self, url: str) -> None:
        """Use one more for good; raises `Refusal`."""
        url = await self._add(url)
        self._own[url] = None
        self._borrowed.discard(url)

    async def follow(self, hints: Sequence[str]) -> tuple[str, ...]:
        """Use what a link or a room names until `give_back`, as far as that is to be used.

        No stranger makes us knock at the doors of our own network.
        """
        near = any(map(is_private, self._own))
        wanted = []
        for hint in hints[: limits.SPACE_RELAYS]:
            try:
                url = relay_url(hint)
            except InvalidRelayUrl as error:
                self._board.log("warning", f"a relay that is named cannot be one: {error}")
                continue
            if near or not is_private(url):
                wanted.append(url)
        return await self._borrow(wanted)

    async def _borrow(self, urls: Iterable[str]) -> tuple[str, ...]:
        added = []
        for url in urls:
            try:
                added.append(await self._add(url))
            except Refusal as error:
                self._board.log("warning", f"a relay is not used: {error}")
        self._borrowed |= set(added) - self._own.keys()
        return tuple(added)

    def retry(self) -> None:
        """Wait no longer for those that cannot be reached; raises `Refusal` if there are none."""
        require(self._pool.retry_now() > 0, "no relay waits to be tried again")

    async def give_back(self, *, but: Sequence[str] = ()) -> None:
        """Leave the relays that are only borrowed, except some."""
        for url in self._borrowed - set(but):
            self._borrowed.discard(url)
            await self._pool.remove_relay(url)
            self._board.set_relay(url, None)

    async def for_own_space(self, me: str) -> tuple[str, ...]:
        """Where a new space of ours is held: the settings say, or our relay list (NIP-65)."""
        wanted = self._for_spaces or (await self._list_of(me)).write
        return await self._use(choose_relays(own_read=wanted, settings=self._reachable()))

    async def of_space(self, named: Sequence[str], host: str, me: str) -> tuple[str, ...]:
        """Where a space is held that names these relays."""
        host_write: tuple[str, ...] = ()
        if len(named) < limits.FEWEST_SPACE_RELAYS:
            host_write = (await self._list_of(host)).write
        own = await self._list_of(me)
        settings = self._reachable()
        chosen = choose_relays(
            space=named, host_write=host_write, own_read=own.read, settings=settings
        )
        return await self._use(chosen)

    async def _use(self, chosen: tuple[str, ...]) -> tuple[str, ...]:
        used = await self._borrow(chosen)
        await self.give_back(but=used)
        return used

    async def _add(self, url: str) -> str:
        try:
            url = await self._pool.add_relay(url)
        except InvalidRelayUrl as error:
            raise Refusal(str(error)) from None
        self._changed(self._pool.status()[url])
        return url

    def _reachable(self) -> list[str]:
        """The user's own relays, those that are connected first."""
        status = self._pool.status()
        return sorted(self._own, key=lambda url: status[url].state != "connected")

    async def learn(self, me: str) -> None:
        """Ask the relays for the newest relay list of ours, before it is needed."""
        if await self._pool.wait_connected(limits.RELAY_LIST_SECONDS):
            await self._fetch_list(me)

    async def _list_of(self, pubkey: str) -> RelayList:
        """Where somebody reads and writes; what was kept of that will do."""
        if found := await self._cache.get([_list_filter(pubkey)]):
            return read_relay_list(found[0])
        return await self._fetch_list(pubkey)

    async def _fetch_list(self, pubkey: str) -> RelayList:
        wanted = [_list_filter(pubkey)]
        found = await self._pool.fetch(wanted, timeout=limits.RELAY_LIST_SECONDS)
        for event in found[:1]:
            self._cache.put(event)
            return read_relay_list(event)
        return RelayList()

    def _changed(self, status: RelayStatus) -> None:
        if status.url in self._pool.urls:  # one that was given back says so, too
            self._board.set_relay(
                status.url,
                RelayView(
                    url=status.url,
                    state=status.state,
                    reason=status.reason or status.notice,
                    auth=status.auth,
                    name=status.name,
                    refusals=status.refusals,
                    forgets=status.forgets,
                    retry_at=round(status.retry_at, 1),
                ),
            )


def _list_filter(pubkey: str) -> Filter:
    return Filter(kinds=(RELAY_LIST,), authors=(pubkey,), limit=1)
