"""Whom to listen to: the choices made from the graph of one space.

A score has three parts: how near to the stage, the least upload per output among those who pass
the sound on from there, and the share of outputs free. Everybody on stage hears the others there
without anybody between, so all of them are as near as the host: else every newcomer asks the host
first (see `tests/load/simulate.py`). The same graph, however it was made,
gives the same answers. Nothing here walks all nodes: the candidates are kept sorted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice

from tui.spaces.candidates import Candidates, Weights, band_of, proximity, tie
from tui.spaces.graph import MAX_DISTANCE, Graph, Node

__all__ = ["CLEAR_GAIN", "Tree", "Weights"]

CLEAR_GAIN = 0.1  # of the score; for less nobody moves
LOOKS = 1_024  # candidates looked at for a path apart from another


class Tree(Graph):
    """The graph of the space of `host`, and who in it would serve whom best."""

    def __init__(self, host: str, weights: Weights = Weights()) -> None:  # noqa: B008 - frozen
        super().__init__(host)
        self._weights = weights
        self._room = Candidates(weights)
        self._full = Candidates(weights)
        self._lasting = Candidates(weights)  # who has room, by what does not change with the load

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
        has_room = len(node.children) - (asking in node.children) < node.outputs
        return self._score(node, asking) if has_room else None

    def choose(
        self,
        me: str,
        *,
        avoid: Collection[str] = (),
        apart_from: str = "",
        above: float = 0.0,
        full: bool = False,
    ) -> str | None:
        """The best parent for `me`, with a score above `above`; `None` on the stage.

        With `apart_from` somebody whose path does not lead through there, if one is found soon;
        with `full` also somebody without an output free, if all are.
        """
        for room in (self._room, self._full) if full else (self._room,):
            for apart in (apart_from, "") if apart_from else ("",):
                ranked = self._ranked(me, room, avoid, apart=apart, above=above)
                found = next(ranked, None)
                if found is not None:
                    return found
        return None

    def better(self, me: str, *, avoid: Collection[str] = ()) -> str | None:
        """Somebody who is clearly better than the present parent, not counting the load: whoever
        is served gains nothing by an idle parent. For less nobody moves."""
        node = self._nodes.get(me)
        parent = node.parent if node else None
        if parent is None or not self._may_serve(parent):
            return self.choose(me, avoid=avoid)
        above = self._quality(parent) + CLEAR_GAIN
        return next(self._ranked(me, self._lasting, {*avoid, parent.pubkey}, above=above), None)

    def worst(self, asked: str, *, than: str, among: Collection[str] | None = None) -> str | None:
        """Whom a full node drops to serve `than`: who brings the least, if `than` brings more than
        twice as much, so that nobody is dropped for an equal and chains of it are short. `among`
        is whom it really serves, where that is not whom it has confirmed."""
        node, asking = self._nodes.get(asked), self._nodes.get(than)
        if node is None or asking is None:
            return None
        served = node.children if among is None else among
        found = [self._nodes.get(who) or Node(who) for who in served if who != than]
        bring = [(self._brings(each), len(each.children)) for each in found]
        if not found or self._brings(asking) <= 2 * min(bring)[0]:
            return None
        least = [
            each.pubkey for each, brings in zip(found, bring, strict=True) if brings == min(bring)
        ]
        return min(least, key=lambda pubkey: tie(asked, pubkey))

    def instead(
        self, full_node: str, asking: str, *, avoid: Collection[str] = (), most: int = 4
    ) -> tuple[str, ...]:
        """Who may have room for somebody whom a full node cannot take, best first."""
        ranked = self._ranked(asking, self._room, {*avoid, full_node})
        return tuple(islice(ranked, most))

    # -- scores

    def _may_serve(self, node: Node) -> bool:
        return node.outputs > 0 and node.distance is not None and node.distance < MAX_DISTANCE

    def _network(self, node: Node) -> float:
        return self._weights.network * min(1.0, node.bottleneck / self._weights.optimum_kbps)

    def _load(self, node: Node, consumers: int) -> float:
        return self._weights.load * max(-1.0, (node.outputs - consumers) / node.outputs)

    def _quality(self, node: Node) -> float:
        """The score without the load."""
        assert node.distance is not None
        near = proximity(node.distance, self.depth)
        return self._weights.proximity * near + self._network(node)

    def _score(self, node: Node, but: str = "") -> float:
        """The score; `but` does not count as a consumer."""
        return self._quality(node) + self._load(node, len(node.children) - (but in node.children))

    def _brings(self, node: Node) -> float:
        """What the tree gains by somebody: their outputs, up to half of it only if fast."""
        return node.outputs * (1 + min(1.0, node.share / self._weights.optimum_kbps)) / 2

    def _ranked(
        self,
        me: str,
        room: Candidates,
        avoid: Collection[str],
        *,
        apart: str = "",
        above: float = 0.0,
    ) -> Iterator[str]:
        """Candidates, best first."""
        own = self._nodes.get(me)
        if own is not None and own.speaks:
            return
        parent = own.parent if own else None
        below = own if own and own.children else None
        looks = LOOKS if apart else len(self._nodes)

        def wanted(pubkey: str) -> bool:
            nonlocal looks
            looks -= 1
            node = self._nodes[pubkey]
            if looks < 0 or pubkey in avoid or node is own or node is parent:
                return False
            return not (below or apart) or not self._leads_through(node, below, apart)

        present = self._with_room(me, parent, room) if parent else None
        if parent and present and (parent.pubkey in avoid or not self._is_apart(parent, apart)):
            present = None
        for value, cell in room.cells(self.depth):
            if value < above or looks <= 0:
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
        band = band_of(self._network(parent) + self._load(parent, consumers))
        return room.value(parent.distance, band, self.depth), -parent.distance

    def _leads_through(self, node: Node, own: Node | None, apart: str) -> bool:
        return any(above is own or above.pubkey == apart for above in (node, *node.ancestors()))

    def _is_apart(self, node: Node, apart: str) -> bool:
        return not apart or not self._leads_through(node, None, apart)

    def _moved(self, node: Node) -> None:
        """Put a node among the candidates where it belongs now."""
        cells: tuple[tuple[Candidates, int, int], ...] = ()
        if self._may_serve(node):
            assert node.distance is not None
            consumers, network = len(node.children), self._network(node)
            room = self._room if consumers < node.outputs else self._full
            cells = ((room, node.distance, band_of(network + self._load(node, consumers))),)
            if room is self._room:
                cells = (*cells, (self._lasting, node.distance, band_of(network)))
        if cells == node.cells:
            return
        for candidates, distance, band in node.cells:
            candidates.remove(node.pubkey, distance, band)
        for candidates, distance, band in cells:
            candidates.put(node.pubkey, distance, band)
        node.cells = cells
