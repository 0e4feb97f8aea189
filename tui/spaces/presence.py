"""Who has come and gone, and who is connected to whom, as the newest word on each tells.

Registers only: whether a JOIN counts, after removals and behind a lock, is for `SpaceState` to say.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from tui.config import limits
from tui.spaces.events import (
    CONNECTION_LIFETIME,
    ConnectionConfirmed,
    ConnectionDropped,
    ConnectionType,
    PeerJoined,
    PeerLeft,
)

_Key = TypeVar("_Key", bound=Hashable)


class Edge(NamedTuple):
    """A confirmed connection: `asking` asked `asked` for one of this type."""

    asking: str
    asked: str
    type: ConnectionType
    standby: bool = False


class Person(NamedTuple):
    """What somebody has said of being here; times in unix seconds, 0 for never."""

    joined: PeerJoined | None = None
    """The newest JOIN, also after a LEAVE."""
    first: int = 0
    """When the earliest JOIN was that we know of."""
    left: int = 0

    @property
    def heard(self) -> int:
        """The newest word."""
        return max(self.left, self.joined.at if self.joined else 0)


Pair = tuple[str, str]
"""Two pubkeys, the lower one first."""
_Place = tuple[int, int, str]  # when, whether it ends the connection, and the event's id
_NOWHEN: _Place = (0, 0, "")
_NOBODY = Person()


class Presence:
    """JOIN and LEAVE of everybody, CONFIRM and DROP of every two, bounded.

    When there is too much, what nobody can have under many keys stays: who `speaks`, and whom they
    have confirmed a connection to.
    """

    def __init__(self, speaks: Callable[[str], bool]) -> None:
        self._speaks = speaks
        self._people: dict[str, Person] = {}
        self._edges: dict[Pair, tuple[_Place, Edge | None]] = {}
        self._others: dict[str, set[str]] = {}  # who has, or had, a connection with whom
        self._changed: Callable[[Iterable[str], Iterable[Pair]], None] = lambda people, pairs: None

    def watch(self, changed: Callable[[Iterable[str], Iterable[Pair]], None]) -> None:
        """Have `changed` told of people and pairs of whom something new is known, or nothing."""
        self._changed = changed

    def meet(self, event: PeerJoined | PeerLeft) -> None:
        """Take in a JOIN or LEAVE."""
        person = self._people.get(event.signer)
        if person is None:
            if len(self._people) >= limits.PEOPLE:
                passing = (who for who in self._people if not self._speaks(who))
                self._changed(forget_oldest(self._people, passing, self._worth), ())
            person = _NOBODY
        if isinstance(event, PeerLeft):
            person = person._replace(left=max(person.left, event.at))
        else:
            joined = person.joined
            first = min(person.first, event.at) if joined else event.at
            if joined is None or (event.at, event.id) > (joined.at, joined.id):
                joined = event
            person = Person(joined, first, person.left)
        self._people[event.signer] = person
        self._changed((event.signer,), ())

    def connect(self, event: ConnectionConfirmed | ConnectionDropped) -> None:
        """Take in a CONFIRM or a DROP, which wins in the same second."""
        if event.signer == event.to:
            return
        pair = _pair(event.signer, event.to)
        edge: Edge | None = None
        if isinstance(event, ConnectionConfirmed):
            edge = Edge(event.to, event.signer, event.type, event.standby)
        order = (event.at, int(edge is None), event.id)
        found = self._edges.get(pair)
        if found is None:
            if len(self._edges) >= limits.EDGES:
                self._forget_edges()
            for who, other in (pair, pair[::-1]):
                self._others.setdefault(who, set()).add(other)
        if found is None or order > found[0]:
            self._edges[pair] = (order, edge)
            self._changed((), (pair,))

    def person(self, pubkey: str) -> Person:
        """What is known of somebody, which may be nothing."""
        return self._people.get(pubkey, _NOBODY)

    def people(self) -> Iterator[str]:
        """Everybody who has ever joined or left, as far as is remembered."""
        return iter(self._people)

    def edges(self) -> Iterator[tuple[int, Edge]]:
        """Connections that were confirmed and not dropped since, and when."""
        return ((order[0], edge) for order, edge in self._edges.values() if edge)

    def neighbours(self, pubkey: str, now: float) -> Iterator[tuple[int, str]]:
        """With whom somebody has a connection that may still live, and since when."""
        for other in self._others.get(pubkey, ()):
            (at, _, _), edge = self._edges[_pair(pubkey, other)]
            if edge and now < at + CONNECTION_LIFETIME:
                yield at, other

    def pairs(self, pubkey: str) -> Iterator[Pair]:
        """Everybody with whom somebody has, or had, a connection."""
        return (_pair(pubkey, other) for other in self._others.get(pubkey, ()))

    def between(self, pair: Pair) -> tuple[_Place, Edge | None]:
        """The newest word on two, and their connection, if it was not dropped."""
        return self._edges.get(pair, (_NOWHEN, None))

    def is_served(self, pubkey: str) -> bool:
        """Whether somebody who speaks has confirmed a connection that they have asked for."""
        found = (self._edges[_pair(pubkey, other)][1] for other in self._others.get(pubkey, ()))
        return any(edge and edge.asking == pubkey and self._speaks(edge.asked) for edge in found)

    def _worth(self, pubkey: str) -> tuple[bool, bool, int]:
        """Who is connected stays before a crowd that only says to be here."""
        return self.is_served(pubkey), pubkey in self._others, self._people[pubkey].heard

    def _forget_edges(self) -> None:
        known = self._people
        forgotten = forget_oldest(
            self._edges,
            self._edges,
            lambda pair: (
                (edge := self._edges[pair][1]) is not None and self._speaks(edge.asked),
                pair[0] in known and pair[1] in known,
                self._edges[pair][0],
            ),
        )
        for pair in forgotten:
            for who, other in (pair, pair[::-1]):
                self._others[who].discard(other)
                if not self._others[who]:
                    del self._others[who]
        self._changed((), forgotten)


def _pair(one: str, other: str) -> Pair:
    return (one, other) if one < other else (other, one)


def forget_oldest(
    table: dict[_Key, Any], candidates: Iterable[_Key], worth: Callable[[_Key], Any]
) -> list[_Key]:
    """Make room for many: a tenth of the table goes, those worth least. Says which."""
    forgotten = sorted(candidates, key=worth)[: len(table) // 10 + 1]
    for key in forgotten:
        del table[key]
    return forgotten
