"""One space from its beginning: a crowd comes at once, then people come and go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from tests.load.simulator.clock import Clock
from tests.load.simulator.finding import Finder, Neighbourhood, WholeGraph
from tests.load.simulator.listener import RELOOK_SECONDS, Node
from tests.load.simulator.people import draw
from tests.load.simulator.traffic import Traffic
from tui.spaces.tree import Tree

STAGE = 6
FLASH = 1_000  # joins a second, while the crowd comes
FLASH_SECONDS = 10  # or all within this time, if they are fewer
CHURN = 0.1  # of the listeners leave in a minute, and as many come
CRASHES = 0.2  # of those who leave do so without a word
HISTORY_SECONDS = 0.3  # until a relay has sent what is stored, beside the way there and back
VISIBLE_SECONDS = 0.1  # from a relay to everybody
RENEW_SECONDS = 60.0  # between two JOINs of one person
GONE_SECONDS = 180.0  # until who says nothing more is gone for others
SAMPLE = 500  # listeners whose path is looked at each second


class Space:
    """All nodes, what they have told relays, and what is counted."""

    def __init__(self, seed: int, *, neighbourhood: bool) -> None:
        self.rng = Random(seed)
        self.clock = Clock()
        self.traffic = Traffic()
        self.nodes: dict[str, Node] = {}
        self.listeners: dict[Node, None] = {}
        self.counts: Counter[str] = Counter()
        self.waited: list[float] = []  # seconds until a newcomer's first parent
        self.orphaned: list[float] = []  # seconds without a parent, after one has left or crashed
        self.dropped: list[float] = []  # the same, after one has taken somebody else instead
        self.without: list[float] = []  # share of those served before who have no path, each second
        self.crowded = 0.0  # when the crowd has come
        self._order = 0
        self._neighbourhood = neighbourhood
        self._present: list[Node] = []
        people = [draw(self.rng, speaks=True) for _ in range(STAGE)]
        self.tree = Tree(people[0].pubkey)
        self.stage = [self._enter(person) for person in people]
        self.host = self.stage[0]
        self.finder: Finder = Neighbourhood(self) if neighbourhood else WholeGraph(self)
        self.clock.at(0.0, self._tick)

    def run(self, listeners: int, seconds: float) -> None:
        """Let so many come at once, and then that time pass; may be done once."""
        rate = min(FLASH, listeners / FLASH_SECONDS)
        for number in range(listeners):
            self.clock.at(number / rate, self._come)
        crowded = self.crowded = listeners / rate
        for number in range(int(listeners * CHURN * seconds / 60)):
            at = crowded + number * 60 / (listeners * CHURN)
            self.clock.at(at, self._go)
            self.clock.at(at, self._come)
        self.clock.run(crowded + seconds)

    # -- people

    def _come(self) -> None:
        node = self._enter(draw(self.rng))
        self.listeners[node] = None
        self.traffic.history(len(self.stage) if self._neighbourhood else 2 * len(self.nodes))
        wait = 2 * node.person.to_relay + HISTORY_SECONDS
        self.clock.at(wait, node.seek)
        self.clock.at(self.rng.uniform(0.5, 1.5) * RELOOK_SECONDS, node.look_again)

    def _enter(self, person: Any) -> Node:
        node = self.nodes[person.pubkey] = Node(self, person)
        self.clock.at(
            person.to_relay + VISIBLE_SECONDS,
            lambda: self.tree.put(
                person.pubkey,
                speaks=person.speaks,
                outputs=person.outputs,
                upload_kbps=person.upload_kbps,
            ),
        )
        self._renew(node)
        return node

    def _renew(self, node: Node) -> None:
        if node.here:
            self._presence()
            self.clock.at(RENEW_SECONDS, self._renew, node)

    def _go(self) -> None:
        for _ in range(100):
            node = self.rng.choice(self._present)
            if node.here:
                node.leave(crash=self.rng.random() < CRASHES)
                return

    def gone(self, node: Node, *, crash: bool) -> None:
        """Somebody has left; the others hear of it, or notice in the end."""
        del self.listeners[node]
        if not crash:
            self._presence()
        self.clock.at(
            GONE_SECONDS if crash else node.person.to_relay + VISIBLE_SECONDS,
            self.tree.remove,
            node.pubkey,
        )

    def arrived(self, node: Node) -> None:
        """Somebody has a parent."""
        for since, times in ((node.orphaned, self.orphaned), (node.dropped, self.dropped)):
            if since is not None:
                times.append(self.clock.now - since)
        if not node.arrived:
            self.waited.append(self.clock.now - node.born)
        node.orphaned = node.dropped = None
        node.arrived = True

    def _tick(self) -> None:
        self._present = list(self.listeners)
        self.traffic.people[int(self.clock.now)] = len(self._present) + len(self.stage)
        some = self.rng.sample(self._present, min(SAMPLE, len(self._present)))
        settled = [node for node in some if node.arrived]
        if settled and self.clock.now > self.crowded:
            self.without.append(sum(node.level is None for node in settled) / len(settled))
        self.clock.at(1.0, self._tick)

    # -- what they tell relays

    def signal(self, one: Node, other: Node, act: Callable[..., None] | None, *said: Any) -> None:
        """An event for one other person."""
        self.traffic.tick(self.clock.now)
        self.traffic.publish(1)
        self.traffic.reach(other.pubkey, stage=other.person.speaks)
        if act is not None:
            self.clock.at(one.person.to_relay + other.person.to_relay, act, *said)

    def confirm(self, one: Node, asking: Node, standby: bool, token: int) -> None:
        """CONFIRM."""
        if not standby:
            self.edge(one, asking)
        else:
            self._graph(one, asking)
        self.clock.at(
            one.person.to_relay + asking.person.to_relay, asking.confirmed, one, standby, token
        )

    def edge(self, asked: Node, asking: Node) -> None:
        """What a CONFIRM tells everybody."""
        self._graph(asked, asking)
        self._order += 1
        order = (self._order, "")
        self.clock.at(
            asked.person.to_relay + VISIBLE_SECONDS,
            lambda: self.tree.connect(asking.pubkey, asked.pubkey, "consumer", order=order),
        )

    def refuse(
        self, one: Node, asking: Node, standby: bool, token: int, instead: Sequence[str]
    ) -> None:
        """DROP, for an answer."""
        self._graph(one, asking)
        self.clock.at(
            one.person.to_relay + asking.person.to_relay,
            asking.refuse, one, standby, token, instead,
        )  # fmt: skip

    def drop(self, one: Node, other: Node) -> None:
        """DROP, of a connection."""
        self._graph(one, other)
        self.clock.at(
            one.person.to_relay + VISIBLE_SECONDS, self.tree.disconnect, one.pubkey, other.pubkey
        )

    def _presence(self) -> None:
        self.traffic.tick(self.clock.now)
        self.traffic.add_roster()
        self.traffic.publish(0 if self._neighbourhood else len(self.nodes))
        if not self._neighbourhood:
            self.traffic.add_to_all()

    def _graph(self, one: Node, other: Node) -> None:
        """A CONFIRM or DROP, which all hear of, or those around who signs it."""
        self.traffic.tick(self.clock.now)
        if one.person.speaks or other.person.speaks:
            self.traffic.add_stage()
        if not self._neighbourhood:
            self.traffic.publish(len(self.listeners) + STAGE)
            self.traffic.add_to_all()
            return
        around = [other]
        for below in one.consumers:
            if below is not other:
                around.append(below)
            around += below.consumers
        if one.parent is not None and one.parent is not other:
            around.append(one.parent)
        self.traffic.publish(len(around))
        for node in around:
            self.traffic.reach(node.pubkey, stage=node.person.speaks)
