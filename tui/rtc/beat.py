"""Whether the other side is alive: it says something every half second, or it is dead.

ICE alone takes half a minute to notice a peer that was killed (RFC 7675). Everything that proves to
be theirs counts: sound, reports, messages. Who has nothing to say sends an empty report; who hears
nothing asks by a ping, which also measures the round trip.
"""

BEAT_SECONDS = 0.5
"""Between two looks; the longest that we say nothing is twice that."""
PING_SECONDS = 5.0
"""Between two measurements of the round trip."""
SILENCE_SECONDS = 1.5
"""A peer that has a channel and says nothing for so long is dead."""
STALL_SECONDS = 1.0
"""When our own look is that late, it was we who slept: silence in that time proves nothing."""


class Beat:
    """Counts silence between calls of `tick`, on a clock that the caller reads."""

    def __init__(self, now: float) -> None:
        self.heard_lately = False
        """Whether anything came since the last tick."""
        self._since = now
        self._ticked = now

    def heard(self) -> None:
        """Notes that something authentic arrived."""
        self.heard_lately = True

    def lively(self, now: float) -> bool:
        """Whether the other side was heard lately."""
        return self.heard_lately or now - self._since < SILENCE_SECONDS

    def tick(self, now: float) -> bool:
        """Whether the other side still lives; call it every `BEAT_SECONDS`."""
        if self.heard_lately or now - self._ticked > STALL_SECONDS:
            self._since = now
        self.heard_lately = False
        self._ticked = now
        return now - self._since < SILENCE_SECONDS
