from itertools import pairwise
from typing import Any

import pytest

from tui.config import limits
from tui.spaces import events, topology
from tui.spaces.events import Metrics, SpaceEvent, SpaceRef
from tui.spaces.state import SpaceState

HOST, ANN, BOB, CEM, EVE = [digit * 64 for digit in "1a2b3"]
SPACE = SpaceRef(HOST, "tea")
START = 10_000
numbers = iter(range(10**9))


def event(kind: type[SpaceEvent], signer: str, at: int, **fields: Any) -> SpaceEvent:
    return kind(space=SPACE, signer=signer, at=at, id=f"{next(numbers):064x}", **fields)


def joined(who: str, at: int = START, outputs: int = 3, lifetime: int = 180) -> SpaceEvent:
    metrics = Metrics(upload_kbps=2_000, max_audio_outputs=outputs)
    lasting = lifetime == events.OPEN_JOIN_LIFETIME
    fields: dict[str, Any] = {"metrics": metrics, "until": at + lifetime, "lasting": lasting}
    return event(events.PeerJoined, who, at, name="", nip44=True, **fields)


def confirmed(asked: str, asking: str, at: int = START + 1, *, standby: bool = False) -> SpaceEvent:
    fields: dict[str, Any] = {"type": "consumer", "standby": standby}
    return event(events.ConnectionConfirmed, asked, at, to=asking, **fields)


def dropped(who: str, other: str, at: int) -> SpaceEvent:
    return event(events.ConnectionDropped, who, at, to=other)


def chain() -> SpaceState:
    """The host serves ANN, who serves BOB, who serves CEM."""
    state = SpaceState(SPACE)
    people = [HOST, ANN, BOB, CEM]
    for who in people:
        state.apply(joined(who))
    for asked, asking in pairwise(people):
        state.apply(confirmed(asked, asking))
    return state


def test_the_tree_follows_what_is_said() -> None:
    state = chain()
    assert state.tree.path(CEM) == (BOB, ANN, HOST)
    assert (state.tree.free(ANN), state.tree.free(CEM)) == (2, 3)
    state.apply(joined(ANN, START + 2, outputs=5))
    assert state.tree.free(ANN) == 4
    state.apply(confirmed(HOST, CEM, START + 3))
    assert state.tree.parent(CEM) == HOST
    state.apply(dropped(CEM, BOB, START + 4))
    assert state.tree.consumers(BOB) == 0
    state.apply(event(events.SpeakerPromoted, HOST, START + 5, target=BOB))
    assert (state.tree.parent(BOB), state.tree.distance(BOB)) == ("", 0)
    state.apply(event(events.PeerRemoved, HOST, START + 6, target=ANN))
    assert ANN not in state.tree
    state.apply(event(events.PeerLeft, CEM, START + 7))
    assert CEM not in state.tree
    assert len(state.tree) == 2
    state.apply(event(events.SpaceEnded, HOST, START + 8))
    assert len(state.tree) == 0


def test_who_comes_again_has_no_connection_of_before_and_who_was_only_late_has() -> None:
    state = chain()
    assert state.tree.distance(CEM) == 3
    state.apply(event(events.PeerLeft, ANN, START + 5))
    state.apply(joined(ANN, START + 6))
    assert (state.tree.parent(ANN), state.tree.consumers(ANN)) == ("", 0)
    state = chain()
    state.look(START + 200)
    assert len(state.tree) == 0
    for who in (BOB, HOST, CEM, ANN):
        state.apply(joined(who, START + 201))
    assert state.tree.path(CEM) == (BOB, ANN, HOST)


def test_a_second_parent_is_no_parent_until_it_serves() -> None:
    state = chain()
    state.apply(confirmed(HOST, CEM, START + 2, standby=True))
    assert state.tree.parent(CEM) == BOB
    assert state.tree.consumers(HOST) == 1
    state.apply(confirmed(HOST, CEM, START + 3))
    assert state.tree.parent(CEM) == HOST
    state.apply(confirmed(HOST, CEM, START + 4, standby=True))
    assert state.tree.parent(CEM) == BOB


def test_time_passes_in_bounded_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topology, "EXPIRED", 10)
    state = SpaceState(SPACE)
    for number in range(25):
        state.apply(joined(f"{number:064x}", lifetime=100 + number))
    left = []
    for now in (START + 99, START + 100, START + 500, START + 500, START + 500, START + 100):
        state.look(now)
        left.append(len(state.tree))
    assert left == [25, 24, 14, 4, 0, 0]


def test_who_says_no_end_stays_as_long_as_a_connection() -> None:
    state = SpaceState(SPACE)
    for who in (HOST, ANN, EVE):
        state.apply(joined(who, lifetime=600))
    state.apply(confirmed(HOST, ANN))
    state.look(START + 1_000)
    assert (ANN in state.tree, EVE in state.tree) == (True, False)
    assert state.tree.parent(ANN) == HOST
    state.apply(confirmed(HOST, EVE, START + 1_000))
    assert state.tree.parent(EVE) == HOST
    state.apply(dropped(ANN, HOST, START + 1_001))
    assert ANN not in state.tree
    state.apply(event(events.PeerLeft, HOST, START + 1_002))
    assert EVE not in state.tree


def test_what_is_forgotten_for_want_of_room_is_in_no_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PEOPLE", 20)
    monkeypatch.setattr(limits, "EDGES", 20)
    monkeypatch.setattr(topology, "NOTED", 5)
    state = chain()
    assert len(state.tree) == 4
    for number in range(200):
        state.apply(joined(f"{number:064x}", START + 2))
        state.apply(confirmed(f"{number:064x}", f"{number - 1:064x}", START + 3))
    tree = state.tree
    assert {who for who in state.known() if who in tree} == set(state.present(START + 4))
    assert len(tree) <= 20
    edges = {(edge.asking, edge.asked) for edge in state.edges(START + 4)}
    served = {(who, tree.parent(who)) for who in state.present(START + 4) if tree.parent(who)}
    assert served == edges
    assert tree.parent(ANN) == HOST


def test_it_is_the_same_whenever_it_is_first_asked_for() -> None:
    early, late = SpaceState(SPACE), chain()
    assert len(early.tree) == 0
    said = [
        *(joined(who) for who in (CEM, BOB, ANN, HOST)),
        confirmed(BOB, CEM),
        confirmed(ANN, BOB),
        confirmed(HOST, ANN),
    ]
    for each in said:
        early.apply(each)
    for now in (START, START + 179, START + 181):
        for state in (early, late):
            state.look(now)
        assert early.tree.path(CEM) == late.tree.path(CEM)
        assert len(early.tree) == len(late.tree)
