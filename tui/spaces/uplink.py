"""Whom we listen to: the parent, and a second one that stands by for when it dies.

A new parent takes over once its way to the stage is known, and the old one is let go a moment
later. When the parent goes quiet the standby is asked for sound at once, and takes over if it is
needed. A parent that has lost its own way is not followed for long.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tui.config import limits
from tui.rtc.forwarding import Forwarder, LinkKind
from tui.spaces.links import Link
from tui.spaces.neighbours import Neighbours
from tui.spaces.spread import spread
from tui.spaces.watch import Watch

VOUCH_SECONDS = 1.5  # for a new provider to say its way to the stage
LOST_SECONDS = 0.8  # a parent without a way is followed for so long, and up to half as long again
OVERLAP_SECONDS = 0.5  # the old parent stays so long, until the new one has brought everybody

LOOP = "the way leads through us"
NO_WAY = "no way to the stage"
SILENT = "silent"


class Move(NamedTuple):
    """A change of parent: when (monotonic seconds), to whom, why, and the seconds without one."""

    at: float
    to: str
    reason: str
    orphaned: float


class Uplink:
    """The links over which we listen; `end(pubkey, reason)` ends one, and its other side is told.

    `changed()` is called when there is something to plan.
    """

    def __init__(
        self,
        me: str,
        links: Mapping[str, Link],
        neighbours: Neighbours,
        forwarder: Forwarder,
        *,
        end: Callable[[str, str], None],
        changed: Callable[[], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._me = me
        self._links = links
        self._neighbours = neighbours
        self._forwarder = forwarder
        self._end = end
        self._changed = changed
        self._monotonic = monotonic
        self.parent = ""
        self.standby = ""
        self.since = 0.0
        """When the parent, or having none, began; monotonic seconds."""
        self.moving_to = ""
        """Who was asked to take the place of a parent that is no worse than before."""
        self.moves: deque[Move] = deque(maxlen=limits.MOVES)
        self._rising: dict[str, float] = {}  # not vouched for yet
        self._retiring: dict[str, float] = {}  # until when they stay
        self._watch = Watch()
        self._orphaned_at: float | None = None
        self._why = "joined"
        self._lost_at: float | None = None
        self._dead = False

    # -- what others ask

    @property
    def needs_parent(self) -> bool:
        """Whether somebody else is to be asked for the sound, now."""
        return not self.parent or self._dead or self._is_lost()

    @property
    def is_uneasy(self) -> bool:
        """Whether a standby may be needed any moment."""
        return self._watch.suspected or self._lost_at is not None

    @property
    def _patience(self) -> float:
        """Not all below a node that has lost its way leave it at once."""
        return LOST_SECONDS * (1 + spread(self._me, self.parent) / 2)

    # -- what happens to the links

    def linked(self, other: str) -> None:
        """A connection over which we may listen is up, or another one with the same peer."""
        self._retiring.pop(other, None)
        self._rising[other] = self._monotonic()
        if other == self.standby:
            self.standby = ""
        self.look_at(other)

    def unlinked(self, other: str, reason: str) -> None:
        """One of ours is gone."""
        self._rising.pop(other, None)
        self._retiring.pop(other, None)
        if other == self.standby:
            self.standby = ""
        if other == self.parent:
            self._orphan(reason)
            self.parent, self._dead, self._lost_at = "", False, None
            self.since = self._monotonic()
            if spare := self._spare():
                self._take(spare)
            else:
                self._changed()

    def look_at(self, other: str) -> None:
        """What a provider says of its way, or our own state of the stage, may have changed."""
        link = self._links.get(other)
        if link is None or link.kind is not LinkKind.PROVIDER or other in self._retiring:
            return
        if self._neighbours.loops(other):
            self._forwarder.vouch(other, False)
            self._end(other, LOOP)
        elif self._neighbours.way(other) is None:
            if other == self.parent and self._lost_at is None:
                self._lost_at = self._monotonic()
        else:
            self._forwarder.vouch(other, True)
            if other == self.parent:
                self._lost_at = None
            if self._rising.pop(other, None) is not None and other != self.parent:
                self._take_up(other, link)

    def somebody_talks(self, other: str) -> None:
        """A provider says that somebody new began to talk."""
        if other == self.standby:
            self._watch.somebody_talks(self._monotonic())

    def look(self) -> None:
        """Look at the parent, and at what has taken too long; some twenty times a second."""
        now = self._monotonic()
        for other, since in list(self._rising.items()):
            self.look_at(other)
            if other in self._rising and now - since > VOUCH_SECONDS:
                self._end(other, NO_WAY)
        for other, until in list(self._retiring.items()):
            if now > until:
                self._end(other, "moved")
        for other in (self.parent, self.standby):
            self.look_at(other)
        if self.parent:
            self._watch_parent(now)
        elif spare := self._spare():
            self._take(spare)
        for other in (self.parent, self.standby):
            self._tell(other)

    # -- moving

    def _take_up(self, other: str, link: Link) -> None:
        if not link.standby and (self.needs_parent or other == self.moving_to):
            self._take(other)
            return
        if not link.standby:  # asked for in need, and another one was faster
            link.standby = True
            self._listen_to(other, on=False)
        before, self.standby = self.standby, other
        if before:
            self._end(before, "another one stands by")
        if self.needs_parent:
            self._take(other)
        elif self._watch.suspected:
            self._listen_to(other, on=True)

    def _spare(self) -> str:
        """Who can take over at once: the standby, or a parent that was just let go."""
        up = (who for who in (self.standby, *self._retiring) if who in self._links)
        return next((who for who in up if self._neighbours.way(who) is not None), "")

    def _take(self, other: str) -> None:
        now, before = self._monotonic(), self.parent
        link = self._links[other]
        link.standby, link.since = False, now
        if self.standby == other:
            self.standby = ""
        self._retiring.pop(other, None)
        if before:
            self._retiring[before] = now + OVERLAP_SECONDS
            if self._lost_at is not None:
                self._orphan(NO_WAY)
        self.parent, self.since, self._lost_at, self._dead = other, now, None, False
        heard_at = self._watch.relieved_at or now
        self._watch = Watch()
        since = heard_at if self._orphaned_at is None else self._orphaned_at
        self.moves.append(Move(now, other, self._why, max(0.0, heard_at - since)))
        self._orphaned_at, self._why, self.moving_to = None, "better", ""
        self._listen_to(other, on=True)
        self._changed()

    def _orphan(self, reason: str) -> None:
        if self._orphaned_at is None:
            silent = self._watch.silent_since if self._watch.suspected else None
            self._orphaned_at = silent or self._lost_at or self._monotonic()
            self._why = reason

    def _listen_to(self, other: str, *, on: bool) -> None:
        self._links[other].wanted = on
        if on:
            self._forwarder.prefer(other)
        self._tell(other)

    def _tell(self, other: str) -> None:
        """Who should begin or stop sending is told, again if its channel was not open."""
        link = self._links.get(other)
        if link is None or link.wanted == link.told:
            return
        if link.peer.send_message({"type": "listen", "on": link.wanted}):
            link.told = link.wanted

    # -- watching

    def _watch_parent(self, now: float) -> None:
        parent, standby = self._links[self.parent], self._links.get(self.standby)
        suspected = self._watch.suspected
        verdict = self._watch.look(
            now,
            quiet=parent.peer.quiet_for,
            expected=suspected or self._forwarder.expects(self.parent),
            parent=parent.packets,
            standby=None if standby is None else standby.packets,
        )
        if verdict == "suspected":
            parent.peer.ping()
            if standby is not None:
                self._listen_to(self.standby, on=True)
            self._changed()
        elif verdict == "fine":
            self._dead = False
            if standby is not None:
                self._listen_to(self.standby, on=False)
            self._forwarder.prefer(self.parent)
        elif verdict == "dead" or self._is_lost():
            self._give_up_parent()

    def _is_lost(self) -> bool:
        return self._lost_at is not None and self._monotonic() - self._lost_at > self._patience

    def _give_up_parent(self) -> None:
        """Go to the standby; without one the parent may come back until another is found."""
        if self._spare():
            self._end(self.parent, SILENT if self._watch.suspected else NO_WAY)
            return
        if self._is_lost():
            self._forwarder.vouch(self.parent, False)
        if self._watch.suspected and not self._dead:
            self._dead = True
            self._changed()
