"""How often somebody may do something: a bucket for each, that fills again with time."""

from collections import OrderedDict
from collections.abc import Callable

from tui.config import limits


class Throttle:
    """Lets everybody through `burst` times at once, and then once in `seconds`.

    It remembers `limits.THROTTLED` of them; those seen longest ago start anew.
    """

    def __init__(self, burst: int, seconds: float, monotonic: Callable[[], float]) -> None:
        self._seconds = seconds
        self._slack = (burst - 1) * seconds
        self._monotonic = monotonic
        self._due: OrderedDict[str, float] = OrderedDict()

    def allows(self, who: str) -> bool:
        """Whether this once is not too often; counts it if so."""
        now = self._monotonic()
        due = max(self._due.pop(who, now), now)
        allowed = due - now <= self._slack
        self._due[who] = due + self._seconds if allowed else due
        if len(self._due) > limits.THROTTLED:
            self._due.popitem(last=False)
        return allowed
