"""How whole the sound of one origin is: what share of it was made up, and the holes in it."""

from collections import deque

import msgspec

from tui.audio.packet import RATE

HOLE = 0.060
"""Seconds without real sound; longer than that is heard as a hole."""
_SECONDS = 5  # the share is that of so many seconds of sound


class Gaps(msgspec.Struct, frozen=True):
    """Holes where sound was due: how many were longer than HOLE, and the longest in seconds.

    `cut` are voices that ended in the middle of their sound and did not come back before they were
    forgotten: a hole without an end.
    """

    count: int = 0
    longest: float = 0.0
    cut: int = 0

    def __add__(self, other: "Gaps") -> "Gaps":
        return Gaps(
            self.count + other.count, max(self.longest, other.longest), self.cut + other.cut
        )


class Continuity:
    """Told of all sound in its order; a hole counts once sound goes on behind it."""

    def __init__(self) -> None:
        self.gaps = Gaps()
        self._hole = 0  # samples since there was sound
        self._due = 0  # samples of the present second
        self._missed = 0  # of these
        self._past: deque[tuple[int, int]] = deque(maxlen=_SECONDS)

    @property
    def concealed(self) -> float:
        """The share of the last seconds of sound that was guessed or missing."""
        due = self._due + sum(due for due, _ in self._past)
        missed = self._missed + sum(missed for _, missed in self._past)
        return missed / due if due else 0.0

    def missed(self, samples: int) -> None:
        """So much was guessed, or silent, where nobody had said that there would be a pause."""
        self._hole += samples

    def excuse(self) -> None:
        """It was a pause after all."""
        self._hole = 0

    def ended(self) -> Gaps:
        """All of it, for one that is forgotten because nothing came any more."""
        return self.gaps + Gaps(cut=int(self._hole > HOLE * RATE))

    def sounded(self, samples: int) -> None:
        """So much real sound came."""
        if self._hole:
            self.gaps += Gaps(int(self._hole > HOLE * RATE), self._hole / RATE)
            self._due += self._hole
            self._missed += self._hole
            self._hole = 0
        self._due += samples
        if self._due >= RATE:
            self._past.append((self._due, self._missed))
            self._due = self._missed = 0
