"""Who says to be in a room of others (NIP-53 kind 10312), while somebody looks at it."""

from collections import Counter
from collections.abc import Callable

from tui.config import limits
from tui.nostr.event import Event
from tui.nostr.filter import Filter
from tui.nostr.pool import Pool, Subscription
from tui.spaces.events import InvalidSpaceEvent
from tui.spaces.rooms import PRESENCE, PRESENCE_LIFETIME, Attendee, read_attendee


class Audience:
    """Listens to the presence in the room with this `a` address; `on_changed` hears whose."""

    def __init__(
        self,
        address: str,
        *,
        pool: Pool,
        now: Callable[[], float],
        on_changed: Callable[[str], None],
        relays: tuple[str, ...] | None = None,
    ) -> None:
        self.address = address
        self.dropped: Counter[str] = Counter()
        self._pool = pool
        self._now = now
        self._on_changed = on_changed
        self._relays = relays
        self._people: dict[str, Attendee] = {}
        self._subscription: Subscription | None = None

    def open(self) -> None:
        """Begin to listen, to those of the last minutes first."""
        self._subscription = self._pool.subscribe(
            [
                Filter(
                    kinds=(PRESENCE,),
                    tags={"a": (self.address,)},
                    since=int(self._now()) - PRESENCE_LIFETIME,
                    limit=limits.AUDIENCE,
                )
            ],
            self._receive,
            relays=self._relays,
        )

    def close(self) -> None:
        """Listen no more."""
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None

    def present(self) -> dict[str, Attendee]:
        """Everybody who is there now, by pubkey; who says nothing for long is gone."""
        long_ago = self._now() - PRESENCE_LIFETIME
        return {pubkey: one for pubkey, one in self._people.items() if one.at > long_ago}

    def _receive(self, event: Event, _relay: str) -> None:
        if event.created_at > self._now() + limits.FUTURE_SECONDS:
            self.dropped["dated in the future"] += 1
            return
        try:
            address, attendee = read_attendee(event)
        except InvalidSpaceEvent as error:
            self.dropped[str(error)] += 1
            return
        known = self._people.get(attendee.pubkey)
        if address != self.address or (known is not None and known.at >= attendee.at):
            return
        if known is None and len(self._people) >= limits.AUDIENCE:
            self._people = self.present()
            if len(self._people) >= limits.AUDIENCE:
                self.dropped["more people than are shown"] += 1
                return
        self._people[attendee.pubkey] = attendee
        self._on_changed(attendee.pubkey)
