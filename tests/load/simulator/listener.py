"""One node: it asks for a parent and a second one, answers those who ask it, moves, leaves.

The decisions are those of the program; whom to ask is for `finding`. Left out: connections that
fail though both sides are there, relays that are down, and who hears whom (sound follows the
tree). A path is known below as soon as it changes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tests.load.simulator.people import Person
from tests.load.simulator.room import Room, room_of
from tui.spaces.graph import MAX_DISTANCE

if TYPE_CHECKING:
    from tests.load.simulator.space import Space

ANSWER_SECONDS = 3.0  # until who does not answer is given up
REFUSAL_SECONDS = 60.0  # whom we asked in vain is not asked again for so long
RETRY_SECONDS = 5.0  # the same, when there is nobody else to ask
RELOOK_SECONDS = 30.0  # between two looks at the present parent, with jitter
CONNECT_SECONDS = 5.0  # until a connection in the making that does not come gives its place up
STANDBY_SECONDS = 2.0  # after the first parent, until a second one is asked for
SUSPECT_SECONDS = 0.3  # of silence, until the sound is taken from the second parent
SILENT_SECONDS = 1.5  # until a node gives up somebody it serves who is silent on the channel
ROUND_TRIPS = 3  # ICE, DTLS and the data channel, between the two
ROOM_SECONDS = 1.0  # between two messages about room


class Node:
    """Somebody in the space, and what they do; `here` until they leave or crash."""

    __slots__ = (
        "arrived", "asking", "born", "consumers", "dropped", "here", "hints", "kept", "making",
        "named", "orphaned", "parent", "person", "pubkey", "refused", "replacing", "reported",
        "reports", "retries", "space", "standby", "standbys", "token",
    )  # fmt: skip

    def __init__(self, space: Space, person: Person) -> None:
        self.space = space
        self.person = person
        self.pubkey = person.pubkey
        self.here = True
        self.born = space.clock.now
        self.arrived = False
        self.parent: Node | None = None
        self.standby: Node | None = None
        self.consumers: dict[Node, None] = {}
        self.making: dict[Node, None] = {}
        self.replacing: dict[Node, Node] = {}  # who is dropped once the other's connection is up
        self.standbys: dict[Node, None] = {}
        self.reports: dict[Node, Room] = {}  # by whom we serve
        self.named: dict[str, int] = {}  # whom we have told others of since the last report
        self.kept: Room | None = None  # what was last reported
        self.reported = -ROOM_SECONDS
        self.refused: dict[str, float] = {}
        self.retries = 0
        self.hints: deque[str] = deque()
        self.asking: dict[bool, tuple[Node, int]] = {}  # for a standby connection, or not
        self.token = 0
        self.orphaned: float | None = None  # since when the parent is gone
        self.dropped: float | None = None  # since when it serves somebody else instead

    # -- what is so

    @property
    def free(self) -> int:
        """Outputs that nobody has, and nobody was promised."""
        promised = len(self.making) - len(self.replacing)
        return self.person.outputs - len(self.consumers) - promised

    def above(self) -> Iterator[Node]:
        """The way to the stage, nearest first; it may end before."""
        node = self.parent
        for _ in range(MAX_DISTANCE + 1):
            if node is None:
                return
            yield node
            node = node.parent

    @property
    def level(self) -> int | None:
        """Hops from the stage, `None` without a way to it."""
        if self.person.speaks:
            return 0
        number, last = 0, self
        for number, last in enumerate(self.above(), 1):  # noqa: B007 - the last one counts
            if not last.here:
                return None
        return number if last.person.speaks and number <= MAX_DISTANCE else None

    def lately(self, seconds: float = REFUSAL_SECONDS) -> list[str]:
        """Who refused within that time."""
        since = self.space.clock.now - seconds
        for pubkey in [who for who, at in self.refused.items() if at < self.space.clock.now - 60]:
            del self.refused[pubkey]
        return [who for who, at in self.refused.items() if at > since]

    # -- looking for a parent

    def seek(self) -> None:
        """Ask for a parent, unless there is one or somebody is being asked."""
        if not self.here or self.parent is not None or False in self.asking:
            return
        found = self._hint() or self.space.finder.first(self)
        if found is None:
            self.retries += 1
            pause = min(RETRY_SECONDS * 2 ** (self.retries - 1), REFUSAL_SECONDS)
            self.space.clock.at(pause * self.space.rng.uniform(1, 1.25), self.seek)
        else:
            self.ask(found)

    def _hint(self) -> Node | None:
        while self.hints:
            found = self.space.nodes.get(self.hints.popleft())
            if found is not None and found is not self and found.pubkey not in self.refused:
                return found
        return None

    def seek_second(self) -> None:
        """Ask for a standby connection, if there is none."""
        if self.here and self.parent and not self.standby and True not in self.asking:
            found = self.space.finder.second(self)
            if found is not None:
                self.ask(found, standby=True)

    def look_again(self) -> None:
        """Move if there is somebody clearly better; find a second parent where there is none."""
        if not self.here:
            return
        self.space.clock.at(RELOOK_SECONDS * self.space.rng.uniform(0.75, 1.25), self.look_again)
        self.seek_second()
        if self.parent is not None and False not in self.asking:
            found = self.space.finder.better(self)
            if found is not None:
                self.space.counts["moves"] += 1
                self.ask(found)

    def ask(self, other: Node, *, standby: bool = False) -> None:
        """RESERVE."""
        self.token += 1
        self.asking[standby] = (other, self.token)
        self.space.counts["requests"] += 1
        self.space.signal(self, other, other.asked, self, standby, self.token)
        self.space.clock.at(ANSWER_SECONDS, self._unanswered, other, standby, self.token)

    def _unanswered(self, other: Node, standby: bool, token: int) -> None:
        if self.asking.get(standby) == (other, token):
            self.space.counts["unanswered"] += 1
            self.space.drop(self, other)
            self.refuse(other, standby, token, ())

    def refuse(self, other: Node, standby: bool, token: int, instead: Sequence[str]) -> None:
        """DROP came for an answer, or none."""
        if self.asking.get(standby) != (other, token):
            return
        del self.asking[standby]
        self.refused[other.pubkey] = self.space.clock.now
        if not standby:
            if self.space.finder.reports:  # further down, where it is better known
                self.hints.extendleft(reversed(instead))
            else:
                self.hints.extend(instead)
            self.seek()

    def confirmed(self, other: Node, standby: bool, token: int) -> None:
        """CONFIRM came: offer, answer and candidates over the relay, then the two alone."""
        if not self.here or self.asking.get(standby) != (other, token):
            self.space.signal(self, other, other.released, self)
            return
        self.asking[standby] = (other, -token)  # answered
        person, relay = self.person, self.person.to_relay + other.person.to_relay
        seconds = 2 * relay + 2 * ROUND_TRIPS * person.delay(other.person)
        for _ in range(2):  # each side: description, candidates
            self.space.signal(self, other, None)
            self.space.signal(other, self, None)
        self.space.clock.at(seconds, self._connected, other, standby, token)

    def _connected(self, other: Node, standby: bool, token: int) -> None:
        if not self.here or self.asking.get(standby) != (other, -token):
            return
        if not other.here or self in other.above() or other.level is None or other is self.parent:
            self.refuse(other, standby, -token, ())
            other.released(self)
            return
        del self.asking[standby]
        if standby:
            self.standby = other
            other.making.pop(self, None)
            other.standbys[self] = None
        else:
            self.take(other)

    def take(self, other: Node) -> None:
        """The connection is up: it is the parent, and the one of before is dropped."""
        before, self.parent = self.parent, other
        other.serve(self)
        if self.standby is other:
            self.standby = None
            other.standbys.pop(self, None)
        if before is not None:
            self.space.drop(self, before)
            self.space.clock.at(self.person.delay(before.person), before.released, self)
        self.space.arrived(self)
        self.retries = 0
        self.report(anew=True)
        if self.standby is None:
            self.space.clock.at(
                STANDBY_SECONDS * self.space.rng.uniform(0.5, 1.5), self.seek_second
            )

    def lost(self, parent: Node, instead: Sequence[str] = ()) -> None:
        """The parent has left, or has been silent too long, or has dropped us."""
        if not self.here or self.parent is not parent:
            return
        self.parent = None
        if parent.here:
            self.refused[parent.pubkey] = self.space.clock.now
        self.hints.clear()
        self.hints.extend(instead)
        self.space.drop(self, parent)
        standby = self.standby
        if standby is None:
            self.seek()
        else:
            self.space.clock.at(self.person.delay(standby.person), standby.listen, self)
            self.space.clock.at(2 * self.person.delay(standby.person) + 0.01, self.seek)

    # -- serving others

    def asked(self, asking: Node, standby: bool, token: int) -> None:
        """Answer a RESERVE."""
        if not self.here:
            return
        instead: Sequence[str] = ()
        if standby:
            fits = len(self.standbys) < self.person.outputs and self.level is not None
        elif self.level is None or asking in self.above():
            fits = False
        else:
            fits = self.free > 0 or self._make_room(asking)
            if not fits:
                instead = self.space.finder.instead(self, asking)
        if not fits:
            self.space.counts["refused standby" if standby else "refused"] += 1
            self.space.refuse(self, asking, standby, token, instead)
            return
        if not standby:
            self.making[asking] = None
            self.space.clock.at(CONNECT_SECONDS, self._give_up, asking)
        self.space.confirm(self, asking, standby, token)

    def _make_room(self, asking: Node) -> bool:
        among = [one.pubkey for one in self.consumers if one not in self.replacing.values()]
        worst = self.space.tree.worst(self.pubkey, than=asking.pubkey, among=among)
        if worst is None:
            return False
        self.replacing[asking] = self.space.nodes[worst]
        return True

    def _give_up(self, asking: Node) -> None:
        self.replacing.pop(asking, None)
        if self.making.pop(asking, 0) is None and self.here:
            self.space.drop(self, asking)
            self.report()

    def serve(self, asking: Node) -> None:
        """A connection is up."""
        self.making.pop(asking, None)
        worst = self.replacing.pop(asking, None)
        if worst is not None:
            self.space.counts["made room"] += 1
            del self.consumers[worst]
            self.reports.pop(worst, None)
            self.space.drop(self, worst)
            worst.dropped = self.space.clock.now
            delay = self.person.delay(worst.person)
            self.space.clock.at(delay, worst.lost, self, (asking.pubkey,))
        self.consumers[asking] = None
        if len(self.consumers) > self.person.outputs:
            self.space.counts["over capacity"] += 1
        self.report()

    def listen(self, asking: Node) -> None:
        """A standby asks for the sound."""
        self.standbys.pop(asking, None)
        delay = self.person.delay(asking.person)
        fits = self.here and self.free > 0 and self.level is not None
        if fits and asking not in self.above() and asking.parent is None and asking.here:
            self.consumers[asking] = None
            self.space.edge(self, asking)
            self.space.counts["to standby"] += asking.orphaned is not None
            asking.parent = self  # nobody else is asked meanwhile
            asking.standby = None
            self.space.clock.at(delay, asking.switched, self)
            self.report()
        else:
            self.space.counts["standby had no room"] += 1
            if asking.standby is self:
                asking.standby = None

    def switched(self, parent: Node) -> None:
        """The sound comes from what was the standby."""
        if self.here and self.parent is parent:
            self.space.arrived(self)
            self.report(anew=True)
            self.space.clock.at(STANDBY_SECONDS, self.seek_second)

    def released(self, other: Node) -> None:
        """Somebody does not need us any more."""
        self._give_up(other)
        self.standbys.pop(other, None)
        self.reports.pop(other, None)
        if other.parent is not self:
            self._end(other)

    # -- who has room

    def report(self, *, anew: bool = False) -> None:
        """Tell the parent who has room here and below, at most once in a second."""
        if not self.space.finder.reports or self.parent is None:
            return
        if anew:
            self.kept = None
        now = self.space.clock.now
        if self.reported <= now:  # else one is due
            self.reported = max(now, self.reported + ROOM_SECONDS)
            self.space.clock.at(self.reported - now, self._report)

    def _report(self) -> None:
        parent = self.parent
        if parent is None or not self.here:
            return
        room = room_of(self.pubkey, self.free, self.reports.values())
        if room != self.kept:
            self.kept = room
            self.space.traffic.channel += 1
            self.space.clock.at(self.person.delay(parent.person), parent.hear_room, self, room)

    def hear_room(self, below: Node, room: Room) -> None:
        """Somebody we serve tells who has room there."""
        if self.here and below in self.consumers:
            self.reports[below] = room
            for name in (below.pubkey, *room.at):
                self.named.pop(name, None)
            self.report()

    # -- going

    def leave(self, *, crash: bool) -> None:
        """Go, with a word or without one."""
        space, now = self.space, self.space.clock.now
        self.here = False
        space.gone(self, crash=crash)
        for below in self.consumers:
            if below.orphaned is None:
                below.orphaned = now
            wait = self.person.delay(below.person)
            if crash:
                wait = SUSPECT_SECONDS * space.rng.uniform(1, 1.3)
            space.clock.at(wait, below.lost, self)
        for other in (self.parent, self.standby):
            if other is not None:
                wait = SILENT_SECONDS if crash else self.person.delay(other.person)
                space.clock.at(wait, other.gone, self)
        for below in self.standbys:
            wait = SILENT_SECONDS if crash else self.person.delay(below.person)
            space.clock.at(wait, below.standby_gone, self)

    def gone(self, other: Node) -> None:
        """Whom we serve is not there any more."""
        self._give_up(other)
        self.standbys.pop(other, None)
        self.reports.pop(other, None)
        if self._end(other) and self.here:
            self.space.drop(self, other)

    def _end(self, other: Node) -> bool:
        if other not in self.consumers:
            return False
        del self.consumers[other]
        for asking, worst in list(self.replacing.items()):
            if worst is other:
                del self.replacing[asking]  # who has its place now
        self.report()
        return True

    def standby_gone(self, other: Node) -> None:
        """The second parent is not there any more."""
        if self.standby is other:
            self.standby = None
            self.seek_second()
