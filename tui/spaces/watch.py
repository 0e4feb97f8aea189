"""Whether the parent still brings the sound: suspected early, judged by what comes.

A parent that stops in the middle of somebody's word is suspected after a fifth of a second. The
standby then sends at once, so nothing is lost by being wrong, and the parent is asked whether it is
there. Whoever brings sound is the parent from then on; if neither does, everybody is silent.
"""

from typing import Literal

QUIET_SECONDS = 0.2
"""A parent that says nothing for so long in the middle of a word is suspected."""
IDLE_SECONDS = 1.2
"""The same while nobody talks: each side says something every second."""
JUDGE_SECONDS = 0.5
"""A standby has brought sound for so long that the parent has not: it takes over."""
DEAD_SECONDS = 1.0
"""A parent that was asked, and has said nothing for so long, is dead."""
CALM_SECONDS = 1.0
"""Without sound from either, the parent is believed again after so long."""
REST_SECONDS = 1.0
"""After a wrong suspicion, until the next one."""
USELESS_SECONDS = 2.0
"""A parent that brings nothing, while the standby says that somebody began to talk so long ago."""
SOME_PACKETS = 3
"""As many packets are sound that comes again, and not a stray one."""

Verdict = Literal["", "suspected", "fine", "dead"]


class Watch:
    """Judges one parent; `look` is called some twenty times a second, on the caller's clock."""

    def __init__(self) -> None:
        self.suspected = False
        self.silent_since: float | None = None
        """When the parent was last heard, if it is suspected."""
        self.relieved_at: float | None = None
        """When the standby first brought what the parent does not."""
        self._since = 0.0
        self._rests_until = 0.0
        self._parent_had = 0
        self._standby_had: int | None = None
        self._last_count = 0
        self._told_at: float | None = None

    def somebody_talks(self, now: float) -> None:
        """The standby says that somebody new began to talk."""
        if self._told_at is None:
            self._told_at = now

    def look(
        self, now: float, *, quiet: float, expected: bool, parent: int, standby: int | None
    ) -> Verdict:
        """What is new: `suspected`, `fine` again after that, or `dead`.

        `quiet`: seconds since the parent was heard; `expected`: sound was in the middle of a word;
        `parent` and `standby`: packets of sound from each so far, `None` without a standby.
        """
        if parent != self._last_count:
            self._last_count, self._told_at = parent, None
        if not self.suspected:
            useless = self._told_at is not None and now - self._told_at > USELESS_SECONDS
            silent = quiet > (QUIET_SECONDS if expected else IDLE_SECONDS)
            if not (silent or useless) or now < self._rests_until:
                return ""
            self.suspected, self._since = True, now
            self.silent_since, self.relieved_at = now - quiet, None
            self._parent_had, self._standby_had = parent, standby
            return "suspected"
        return self._judge(now, quiet, parent, standby)

    def _judge(self, now: float, quiet: float, parent: int, standby: int | None) -> Verdict:
        waited = now - self._since
        if parent >= self._parent_had + SOME_PACKETS:
            return self._calm(now)
        if self._standby_had is None:
            self._standby_had = standby
        relieved = standby is not None and standby >= (self._standby_had or 0) + SOME_PACKETS
        if relieved and self.relieved_at is None:
            self.relieved_at = now
        if waited > JUDGE_SECONDS and self.relieved_at is not None:
            return "dead"
        if waited > DEAD_SECONDS and quiet > DEAD_SECONDS:
            return "dead"
        if waited > CALM_SECONDS and quiet < DEAD_SECONDS:
            return self._calm(now)
        return ""

    def _calm(self, now: float) -> Verdict:
        self.suspected, self._told_at = False, None
        self.silent_since = self.relieved_at = None
        self._rests_until = now + REST_SECONDS
        return "fine"
