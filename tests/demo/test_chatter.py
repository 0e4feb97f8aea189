import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tui.controller.intents import Chat, React
from tui.demo.chatter import Chatter
from tui.demo.scene import Sight

SEEDS = st.integers(0, 2**32)


def play(seed: int, seconds: float, seen: Sight, ours: tuple[str, ...]):
    chatter, now, cues = Chatter(random.Random(seed)), 0.0, []
    while now < seconds:
        now += 0.25
        cues += [(now, cue) for cue in chatter.step(now, dict.fromkeys(ours, seen), seen)]
    return cues


@given(SEEDS)
def test_a_guest_is_welcomed_once(seed: int) -> None:
    cues = play(seed, 5.9, Sight(present=frozenset({"A", "B", "guest"})), ("A", "B"))
    written = [cue for _, cue in cues if isinstance(cue.intent, Chat)]
    assert len(written) == 1 and written[0].who in "AB"  # nothing else is written that early
    assert play(seed, 5.9, Sight(present=frozenset("AB")), ("A", "B")) == []


@given(SEEDS)
def test_whoever_talks_is_applauded_by_others(seed: int) -> None:
    cues = play(seed, 120.0, Sight(present=frozenset("AB"), talking=frozenset("A")), ("A", "B"))
    applause = [cue for _, cue in cues if isinstance(cue.intent, React)]
    assert 3 <= len(applause) <= 14
    assert all(cue.who == "B" for cue in applause)


@given(SEEDS)
def test_nobody_applauds_silence_and_lines_keep_a_pace(seed: int) -> None:
    cues = play(seed, 300.0, Sight(present=frozenset("AB")), ("A", "B"))
    assert not any(isinstance(cue.intent, React) for _, cue in cues)
    times = [now for now, cue in cues if isinstance(cue.intent, Chat)]
    assert len(times) >= 14
    assert all(later - sooner >= 5.75 for sooner, later in pairwise(times))


def test_who_is_not_here_writes_nothing() -> None:
    assert Chatter(random.Random(1)).step(1_000.0, {}, Sight(talking=frozenset("A"))) == []
