"""Who has the word: people on one stage talk in turn, and leave room for the real ones.

Pure: time comes in, and chance comes from the generator that was handed over.
"""

import random
from collections import deque
from collections.abc import Iterable, Mapping

from tui.controller.intents import Mute
from tui.demo.scene import Cue, Sight

TURN = (3.0, 9.0)  # seconds that somebody talks
GREETING = (2.0, 3.5)  # seconds of the host's welcome to somebody new on stage
PAUSE = (0.5, 1.8)  # seconds between two turns
PAUSE_WITH_GUESTS = (2.0, 5.0)  # the same while real people might want to say something
SOON = 1.5  # seconds until a turn ends because a real person was let on stage
ROOM = 8.0  # seconds of silence for a real person who was just let on stage
PATIENCE = 20.0  # seconds that real people may talk before the others go on regardless
AGENDA = 8  # turns that are promised at most


class Conversation:
    """Gives the word to one of `cast` at a time. `host`, if it is one of them, greets newcomers.

    All times are seconds on one clock.
    """

    def __init__(self, cast: Iterable[str], rng: random.Random, host: str = "") -> None:
        self._cast = frozenset(cast)
        self._rng = rng
        self._host = host
        self._speaker = ""
        self._last = ""
        self._until = 0.0
        self._next = 0.0
        self._known: frozenset[str] = frozenset()
        self._guests_since: float | None = None
        # Who talks for how long; nobody ("") is silence.
        self._agenda: deque[tuple[str, float]] = deque(maxlen=AGENDA)

    def step(self, now: float, ours: frozenset[str], seen: Sight) -> str:
        """Who has the word at `now`, or "": `ours` are those of the cast who may speak."""
        guests = seen.stage - self._cast
        self._meet(ours, guests, now)
        if self._listens_to(guests & seen.talking, now):
            self._agenda.clear()
            self._end_turn(now, guests)
            return ""
        if self._speaker and (now >= self._until or self._speaker not in ours):
            self._end_turn(now, guests)
        if not self._speaker and now >= self._next:
            self._begin_turn(now, sorted(ours))
        return self._speaker

    def _meet(self, ours: frozenset[str], guests: frozenset[str], now: float) -> None:
        greeting = [(self._host, self._rng.uniform(*GREETING))] if self._host else []
        for newcomer in sorted(ours - self._known - {self._host}):
            self._agenda.extend((*greeting, (newcomer, self._rng.uniform(*TURN))))
        if guests - self._known:
            self._agenda.extendleft((("", ROOM), *greeting))  # the greeting ends up in front
            self._until = min(self._until, now + SOON)
            self._next = min(self._next, now + SOON)
        self._known = ours | guests

    def _listens_to(self, talking: frozenset[str], now: float) -> bool:
        if not talking:
            self._guests_since = None
            return False
        if self._guests_since is None:
            self._guests_since = now
        return now - self._guests_since < PATIENCE

    def _begin_turn(self, now: float, ours: list[str]) -> None:
        while self._agenda:
            speaker, seconds = self._agenda.popleft()
            if not speaker:
                self._next = now + seconds
                return
            if speaker in ours:
                break
        else:
            others = [person for person in ours if person != self._last] or ours
            if not others:
                return
            speaker, seconds = self._rng.choice(others), self._rng.uniform(*TURN)
        self._speaker = self._last = speaker
        self._until = now + seconds

    def _end_turn(self, now: float, guests: frozenset[str]) -> None:
        self._speaker = ""
        leaves_room = guests and not self._agenda
        self._next = now + self._rng.uniform(*(PAUSE_WITH_GUESTS if leaves_room else PAUSE))


def microphones(speaker: str, sights: Mapping[str, Sight]) -> list[Cue]:
    """What brings the microphones of those on stage to where they should be."""
    return [
        Cue(person, Mute(on=person != speaker))
        for person, sight in sights.items()
        if sight.on_stage and sight.microphone_open is not (person == speaker)
    ]
