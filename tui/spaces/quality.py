"""How good our connections and the sound are: one word, and the numbers that it is made of.

Pure. What is measured jumps about; what is told is smoothed, rounded and slow to praise, so that a
screen writes nothing while nothing has happened.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

Grade = Literal["", "good", "fair", "poor", "lost"]
"""Empty where there is nothing to judge."""
Measure = Literal["loss", "round_trip", "jitter", "concealed"]
LinkKind = Literal["mutual", "parent", "standby", "child", "spare"]
"""mutual: on stage; we hear a parent, and are heard by a child; standby and spare are their
reserves, on which nothing is sent until asked."""

SMOOTH_SECONDS = 3.0  # in which a change has come through by two thirds
LOST_SECONDS = 1.25  # everybody says something every second; who does not brings no sound
EASE = 0.7  # a number must be this part of its bound before the word gets better again

# Above the first a connection is fair, above the second poor. Loss includes what is repaired;
# concealed is what was heard of it. A delay of 0.3 s is where people begin to interrupt each other.
_BOUNDS: Final[dict[Measure, tuple[float, float]]] = {
    "loss": (0.03, 0.10),
    "round_trip": (0.3, 0.6),
    "jitter": (0.04, 0.1),
    "concealed": (0.02, 0.08),
}
# How fine a number is told.
_STEPS: Final[dict[Measure, float]] = {
    "loss": 0.01,
    "round_trip": 0.01,
    "jitter": 0.005,
    "concealed": 0.01,
}
_MOST: Final = 60.0  # of any of them; what is worse is not more to be pitied
_GRADES: Final[tuple[Grade, ...]] = ("good", "fair", "poor", "lost")


class Reading(NamedTuple):
    """One connection as it is just now; times in seconds, `round_trip` is `None` if not known.

    `loss` is the share that did not come in the last seconds, here or at the other end; `quiet`
    how long nothing has come at all.
    """

    kind: LinkKind
    loss: float = 0.0
    round_trip: float | None = None
    jitter: float = 0.0
    quiet: float = 0.0
    relayed: bool = False


class Place(NamedTuple):
    """Where we are in the tree. `parent` is empty, too, for one that is connected and brings
    nothing. `depth` counts the hops to the host; `alone` says that there is
    nobody from whom sound could come."""

    depth: int | None = None
    outputs_used: int = 0
    outputs_max: int = 0
    parent: str = ""
    standby: str = ""
    alone: bool = False


class LinkQuality(msgspec.Struct, frozen=True):
    """One connection; `relayed` means through a TURN server."""

    pubkey: str
    kind: LinkKind
    badge: Grade
    loss: float
    round_trip: float | None
    jitter: float
    relayed: bool = False


class Quality(msgspec.Struct, frozen=True):
    """All of it. Shares from 0 to 1, times in seconds; `concealed` is the worst voice's.

    `loss`, `round_trip` and `jitter` are those of the connection to the parent; on stage the median
    of those to the others there, or to listeners where there is nobody else. `worst` names the
    number that makes the badge less than good.
    """

    badge: Grade = ""
    loss: float = 0.0
    round_trip: float | None = None
    jitter: float = 0.0
    concealed: float = 0.0
    worst: Measure | Literal[""] = ""
    depth: int | None = None
    outputs_used: int = 0
    outputs_max: int = 0
    parent: str = ""
    standby: str = ""
    links: tuple[LinkQuality, ...] = ()


class Meter:
    """Makes a `Quality` of each look at the connections; looks may come as often as one likes."""

    def __init__(self) -> None:
        self._links: dict[str, dict[Measure, _Number]] = {}
        self._sound: dict[Measure, _Number] = {}
        self._connected = False

    def look(
        self, at: float, links: Mapping[str, Reading], concealed: float, place: Place
    ) -> Quality:
        """`at` in monotonic seconds; `links` by pubkey."""
        for other in self._links.keys() - links.keys():
            del self._links[other]
        told = tuple(self._link(at, other, links[other]) for other in sorted(links))
        sources = [x for x in told if x.kind == "mutual" or x.pubkey == place.parent]
        if place.alone:
            sources = [x for x in told if x.kind == "child"]
        self._connected = bool(sources) or (self._connected and not place.alone)
        heard = _number(self._sound, "concealed").look(at, concealed)
        if not sources:
            self._sound.clear()
            badge: Grade = "lost" if self._connected else ""
            return _at(place, Quality(badge=badge, links=told))
        trips = [link.round_trip for link in sources if link.round_trip is not None]
        worst = int(_median([_rank(link.badge) for link in sources]))
        named = [link for link in sources if _rank(link.badge) == worst]
        rank = max(worst, _rank(self._sound["concealed"].grade))
        cause: Measure = "concealed" if rank > worst else self._cause(named[0].pubkey)
        return _at(
            place,
            Quality(
                badge=_GRADES[rank],
                loss=_median([link.loss for link in sources]),
                round_trip=_median(trips) if trips else None,
                jitter=_median([link.jitter for link in sources]),
                concealed=heard,
                worst=cause if 0 < rank < _rank("lost") else "",
                links=told,
            ),
        )

    def _link(self, at: float, other: str, reading: Reading) -> LinkQuality:
        numbers = self._links.setdefault(other, {})
        loss = _number(numbers, "loss").look(at, reading.loss)
        jitter = _number(numbers, "jitter").look(at, reading.jitter)
        trip = reading.round_trip
        if trip is not None:
            trip = _number(numbers, "round_trip").look(at, trip)
        badge = _GRADES[max(_rank(number.grade) for number in numbers.values())]
        if reading.quiet > LOST_SECONDS:
            badge = "lost"
        return LinkQuality(other, reading.kind, badge, loss, trip, jitter, reading.relayed)

    def _cause(self, other: str) -> Measure:
        numbers = self._links[other]
        return max(numbers, key=lambda name: _rank(numbers[name].grade))


class _Number:
    """One measure, smoothed, rounded, and judged."""

    def __init__(self, name: Measure) -> None:
        self._step = _STEPS[name]
        self._bounds = _BOUNDS[name]
        self._at: float | None = None
        self._value = 0.0
        self._told = 0.0
        self.grade: Grade = "good"

    def look(self, at: float, value: float) -> float:
        """Take what is measured now; what is to be told of it."""
        value = min(max(value, 0.0), _MOST) if math.isfinite(value) else 0.0
        weight = 1.0
        if self._at is not None:
            weight = 1 - math.exp(-max(0.0, at - self._at) / SMOOTH_SECONDS)
        self._value += weight * (value - self._value)
        # Half a step would do, but then a number between two steps flickers.
        if self._at is None or abs(self._value - self._told) > self._step:
            self._told = round(round(self._value / self._step) * self._step, 4)
        self._at = at
        now = _rank_of(self._value, self._bounds)
        if now < _rank(self.grade):
            eased = _rank_of(self._value / EASE, self._bounds)
            now = min(_rank(self.grade), eased)
        self.grade = _GRADES[now]
        return self._told


def _number(numbers: dict[Measure, _Number], name: Measure) -> _Number:
    if name not in numbers:
        numbers[name] = _Number(name)
    return numbers[name]


def _rank(grade: Grade) -> int:
    return _GRADES.index(grade) if grade else 0


def _rank_of(value: float, bounds: tuple[float, float]) -> int:
    return sum(value > bound for bound in bounds)


def _median(values: Sequence[float]) -> float:
    """Of an even number the lower one: a single bad connection is not our bad line."""
    return sorted(values)[(len(values) - 1) // 2]


def _at(place: Place, quality: Quality) -> Quality:
    return msgspec.structs.replace(
        quality,
        depth=place.depth,
        outputs_used=place.outputs_used,
        outputs_max=place.outputs_max,
        parent=place.parent,
        standby=place.standby,
    )
