"""Possible parents, kept sorted: the best of thousands without looking at all of them.

Proximity is the same for all nodes of one depth, and changes for all of them when the tree gets
deeper; network and load are a node's own. So nodes lie in cells, by depth and by their own part of
the score. A band of scores as wide as `GRAIN` counts as equal, so that joiners who see the same do
not all ask the one that is a hair better. Among equals a joiner looks at `WINDOW` of them that
follow its own place on a ring of hashes, and a hash of both pubkeys decides.
"""

import hashlib
import math
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator

import msgspec

GRAIN = 0.05  # of the score: closer than that are equals
WINDOW = 32  # equals among which a joiner's hash decides


class Weights(msgspec.Struct, frozen=True):
    """How the three parts of the score count, and what upload for one output is good enough."""

    proximity: float = 0.4
    network: float = 0.4
    load: float = 0.2
    optimum_kbps: float = 500.0


def tie(one: str, other: str) -> bytes:
    """Decides between equals, in another way for each asker."""
    return hashlib.sha256(f"{one}{other}".encode()).digest()


class Cell:
    """The nodes of one depth and band, in the order of their pubkeys, which is a ring."""

    __slots__ = ("band", "distance", "pubkeys")

    def __init__(self, distance: int, band: int) -> None:
        self.distance = distance
        self.band = band
        self.pubkeys: list[str] = []

    def around(self, me: str, wanted: Callable[[str], bool]) -> list[str]:
        """Some that are wanted, whom a hash puts first for `me` in front."""
        pubkeys, found = self.pubkeys, []
        start = bisect_left(pubkeys, hashlib.sha256(me.encode()).hexdigest())
        for number in range(start, start + len(pubkeys)):
            pubkey = pubkeys[number % len(pubkeys)]
            if wanted(pubkey):
                found.append(pubkey)
                if len(found) == WINDOW:
                    break
        return sorted(found, key=lambda pubkey: tie(me, pubkey), reverse=True)


class Candidates:
    """Cells, best first."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._cells: dict[tuple[int, int], Cell] = {}
        self._sorted: list[tuple[float, int, Cell]] | None = None
        self._depth = 0

    def put(self, pubkey: str, distance: int, band: int) -> None:
        """Add somebody who is in no cell."""
        cell = self._cells.get((distance, band))
        if cell is None:
            cell = self._cells[distance, band] = Cell(distance, band)
            self._sorted = None
        insort(cell.pubkeys, pubkey)

    def remove(self, pubkey: str, distance: int, band: int) -> None:
        """Take out somebody who was put in."""
        cell = self._cells[distance, band]
        del cell.pubkeys[bisect_left(cell.pubkeys, pubkey)]
        if not cell.pubkeys:
            del self._cells[distance, band]
            self._sorted = None

    def cells(self, depth: int) -> Iterator[tuple[float, Cell]]:
        """Each cell with the least score in it, best first; of equals the nearer to the stage."""
        if self._sorted is None or self._depth != depth:
            self._depth = depth
            self._sorted = sorted(
                (
                    (-self.value(distance, band, depth), distance, cell)
                    for (distance, band), cell in self._cells.items()
                ),
                key=lambda found: found[:2],
            )
        return ((-value, cell) for value, _, cell in self._sorted)

    def value(self, distance: int, band: int, depth: int) -> float:
        """The least score of a cell; rounded, so that sums of the same parts are equal."""
        return round(proximity(distance, depth) * self._weights.proximity + band * GRAIN, 9)


def proximity(distance: int, depth: int) -> float:
    """How near to the stage, from 0 to 1."""
    return (depth - distance) / depth if depth else 1.0


def band_of(own: float) -> int:
    """The band of a node's own part of the score."""
    return math.floor(own / GRAIN + 1e-9)
