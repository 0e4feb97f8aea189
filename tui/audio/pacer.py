"""Deadlines for sound that no sound card paces."""


class Pacer:
    """When the next frame is due, on absolute deadlines: no drift, whatever a sleep costs.

    Behind time, frames come at twice their pace until the lag is gone, so that no burst fills or
    drains anybody's buffer. A lag beyond `patience` seconds (a suspended laptop) is given up.
    """

    def __init__(self, period: float, now: float, patience: float = 0.5) -> None:
        self._period = period
        self._patience = patience
        self._deadline = now
        self._earliest = now

    def wait(self, now: float) -> float:
        """Seconds until the next frame is due; 0 if it is."""
        return max(self._deadline, self._earliest) - now if not self.due(now) else 0.0

    def due(self, now: float) -> bool:
        """Whether the next frame is due."""
        return now >= self._deadline and now >= self._earliest

    def advance(self, now: float) -> int:
        """Count one frame as done at `now`; returns how many further ones were given up."""
        self._deadline += self._period
        self._earliest = now + self._period / 2
        given_up = 0
        if now - self._deadline > self._patience:
            given_up = int((now - self._deadline) / self._period)
            self._deadline += given_up * self._period
        return given_up
