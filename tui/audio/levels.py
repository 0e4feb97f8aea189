"""How loud a frame is, and who is talking, from RFC 6464 levels alone: nothing is decoded."""

import math

import numpy as np

from tui.audio.opus import Samples
from tui.audio.packet import SILENT_LEVEL
from tui.config.limits import AUDIO_ORIGINS

TALKING_LEVEL = 50
"""-50 dBov: speech is at -10 to -35, a quiet room below -55."""
HOLD_SECONDS = 0.5
"""A talker who pauses for less goes on talking, or names would flicker at every word."""


def level_of(samples: Samples) -> int:
    """The RFC 6464 level of `samples`: -dBov of their power, 0 loudest to 127 silent."""
    power = float(np.dot(samples, samples)) / len(samples)
    if not power > 0.0:  # also catches what is not a number
        return SILENT_LEVEL
    return max(0, min(SILENT_LEVEL, round(-10 * math.log10(power))))


class Activity:
    """Who talks: loud packets start an origin, half a second without any stops it."""

    def __init__(self) -> None:
        self._loud: dict[str, float] = {}  # origin: when it was last loud
        self._levels: dict[str, int] = {}
        self._talking: set[str] = set()

    def push(self, origin: str, level: int, now: float) -> None:
        """Note one packet's level (RFC 6464) at `now` (monotonic seconds)."""
        if level > TALKING_LEVEL:
            return
        if origin in self._loud or len(self._loud) < AUDIO_ORIGINS:
            self._loud[origin] = now
            self._levels[origin] = level

    def levels(self) -> dict[str, int]:
        """The newest level (RFC 6464) of everybody who talks."""
        return {origin: self._levels[origin] for origin in self._loud}

    def poll(self, now: float) -> list[tuple[str, str]]:
        """What changed since the last call: (origin, "started") and (origin, "stopped")."""
        over = [o for o, at in self._loud.items() if now - at >= HOLD_SECONDS]
        for origin in over:
            del self._loud[origin], self._levels[origin]
        stopped = [(origin, "stopped") for origin in over if origin in self._talking]
        started = [(origin, "started") for origin in self._loud if origin not in self._talking]
        self._talking = set(self._loud)
        return stopped + started
