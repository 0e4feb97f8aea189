"""What a receiver knows of one stream: what came, what is missing, how unevenly (RFC 3550, 6.4.1,
A.3 and A.8)."""

from tui.audio.packet import RATE

_MAX_LOST = 0x7FFFFF
_MIN_LOST = -0x800000
"""The field of a report has 24 bits."""


class Reception:
    """Counts the packets of one SSRC, in the order of their arrival."""

    __slots__ = (
        "_arrived",
        "_expected_before",
        "_first",
        "_jitter",
        "_received_before",
        "_timestamp",
        "highest",
        "received",
    )

    def __init__(self) -> None:
        self.highest = -1
        """The highest sequence so far, with its rollovers (32 bits in a report); -1: none."""
        self.received = 0
        self._first = 0
        self._expected_before = 0
        self._received_before = 0
        self._jitter = 0.0
        self._arrived = 0.0
        self._timestamp = 0

    def arrived(self, sequence: int, timestamp: int, now: float) -> None:
        """Takes one packet, repeated ones and late ones too; `now` in seconds."""
        self.received += 1
        if self.received == 1:
            self._first = self.highest = sequence
        else:
            ahead = ((sequence - self.highest + 0x8000) & 0xFFFF) - 0x8000
            if ahead <= 0:
                return
            self.highest += ahead
            step = ((timestamp - self._timestamp + 0x80000000) & 0xFFFFFFFF) - 0x80000000
            if step:
                late = abs((now - self._arrived) * RATE - step)
                self._jitter += (late - self._jitter) / 16
        self._arrived, self._timestamp = now, timestamp

    @property
    def jitter(self) -> float:
        """Samples by which arrivals vary."""
        return self._jitter

    @property
    def lost(self) -> int:
        """Packets that never came; below 0 when more came twice. 24 bits, signed."""
        return max(_MIN_LOST, min(self._expected - self.received, _MAX_LOST))

    def fraction_lost(self) -> int:
        """256ths of the packets that were due since the last call and did not come."""
        expected = self._expected - self._expected_before
        lost = expected - (self.received - self._received_before)
        self._expected_before, self._received_before = self._expected, self.received
        return min(255, (lost << 8) // expected) if expected > 0 and lost > 0 else 0

    @property
    def _expected(self) -> int:
        return self.highest - self._first + 1 if self.received else 0
