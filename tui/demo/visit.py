"""A visit of simulated people to a space that somebody else hosts. Pure, like the rest."""

import random
from collections.abc import Mapping, Sequence

from tui.controller.intents import RequestSpeech
from tui.demo.conversation import Conversation, microphones
from tui.demo.scene import Cue, Sight

VISITORS = 3  # people at most
FIRST = (2.0, 4.0)  # seconds until the first one comes
APART = (1.0, 3.0)  # seconds between two who come or go
ASK = (6.0, 10.0)  # seconds after the first one came until one asks to speak
STAY = (120.0, 180.0)  # seconds until they leave


class Visit:
    """From the first who comes to the last who leaves."""

    def __init__(self, space: str, crew: Sequence[str], now: float, rng: random.Random) -> None:
        self.space = space
        self.crew = tuple(crew)
        self._conversation = Conversation(crew, rng)
        self._stays: dict[str, tuple[float, float]] = {}
        come = now + rng.uniform(*FIRST)
        self._asker, self._asks_at = crew[0], come + rng.uniform(*ASK)
        leave = come + rng.uniform(*STAY)
        for person in crew:
            self._stays[person] = come, leave
            come, leave = come + rng.uniform(*APART), leave + rng.uniform(*APART)

    def has(self, person: str, now: float) -> bool:
        """Whether somebody should be there."""
        come, leave = self._stays.get(person, (0.0, 0.0))
        return come <= now < leave

    @property
    def ends(self) -> float:
        """When everybody may be back."""
        return max(leave for _, leave in self._stays.values())

    def step(self, now: float, sights: Mapping[str, Sight]) -> list[Cue]:
        """What is to be done at `now` by those who are there."""
        here = {p: sights[p] for p in self.crew if p in sights and sights[p].space == self.space}
        stage = frozenset(person for person, sight in here.items() if sight.on_stage)
        cues = []
        asker = here.get(self._asker)
        if asker is not None and now >= self._asks_at:
            self._asks_at = float("inf")  # nobody likes to be pressed
            if not asker.on_stage:
                cues.append(Cue(self._asker, RequestSpeech()))
        if here:
            speaker = self._conversation.step(now, stage, next(iter(here.values())))
            cues += microphones(speaker, here)
        return cues
