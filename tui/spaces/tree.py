"""Who listens to whom, and whom to listen to: the graph of one space and the choices made from it.

Everybody on stage is connected with everybody else there. Who listens has one parent, so the rest
is a forest below the stage. Of several confirmed connections of a listener those with the stage
count before those with listeners, then the newest: anybody may claim to serve anybody, but nobody
gets between the stage and whom it serves. Who is asked signs the confirmation; a forger can make
listeners who are served by listeners look deeper, or without a path, until it is removed or gone,
which keeps others from asking them, and changes nothing of whom they hear.

A score has three parts: how near to the host, the least upload per output among those who pass
the sound on up to the stage, and the share of outputs free. The same graph, however it was made,
gives the same answers. Nothing here walks all nodes: what changes is brought up to date along the
subtree below it, and the candidates are kept sorted.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from tui.config import limits
from tui.spaces.candidates import (
    GRAIN,
    MAX_DISTANCE,
    Candidates,
    Weights,
    band_of,
    proximity,
    tie,
)
from tui.spaces.events import ConnectionType

if TYPE_CHECKING:
    from tui.spaces.state import SpaceState

__all__ = ["CLEAR_GAIN", "Tree", "Weights", "choose_parent"]

CLEAR_GAIN = 0.1  # of the score; for less nobody moves
APART_LOOKS = 1_024  # candidates looked at for a path apart from another

Order = tuple[int, str]
"""When a connection was confirmed, and the id of the event that says so."""


class _Node:
    __slots__ = (
        "bottleneck", "cell", "children", "distance", "outputs", "parent", "pubkey", "speaks",
        "upload",
    )  # fmt: skip

    def __init__(self, pubkey: str) -> None:
        self.pubkey = pubkey
        self.speaks = False
        self.outputs = 0
        self.upload = 0.0
        self.parent: _Node | None = None
        self.children: dict[str, _Node] = {}
        self.distance: int | None = None
        self.bottleneck = 0.0  # kbit/s for one output, the least on the way from the stage
        self.cell: tuple[bool, int, int] | None = None

    @property
    def share(self) -> float:
        return self.upload / self.outputs if self.outputs else 0.0

    def ancestors(self) -> Iterator[_Node]:
        """Those on the way to the stage, nearest first; only of a node that has a path."""
        node = self.parent
        while node is not None:
            yield node
            node = node.parent


class Tree:
    """The connections between the people who are in the space of `host`."""

    def __init__(self, host: str, weights: Weights = Weights()) -> None:  # noqa: B008 - frozen
        self._host = host
        self._weights = weights
        self._nodes: dict[str, _Node] = {}
        self._asks: dict[str, dict[str, Order]] = {}  # by who asks: who serves them, since when
        self._asked: dict[str, set[str]] = {}  # the same, by who is asked
        self._at_distance = [0] * (MAX_DISTANCE + 1)
        self._room = Candidates(weights)
        self._full = Candidates(weights)

    # -- what there is

    def put(self, pubkey: str, *, speaks: bool, outputs: int, upload_kbps: float) -> None:
        """Somebody is here, or something of theirs has changed."""
        node = self._nodes.get(pubkey)
        new = node is None
        if node is None:
            node = self._nodes[pubkey] = _Node(pubkey)
        upload = min(max(upload_kbps, 0.0), limits.SPEED_KBPS) if upload_kbps > 0 else 0.0
        outputs = min(max(outputs, 0), limits.AUDIO_OUTPUTS)
        before = (node.speaks, node.outputs, node.upload)
        if not new and before == (speaks, outputs, upload):
            return
        node.speaks, node.outputs, node.upload = speaks, outputs, upload
        if new or before[0] != speaks:
            self._reparent(node)
            for asking in self._asked.get(pubkey, ()):
                self._reparent(self._nodes.get(asking))
        self._settle(node)
        self._file(node)

    def remove(self, pubkey: str) -> None:
        """Somebody is gone, and their connections with them."""
        for asked in list(self._asks.get(pubkey, ())):
            self._forget(pubkey, asked)
        node = self._nodes.get(pubkey)
        if node is not None:
            node.speaks = False
            self._settle(node)
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
        asks = self._asks.setdefault(asking, {})
        if asks.get(asked) != order:
            asks[asked] = order
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
        """Hops to the host: 0 for the host, 1 on the stage; `None` without a path."""
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

    # -- choosing

    def score(self, asking: str, asked: str) -> float | None:
        """How good a parent `asked` would be, from 0 to 1, leaving out that it may be one already.

        `None` if it cannot be: no path, no output free, oneself or one's own descendant.
        """
        node, me = self._nodes.get(asked), self._nodes.get(asking)
        if node is None or asking == asked:
            return None
        if me is not None and me.speaks and node.speaks:
            return 1.0
        if not self._may_serve(node) or (me is not None and me in node.ancestors()):
            return None
        consumers = len(node.children) - (asking in node.children)
        return self._score(node, consumers) if consumers < node.outputs else None

    def choose(
        self,
        me: str,
        *,
        avoid: Collection[str] = (),
        apart_from: str = "",
        above: float = 0.0,
        full: bool = False,
    ) -> str | None:
        """The best parent for `me`, whose score is at least `above`; `None` on the stage.

        With `apart_from` somebody whose path does not lead through there, if one is found soon;
        with `full` also somebody without an output free, if all are.
        """
        avoid = {*avoid, me}
        for room in (self._room, self._full) if full else (self._room,):
            for apart in (apart_from, "") if apart_from else ("",):
                found = next(self._ranked(me, room, avoid, apart, above), None)
                if found is not None:
                    return found
        return None

    def better(self, me: str, *, avoid: Collection[str] = ()) -> str | None:
        """Somebody who is clearly better than the present parent; for less one does not move."""
        node = self._nodes.get(me)
        parent = node.parent if node else None
        if parent is None or not self._may_serve(parent):
            return self.choose(me, avoid=avoid)
        present = self._score(parent, len(parent.children) - 1)
        return self.choose(me, avoid={*avoid, parent.pubkey}, above=present + CLEAR_GAIN)

    def worst(self, asked: str, *, than: str, among: Collection[str] | None = None) -> str | None:
        """Whom a full node drops to serve `than`: who brings the least, if `than` brings clearly
        more. `among` is whom it really serves, where that is not whom it has confirmed."""
        node, asking = self._nodes.get(asked), self._nodes.get(than)
        if node is None or asking is None:
            return None
        served = node.children if among is None else among
        nodes = [self._nodes.get(pubkey) or _Node(pubkey) for pubkey in served if pubkey != than]
        if not nodes:
            return None
        least = min(
            nodes,
            key=lambda node: (self._brings(node), len(node.children), tie(asked, node.pubkey)),
        )
        clearly = self._brings(asking) >= 2 * self._brings(least) + 1
        return least.pubkey if clearly else None

    def instead(
        self, full_node: str, asking: str, *, avoid: Collection[str] = (), most: int = 4
    ) -> tuple[str, ...]:
        """Who may have room for somebody whom a full node cannot take, best first."""
        ranked = self._ranked(asking, self._room, {*avoid, full_node, asking}, "", 0.0)
        return tuple(islice(ranked, most))

    # -- scores

    def _may_serve(self, node: _Node) -> bool:
        return node.outputs > 0 and node.distance is not None and node.distance < MAX_DISTANCE

    def _own(self, node: _Node, consumers: int) -> float:
        """The parts of the score that are a node's own: network and load."""
        weights = self._weights
        network = min(1.0, node.bottleneck / weights.optimum_kbps)
        load = max(-1.0, (node.outputs - consumers) / node.outputs)
        return weights.network * network + weights.load * load

    def _score(self, node: _Node, consumers: int) -> float:
        assert node.distance is not None
        near = proximity(node.distance, self.depth)
        return self._weights.proximity * near + self._own(node, consumers)

    def _brings(self, node: _Node) -> float:
        """How many a node could serve well."""
        return min(node.outputs, node.upload / self._weights.optimum_kbps)

    def _ranked(
        self, me: str, room: Candidates, avoid: Collection[str], apart: str, above: float
    ) -> Iterator[str]:
        own = self._nodes.get(me)
        if own is not None and own.speaks:
            return
        parent = own.parent if own else None
        looks = APART_LOOKS
        depth = self.depth

        below = own if own and own.children else None

        def wanted(pubkey: str) -> bool:
            nonlocal looks
            looks -= 1
            node = self._nodes[pubkey]
            if pubkey in avoid or node is parent or (apart and looks < 0):
                return False
            if above and self._score(node, len(node.children)) < above:
                return False
            return not (below or apart) or not self._leads_through(node, below, apart)

        present = self._with_room(me, parent, room) if parent else None
        if parent and present and (parent.pubkey in avoid or not self._is_apart(parent, apart)):
            present = None
        for value, cell in room.cells(depth):
            if value + GRAIN <= above or (apart and looks < 0):
                break
            if parent and present and present >= (value, -cell.distance):
                yield parent.pubkey
                present = None
            yield from cell.around(me, wanted)
        if parent and present and present[0] >= above:
            yield parent.pubkey

    def _with_room(self, me: str, parent: _Node, room: Candidates) -> tuple[float, int] | None:
        """Where the present parent stands among the cells, if `me` itself takes no output."""
        consumers = len(parent.children) - 1
        if not self._may_serve(parent) or (consumers < parent.outputs) != (room is self._room):
            return None
        assert parent.distance is not None
        band = band_of(self._own(parent, consumers))
        return room.value(parent.distance, band, self.depth), -parent.distance

    def _leads_through(self, node: _Node, own: _Node | None, apart: str) -> bool:
        return any(above is own or above.pubkey == apart for above in (node, *node.ancestors()))

    def _is_apart(self, node: _Node, apart: str) -> bool:
        return not apart or not self._leads_through(node, None, apart)

    # -- keeping it up to date

    def _forget(self, asking: str, asked: str) -> None:
        asks = self._asks.get(asking)
        if not asks or asked not in asks:
            return
        del asks[asked]
        if not asks:
            del self._asks[asking]
        by = self._asked[asked]
        by.discard(asking)
        if not by:
            del self._asked[asked]
        self._reparent(self._nodes.get(asking))

    def _reparent(self, node: _Node | None) -> None:
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
            self._file(before)
        node.parent = found
        if found is not None:
            if found.distance is not None and node in found.ancestors():
                self._lose(node)  # a loop: nobody in it has a path
            found.children[node.pubkey] = node
            self._file(found)
        self._settle(node)

    def _serving(self, node: _Node) -> _Node | None:
        if node.speaks or node.pubkey not in self._nodes:
            return None
        asks = self._asks.get(node.pubkey, {})
        known = [found for asked in asks if (found := self._nodes.get(asked))]
        return max(known, key=lambda n: (n.speaks, asks[n.pubkey], n.pubkey), default=None)

    def _settle(self, node: _Node) -> None:
        waiting = [node]
        while waiting:
            node = waiting.pop()
            if self._place(node, *self._where(node)):
                waiting.extend(node.children.values())

    def _where(self, node: _Node) -> tuple[int | None, float]:
        if node.speaks:
            return (0 if node.pubkey == self._host else 1), node.share
        parent = node.parent
        if parent is None or parent.distance is None or parent.distance >= MAX_DISTANCE:
            return None, 0.0
        return parent.distance + 1, min(parent.bottleneck, node.share)

    def _lose(self, node: _Node) -> None:
        waiting = [node]
        while waiting:
            node = waiting.pop()
            if self._place(node, None, 0.0):
                waiting.extend(node.children.values())

    def _place(self, node: _Node, distance: int | None, bottleneck: float) -> bool:
        if (node.distance, node.bottleneck) == (distance, bottleneck):
            return False
        for hops, change in ((node.distance, -1), (distance, 1)):
            if hops is not None:
                self._at_distance[hops] += change
        node.distance, node.bottleneck = distance, bottleneck
        self._file(node)
        return True

    def _file(self, node: _Node) -> None:
        """Put a node among the candidates where it belongs now."""
        cell = None
        if self._may_serve(node):
            assert node.distance is not None
            consumers = len(node.children)
            band = band_of(self._own(node, consumers))
            cell = (consumers < node.outputs, node.distance, band)
        if cell == node.cell:
            return
        if node.cell is not None:
            has_room, *where = node.cell
            (self._room if has_room else self._full).remove(node.pubkey, *where)
        if cell is not None:
            has_room, *where = cell
            (self._room if has_room else self._full).put(node.pubkey, *where)
        node.cell = cell


def choose_parent(
    state: SpaceState, me: str, now: float, avoid: Collection[str] = (), *, full: bool = False
) -> str | None:
    """The pubkey of the best parent on stage for `me`, or `None`."""
    consumers = Counter(
        edge.asked for edge in state.edges(now) if edge.type == "consumer" and edge.asking != me
    )
    best: tuple[float, bytes, str] | None = None
    for candidate in state.speaking:
        peer = state.peer(candidate)
        if (
            candidate == me
            or candidate in avoid
            or not state.is_present(candidate, now)
            or not peer
        ):
            continue
        outputs = peer.metrics.max_audio_outputs
        if outputs == 0 or (consumers[candidate] >= outputs and not full):
            continue
        load = (outputs - consumers[candidate]) / outputs
        tied = hashlib.sha256(f"{me}{candidate}".encode()).digest()
        best = max(best or (load, b"", ""), (load, tied, candidate))
    return best[2] if best else None
