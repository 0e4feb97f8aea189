"""Whether a relay keeps what it accepts: one event of each kind is asked back, once.

Some relays say OK to kinds that they do not know, and drop them.
"""

from tui.config import limits
from tui.nostr.event import Event, is_addressable, is_ephemeral, is_replaceable
from tui.nostr.filter import Filter

_ID = "k"  # begins the subscription ids of these questions; the pool's are numbers


class Memory:
    """What one relay has been found to keep or forget. Sans-I/O."""

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._pending: set[int] = set()
        self.forgets: tuple[int, ...] = ()

    def accepted(self, event: Event) -> bool:
        """The relay took an event; whether to ask for it in a while."""
        kind = event.kind
        if is_ephemeral(kind) or kind in self._known or kind in self._pending:
            return False
        if len(self._known) + len(self._pending) >= limits.REMEMBERED_KINDS:
            return False
        self._pending.add(kind)
        return True

    def question(self, event: Event) -> tuple[str, Filter]:
        """A subscription id and what to ask for; a newer event in its place will do as well."""
        id_ = f"{_ID}{event.kind}"
        if is_replaceable(event.kind):
            return id_, Filter(authors=(event.pubkey,), kinds=(event.kind,), limit=1)
        if is_addressable(event.kind):
            d: tuple[str, ...] = (event.first("d") or "",)
            authors, kinds = (event.pubkey,), (event.kind,)
            return id_, Filter(authors=authors, kinds=kinds, tags={"d": d}, limit=1)
        return id_, Filter(ids=(event.id,), limit=1)

    def asks(self, id_: str) -> bool:
        """Whether a subscription is one of these questions."""
        return id_.startswith(_ID)

    def answered(self, id_: str, kept: bool) -> bool:
        """The answer to a question; whether it is news that the relay forgets."""
        kind = int(id_.removeprefix(_ID))
        self._pending.discard(kind)
        if kind in self._known:
            return False
        self._known.add(kind)
        if not kept:
            self.forgets = (*self.forgets, kind)
        return not kept

    def disconnected(self) -> None:
        """What has no answer will get none; another event may be asked for."""
        self._pending.clear()
