"""The people of a space in three orders: stage, audience, queue. No screen, only lists of keys."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from typing import Literal

from tui.controller.views import SPEAKING_ROLES, Participant

Pane = Literal["stage", "audience", "queue"]
PANES: tuple[Pane, ...] = ("stage", "audience", "queue")

_Place = tuple[object, ...]  # what a row is sorted by, the pubkey last
_RANK = {"host": 0, "cohost": 1, "speaker": 2, "listener": 3}


class Roster:
    """Keeps the orders up to date from the people who changed, without sorting everybody again."""

    def __init__(self) -> None:
        self._order: dict[Pane, list[_Place]] = {pane: [] for pane in PANES}
        self._placed: dict[str, dict[Pane, _Place]] = {}

    def rebuild(self, people: Mapping[str, Participant]) -> None:
        """Forget everything and take all of `people`."""
        self._placed = {pubkey: _places(person) for pubkey, person in people.items()}
        for pane in PANES:
            self._order[pane] = sorted(
                places[pane] for places in self._placed.values() if pane in places
            )

    def update(self, people: Mapping[str, Participant], changed: Iterable[str]) -> None:
        """Take over what is now true of those who `changed`."""
        changed = set(changed)
        if len(changed) > 200 + len(self._placed) // 20:
            self.rebuild(people)
            return
        for pubkey in changed:
            person = people.get(pubkey)
            old = self._placed.pop(pubkey, {})
            new = _places(person) if person is not None else {}
            if new:
                self._placed[pubkey] = new
            for pane in PANES:
                before, after = old.get(pane), new.get(pane)
                if before == after:
                    continue
                order = self._order[pane]
                if before is not None:
                    del order[bisect_left(order, before)]
                if after is not None:
                    insort(order, after)

    def keys(self, pane: Pane) -> list[str]:
        """The pubkeys of a pane in the order of its rows."""
        return [str(place[-1]) for place in self._order[pane]]

    def count(self, pane: Pane) -> int:
        """How many there are."""
        return len(self._order[pane])


def _places(person: Participant) -> dict[Pane, _Place]:
    name = (not person.name, person.name.casefold(), person.pubkey)
    if person.role in SPEAKING_ROLES:
        return {"stage": (_RANK[person.role], not person.present, *name)}
    places: dict[Pane, _Place] = {"audience": (not person.me, not person.present, *name)}
    if person.hand_since:
        places["queue"] = (person.queue or 1 << 30, person.hand_since, person.pubkey)
    return places
