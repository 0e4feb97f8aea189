"""Which origins hold the few slots towards one consumer: the loudest, and nobody flickers.

Of four slots, three belong to the three loudest of late. The last one is for interruptions: whoever
begins to speak gets it at once, however softly, from the quietest of the four. Who goes on speaking
without a slot gets one by being clearly louder than the quietest holder. Either way a slot is held
for a second at least, and the pauses between words cost nobody a slot. With fewer slots all of them
belong to the loudest.
"""

from collections.abc import Mapping

from tui.config import limits

FALL_PER_SECOND = 20.0
"""Decibels by which a voice's remembered loudness falls: the pause between two words is short."""
MARGIN = 6.0
"""Decibels by which a newcomer must be louder than whom it replaces."""
TENURE_SECONDS = 1.0
"""A slot is held at least that long."""
LOUDEST = 3
"""Slots that only a louder one may take; those beyond are open to newcomers."""
PAUSE_SECONDS = 1.0
"""Who did not talk for so long is a newcomer when they begin again."""
NEWCOMER_SECONDS = 2.0
"""So long after their first word; longer than a tenure, so that nobody just misses it."""
SILENCE = 127.0
"""Decibels from digital silence (level 127 of RFC 6464) to the loudest sound."""


class Loudness:
    """How loud an origin is of late, in decibels above silence: rises at once, falls slowly."""

    def __init__(self) -> None:
        self._value = 0.0
        self._at = 0.0
        self._began = self._talked = -PAUSE_SECONDS

    def push(self, level: int, now: float) -> None:
        """Takes the RFC 6464 level of one packet."""
        self._value = max(self.value(now), SILENCE - level)
        self._at = now
        if level < limits.QUIET_LEVEL:
            if now - self._talked > PAUSE_SECONDS:
                self._began = now
            self._talked = now

    def is_newcomer(self, now: float) -> bool:
        """Whether they talk now, and began to only just now."""
        return self._talked == now and now - self._began <= NEWCOMER_SECONDS

    def value(self, now: float) -> float:
        """Decibels above silence."""
        return max(0.0, self._value - FALL_PER_SECOND * (now - self._at))


class Slots:
    """The slots towards one consumer, each held by one origin or free."""

    def __init__(self, count: int) -> None:
        self.holders: list[str | None] = [None] * count
        self._index: dict[str, int] = {}
        self._since = [0.0] * count

    def place(self, origin: str, loudness: Mapping[str, Loudness], now: float) -> int | None:
        """The slot of `origin`, which is heard now; None while louder ones hold them all."""
        held = self._index.get(origin)
        if held is not None or not self.holders:
            return held
        if len(self._index) < len(self.holders):
            return self._give(self.holders.index(None), origin, now)

        def loud(index: int) -> float:
            holder = self.holders[index]
            known = loudness.get(holder) if holder is not None else None
            return known.value(now) if known is not None else 0.0

        quietest = min(range(len(self.holders)), key=loud)
        asking = loudness.get(origin)
        if asking is None or now - self._since[quietest] < TENURE_SECONDS:
            return None
        interrupts = len(self.holders) > LOUDEST and asking.is_newcomer(now)
        if not interrupts and asking.value(now) <= loud(quietest) + MARGIN:
            return None
        return self._give(quietest, origin, now)

    def free(self, origin: str) -> int | None:
        """Takes the slot from `origin`; says which one it was."""
        index = self._index.pop(origin, None)
        if index is not None:
            self.holders[index] = None
        return index

    def _give(self, index: int, origin: str, now: float) -> int:
        before = self.holders[index]
        if before is not None:
            del self._index[before]
        self.holders[index] = origin
        self._index[origin] = index
        self._since[index] = now
        return index
