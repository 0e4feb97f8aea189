"""How late the packets of one origin are against one another: what a jitter buffer must hold."""

import bisect
from collections import deque

from tui.config.limits import JITTER_AGE, JITTER_WINDOW

_QUANTILE = 0.96  # of the packets should be there in time
_ENOUGH = 50  # packets that are remembered however old they are


class Transits:
    """Arrival minus timestamp of the last packets, in seconds; only differences mean anything."""

    def __init__(self) -> None:
        self.jitter = 0.0
        """Interarrival jitter in seconds (RFC 3550, 6.4.1)."""
        self._order: deque[tuple[float, float]] = deque()  # (arrival, transit)
        self._sorted: list[float] = []

    def add(self, transit: float, arrival: float) -> None:
        """Note one packet; what is old is forgotten, so that drifting clocks do not count."""
        order, values = self._order, self._sorted
        if order:
            self.jitter += (abs(transit - order[-1][1]) - self.jitter) / 16
            old = arrival - order[0][0] > JITTER_AGE and len(order) > _ENOUGH
            if old or len(order) >= JITTER_WINDOW:
                del values[bisect.bisect_left(values, order.popleft()[1])]
        order.append((arrival, transit))
        bisect.insort(values, transit)

    def move(self, transit: float) -> None:
        """Begin a stream of other numbers, over a network like before: `transit` is its first."""
        if self._sorted:
            by = transit - self._sorted[len(self._sorted) // 2]
            self._order = deque((arrival, value + by) for arrival, value in self._order)
            self._sorted = sorted(value for _, value in self._order)

    @property
    def least(self) -> float:
        """That of the fastest packet."""
        return self._sorted[0]

    @property
    def spread(self) -> float:
        """By how much nearly all packets are later than the fastest, at most."""
        return self._sorted[int(_QUANTILE * (len(self._sorted) - 1))] - self._sorted[0]
