"""How long a relay is given, and how long it is left alone."""

import random

import msgspec

from tui.config import limits


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds; see `tui.config.limits` for what each is."""

    open: float = limits.RELAY_OPEN_SECONDS
    ping: float = limits.RELAY_PING_SECONDS
    close: float = limits.RELAY_CLOSE_SECONDS
    retry_first: float = limits.RETRY_FIRST_SECONDS
    retry_longest: float = limits.RETRY_LONGEST_SECONDS
    stable: float = limits.RETRY_STABLE_SECONDS
    information: float = limits.INFORMATION_SECONDS
    memory: float = limits.MEMORY_SECONDS


class Backoff:
    """Pauses that double from first to longest, each cut by up to half at random."""

    def __init__(self, rng: random.Random, first: float, longest: float) -> None:
        self._rng = rng
        self._first = first
        self._longest = longest
        self._next = first

    def pause(self) -> float:
        """Seconds to wait before the next attempt."""
        pause, self._next = self._next, min(2 * self._next, self._longest)
        return self._rng.uniform(pause / 2, pause)

    def reset(self) -> None:
        """Start again with the first pause."""
        self._next = self._first

    def exhaust(self) -> None:
        """Go on with the longest pause."""
        self._next = self._longest
