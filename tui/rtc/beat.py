"""Whether the other side is alive: it says something every half second, or it is dead.

ICE alone takes half a minute to notice a peer that was killed (RFC 7675).
"""

BEAT_SECONDS = 0.5
"""Between two looks, and between two pings."""
SILENCE_SECONDS = 1.5
"""A peer that has a channel and says nothing for so long is dead."""
STALL_SECONDS = 1.0
"""When our own look is that late, it was we who slept: silence in that time proves nothing."""


class Beat:
    """Counts silence between calls of `tick`, on a clock that the caller reads."""

    def __init__(self, now: float) -> None:
        self._heard = False
        self._since = now
        self._ticked = now

    def heard(self) -> None:
        """Notes that something authentic arrived."""
        self._heard = True

    def tick(self, now: float) -> bool:
        """Whether the other side still lives; call it every `BEAT_SECONDS`."""
        if self._heard or now - self._ticked > STALL_SECONDS:
            self._since = now
        self._heard = False
        self._ticked = now
        return now - self._since < SILENCE_SECONDS
