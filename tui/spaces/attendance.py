"""Who is in each of many rooms, as far as we can remember: the counts of the lobby.

Bounded on the whole. When it is full, those go first who are gone anyway, and then those of the
room with the most people: whoever floods one room is counted less there, and nowhere else.
"""

from collections.abc import Hashable, Iterator
from typing import Generic, NamedTuple, TypeVar

_Key = TypeVar("_Key", bound=Hashable)

CLEAR_SECONDS = 1.0  # between two looks at everybody while it is full: a look takes milliseconds


class _Seen(NamedTuple):
    """The newest word of one person: at equal seconds, who left has left."""

    at: int
    left: bool
    until: int


class Attendance(Generic[_Key]):
    """Remembers at most `most` people, in rooms named by any key; times in unix seconds."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._rooms: dict[_Key, dict[str, _Seen]] = {}
        self._total = 0
        self._cleared_at = 0.0

    def __len__(self) -> int:
        """How many people are remembered, counted once for each room."""
        return self._total

    def meet(self, room: _Key, pubkey: str, at: int, until: int, now: float) -> None:
        """Somebody is in a room until then, if nothing newer is known."""
        if until > now:
            self._note(room, pubkey, _Seen(at, False, until), now)

    def part(self, room: _Key, pubkey: str, at: int, until: int, now: float) -> None:
        """Somebody has left a room. Known until then, when no earlier word of them counts."""
        if until > now:
            self._note(room, pubkey, _Seen(at, True, until), now)

    def present(self, room: _Key, now: float) -> Iterator[str]:
        """Who is in a room."""
        people = self._rooms.get(room, {})
        return (pubkey for pubkey, seen in people.items() if not seen.left and seen.until > now)

    def forget(self, room: _Key) -> None:
        """Nobody asks about this room any more."""
        self._total -= len(self._rooms.pop(room, {}))

    def _note(self, room: _Key, pubkey: str, seen: _Seen, now: float) -> None:
        people = self._rooms.setdefault(room, {})
        known = people.get(pubkey)
        if known is None:
            self._total += 1
        if known is None or seen > known:
            people[pubkey] = seen
        if self._total > self._most and abs(now - self._cleared_at) > CLEAR_SECONDS:
            self._cleared_at = now
            self._forget_gone(now)
        if self._total > self._most:
            self._thin_out()

    def _forget_gone(self, now: float) -> None:
        for room, people in list(self._rooms.items()):
            here = {pubkey: seen for pubkey, seen in people.items() if seen.until > now}
            self._total -= len(people) - len(here)
            if here:
                self._rooms[room] = here
            else:
                del self._rooms[room]

    def _thin_out(self) -> None:
        """A tenth of the largest room goes, those heard of longest ago."""
        largest = max(self._rooms.values(), key=len)
        for pubkey in sorted(largest, key=largest.__getitem__)[: len(largest) // 10 + 1]:
            del largest[pubkey]
            self._total -= 1
