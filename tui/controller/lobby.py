"""The lobby as clients see it: each space or room that relays know of is one line."""

from collections.abc import Callable, Mapping

import msgspec

from tui.controller.board import Board
from tui.controller.views import SpaceSummary
from tui.nostr.cache import Cache
from tui.nostr.filter import Filter
from tui.nostr.nip19 import short_npub
from tui.nostr.pool import Pool
from tui.people.book import People
from tui.spaces.events import CLOSE_SPACE, CREATE_SPACE
from tui.spaces.lobby import LOOK_BACK, Listing, Lobby, LobbyRef
from tui.spaces.rooms import ROOM_KINDS

ALL_SECONDS = 30.0  # between two looks at everything: people fade without a word


class LobbyWatch:
    """Listens to what relays say of spaces; `tick` shows what has changed.

    `verify` says whether domains may be asked about the names of hosts.
    """

    def __init__(
        self,
        pool: Pool,
        board: Board,
        cache: Cache,
        people: People,
        *,
        verify: Callable[[], bool],
        now: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._board = board
        self._cache = cache
        self._people = people
        self._verify = verify
        self._now = now
        self._monotonic = monotonic
        self._changed: set[LobbyRef] = set()
        self._shown: dict[LobbyRef, SpaceSummary] = {}
        self._lobby = Lobby(
            pool,
            changed=self._changed.add,
            now=now,
            kept=cache.put,
            favours=lambda pubkey: pubkey in people.follows,
        )
        self._looked_at_all = monotonic()

    @property
    def dropped(self) -> Mapping[str, int]:
        """How many events were dropped, by reason."""
        return self._lobby.dropped

    def open(self) -> None:
        """Begin to listen."""
        self._lobby.open()

    async def seed(self) -> None:
        """Take what was kept of an earlier run, until relays confirm it."""
        since = int(self._now()) - LOOK_BACK
        kinds = (CREATE_SPACE, CLOSE_SPACE, *ROOM_KINDS)
        self._lobby.seed(await self._cache.get([Filter(kinds=kinds, since=since)]))

    def close(self) -> None:
        """Listen no more."""
        self._lobby.close()

    def renamed(self, pubkey: str) -> None:
        """What we know of somebody has changed, who may host something."""
        self._changed.update(ref for ref, line in self._shown.items() if line.host == pubkey)

    def tick(self) -> None:
        """Show what has changed since the last time."""
        now = self._monotonic()
        if now - self._looked_at_all > ALL_SECONDS:
            self._looked_at_all = now
            self._changed.update(self._lobby.spaces())
        changed = set(self._changed)
        self._changed.clear()
        for ref in changed:
            listing = self._lobby.listing(ref)
            if listing is not None:
                line = self._shown[ref] = self._line(listing)
                self._board.set_listing(line.ref, line)
            elif gone := self._shown.pop(ref, None):
                self._board.set_listing(gone.ref, None)

    def _line(self, listing: Listing) -> SpaceSummary:
        host, known = listing.host, self._shown.get(listing.ref)
        self._people.want([host], verify=self._verify())
        shown = summary(listing, known.ref if known else str(listing.ref))
        named = listing.host_name != short_npub(host)
        return msgspec.structs.replace(
            shown,
            host_name=listing.host_name if named else self._people.name_of(host) or shown.host_name,
            followed=host in self._people.follows,
            verified=self._people.verified_of(host),
        )


def summary(listing: Listing, ref: str) -> SpaceSummary:
    """A line of the lobby as it crosses the link, without what we know of its host.

    `ref` is the text of its reference, which takes long to make for a room.
    """
    return SpaceSummary(
        ref=ref,
        host=listing.host,
        host_name=listing.host_name,
        id=listing.ref.id,
        name=listing.name,
        started_at=listing.started_at,
        speakers=listing.speakers,
        listeners=listing.listeners,
        state=listing.state,
        summary=listing.summary,
        kind=listing.kind,
        starts=listing.starts,
        topics=listing.topics,
        language=listing.language,
        access=listing.access,
        locked=listing.locked,
        url=listing.url,
        image=listing.image,
        cached=listing.cached,
    )
