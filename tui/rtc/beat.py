"""Whether the other side is alive: it says something every second, or it is asked, or it is dead.

ICE alone takes half a minute to notice a peer that was killed (RFC 7675). Everything that proves to
be theirs counts: sound, reports, messages, answers to ICE's own checks. Who has nothing to say
sends an empty report; who hears nothing for longer than that asks by a check, several times.
"""

SAY_SECONDS = 1.0
"""The longest that we say nothing; also between two reports."""
ASK_SECONDS = 1.05
"""After so much silence the other side is asked whether it is there."""
ASK_AGAIN_SECONDS = 0.15
"""Between two such questions: one of them may be lost, and the answer takes its time."""
SILENCE_SECONDS = 1.5
"""A peer that has a channel and says nothing for so long is dead."""
STALL_SECONDS = 1.0
"""When our own look is that late, it was we who slept: silence in that time proves nothing."""

_SHORTEST_SECONDS = 0.05


class Beat:
    """What was heard and said when, on a clock that the caller reads; and when to look again."""

    def __init__(self, now: float) -> None:
        self._heard_at = now
        self._said_at = now
        self._looked_at = now
        self._look_at = now + SAY_SECONDS
        self._written = 0
        self._writing = False

    def heard(self, now: float) -> None:
        """Notes that something authentic arrived."""
        self._heard_at = now

    def quiet_for(self, now: float) -> float:
        """Seconds since the other side was last heard; 0 when it was we who slept."""
        return 0.0 if self.stalled(now) else max(0.0, now - self._heard_at)

    def stalled(self, now: float) -> bool:
        """Whether our own look is overdue."""
        return now - self._look_at > STALL_SECONDS

    def look(self, now: float, written: int) -> bool:
        """Takes how much we have written so far; returns whether it is time to say something.

        Call it when `next_look` says. Silence in which we slept is forgotten.
        """
        if self.stalled(now):
            self._heard_at = now
        self._writing = written != self._written
        self._written = written
        if self._writing:
            self._said_at = self._looked_at  # or later: nobody notes the time of each packet
        self._looked_at = self._look_at = now
        if now - self._said_at < SAY_SECONDS - _SHORTEST_SECONDS:
            return False
        self._said_at = now
        self._written += 1  # what will be said now
        return True

    def next_look(self, now: float) -> float:
        """Seconds until `look` is due: to say something, to ask, or to give up."""
        quiet = now - self._heard_at
        if quiet < ASK_SECONDS:
            wait = ASK_SECONDS - quiet
        else:
            wait = min(ASK_AGAIN_SECONDS, abs(SILENCE_SECONDS - quiet))
        wait = min(wait, self._said_at + SAY_SECONDS - now)
        if self._writing:  # look more often, to know better when the last packet went
            wait = min(wait, SAY_SECONDS / 2)
        wait = max(_SHORTEST_SECONDS, wait)
        self._look_at = now + wait
        return wait
