"""What others ask of us: who may connect, and who waits for it.

Asking costs nothing, so it takes no output: more may ask than can be served, and of those who then
make an offer the first are.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from typing import Protocol

from tui.config import limits
from tui.rtc.forwarding import LinkKind
from tui.spaces.attempts import CONFIRM_SECONDS, Attempt, Declined
from tui.spaces.events import ConnectionReserved, ConnectionType
from tui.spaces.state import SpaceState
from tui.spaces.throttle import Throttle
from tui.spaces.wire import SEALED_ONLY, Wire

REQUESTS = 6  # of one peer that are answered at once, and then
REQUEST_SECONDS = 5.0  # one in so many seconds

FULL = "no output free"
OTHERS_ASK = "others ask, too"


class _Link(Protocol):
    @property
    def kind(self) -> LinkKind:
        """What the link is for."""


class Requests:
    """Answers requests: `accept(pubkey, type)` begins to serve, `refuse(pubkey, reason)` drops.

    `links` are those that are up, `serving` those in the making.
    """

    def __init__(
        self,
        state: SpaceState,
        wire: Wire,
        *,
        outputs: int,
        links: Mapping[str, _Link],
        serving: Mapping[str, Attempt],
        accept: Callable[[str, ConnectionType], None],
        refuse: Callable[[str, str], None],
        drops: Counter[str],
        monotonic: Callable[[], float],
    ) -> None:
        self._state = state
        self._wire = wire
        self._outputs = outputs
        self._links = links
        self._serving = serving
        self._accept = accept
        self._refuse = refuse
        self._drops = drops
        self._throttle = Throttle(REQUESTS, REQUEST_SECONDS, monotonic)
        self._early: OrderedDict[str, tuple[float, ConnectionReserved]] = OrderedDict()

    def take(self, event: ConnectionReserved) -> None:
        """Somebody asks."""
        if self._throttle.allows(event.signer):
            self._answer(event, last=False)
        else:
            self._drops["too many requests to connect"] += 1

    def forget(self, other: str) -> None:
        """Somebody does not ask any more."""
        self._early.pop(other, None)

    def look(self) -> None:
        """Answer those that came before their asker's JOIN or promotion."""
        for other, (since, early) in list(self._early.items()):
            late = self._wire.now() - since > CONFIRM_SECONDS
            if late or self.judge(other, early.type) is None:
                del self._early[other]
                self._answer(early, last=True)

    def judge(self, other: str, connection: ConnectionType) -> str | None:
        """Why we refuse what is asked, or `None` to accept."""
        if not self._state.is_present(other, self._wire.now()):
            return self._state.is_admitted(other) or "not in the space"
        if not self._wire.may_signal(other):
            return SEALED_ONLY
        we_speak = self._state.role_of(self._wire.me).speaks
        if connection != "consumer":
            both = self._state.role_of(other).speaks and (we_speak or connection == "provider")
            return None if both else "not on stage"
        if not we_speak:
            return "not on stage"
        served = {pk for pk, link in self._links.items() if link.kind is LinkKind.CONSUMER}
        consumers = (a for a in self._serving.values() if a.type == "consumer")
        served |= {attempt.other for attempt in consumers if not attempt.waits_for_offer}
        return FULL if len(served - {other}) >= self._outputs else None

    def stray(self, other: str) -> None:
        """An offer for what we have given up: who sent it need not wait for an answer."""
        present = self._state.is_present(other, self._wire.now())
        if present and other not in self._links and self._throttle.allows(other):
            self._refuse(other, "not asked for")

    def _answer(self, event: ConnectionReserved, *, last: bool) -> None:
        other = event.signer
        reason = self.judge(other, event.type)
        if reason is None:
            self._make_room()
            self._accept(other, event.type)
        elif last or reason in (FULL, SEALED_ONLY) or self._state.is_barred(other):
            self._refuse(other, reason)
        else:
            self._early[other] = self._wire.now(), event
            while len(self._early) > limits.EARLY_REQUESTS:
                self._early.popitem(last=False)

    def _make_room(self) -> None:
        """Whoever asks without ever making an offer must not keep others from asking."""
        waiting = [attempt for attempt in self._serving.values() if attempt.waits_for_offer]
        if len(waiting) >= limits.WAITING_OFFERS:
            waiting[0].fail(Declined(OTHERS_ASK))
