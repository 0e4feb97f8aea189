"""Which packets of one stream are missing, and when to ask for them again (RFC 4585, NACK)."""

from tui.config import limits

ASK_AGAIN_SECONDS = 0.06
"""Between two requests for one packet: longer than most round trips, shorter than a buffer."""
GIVE_UP_SECONDS = 0.3
"""A packet this late is of no use to any listener."""


class Missing:
    """Fed with the sequence of every packet as it arrives; says what to ask for."""

    def __init__(self) -> None:
        self._newest: int | None = None
        self._missing: dict[int, tuple[float, float]] = {}  # sequence: (missed at, ask again at)

    def arrived(self, sequence: int, now: float) -> list[int]:
        """Takes one packet; returns the sequences to ask for now (at most `MISSING_PACKETS`)."""
        if self._newest is None:
            self._newest = sequence
            return []
        ahead = (sequence - self._newest) & 0xFFFF
        if ahead == 1:
            self._newest = sequence
        elif limits.SEQUENCE_JUMP < ahead < 0x10000 - limits.SEQUENCE_JUMP:
            self._newest = sequence
            self._missing.clear()
        elif 0 < ahead <= limits.SEQUENCE_JUMP:
            self._note_gap(ahead, now)
            self._newest = (self._newest + ahead) & 0xFFFF
        else:
            self._missing.pop(sequence, None)
        return self._due(now) if self._missing else []

    def _note_gap(self, ahead: int, now: float) -> None:
        assert self._newest is not None
        first = max(1, ahead - limits.MISSING_PACKETS)
        for step in range(first, ahead):
            self._missing[(self._newest + step) & 0xFFFF] = (now, now)
        while len(self._missing) > limits.MISSING_PACKETS:
            del self._missing[next(iter(self._missing))]

    def _due(self, now: float) -> list[int]:
        due = []
        for sequence, (missed, again) in list(self._missing.items()):
            if now - missed > GIVE_UP_SECONDS:
                del self._missing[sequence]
            elif now >= again:
                due.append(sequence)
                self._missing[sequence] = (missed, now + ASK_AGAIN_SECONDS)
        return due
