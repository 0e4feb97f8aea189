"""The spaces that relays know of, live or just ended, with how many people are in them."""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from tui.config import limits
from tui.nostr.event import Event
from tui.nostr.filter import Filter
from tui.nostr.nip19 import short_npub
from tui.nostr.pool import Pool, Subscription
from tui.spaces import codec, events
from tui.spaces.events import SpaceRef
from tui.spaces.state import SpaceState

LOOK_BACK = 24 * 3600  # seconds; a space older than that is not listed
PAGE = 500  # events asked of a relay at once; some cap answers there

LobbyState = Literal["live", "stale", "closed"]


class Listing(NamedTuple):
    """One line of the lobby; times in unix seconds."""

    space: SpaceRef
    name: str
    summary: str
    host_name: str
    started_at: int
    speakers: int
    listeners: int
    state: LobbyState


class Lobby:
    """Folds what relays say of all spaces; `changed` hears which ones to look at again."""

    def __init__(
        self, pool: Pool, *, changed: Callable[[SpaceRef], None], now: Callable[[], float]
    ) -> None:
        self._pool = pool
        self._changed = changed
        self._now = now
        self._states: dict[SpaceRef, SpaceState] = {}
        self._subscription: Subscription | None = None
        self.past_heard: set[str] = set()
        self.dropped = 0

    def open(self) -> None:
        """Begin to listen; relays cannot filter by our two-letter tag, so `codec` does."""
        now = int(self._now())
        self._subscription = self._pool.subscribe(
            [
                Filter(
                    kinds=(events.CREATE_SPACE, events.CLOSE_SPACE),
                    since=now - LOOK_BACK,
                    limit=PAGE,
                ),
                Filter(
                    kinds=(events.PROMOTE_SPEAKER, events.DEMOTE_TO_PEER),
                    since=now - LOOK_BACK,
                    limit=PAGE,
                ),
                Filter(
                    kinds=(events.JOIN_SPACE, events.LEAVE_SPACE),
                    since=now - events.OPEN_JOIN_LIFETIME,
                    limit=PAGE,
                ),
            ],
            self._receive,
            on_eose=self.past_heard.add,
        )

    def close(self) -> None:
        """Listen no more."""
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None

    def spaces(self) -> Iterator[SpaceRef]:
        """All spaces whose creation we have seen."""
        return (space for space, state in self._states.items() if state.created is not None)

    def listing(self, space: SpaceRef) -> Listing | None:
        """What the lobby says of a space now, or `None` when its creation is unknown."""
        state = self._states.get(space)
        if state is None or state.created is None:
            return None
        now = self._now()
        present = list(state.present(now))
        speakers = sum(1 for pubkey in present if state.role_of(pubkey).speaks)
        host = state.peer(space.host)
        shown: LobbyState = "stale" if state.is_stale(now) else "live"
        return Listing(
            space=space,
            name=state.created.name,
            summary=state.created.summary,
            host_name=(host.name if host else "") or short_npub(space.host),
            started_at=state.created.at,
            speakers=speakers,
            listeners=len(present) - speakers,
            state="closed" if state.ended else shown,
        )

    def _receive(self, event: Event, _relay: str) -> None:
        try:
            found = codec.decode(event)
        except codec.InvalidSpaceEvent:
            self.dropped += 1
            return
        if found.at > self._now() + limits.FUTURE_SECONDS:
            self.dropped += 1
            return
        state = self._states.get(found.space)
        if state is None:
            state = self._states[found.space] = SpaceState(found.space)
            self._forget_oldest()
        state.apply(found)
        self._changed(found.space)

    def _forget_oldest(self) -> None:
        """Make room: spaces that nobody created or that have ended go first, then old ones."""
        while len(self._states) > limits.LOBBY_SPACES:

            def worth(space: SpaceRef) -> tuple[bool, int]:
                state = self._states[space]
                live = state.created is not None and state.ended is None
                return live, state.created.at if state.created else 0

            oldest = min(list(self._states)[:-1], key=worth)
            del self._states[oldest]
            self._changed(oldest)
