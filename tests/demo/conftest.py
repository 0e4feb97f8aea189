import random
from collections import defaultdict
from collections.abc import Callable

import pytest

from tui.controller.intents import (
    AnyIntent,
    Demote,
    HostSpace,
    JoinSpace,
    LeaveSpace,
    Mute,
    PromoteSpeaker,
    RequestSpeech,
)
from tui.demo.scene import NOTHING, Cue, Sight
from tui.demo.script import Script

STEP = 0.25
GUEST = "guest"
HOME = "P00:home"


class Theatre:
    """A world without network or sound: cues have their effect after a while, or are lost.

    `guest` is a real person in it, who does what the test says.
    """

    def __init__(self, people: int, seed: int, *, delay: float = 0.3, lost: float = 0.0) -> None:
        self.cast = [f"P{number:02}" for number in range(people + 4)]
        self.host = self.cast[0]
        self.script = Script(self.cast, people, seed)
        self.now = 0.0
        self.elsewhere: set[str] = set()
        self.log: list[tuple[float, str, AnyIntent]] = []
        self.space: dict[str, str] = {}
        self.stage: dict[str, set[str]] = defaultdict(set)
        self.hands: dict[str, list[str]] = defaultdict(list)
        self.open: set[str] = set()
        self._rng = random.Random(seed)
        self._delay = delay
        self._lost = lost
        self._waiting: list[tuple[float, Cue]] = []

    def run(self, seconds: float, check: Callable[[], None] = lambda: None) -> None:
        """Let time pass, calling `check` after each step."""
        end = self.now + seconds
        while self.now < end:
            self.now += STEP
            due = [cue for at, cue in self._waiting if at <= self.now]
            self._waiting = [(at, cue) for at, cue in self._waiting if at > self.now]
            for cue in due:
                self.do(cue.who, cue.intent)
            present = {space: self.present(space) for space in set(self.space.values())}
            sights = {person: self.sight(person, present) for person in self.cast}
            for cue in self.script.step(self.now, sights, frozenset(self.elsewhere)):
                self.log.append((self.now, cue.who, cue.intent))
                if self._rng.random() >= self._lost:
                    late = self._rng.uniform(0.05, self._delay)
                    self._waiting.append((self.now + late, cue))
            check()

    def do(self, who: str, intent: AnyIntent) -> None:
        """Have an effect, as the controllers would."""
        space = self.space.get(who, "")
        stage, hands = self.stage[space], self.hands[space]
        match intent:
            case HostSpace() if not space:
                self.space[who] = HOME
                self.stage[HOME].add(who)
            case JoinSpace(ref=ref) if not space:
                self.space[who] = ref
            case LeaveSpace():
                self.space.pop(who, None)
                stage.discard(who)
                self.open.discard(who)
                if who in hands:
                    hands.remove(who)
            case RequestSpeech() if space and who not in stage | set(hands):
                hands.append(who)
            case PromoteSpeaker(pubkey=pubkey) if self.space.get(pubkey) == space:
                stage.add(pubkey)
                if pubkey in hands:
                    hands.remove(pubkey)
            case Demote() if who in stage:
                stage.discard(who)
                self.open.discard(who)
            case Mute(on=on) if who in stage:
                (self.open.discard if on else self.open.add)(who)

    def sight(self, who: str, present: dict[str, frozenset[str]]) -> Sight:
        """What `who` sees."""
        space = self.space.get(who, "")
        if not space:
            return NOTHING
        stage = self.stage[space]
        return Sight(
            space=space,
            on_stage=who in stage,
            microphone_open=who in self.open,
            present=present[space],
            stage=frozenset(stage),
            talking=frozenset(self.open & stage),
            hands=tuple(self.hands[space]),
        )

    def present(self, space: str = HOME) -> frozenset[str]:
        """Who is in a space."""
        return frozenset(who for who, where in self.space.items() if where == space)


@pytest.fixture
def theatre() -> type[Theatre]:
    return Theatre
