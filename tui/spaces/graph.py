"""Who listens to whom: the connections of one space, and what follows from them for each node.

Everybody on stage is connected with everybody else there. Who listens has one parent, so the rest
is a forest below the stage. Of several confirmed connections of a listener those with the stage
count before those with listeners, then the newest: anybody may claim to serve anybody, but nobody
gets between the stage and whom it serves. Who is asked signs the confirmation; a forger can make
listeners who are served by listeners look deeper, or without a path, until it is removed or gone,
which keeps others from asking them, and changes nothing of whom they hear.

What changes is brought up to date along the subtree below it, never for all.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from tui.config import limits
from tui.spaces.candidates import Candidates
from tui.spaces.events import ConnectionType

MAX_DISTANCE = 32  # hops; a longer path is none, as no message about paths holds it

Order = tuple[int, str]
"""When a connection was confirmed, and the id of the event that says so."""


class Node:
    """Somebody who is here; `distance` is `None` without a path to the stage."""

    __slots__ = (
        "bottleneck", "cells", "children", "distance", "outputs", "parent", "pubkey", "speaks",
        "upload",
    )  # fmt: skip

    def __init__(self, pubkey: str) -> None:
        self.pubkey = pubkey
        self.speaks = False
        self.outputs = 0
        self.upload = 0.0
        self.parent: Node | None = None
        self.children: dict[str, Node] = {}
        self.distance: int | None = None
        self.bottleneck = 0.0  # kbit/s for one output, the least on the way from the stage
        self.cells: tuple[tuple[Candidates, int, int], ...] = ()  # where it stands to be chosen

    @property
    def share(self) -> float:
        """Upload for one output, in kbit/s."""
        return self.upload / self.outputs if self.outputs else 0.0

    def ancestors(self) -> Iterator[Node]:
        """Those on the way to the stage, nearest first; only of a node that has a path."""
        node = self.parent
        while node is not None:
            yield node
            node = node.parent


class _Offers:
    """Who has confirmed to serve one listener; the newest word is found without a search."""

    __slots__ = ("in_order", "since")

    def __init__(self) -> None:
        self.since: dict[str, Order] = {}
        self.in_order: list[tuple[Order, str]] = []

    def put(self, asked: str, order: Order) -> None:
        self.remove(asked)
        self.since[asked] = order
        insort(self.in_order, (order, asked))

    def remove(self, asked: str) -> None:
        order = self.since.pop(asked, None)
        if order is not None:
            del self.in_order[bisect_left(self.in_order, (order, asked))]


class Graph:
    """The connections between the people who are in the space of `host`.

    `connect` may come before `put` of either; order changes nothing.
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self._nodes: dict[str, Node] = {}
        self._stage: set[str] = set()
        self._offers: dict[str, _Offers] = {}  # by who has asked
        self._asked: dict[str, set[str]] = {}  # the same, by who was asked
        self._at_distance = [0] * (MAX_DISTANCE + 1)

    # -- what there is

    def put(self, pubkey: str, *, speaks: bool, outputs: int, upload_kbps: float) -> None:
        """Somebody is here, or something of theirs has changed; what they claim is clamped."""
        node = self._nodes.get(pubkey)
        new = node is None
        if node is None:
            node = self._nodes[pubkey] = Node(pubkey)
        upload = min(max(upload_kbps, 0.0), limits.SPEED_KBPS) if upload_kbps > 0 else 0.0
        outputs = min(max(outputs, 0), limits.AUDIO_OUTPUTS)
        speaks = speaks or pubkey == self._host
        before = (node.speaks, node.outputs, node.upload)
        if not new and before == (speaks, outputs, upload):
            return
        node.speaks, node.outputs, node.upload = speaks, outputs, upload
        (self._stage.add if speaks else self._stage.discard)(pubkey)
        if new or before[0] != speaks:
            self._reparent(node)
            for asking in self._asked.get(pubkey, ()):
                self._reparent(self._nodes.get(asking))
        self._settle(node)
        self._moved(node)

    def remove(self, pubkey: str) -> None:
        """Somebody is gone, and their connections with them."""
        offers = self._offers.pop(pubkey, None)
        for asked in offers.since if offers else ():
            self._forget_asked(asked, pubkey)
        node = self._nodes.get(pubkey)
        if node is not None:
            node.speaks = False
            self._stage.discard(pubkey)
            self._reparent(node)
            del self._nodes[pubkey]
        for asking in list(self._asked.get(pubkey, ())):
            self._forget(asking, pubkey)

    def connect(
        self,
        asking: str,
        asked: str,
        type_: ConnectionType,
        *,
        standby: bool = False,
        order: Order = (0, ""),
    ) -> None:
        """`asked` has confirmed a connection, in place of any other between the two.

        `order` is the confirmation's place in time; of equals the higher pubkey counts. Only
        people who listen to somebody make the tree: neither `mutual` connections nor `standby`.
        """
        if asking == asked:
            return
        self._forget(asked, asking)
        if type_ != "consumer" or standby:
            self._forget(asking, asked)
            return
        offers = self._offers.setdefault(asking, _Offers())
        if offers.since.get(asked) != order:
            offers.put(asked, order)
            self._asked.setdefault(asked, set()).add(asking)
            self._reparent(self._nodes.get(asking))

    def disconnect(self, one: str, other: str) -> None:
        """There is no connection between the two any more."""
        self._forget(one, other)
        self._forget(other, one)

    # -- what follows from it

    def __len__(self) -> int:
        return len(self._nodes)

    def __contains__(self, pubkey: object) -> bool:
        return pubkey in self._nodes

    @property
    def depth(self) -> int:
        """The deepest distance."""
        return max((hops for hops, number in enumerate(self._at_distance) if number), default=0)

    def distance(self, pubkey: str) -> int | None:
        """How often the sound is passed on: 0 on the stage; `None` without a path."""
        node = self._nodes.get(pubkey)
        return node.distance if node else None

    def parent(self, pubkey: str) -> str:
        """Who serves somebody; empty for nobody, and on the stage."""
        node = self._nodes.get(pubkey)
        return node.parent.pubkey if node and node.parent else ""

    def path(self, pubkey: str) -> tuple[str, ...]:
        """The way to the stage, nearest first; empty on the stage and for who has none."""
        node = self._nodes.get(pubkey)
        if node is None or node.distance is None:
            return ()
        return tuple(above.pubkey for above in node.ancestors())

    def consumers(self, pubkey: str) -> int:
        """How many somebody serves."""
        node = self._nodes.get(pubkey)
        return len(node.children) if node else 0

    def free(self, pubkey: str) -> int:
        """How many more somebody would serve."""
        node = self._nodes.get(pubkey)
        return max(0, node.outputs - len(node.children)) if node else 0

    # -- keeping it up to date

    def _forget(self, asking: str, asked: str) -> None:
        offers = self._offers.get(asking)
        if offers is None or asked not in offers.since:
            return
        offers.remove(asked)
        if not offers.since:
            del self._offers[asking]
        self._forget_asked(asked, asking)
        self._reparent(self._nodes.get(asking))

    def _forget_asked(self, asked: str, asking: str) -> None:
        by = self._asked[asked]
        by.discard(asking)
        if not by:
            del self._asked[asked]

    def _reparent(self, node: Node | None) -> None:
        """Find out who serves a node, and what follows for those below it."""
        if node is None:
            return
        found = self._serving(node)
        before = node.parent
        if found is before:
            self._settle(node)
            return
        if before is not None:
            del before.children[node.pubkey]
            self._moved(before)
        node.parent = found
        if found is not None:
            if found.distance is not None and node in found.ancestors():
                self._lose(node)  # a loop: else distances would count up to the limit first
            found.children[node.pubkey] = node
            self._moved(found)
        self._settle(node)

    def _serving(self, node: Node) -> Node | None:
        offers = self._offers.get(node.pubkey)
        if offers is None or node.speaks:
            return None
        fewer, more = sorted((self._stage, offers.since), key=len)
        on_stage = [(offers.since[asked], asked) for asked in fewer if asked in more]
        if on_stage:
            return self._nodes[max(on_stage)[1]]
        found = (asked for _, asked in reversed(offers.in_order) if asked in self._nodes)
        return self._nodes.get(next(found, ""))

    def _settle(self, node: Node) -> None:
        waiting = [node]
        while waiting:
            node = waiting.pop()
            if self._place(node, *self._where(node)):
                waiting.extend(node.children.values())

    def _where(self, node: Node) -> tuple[int | None, float]:
        if node.speaks:
            return 0, node.share
        parent = node.parent
        if parent is None or parent.distance is None or parent.distance >= MAX_DISTANCE:
            return None, 0.0
        return parent.distance + 1, min(parent.bottleneck, node.share)

    def _lose(self, node: Node) -> None:
        waiting = [node]
        while waiting:
            node = waiting.pop()
            if self._place(node, None, 0.0):
                waiting.extend(node.children.values())

    def _place(self, node: Node, distance: int | None, bottleneck: float) -> bool:
        if (node.distance, node.bottleneck) == (distance, bottleneck):
            return False
        for hops, change in ((node.distance, -1), (distance, 1)):
            if hops is not None:
                self._at_distance[hops] += change
        node.distance, node.bottleneck = distance, bottleneck
        self._moved(node)
        return True

    def _moved(self, node: Node) -> None:
        """Hear that the distance, bottleneck, outputs or consumers of a node have changed."""
