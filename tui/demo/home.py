"""The space of the simulated people: who is there, who wants to speak, whom the host lets.

Pure, and driven by what the host sees rather than by memory: what was lost on the way is simply
asked for again, and real people are treated like simulated ones.
"""

import random
from collections import deque
from collections.abc import Mapping, Sequence

from tui.controller.intents import Demote, PromoteSpeaker, RequestSpeech
from tui.demo.cast import SPARE
from tui.demo.chatter import Chatter
from tui.demo.conversation import Conversation, microphones
from tui.demo.scene import NOTHING, Cue, Sight

SEATS = 5  # people on stage, the host among them
OUR_SEATS = 4  # of these for simulated people: a real one always finds a seat
OPENING = 10.0  # seconds from the beginning until everybody is there
AT_ONCE = 0.5  # seconds that the host takes to answer a hand during the opening
CONSIDERED = (3.0, 5.0)  # the same later on
AGAIN = 5.0  # seconds until something that had no effect is tried again
HANDS_EVERY = (8.0, 20.0)  # seconds between two hands that go up
HANDS = 2  # simulated hands that are up at the same time
TENURE = (40.0, 90.0)  # seconds on stage
CHANGE_EVERY = (8.0, 20.0)  # seconds between two people who come or go
COMPANY = 2  # people on stage, the host among them, below which nobody steps down


class Home:
    """The host is `cast[0]`; the first `people` of the cast are always there, give or take who.

    `wanted` are those who should be in the space, `lent` those who are to be elsewhere.
    """

    def __init__(self, cast: Sequence[str], people: int, rng: random.Random) -> None:
        self._cast = list(cast)
        self._host = cast[0]
        self._people = people
        self._rng = rng
        self._conversation = Conversation(cast, rng, self._host)
        self._chatter = Chatter(random.Random(rng.random()))
        self.wanted = {self._host}
        self.lent: set[str] = set()
        self._coming = deque(_arrivals(cast[1:people], rng))
        self._eager = set(cast[1:3])  # those who bring the stage to life
        self._next_change = OPENING + rng.uniform(*CHANGE_EVERY)
        self._next_hand = OPENING + rng.uniform(*HANDS_EVERY)
        self._answers: dict[str, float] = {}
        self._promised: dict[str, float] = {}
        self._ends: dict[str, float] = {}

    def step(self, now: float, sights: Mapping[str, Sight]) -> list[Cue]:
        """What is to be done at `now` (seconds since the beginning) by those who are there."""
        seen = sights.get(self._host, NOTHING)
        here = _those_here(sights, seen)
        while self._coming and self._coming[0][0] <= now:
            self.wanted.add(self._coming.popleft()[1])
        if now >= self._next_change:
            self._next_change = now + self._rng.uniform(*CHANGE_EVERY)
            self._come_or_go(here, seen)
        stage = frozenset(person for person, sight in here.items() if sight.on_stage)
        speaker = self._conversation.step(now, stage, seen)
        return [
            *microphones(speaker, here),
            *self._raise_hand(now, here, seen),
            *self._let_on_stage(now, seen),
            *self._step_down(now, here, seen, speaker),
            *self._chatter.step(now, here, seen),
        ]

    def lend(self, count: int, sights: Mapping[str, Sight]) -> list[str]:
        """Up to `count` people who can be spared; they are elsewhere until `take_back`."""
        seen = sights.get(self._host, NOTHING)
        here = _those_here(sights, seen)
        surplus = self._can_go(here, seen)[: self._surplus(here)]
        spared = [*self._away(), *surplus][:count] if not self._coming else []
        self.wanted.difference_update(spared)
        self.lent.update(spared)
        return spared

    def take_back(self, people: Sequence[str]) -> None:
        """They are free again."""
        self.lent.difference_update(people)

    # -- coming and going

    def _away(self) -> list[str]:
        return [p for p in self._cast if p not in self.wanted and p not in self.lent]

    def _surplus(self, here: Mapping[str, Sight]) -> int:
        """How many could go without being missed."""
        return max(0, len(self.wanted.intersection(here)) - self._people)

    def _can_go(self, here: Mapping[str, Sight], seen: Sight) -> list[str]:
        """Listeners without a hand up: nobody runs away from the stage."""
        return [
            person
            for person in self._cast
            if person in self.wanted
            and person in here
            and not here[person].on_stage
            and person not in seen.stage
            and person not in seen.hands
            and person not in self._promised
        ]

    def _come_or_go(self, here: Mapping[str, Sight], seen: Sight) -> None:
        # Half of the spare people stay away, so that somebody can visit the user at once.
        comers = self._away() if len(self.wanted) < self._people + SPARE // 2 else []
        goers = self._can_go(here, seen) if self._surplus(here) else []
        if comers and (not goers or self._rng.random() < 0.5):
            self.wanted.add(self._rng.choice(comers))
        elif goers:
            self.wanted.discard(self._rng.choice(goers))

    # -- the stage

    def _raise_hand(self, now: float, here: Mapping[str, Sight], seen: Sight) -> list[Cue]:
        free = [person for person in self._can_go(here, seen) if person != self._host]
        if eager := [person for person in free if person in self._eager]:
            self._eager.difference_update(eager)
            return [Cue(person, RequestSpeech()) for person in eager]
        if now < self._next_hand:
            return []
        self._next_hand = now + self._rng.uniform(*HANDS_EVERY)
        if not free or sum(hand in here for hand in seen.hands) >= HANDS:
            return []
        return [Cue(self._rng.choice(free), RequestSpeech())]

    def _let_on_stage(self, now: float, seen: Sight) -> list[Cue]:
        """The first hand whose time has come and for whom there is a seat."""
        for hand in seen.hands:
            delay = AT_ONCE if now < OPENING else self._rng.uniform(*CONSIDERED)
            self._answers.setdefault(hand, now + delay)
        self._answers = {hand: at for hand, at in self._answers.items() if hand in seen.hands}
        self._promised = {
            person: until
            for person, until in self._promised.items()
            if now < until and person not in seen.stage
        }
        taken = len(seen.stage) + len(self._promised)
        for hand in seen.hands:
            seats = OUR_SEATS if hand in self._cast else SEATS
            if now >= self._answers[hand] and taken < seats:
                self._answers[hand] = self._promised[hand] = now + AGAIN
                return [Cue(self._host, PromoteSpeaker(hand))]
        return []

    def _step_down(
        self, now: float, here: Mapping[str, Sight], seen: Sight, speaker: str
    ) -> list[Cue]:
        ours = [p for p, sight in here.items() if sight.on_stage and p != self._host]
        self._ends = {p: self._ends.get(p, now + self._rng.uniform(*TENURE)) for p in ours}
        for person in ours:
            if now >= self._ends[person] and person != speaker and len(seen.stage) > COMPANY:
                self._ends[person] = now + AGAIN
                return [Cue(person, Demote())]
        return []


def _those_here(sights: Mapping[str, Sight], seen: Sight) -> dict[str, Sight]:
    """Ours who are in the host's space, and known to the host to be."""
    return {
        person: sight
        for person, sight in sights.items()
        if sight.space == seen.space and person in seen.present
    }


def _arrivals(people: Sequence[str], rng: random.Random) -> list[tuple[float, str]]:
    """When they come: two at once, the others one after the other."""
    first, rest = people[:2], people[2:]
    early = [(0.3 * number, person) for number, person in enumerate(first)]
    times = sorted(rng.uniform(1.0, OPENING - 2.0) for _ in rest)
    return [*early, *zip(times, rest, strict=True)]
