"""Who has refused us, or did not answer, and when to ask them again."""

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from tui.config import limits
from tui.spaces.spread import spread

REFUSAL_SECONDS = 60.0  # whom we asked in vain is not asked again for so long
RETRY_SECONDS = 5.0  # the same, when there is nobody else to ask; it doubles with each refusal
NO_ANSWER = "no answer"
UNANSWERED = 2  # requests in a row without an answer; from then on it is the network that is slow
PATIENCE = 4.0  # times the usual time that somebody gets for an answer, at most
PAUSE_SECONDS = 16.0  # between two requests, at most, while nobody answers


class _Refusal(NamedTuple):
    since: float
    times: int


class Refusals:
    """Remembers the last `limits.REFUSALS` of them."""

    def __init__(self, me: str, monotonic: Callable[[], float]) -> None:
        self._me = me
        self._monotonic = monotonic
        self._refused: OrderedDict[str, _Refusal] = OrderedDict()
        self._unanswered = 0
        self._noted_at = 0.0

    def note(self, other: str, *, answered: bool = True) -> None:
        """Somebody did not want us, was no good, or has not even answered."""
        self._unanswered = 0 if answered else self._unanswered + 1
        self._noted_at = self._monotonic()
        before = self._refused.pop(other, None)
        self._refused[other] = _Refusal(self._monotonic(), before.times + 1 if before else 1)
        self._forget_old()

    def forget(self, other: str) -> None:
        """Somebody has taken us after all."""
        self._refused.pop(other, None)
        self._unanswered = 0

    @property
    def patience(self) -> float:
        """How many times the usual time whom we ask next gets for an answer.

        When everybody seems dead, a relay or all of us are too slow, and asking ever more people
        would keep it so: each request, and its end, has to be brought to many.
        """
        return min(2.0 ** max(0, self._unanswered - UNANSWERED + 1), PATIENCE)

    @property
    def pauses(self) -> bool:
        """Whether nobody is to be asked for a while, since nobody answers."""
        if self._unanswered < UNANSWERED:
            return False
        pause: float = min(2.0 ** (self._unanswered - UNANSWERED), PAUSE_SECONDS)
        late = 0.5 + spread(self._me, self._unanswered)
        return self._monotonic() - self._noted_at < pause * late

    def lately(self) -> set[str]:
        """Those of the last minute."""
        now = self._monotonic()
        return {who for who, found in self._refused.items() if now - found.since < REFUSAL_SECONDS}

    def resting(self) -> set[str]:
        """Those whom to ask again would only annoy."""
        return {who for who in self._refused if self.rests(who)}

    def rests(self, other: str) -> bool:
        """Whether `other` refused so lately that asking again would only annoy.

        The pause grows, and differs from listener to listener: many may have been refused at once.
        """
        refusal = self._refused.get(other)
        if refusal is None:
            return False
        pause: float = min(RETRY_SECONDS * 2 ** (refusal.times - 1), REFUSAL_SECONDS)
        late = 1 + spread(self._me, other, refusal.times) / 4
        return self._monotonic() - refusal.since < pause * late

    def _forget_old(self) -> None:
        now = self._monotonic()
        while self._refused:
            other, refusal = next(iter(self._refused.items()))
            remembered = now - refusal.since < 2 * REFUSAL_SECONDS
            if remembered and len(self._refused) <= limits.REFUSALS:
                break
            del self._refused[other]
