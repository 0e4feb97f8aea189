"""What a user of the pool has asked for."""

from collections.abc import Callable

from tui.nostr.conversation import Conversation
from tui.nostr.event import Event
from tui.nostr.filter import Filter, matcher


class Subscription:
    """A wish for events; lives until `close`."""

    def __init__(
        self,
        id_: str,
        filters: tuple[Filter, ...],
        *,
        relays: frozenset[str] | None,
        page: bool,
        on_event: Callable[[Event, str], None],
        on_eose: Callable[[str], None] | None,
        on_closed: Callable[[str, str], None] | None,
        end: Callable[["Subscription"], None],
    ) -> None:
        self.id = id_
        self.filters = filters
        self.matches = matcher(filters)
        self.relays = relays
        self.page = page
        self.on_event = on_event
        self.on_eose = on_eose
        self.on_closed = on_closed
        self._end = end

    def includes(self, url: str) -> bool:
        """Whether this relay is asked."""
        return self.relays is None or url in self.relays

    def open(self, conversation: Conversation) -> None:
        """Ask one relay."""
        conversation.subscribe(self.id, self.filters, self.page)

    def close(self) -> None:
        """End it; no callback is called afterwards. Closing twice is harmless."""
        self._end(self)
