"""Those who listen to us: who has an output, who stands by, and whom others may ask instead."""

from collections.abc import Callable, Mapping, MutableMapping

from tui.config import limits
from tui.rtc.forwarding import Forwarder, LinkKind
from tui.spaces.events import Metrics
from tui.spaces.links import Link
from tui.spaces.neighbours import Neighbours
from tui.spaces.requests import FULL, Requests
from tui.spaces.state import SpaceState
from tui.spaces.throttle import Throttle
from tui.spaces.wire import Wire

SETTLE_SECONDS = 1.0  # whoever has listened for so long listens, and everybody is told
LISTENS = 6  # times a consumer may turn its sound on and off at once, and then
LISTEN_SECONDS = 0.5  # once in so many seconds

MADE_ROOM = "made room for somebody who brings more"


class Serving:
    """Looks after consumers; `drop(pubkey, reason, instead)` ends the connection with one."""

    def __init__(
        self,
        state: SpaceState,
        wire: Wire,
        forwarder: Forwarder,
        *,
        metrics: Metrics,
        links: MutableMapping[str, Link],
        neighbours: Neighbours,
        requests: Requests,
        drop: Callable[[str, str, tuple[str, ...]], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._state = state
        self._wire = wire
        self._forwarder = forwarder
        self._metrics = metrics
        self._links = links
        self._neighbours = neighbours
        self._requests = requests
        self._drop = drop
        self._monotonic = monotonic
        self._throttle = Throttle(LISTENS, LISTEN_SECONDS, monotonic)

    def wishes(self, other: str, message: Mapping[str, object]) -> None:
        """A consumer wants our sound now, or none: one that stands by takes no output."""
        if not self._throttle.allows(other):
            self._forwarder.drops["too many wishes to listen"] += 1
            return
        link, on = self._links[other], message.get("on")
        if on is link.standby and not self.make_room(other, standby=not on):
            self._drop(other, FULL, self.instead(other))
            return
        self._forwarder.handle_message(other, message)
        if isinstance(on, bool) and link.standby is on:
            link.standby, link.since = not on, self._monotonic()

    def make_room(self, other: str, *, standby: bool) -> bool:
        """Whether there is an output for a connection that is up; somebody may have to go."""
        if not self._requests.is_full_for(other, standby=standby):
            return True
        worst = None if standby else self._requests.worst(than=other)
        if worst is not None:
            self._drop(worst, MADE_ROOM, (other, *self.instead(worst)))
        return worst is not None

    def look(self) -> None:
        """Say who has come to listen to us, or only stands by now, once it lasts."""
        now = self._monotonic()
        for other, link in self._links.items():
            changed = link.kind is LinkKind.CONSUMER and link.standby != link.confirmed
            if changed and now - link.since > SETTLE_SECONDS:
                link.confirmed = link.standby
                draft = self._wire.writer.confirm(
                    self._wire.now(), other, "consumer", self._metrics, standby=link.standby
                )
                self._wire.say(draft, instead=f"confirm {other}")

    def instead(self, asking: str) -> tuple[str, ...]:
        """Whom somebody may ask for whom we have no room: below us, and as far as we know."""
        below = self._neighbours.below_with_room(asking)
        known = self._state.tree.instead(self._wire.me, asking, avoid=below, most=limits.INSTEAD)
        return tuple(dict.fromkeys((*below[:2], *known, *below)))[: limits.INSTEAD]
