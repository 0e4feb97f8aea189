"""What passes through a relay, and what reaches one node.

Every relay of a space is sent everything and asked for everything, so one stands for all.
"""

from collections import Counter


class Traffic:
    """Counts of relay events by the second: published, and handed out to whom they are for."""

    def __init__(self) -> None:
        self.published: Counter[int] = Counter()
        self.delivered: Counter[int] = Counter()
        self.to_all: Counter[int] = Counter()  # handed to each node, whatever it does
        self.roster: Counter[int] = Counter()  # what one more would hear who shows the roster
        self.stage: Counter[int] = Counter()  # what would go to all who hear of the stage's links
        self.people: Counter[int] = Counter()  # how many there are
        self._now = 0
        self._node: Counter[str] = Counter()
        self.node_peak = 0  # events to one node in one second, beside those to all
        self.stage_peak = 0  # the same for those on stage
        self.history_peak = 0  # stored events that a newcomer is sent
        self.channel = 0  # messages on data channels

    def tick(self, now: float) -> None:
        """Another second has begun, maybe."""
        if int(now) != self._now:
            self._now = int(now)
            self._node.clear()

    def publish(self, delivered: int) -> None:
        """An event is sent to the relay, and by it to so many."""
        self.published[self._now] += 1
        self.delivered[self._now] += delivered

    def reach(self, pubkey: str, number: int = 1, *, stage: bool = False) -> None:
        """So many events have come to one node."""
        self._node[pubkey] += number
        if stage:
            self.stage_peak = max(self.stage_peak, self._node[pubkey])
        else:
            self.node_peak = max(self.node_peak, self._node[pubkey])

    def add_to_all(self) -> None:
        """An event has come to every node."""
        self.to_all[self._now] += 1

    def history(self, number: int) -> None:
        """A newcomer is sent what is stored."""
        self.delivered[self._now] += number
        self.history_peak = max(self.history_peak, number)

    def add_roster(self) -> None:
        """Somebody has come, gone or said to be here still."""
        self.roster[self._now] += 1

    def add_stage(self) -> None:
        """A connection with somebody on stage was confirmed, refused or dropped."""
        self.stage[self._now] += 1
