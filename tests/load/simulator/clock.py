"""Virtual time: what is due first is done first, and nothing takes any time."""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any


class Clock:
    """`at` puts something off; `run` does what is due, in order of time, then of asking."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._number = 0

    def at(self, delay: float, act: Callable[..., None], *arguments: Any) -> None:
        """Do this in so many seconds."""
        self._number += 1
        heappush(self._due, (self.now + delay, self._number, act, arguments))

    def run(self, until: float) -> None:
        """Let time pass."""
        while self._due and self._due[0][0] <= until:
            self.now, _, act, arguments = heappop(self._due)
            act(*arguments)
        self.now = until
