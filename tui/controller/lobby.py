"""The lobby as clients see it: each space that relays know of is one line."""

from collections.abc import Callable

from tui.controller.board import Board
from tui.controller.views import SpaceSummary
from tui.nostr.pool import Pool
from tui.spaces.lobby import Listing, Lobby, LobbyRef

ALL_SECONDS = 30.0  # between two looks at everything: people fade without a word


class LobbyWatch:
    """Listens to what relays say of spaces; `tick` shows what has changed."""

    def __init__(
        self,
        pool: Pool,
        board: Board,
        *,
        now: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._board = board
        self._monotonic = monotonic
        self._changed: set[LobbyRef] = set()
        self._lobby = Lobby(pool, changed=self._changed.add, now=now)
        self._looked_at_all = monotonic()

    def open(self) -> None:
        """Begin to listen."""
        self._lobby.open()

    def close(self) -> None:
        """Listen no more."""
        self._lobby.close()

    def tick(self) -> None:
        """Show what has changed since the last time."""
        now = self._monotonic()
        if now - self._looked_at_all > ALL_SECONDS:
            self._looked_at_all = now
            self._changed.update(self._lobby.spaces())
        changed = set(self._changed)
        self._changed.clear()
        for space in changed:
            listing = self._lobby.listing(space)
            self._board.set_listing(str(space), summary(listing) if listing else None)


def summary(listing: Listing) -> SpaceSummary:
    """A line of the lobby as it crosses the link."""
    return SpaceSummary(
        ref=str(listing.ref),
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
