import random
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tui.spaces.events import (
    ConnectionConfirmed,
    ConnectionType,
    Metrics,
    PeerJoined,
    PeerLeft,
    SpaceEvent,
    SpaceRef,
    SpeakerPromoted,
)
from tui.spaces.state import SpaceState
from tui.spaces.tree import choose_parent

HOST, ANN, BOB, ME = (digit * 64 for digit in "1abc")
SPACE = SpaceRef(HOST, "tea")
NOW = 1_000


class Room:
    """A space in the making."""

    def __init__(self, **outputs: int) -> None:
        self.state = SpaceState(SPACE)
        self._rng = random.Random(3)

    def say(self, kind: type[SpaceEvent], signer: str, **fields: Any) -> None:
        id_ = f"{self._rng.getrandbits(256):064x}"
        self.state.apply(kind(space=SPACE, signer=signer, at=NOW, id=id_, **fields))

    def enter(self, who: str, outputs: int, *, until: int = NOW + 180) -> None:
        metrics = Metrics(max_audio_outputs=outputs)
        self.say(PeerJoined, who, name="", metrics=metrics, until=until, nip44=True)

    def on_stage(self, who: str, outputs: int) -> None:
        self.enter(who, outputs)
        self.say(SpeakerPromoted, HOST, target=who)

    def connect(self, asking: str, asked: str, type_: ConnectionType = "consumer") -> None:
        self.say(ConnectionConfirmed, asked, to=asking, type=type_)

    def seat(self, who: str) -> str | None:
        """Somebody joins and connects to whom they choose."""
        self.enter(who, 0)
        parent = choose_parent(self.state, who, NOW)
        if parent is not None:
            self.connect(who, parent)
        return parent


def test_the_only_one_on_stage_is_the_parent() -> None:
    room = Room()
    assert choose_parent(room.state, ME, NOW) is None
    room.enter(HOST, 2)
    room.enter(BOB, 50)  # who only listens
    assert choose_parent(room.state, ME, NOW) == HOST


def test_nobody_is_their_own_parent() -> None:
    room = Room()
    room.enter(HOST, 2)
    assert choose_parent(room.state, HOST, NOW) is None


def test_a_parent_is_there_has_an_output_free_and_is_not_avoided() -> None:
    room = Room()
    room.enter(HOST, 1)
    assert choose_parent(room.state, ME, NOW, {HOST}) is None
    assert choose_parent(room.state, ME, NOW + 180) is None
    room.enter(ANN, 0)
    room.connect(ANN, HOST)
    assert choose_parent(room.state, ME, NOW) is None
    room.say(PeerLeft, ANN)
    assert choose_parent(room.state, ME, NOW) == HOST
    room.say(PeerLeft, HOST)
    assert choose_parent(room.state, ME, NOW) is None


def test_where_all_seem_full_the_least_loaded_may_do() -> None:
    room = Room()
    room.enter(HOST, 1)
    room.on_stage(ANN, 2)
    room.on_stage(BOB, 0)
    for number in range(3):
        for asked in (HOST, ANN):
            room.enter(f"{asked[0]}{number:063x}", 0)
            room.connect(f"{asked[0]}{number:063x}", asked)
    assert choose_parent(room.state, ME, NOW) is None
    assert choose_parent(room.state, ME, NOW, full=True) == ANN  # 3 of 2 against 3 of 1
    assert choose_parent(room.state, ME, NOW, {ANN}, full=True) == HOST


def test_only_consumers_take_an_output_and_one_does_not_count_oneself() -> None:
    room = Room()
    room.enter(HOST, 1)
    room.on_stage(ANN, 0)
    room.connect(ANN, HOST, "mutual")
    assert choose_parent(room.state, ME, NOW) == HOST
    room.enter(ME, 0)
    room.connect(ME, HOST)
    assert choose_parent(room.state, ME, NOW) == HOST
    assert choose_parent(room.state, BOB, NOW) is None


def test_somebody_on_stage_who_gives_nothing_is_no_parent() -> None:
    room = Room()
    room.on_stage(ANN, 0)
    assert choose_parent(room.state, ME, NOW) is None


def test_the_least_loaded_is_taken() -> None:
    room = Room()
    room.enter(HOST, 10)
    room.on_stage(ANN, 4)
    for number in range(3):
        room.enter(f"{number:064x}", 0)
        room.connect(f"{number:064x}", HOST)
    assert choose_parent(room.state, ME, NOW) == ANN  # 4 of 4 free against 7 of 10
    for number in range(3, 5):
        room.enter(f"{number:064x}", 0)
        room.connect(f"{number:064x}", ANN)
    assert choose_parent(room.state, ME, NOW) == HOST  # 7 of 10 against 2 of 4


def test_joiners_who_see_the_same_spread_over_equal_parents() -> None:
    room = Room()
    stage = [HOST, *(f"{number:064x}" for number in range(100, 104))]
    room.enter(HOST, 50)
    for who in stage[1:]:
        room.on_stage(who, 50)
    joiners = [f"{number:064x}" for number in range(1000, 1500)]
    chosen = Counter(choose_parent(room.state, who, NOW) for who in joiners)
    assert set(chosen) == set(stage)
    assert all(60 <= count <= 140 for count in chosen.values())  # 100 each, on average


def test_joiners_one_after_another_fill_the_stage_and_no_one_beyond_it() -> None:
    room = Room()
    room.enter(HOST, 7)
    room.on_stage(ANN, 5)
    parents = Counter(room.seat(f"{number:064x}") for number in range(15))
    assert parents == {HOST: 7, ANN: 5, None: 3}


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 6)), min_size=1, max_size=6),
    st.randoms(use_true_random=False),
    st.sets(st.integers(0, 5)),
)
def test_the_choice_depends_on_what_is_known_and_not_on_its_order(
    stage: list[tuple[int, int]], rng: random.Random, avoided: set[int]
) -> None:
    people = [HOST, *(f"{number:064x}" for number in range(5, 10))]
    avoid = {people[number] for number in avoided}

    def choice(order: list[tuple[int, tuple[int, int]]]) -> str | None:
        room = Room()
        for number, (outputs, consumers) in order:
            room.on_stage(people[number], outputs)
            for consumer in range(consumers):
                room.enter(f"c{number:031x}{consumer:032x}", 0)
                room.connect(f"c{number:031x}{consumer:032x}", people[number])
        return choose_parent(room.state, ME, NOW, avoid)

    numbered = list(enumerate(stage))
    found = choice(numbered)
    rng.shuffle(numbered)
    assert choice(numbered) == found
    free = {people[n] for n, (outputs, consumers) in enumerate(stage) if consumers < outputs}
    assert found in free - avoid if free - avoid else found is None
