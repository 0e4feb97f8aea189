"""Whom to listen to: the choices made from the graph of one space.

A score has three parts: how near to the host, the least upload per output among those who pass
the sound on up to the stage, and the share of outputs free. The same graph, however it was made,
gives the same answers. Nothing here walks all nodes: the candidates are kept sorted.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from tui.spaces.candidates import GRAIN, Candidates, Weights, band_of, proximity, tie
from tui.spaces.graph import MAX_DISTANCE, Graph, Node

if TYPE_CHECKING:
    from tui.spaces.state import SpaceState

__all__ = ["CLEAR_GAIN", "Tree", "Weights", "choose_parent"]

CLEAR_GAIN = 0.1  # of the score; for less nobody moves
APART_LOOKS = 1_024  # candidates looked at for a path apart from another


class Tree(Graph):
    """The graph of the space of `host`, and who in it would serve whom best."""

    def __init__(self, host: str, weights: Weights = Weights()) -> None:  # noqa: B008 - frozen
        super().__init__(host)
        self._weights = weights
        self._room = Candidates(weights)
        self._full = Candidates(weights)

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
        """Whom a full node drops to serve `than`: who brings the least, if `than` brings more than
        twice as much, so that nobody is dropped for an equal and chains of it are short. `among`
        is whom it really serves, where that is not whom it has confirmed."""
        node, asking = self._nodes.get(asked), self._nodes.get(than)
        if node is None or asking is None:
            return None
        served = node.children if among is None else among
        least = min(
            (self._nodes.get(pubkey) or Node(pubkey) for pubkey in served if pubkey != than),
            key=lambda found: (self._brings(found), len(found.children), tie(asked, found.pubkey)),
            default=None,
        )
        if least is None or self._brings(asking) <= 2 * self._brings(least):
            return None
        return least.pubkey

    def instead(
        self, full_node: str, asking: str, *, avoid: Collection[str] = (), most: int = 4
    ) -> tuple[str, ...]:
        """Who may have room for somebody whom a full node cannot take, best first."""
        ranked = self._ranked(asking, self._room, {*avoid, full_node, asking}, "", 0.0)
        return tuple(islice(ranked, most))

    # -- scores

    def _may_serve(self, node: Node) -> bool:
        return node.outputs > 0 and node.distance is not None and node.distance < MAX_DISTANCE

    def _own(self, node: Node, consumers: int) -> float:
        """The parts of the score that are a node's own: network and load."""
        weights = self._weights
        network = min(1.0, node.bottleneck / weights.optimum_kbps)
        load = max(-1.0, (node.outputs - consumers) / node.outputs)
        return weights.network * network + weights.load * load

    def _score(self, node: Node, consumers: int) -> float:
        assert node.distance is not None
        near = proximity(node.distance, self.depth)
        return self._weights.proximity * near + self._own(node, consumers)

    def _brings(self, node: Node) -> float:
        """What the tree gains by somebody: their outputs, up to half of it only if fast."""
        return node.outputs * (1 + min(1.0, node.share / self._weights.optimum_kbps)) / 2

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

    def _with_room(self, me: str, parent: Node, room: Candidates) -> tuple[float, int] | None:
        """Where the present parent stands among the cells, if `me` itself takes no output."""
        consumers = len(parent.children) - 1
        if not self._may_serve(parent) or (consumers < parent.outputs) != (room is self._room):
            return None
        assert parent.distance is not None
        band = band_of(self._own(parent, consumers))
        return room.value(parent.distance, band, self.depth), -parent.distance

    def _leads_through(self, node: Node, own: Node | None, apart: str) -> bool:
        return any(above is own or above.pubkey == apart for above in (node, *node.ancestors()))

    def _is_apart(self, node: Node, apart: str) -> bool:
        return not apart or not self._leads_through(node, None, apart)

    def _moved(self, node: Node) -> None:
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
