"""The script of the demo: what everybody does next, for ever, from one seed.

Pure: `step` is told the time and what the people see, and says what they do. It asks for what is
still missing rather than for what comes next, so nothing that is late or lost stops the play.
"""

import random
from collections.abc import Collection, Mapping, Sequence

from tui.controller.intents import AnyIntent, Demote, HostSpace, JoinSpace, LeaveSpace
from tui.demo.home import Home
from tui.demo.scene import Cue, Sight
from tui.demo.visit import VISITORS, Visit

SPACE_NAME = "The long table"
_HOST_IT = HostSpace(
    SPACE_NAME,
    summary="Simulated people, real sound: join, raise your hand and talk",
    topics=("demo", "conversation"),
    language="en",
)
AGAIN = 3.0  # seconds until a way in or out that had no effect is tried again
RETURN = (60.0, 120.0)  # seconds between two visits to one space


class Script:
    """`cast` holds pubkeys, the host first; `people` of them are always in the host's space."""

    def __init__(self, cast: Sequence[str], people: int, seed: int) -> None:
        self._cast = tuple(cast)
        self._rng = random.Random(seed)
        self._home = Home(cast, people, random.Random(f"home {seed}"))
        self._visits: dict[str, Visit] = {}
        self._next_visit: dict[str, float] = {}
        self._rests: dict[str, float] = {}

    def step(
        self, now: float, sights: Mapping[str, Sight], elsewhere: Collection[str] = ()
    ) -> list[Cue]:
        """What is to be done at `now`, in seconds since the beginning.

        `sights` has those who can do something; `elsewhere` are the refs of live spaces that are
        hosted by real people.
        """
        host = self._cast[0]
        if host not in sights:
            return []
        home = sights[host].space
        if not home:
            return self._go(host, sights[host], _HOST_IT, now)
        cues = self._home.step(now, sights)
        cues += self._visit(now, sights, elsewhere)
        for person, sight in sights.items():
            wanted = self._place_of(person, home, now)
            if sight.space != wanted:
                cues += self._go(person, sight, JoinSpace(wanted) if wanted else None, now)
        return cues

    def _place_of(self, person: str, home: str, now: float) -> str:
        """The ref of the space where somebody should be now; empty for none."""
        if person in self._home.wanted:
            return home
        return next((v.space for v in self._visits.values() if v.has(person, now)), "")

    def _go(self, person: str, sight: Sight, enter: AnyIntent | None, now: float) -> list[Cue]:
        """One step on the way to another space: off the stage, out, in."""
        if now < self._rests.get(person, 0.0):
            return []
        self._rests[person] = now + AGAIN
        if sight.on_stage:
            return [Cue(person, Demote())]
        if sight.space:
            return [Cue(person, LeaveSpace())]
        return [Cue(person, enter)] if enter is not None else []

    def _visit(
        self, now: float, sights: Mapping[str, Sight], elsewhere: Collection[str]
    ) -> list[Cue]:
        for space, visit in list(self._visits.items()):
            if space not in elsewhere or now >= visit.ends:
                del self._visits[space]
                self._home.take_back(visit.crew)
        self._next_visit = {s: at for s, at in self._next_visit.items() if s in elsewhere}
        for space in sorted(elsewhere):
            due = now >= self._next_visit.get(space, 0.0) and space not in self._visits
            if due and (crew := self._home.lend(VISITORS, sights)):
                self._visits[space] = visit = Visit(space, crew, now, self._rng)
                self._next_visit[space] = visit.ends + self._rng.uniform(*RETURN)
        return [cue for visit in self._visits.values() for cue in visit.step(now, sights)]
