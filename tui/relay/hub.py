"""What all clients of one relay share."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tui.nostr.event import Event, encode_event
from tui.relay.archive import Archive
from tui.relay.limits import RelayLimits
from tui.relay.subscriptions import SubscriptionIndex
from tui.relay.visitor import AuthPolicy


class Hub:
    """The archive, the open subscriptions, the limits and the `auth` policy of one relay.

    `now` is the wall clock in seconds; `counts` says what was refused or dropped, and how often.
    """

    def __init__(
        self,
        store: Path | None,
        limits: RelayLimits,
        auth: AuthPolicy | None,
        now: Callable[[], float],
    ) -> None:
        self.limits = limits
        self.auth = auth
        self.now = now
        self.counts: Counter[str] = Counter()
        self.subscriptions = SubscriptionIndex()
        self.archive = Archive(store, limits, on_stored=self.publish, now=now)

    def publish(self, event: Event) -> None:
        """Send a new event to everybody whose subscriptions match it; waits for nobody."""
        if subscriptions := self.subscriptions.matching(event):
            text = encode_event(event).decode()
            for subscription in subscriptions:
                subscription.deliver(event, text)
