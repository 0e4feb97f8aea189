"""How good a path is: what both ends count, and the share of packets that it lost lately."""

from collections import deque

import msgspec

WINDOW_SECONDS = 5.0


class Losses:
    """Fed with counts since the start, about once a second; forgets what is older than 5 s."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int, int]] = deque()  # time, received, lost

    def note(self, now: float, received: int, lost: int) -> None:
        """Takes how many packets were received and how many never came, both since the start."""
        counts = self._counts
        counts.append((now, received, lost))
        # One as old as the window stays: there it begins.
        while len(counts) > 1 and counts[1][0] <= now - WINDOW_SECONDS:
            counts.popleft()

    @property
    def share(self) -> float:
        """Of the packets of the last 5 s, those that never came: 0 to 1; 0 without any."""
        if not self._counts:
            return 0.0
        (_, received_before, lost_before), (_, received, lost) = self._counts[0], self._counts[-1]
        # A packet that came late is lost no more, and a new stream counts from nothing.
        missing = max(0, lost - lost_before)
        expected = missing + max(0, received - received_before)
        return missing / expected if expected else 0.0


class PeerStats(msgspec.Struct, frozen=True):
    """Counts since the start, and what the other side reports. Times in seconds."""

    sent: int
    received: int
    lost: int
    """Packets that never reached us."""
    retransmitted: int
    loss: float
    """Share of the packets of the last 5 s that never reached us: 0 to 1."""
    jitter: float
    """By which arrivals vary: the worst of the streams that we receive."""
    fraction_lost: float
    """Of what we send, as last reported by the other side: the worst of its streams."""
    round_trip: float | None
    dropped: dict[str, int]
    """What was thrown away, by reason."""
    local_type: str
    """Our end of the path: `host` or `relay`; empty until connected."""
    remote_type: str
    """Their end, as far as we know it: `host`, `srflx`, `prflx` or `relay`."""

    @property
    def relayed(self) -> bool:
        """Whether a TURN server stands between."""
        return "relay" in (self.local_type, self.remote_type)
