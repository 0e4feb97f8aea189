"""What others ask of us: who may connect, and who waits for it.

Asking costs nothing, so it takes no output: more may ask than can be served, and of those who then
make an offer the first are. Whoever has a way to the stage serves, listeners too; as many again may
stand by. A full node takes somebody who brings clearly more than the worst that it serves.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping

from tui.config import limits
from tui.rtc.forwarding import LinkKind
from tui.spaces.attempts import CONFIRM_SECONDS, Attempt, Declined
from tui.spaces.events import ConnectionReserved, ConnectionType
from tui.spaces.links import Link
from tui.spaces.neighbours import Neighbours
from tui.spaces.state import SpaceState
from tui.spaces.throttle import Throttle
from tui.spaces.wire import SEALED_ONLY, Wire

REQUESTS = 6  # of one peer that are answered at once, and then
REQUEST_SECONDS = 5.0  # one in so many seconds

FULL = "no output free"
NO_WAY = "no way to the stage"
LOOP = "our own way leads through you"
OTHERS_ASK = "others ask, too"


class Requests:
    """Answers requests: `accept(request)` begins to serve, `refuse(pubkey, reason)` drops.

    `links` are those that are up, `asking` and `serving` those in the making; `unknown(pubkey)`
    hears of who asks and is not known to be in the space.
    """

    def __init__(
        self,
        state: SpaceState,
        wire: Wire,
        *,
        outputs: int,
        links: Mapping[str, Link],
        asking: Mapping[str, Attempt],
        serving: Mapping[str, Attempt],
        neighbours: Neighbours,
        accept: Callable[[ConnectionReserved], None],
        refuse: Callable[[str, str], None],
        unknown: Callable[[str], bool],
        drops: Counter[str],
        monotonic: Callable[[], float],
    ) -> None:
        self._state = state
        self._wire = wire
        self._outputs = outputs
        self._links = links
        self._asking = asking
        self._serving = serving
        self._neighbours = neighbours
        self._unknown = unknown
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
            if late or self.judge(other, early.type, standby=early.standby) is None:
                del self._early[other]
                self._answer(early, last=True)

    def judge(self, other: str, connection: ConnectionType, *, standby: bool = False) -> str | None:
        """Why we refuse what is asked, or `None` to accept."""
        if not self._state.is_present(other, self._wire.now()):
            return self._state.is_admitted(other) or "not in the space"
        if not self._wire.may_signal(other):
            return SEALED_ONLY
        if connection != "consumer":
            we_speak = self._state.role_of(self._wire.me).speaks
            both = self._state.role_of(other).speaks and (we_speak or connection == "provider")
            return None if both else "not on stage"
        way = self._neighbours.own_way
        if way is None:
            return NO_WAY
        if other in way or (not standby and self._will_listen_to(other)):
            return LOOP
        full = self.is_full_for(other, standby=standby)
        return FULL if full and (standby or not self.worst(than=other)) else None

    def _will_listen_to(self, other: str) -> bool:
        """Whether we are asking who asks us: of the two, the one with the lower pubkey goes on."""
        mine = self._asking.get(other)
        ours = mine is not None and mine.type == "consumer" and not mine.standby
        return ours and self._wire.me < other

    def is_full_for(self, other: str, *, standby: bool = False) -> bool:
        """Whether all outputs are taken by others; as many again may stand by."""
        return len(self._served(standby=standby) - {other}) >= self._outputs

    def worst(self, *, than: str) -> str | None:
        """Whom we drop to serve somebody who brings more, if anybody."""
        among = [who for who in self._neighbours.consumers if who != than]
        return self._state.tree.worst(self._wire.me, than=than, among=among) if among else None

    def _served(self, *, standby: bool) -> set[str]:
        """Who takes an output, or will as soon as their connection is up; or those standing by."""
        up = {who for who, x in self._links.items() if x.kind is LinkKind.CONSUMER}
        up = {who for who in up if self._links[who].standby is standby}
        consumers = (a for a in self._serving.values() if a.type == "consumer")
        making = {a.other for a in consumers if a.standby is standby and not a.waits_for_offer}
        return up | making

    def stray(self, other: str) -> None:
        """An offer for what we have given up: who sent it need not wait for an answer."""
        present = self._state.is_present(other, self._wire.now())
        if present and other not in self._links and self._throttle.allows(other):
            self._refuse(other, "not asked for")

    def _answer(self, event: ConnectionReserved, *, last: bool) -> None:
        other = event.signer
        reason = self.judge(other, event.type, standby=event.standby)
        if reason is None:
            self._make_room()
            self._accept(event)
        elif last or reason in (FULL, NO_WAY, LOOP, SEALED_ONLY) or self._state.is_barred(other):
            self._refuse(other, reason)
        elif self._state.peer(other) is None and self._unknown(other) and self.is_full_for(other):
            self._refuse(other, FULL)  # whoever it is
        else:
            self._early[other] = self._wire.now(), event
            while len(self._early) > limits.EARLY_REQUESTS:
                self._early.popitem(last=False)

    def _make_room(self) -> None:
        """Whoever asks without ever making an offer must not keep others from asking."""
        waiting = [attempt for attempt in self._serving.values() if attempt.waits_for_offer]
        if len(waiting) >= limits.WAITING_OFFERS:
            waiting[0].fail(Declined(OTHERS_ASK))
