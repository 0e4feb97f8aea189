"""Events that have been verified, so that copies of them need not be.

An id that has been verified is known by its hash to carry the same content again, so copies of it,
from whatever relay and for whatever subscription, are not verified again. An id is remembered only
after its signature held: a forged copy that comes first cannot keep the genuine event out.
"""

from collections import OrderedDict

from tui.config import limits
from tui.nostr.event import Event, signature_ok


class Seen:
    """A verified event: its good signature, and the subscriptions that have had it."""

    __slots__ = ("delivered", "sig")

    def __init__(self, sig: str) -> None:
        self.sig = sig
        self.delivered: tuple[str, ...] = ()


class SeenEvents:
    """The last verified events, least recently met goes first; `verified` counts the checks."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, Seen] = OrderedDict()
        self.verified = 0

    def verify(self, event: Event) -> Seen | None:
        """What is known of an event with its signature checked; None if it is forged."""
        seen = self._seen.get(event.id)
        if seen is not None:
            self._seen.move_to_end(event.id)
            return seen
        self.verified += 1
        if not signature_ok(event):
            return None
        seen = self._seen[event.id] = Seen(event.sig)
        if len(self._seen) > limits.SEEN_EVENTS:
            self._seen.popitem(last=False)
        return seen

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._seen

    def __len__(self) -> int:
        return len(self._seen)
