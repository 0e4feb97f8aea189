"""Keeps the listening tree as the state of a space says, with work only for what has changed.

Who has come, gone or changed and which connections were confirmed or dropped is noted as it is
heard, and brought into the tree when somebody next looks at it. Presence that runs out without a
word stands in a queue by its end.
"""

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush

from tui.spaces.presence import Pair, Presence
from tui.spaces.tree import Tree

NOTED = 1_000  # people or connections that are noted at most before they are brought in
EXPIRED = 1_000  # people looked at in one go whose presence may have run out
LASTING_SECONDS = 30  # between two looks at who is only here while a connection lives


class Topology:
    """`tree`, fed from `presence`; `is_present(pubkey, now)`, `went(pubkey)` (unix seconds, 0 for
    never) and `speaks(pubkey)` are the state's."""

    def __init__(
        self,
        tree: Tree,
        presence: Presence,
        *,
        is_present: Callable[[str, float], bool],
        went: Callable[[str], int],
        speaks: Callable[[str], bool],
    ) -> None:
        self.tree = tree
        self._presence = presence
        self._is_present = is_present
        self._went = went
        self._speaks = speaks
        self._now = 0.0
        self._people: set[str] = set()
        self._pairs: set[Pair] = set()
        self._known: dict[str, int] = {}  # who is in the tree, and when they had last left
        self._ends: list[tuple[float, str]] = []
        self._due: dict[str, float] = {}  # the same by pubkey; what differs in the list is void
        presence.watch(self.note)
        self.note(presence.people())

    def note(self, people: Iterable[str] = (), pairs: Iterable[Pair] = ()) -> None:
        """Something about these people or connections has changed, or may have."""
        self._people.update(people)
        self._pairs.update(pairs)

    @property
    def is_behind(self) -> bool:
        """Whether so much was noted that it should be brought in."""
        return len(self._people) + len(self._pairs) > NOTED

    def look(self, now: float) -> None:
        """Time has passed: some of those whose presence has run out are noted."""
        self._now = max(self._now, now)
        for _ in range(EXPIRED):
            if not self._ends or self._ends[0][0] > self._now:
                break
            end, pubkey = heappop(self._ends)
            if self._due.get(pubkey) == end:
                del self._due[pubkey]
                self._people.add(pubkey)

    def bring_in(self) -> None:
        """Make the tree what was noted."""
        while self._people or self._pairs:
            people, self._people = self._people, set()
            for pubkey in people:
                self._update(pubkey)
            pairs, self._pairs = self._pairs, set()
            for pair in pairs:
                self._connect(pair)

    def _update(self, pubkey: str) -> None:
        joined = self._presence.person(pubkey).joined
        if joined is None or not self._is_present(pubkey, self._now):
            self._due.pop(pubkey, None)
            if self._known.pop(pubkey, None) is not None:
                self.tree.remove(pubkey)
                self._note_lasting(pubkey)
            return
        metrics, went = joined.metrics, self._went(pubkey)
        self.tree.put(
            pubkey,
            speaks=self._speaks(pubkey),
            outputs=metrics.max_audio_outputs,
            upload_kbps=metrics.upload_kbps,
        )
        self._wait(pubkey, joined.until)
        if self._known.get(pubkey) != went:
            self._known[pubkey] = went
            self._pairs.update(self._presence.pairs(pubkey))

    def _wait(self, pubkey: str, until: float) -> None:
        """Look at somebody again when their presence may run out."""
        end = until if until > self._now else self._now + LASTING_SECONDS
        due = self._due.get(pubkey)
        if due is None or end < due:
            self._due[pubkey] = end
            heappush(self._ends, (end, pubkey))
            if len(self._ends) > 2 * len(self._due) + NOTED:
                self._ends = [(end, pubkey) for pubkey, end in self._due.items()]
                heapify(self._ends)

    def _connect(self, pair: Pair) -> None:
        (at, _, id_), edge = self._presence.between(pair)
        for pubkey in pair:
            if self._is_late(pubkey):
                self._people.add(pubkey)
        here = self._known.get
        if edge is None or any(at <= here(pubkey, at) for pubkey in pair):
            self.tree.disconnect(*pair)
            return
        self.tree.connect(edge.asking, edge.asked, edge.type, standby=edge.standby, order=(at, id_))

    def _is_late(self, pubkey: str) -> bool:
        """Whether somebody is only here as long as a connection lives."""
        joined = self._presence.person(pubkey).joined
        return joined is not None and joined.lasting and joined.until <= self._now

    def _note_lasting(self, pubkey: str) -> None:
        for pair in self._presence.pairs(pubkey):
            self._people.update(
                other for other in pair if other in self._known and self._is_late(other)
            )
