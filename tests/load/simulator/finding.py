"""Whom to ask: from the graph of everybody, or from one's own neighbourhood."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from tests.load.simulator.listener import RETRY_SECONDS, Node
from tests.load.simulator.room import NAMED
from tui.spaces.candidates import tie
from tui.spaces.tree import CLEAR_GAIN, Tree

if TYPE_CHECKING:
    from tests.load.simulator.space import Space


TOLD = 2  # times that a full node names the same one, until it hears again who has room


class Finder(Protocol):
    """How nodes find each other."""

    reports: bool  # whether nodes tell their parents who has room

    def first(self, node: Node) -> Node | None:
        """Whom to ask for a parent."""

    def second(self, node: Node) -> Node | None:
        """Whom to ask for a standby connection."""

    def better(self, node: Node) -> Node | None:
        """Whom to move to."""

    def instead(self, full: Node, asking: Node) -> Sequence[str]:
        """Whom a full node names to who has asked it."""


class WholeGraph:
    """Everybody hears of everybody's coming and going and connections, a moment later."""

    reports = False

    def __init__(self, space: Space) -> None:
        self._space = space

    def first(self, node: Node) -> Node | None:
        """See `Finder`."""
        tree, me, lately = self._space.tree, node.pubkey, node.lately()
        found = tree.choose(me, avoid=lately) or tree.choose(me, avoid=lately, full=True)
        return self._node(found or tree.choose(me, avoid=node.lately(RETRY_SECONDS), full=True))

    def second(self, node: Node) -> Node | None:
        """See `Finder`."""
        parent = node.parent.pubkey if node.parent else ""
        avoid = {parent, *node.lately()}
        return self._node(self._space.tree.choose(node.pubkey, avoid=avoid, apart_from=parent))

    def better(self, node: Node) -> Node | None:
        """See `Finder`."""
        found = self._node(self._space.tree.better(node.pubkey, avoid=node.lately()))
        return None if found is node.parent else found

    def instead(self, full: Node, asking: Node) -> Sequence[str]:
        """See `Finder`."""
        return self._space.tree.instead(full.pubkey, asking.pubkey)

    def _node(self, pubkey: str | None) -> Node | None:
        return self._space.nodes.get(pubkey or "")


class Neighbourhood:
    """Everybody knows the stage, the way to it, and whom the grandparent serves; where there is
    room, full nodes know from those below them."""

    reports = True

    def __init__(self, space: Space) -> None:
        self._space = space
        self._stage = Tree(space.host.pubkey)
        for node in space.stage:
            self._stage.put(
                node.pubkey,
                speaks=True,
                outputs=node.person.outputs,
                upload_kbps=node.person.upload_kbps,
            )

    def first(self, node: Node) -> Node | None:
        """See `Finder`."""
        me, choose = node.pubkey, self._stage.choose
        found = choose(me, avoid=node.lately()) or choose(me, avoid=node.lately(RETRY_SECONDS))
        return self._space.nodes[found] if found else None

    def second(self, node: Node) -> Node | None:
        """See `Finder`."""
        above = list(node.above())
        others: Iterable[Node] = self._space.stage
        if len(above) > 1:
            others = [above[1], *above[1].consumers]
        avoid = {node, *above[:1], *(self._space.nodes[who] for who in node.lately())}
        tree = self._space.tree
        found = sorted(
            (other for other in others if other not in avoid),
            key=lambda o: (tree.free(o.pubkey) > 0, tie(node.pubkey, o.pubkey)),
        )
        return found[-1] if found else None

    def better(self, node: Node) -> Node | None:
        """See `Finder`."""
        above, tree = list(node.above())[:2], self._space.tree
        if len(above) < 2 or above[1].pubkey in node.refused:
            return None
        present, other = (tree.score(node.pubkey, one.pubkey) for one in above)
        gains = other is not None and other >= (present or 0.0) + CLEAR_GAIN
        return above[1] if gains else None

    def instead(self, full: Node, asking: Node) -> Sequence[str]:
        """Some with room, and whom we serve with most of it below, who knows better; what a full
        node has promised since the last report counts, or a crowd would follow old news."""
        named, reports = full.named, full.reports
        names = {n for room in reports.values() for n in room.at if named.get(n, 0) < TOLD}
        found = sorted(names, key=lambda n: (named.get(n, 0), tie(asking.pubkey, n)))[: NAMED - 1]
        left = {c: room.free - named.get(c.pubkey, 0) for c, room in reports.items()}
        most = max(left, key=lambda c: (left[c], tie(asking.pubkey, c.pubkey)), default=None)
        if most is not None and left[most] > 0 and most.pubkey not in found:
            found.append(most.pubkey)
        for name in found[:1]:  # the others are asked only if that one has no room
            named[name] = named.get(name, 0) + 1
        return found
