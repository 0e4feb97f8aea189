"""What simulated people write and how they react, beside the talking.

Pure: time comes in, and chance comes from the generator that was handed over.
"""

import random
from collections.abc import Mapping

from tui.controller.intents import Chat, React
from tui.demo.scene import Cue, Sight

LINE_EVERY = (6.0, 20.0)  # seconds between two lines of the chat
APPLAUSE_EVERY = (9.0, 25.0)  # seconds between two reactions to whoever talks
WELCOME_AFTER = (3.0, 5.0)  # seconds until a real person who came in is greeted

_LINES = (
    "hello from here",
    "sound is great tonight",
    "could you say that again?",
    "I never thought of it that way",
    "who else is in for the first time?",
    "that is a good question",
    "+1",
    "taking notes",
    "I have to leave in ten minutes, sadly",
    "same time next week?",
    "a bit louder, please",
    "can somebody share the link?",
    "I tried that, it works",
    "coffee break soon?",
)
_WELCOMES = ("welcome!", "good to have you here", "hi! raise your hand (h) if you want to speak")
_EMOJIS = ("👏", "👍", "💜", "🔥", "😂")


class Chatter:
    """Lines and reactions of whoever of the cast is here. All times are seconds on one clock."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._next_line = rng.uniform(*LINE_EVERY)
        self._next_applause = rng.uniform(*APPLAUSE_EVERY)
        self._welcomes: dict[str, float] = {}
        self._last = ""

    def step(self, now: float, here: Mapping[str, Sight], seen: Sight) -> list[Cue]:
        """What is written at `now` by those of ours who are `here`; `seen` is the host's sight."""
        if not here:
            return []
        return [
            *self._welcome(now, here, seen.present - here.keys()),
            *self._write(now, here),
            *self._applaud(now, here, seen.talking),
        ]

    def _welcome(self, now: float, here: Mapping[str, Sight], guests: frozenset[str]) -> list[Cue]:
        for guest in guests:
            self._welcomes.setdefault(guest, now + self._rng.uniform(*WELCOME_AFTER))
        due = [guest for guest in guests if now >= self._welcomes[guest]]
        for guest in due:
            self._welcomes[guest] = float("inf")  # once is enough
        return [Cue(self._somebody(here), Chat(self._rng.choice(_WELCOMES))) for _ in due]

    def _write(self, now: float, here: Mapping[str, Sight]) -> list[Cue]:
        if now < self._next_line:
            return []
        self._next_line = now + self._rng.uniform(*LINE_EVERY)
        lines = [line for line in _LINES if line != self._last]
        self._last = self._rng.choice(lines)
        return [Cue(self._somebody(here), Chat(self._last))]

    def _applaud(self, now: float, here: Mapping[str, Sight], talking: frozenset[str]) -> list[Cue]:
        silent = [person for person in here if person not in talking]
        if now < self._next_applause or not talking or not silent:
            return []
        self._next_applause = now + self._rng.uniform(*APPLAUSE_EVERY)
        return [Cue(self._rng.choice(silent), React(self._rng.choice(_EMOJIS)))]

    def _somebody(self, here: Mapping[str, Sight]) -> str:
        return self._rng.choice(list(here))
