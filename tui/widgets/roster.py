"""The people of a space in three orders: stage, audience, queue. No screen, only lists of keys."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from typing import Literal

from tui.controller.views import (
    SPEAKING_ROLES,
    Participant,
)

Pane = Literal["stage", "audience", "queue"]
PEOPLE_PANES: tuple[Pane, ...] = ("stage", "audience", "queue")

_Place = tuple[float, str, str]  # what a row is sorted by, the pubkey last
_RANK = {"host": 0, "cohost": 1, "speaker": 2, "listener": 3}
_NO_PLACE, _LATER = 1 << 30, 1 << 40


class Roster:
    """Keeps the orders up to date from the people who changed, without sorting everybody again."""

    def __init__(self) -> None:
        self._order: dict[Pane, list[_Place]] = {pane: [] for pane in PEOPLE_PANES}
        self._known: dict[str, Participant] = {}

    def rebuild(self, people: Mapping[str, Participant]) -> None:
        """Forget everything and take all of `people`."""
        self._known = dict(people)
        self._order = {pane: [] for pane in PEOPLE_PANES}
        for person in people.values():
            for pane, place in _places(person):
                self._order[pane].append(place)
        for order in self._order.values():
            order.sort()

    def update(self, people: Mapping[str, Participant], changed: Iterable[str]) -> None:
        """Take over what is now true of those who `changed`."""
        changed = set(changed)
        if len(changed) > 200 + len(self._known) // 20:
            self.rebuild(people)
            return
        for pubkey in changed:
            before = self._known.pop(pubkey, None)
            now = people.get(pubkey)
            if now is not None:
                self._known[pubkey] = now
            old, new = _places(before), _places(now)
            if old == new:
                continue
            for pane, place in old:
                order = self._order[pane]
                del order[bisect_left(order, place)]
            for pane, place in new:
                insort(self._order[pane], place)

    def keys(self, pane: Pane) -> list[str]:
        """The pubkeys of a pane in the order of its rows."""
        return [place[2] for place in self._order[pane]]

    def count(self, pane: Pane) -> int:
        """How many there are."""
        return len(self._order[pane])


def _places(person: Participant | None) -> list[tuple[Pane, _Place]]:
    """Where somebody stands: on stage or in the audience, and perhaps in the queue too."""
    if person is None:
        return []
    name, pubkey = person.name.casefold(), person.pubkey
    nameless, away = not name, not person.present or person.away
    if person.role in SPEAKING_ROLES:
        return [("stage", (_RANK[person.role] * 4 + 2 * away + nameless, name, pubkey))]
    rank = 4 * (not person.me) + 2 * away + nameless
    places: list[tuple[Pane, _Place]] = [("audience", (rank, name, pubkey))]
    if person.hand_since:
        # The place counts; those who have none yet stand at the end, in the order of their hands.
        place = person.queue or _NO_PLACE + person.hand_since
        places.append(("queue", (place + (_LATER if person.later else 0), "", pubkey)))
    return places
