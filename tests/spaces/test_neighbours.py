import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.rtc.forwarding import LinkKind
from tui.spaces.links import Link
from tui.spaces.neighbours import PATH_SECONDS, ROOM_SECONDS, Neighbours, Room

ME, HOST, ANN, BOB, CEM, DORA = (digit * 64 for digit in "157923")
CONSUMER, PROVIDER, MUTUAL = LinkKind.CONSUMER, LinkKind.PROVIDER, LinkKind.MUTUAL


class PeerStub:
    """Keeps what is said to the other side."""

    def __init__(self) -> None:
        self.has_channel = self.is_open = True
        self.told: list[dict[str, Any]] = []

    def send_message(self, message: dict[str, Any]) -> bool:
        if self.is_open:
            self.told.append(message)
        return self.is_open


class Node:
    """One participant and its links."""

    def __init__(self, outputs: int = 3, speakers: tuple[str, ...] = (HOST,)) -> None:
        self.now = 100.0
        self.parent = ""
        self.speakers = set(speakers)
        self.links: dict[str, Link] = {}
        self.drops: Counter[str] = Counter()
        self.neighbours = Neighbours(
            ME,
            self.links,
            outputs=outputs,
            parent=lambda: self.parent,
            speaks=self.speakers.__contains__,
            drops=self.drops,
            monotonic=lambda: self.now,
        )

    def link(self, other: str, kind: LinkKind, *, standby: bool = False) -> PeerStub:
        peer: Any = PeerStub()
        self.links[other] = Link(peer, kind, standby=standby)
        if kind is PROVIDER and not standby:
            self.parent = other
        return peer  # type: ignore[no-any-return]

    def say(self, other: str, kind: str, **fields: Any) -> bool:
        return self.neighbours.take(other, {"type": kind, **fields})

    def look(self, after: float = 0.0) -> None:
        self.now += after
        self.neighbours.look()


def told(peer: PeerStub, kind: str) -> list[Any]:
    return [message for message in peer.told if message["type"] == kind]


# -- the way to the stage


def test_a_parent_on_the_stage_is_the_way_before_it_says_a_word() -> None:
    node = Node()
    node.link(HOST, PROVIDER)
    assert node.neighbours.own_way == (HOST,)


def test_a_listener_is_a_way_once_it_has_told_its_own() -> None:
    node = Node()
    node.link(ANN, PROVIDER)
    assert node.neighbours.own_way is None
    assert node.say(ANN, "path", path=[BOB, HOST])
    assert node.neighbours.own_way == (ANN, BOB, HOST)
    assert node.say(ANN, "path", path=None)
    assert node.neighbours.own_way is None


def test_a_way_that_ends_off_the_stage_or_leads_through_us_is_none() -> None:
    node = Node()
    node.link(ANN, PROVIDER)
    for path in ([], [BOB], [ANN, HOST], [ME, HOST], [BOB, ME, HOST]):
        node.say(ANN, "path", path=path)
        assert node.neighbours.way(ANN) is None
        assert node.neighbours.loops(ANN) is (ME in path)
    long = [f"{number:064x}" for number in range(limits.PATH - 1)]
    node.say(ANN, "path", path=[*long[:-1], HOST])
    assert node.neighbours.way(ANN) is not None
    node.say(ANN, "path", path=[*long, HOST])
    assert node.neighbours.way(ANN) is None
    node.speakers.add(ANN)
    node.neighbours.forget(ANN)
    assert node.neighbours.way(ANN) == (ANN,)


def test_on_the_stage_the_way_is_empty_and_off_it_the_mesh_will_do_for_a_while() -> None:
    node = Node(speakers=(HOST, ME))
    node.link(HOST, MUTUAL)
    assert node.neighbours.own_way == ()
    node.speakers.remove(ME)
    assert node.neighbours.own_way == (HOST,)
    del node.links[HOST]
    assert node.neighbours.own_way is None


def test_consumers_are_told_our_way_at_once_and_then_what_has_changed() -> None:
    node = Node()
    node.link(HOST, PROVIDER)
    ann, bob = node.link(ANN, CONSUMER), node.link(BOB, CONSUMER, standby=True)
    node.look()
    for peer in (ann, bob):
        assert told(peer, "path") == [{"type": "path", "path": [HOST]}]
    node.look(10)
    assert len(ann.told) == 1
    del node.links[HOST]
    node.parent = ""
    node.look()
    assert ann.told[1:] == [{"type": "path", "path": None}]


def test_a_way_that_changes_all_the_time_is_told_now_and_then() -> None:
    node = Node()
    node.link(ANN, PROVIDER)
    bob = node.link(BOB, CONSUMER)
    for number in range(100):
        node.say(ANN, "path", path=[HOST] if number % 2 else None)
        node.look(PATH_SECONDS / 10)
    assert len(told(bob, "path")) <= 12
    node.say(ANN, "path", path=[HOST])
    node.look(PATH_SECONDS)
    assert told(bob, "path")[-1]["path"] == [ANN, HOST]


def test_what_could_not_be_told_is_told_again_and_never_to_who_cannot_hear() -> None:
    node = Node()
    node.link(HOST, PROVIDER)
    ann, bob = node.link(ANN, CONSUMER), node.link(BOB, CONSUMER)
    ann.is_open = bob.has_channel = False
    node.look()
    ann.is_open = True
    node.look()
    assert len(ann.told) == 1
    assert bob.told == []


def test_only_who_serves_us_tells_a_way_and_only_whom_we_serve_their_room() -> None:
    node = Node()
    node.link(HOST, PROVIDER)
    node.link(ANN, CONSUMER)
    assert node.say(ANN, "path", path=[])
    assert node.say(HOST, "room", free=1, below=0, at=[])
    assert node.drops == {"not theirs to say": 2}
    assert not node.say(HOST, "slots", origins=[])  # for others to read


@pytest.mark.parametrize(
    "path",
    ["", 5, {}, [1], ["x"], ["F" * 64], [HOST[1:]], [[HOST]], [None], [HOST] * (limits.PATH + 1)],
)
def test_a_path_of_another_shape_changes_nothing(path: object) -> None:
    node = Node()
    node.link(ANN, PROVIDER)
    node.say(ANN, "path", path=[HOST])
    assert node.say(ANN, "path", path=path)
    assert node.neighbours.own_way == (ANN, HOST)
    assert node.drops == {"bad path": 1}


# -- room


def test_the_parent_is_told_of_room_here_and_below_nearest_first() -> None:
    node = Node(outputs=3)
    parent = node.link(HOST, PROVIDER)
    node.link(ANN, CONSUMER)
    node.link(BOB, CONSUMER)
    node.link(CEM, CONSUMER, standby=True)
    node.say(ANN, "room", free=2, below=5, at=[ANN, DORA])
    node.say(BOB, "room", free=0, below=1, at=[CEM])
    node.say(CEM, "room", free=9, below=9, at=[CEM])  # no part of what is below us
    node.look()
    (room,) = told(parent, "room")
    assert (room["free"], room["below"]) == (1, 8)
    assert room["at"] == [ME, ANN, CEM, DORA]


def test_room_is_told_when_it_changes_and_once_a_second_at_most() -> None:
    node = Node(outputs=1_000)
    parent = node.link(HOST, PROVIDER)
    for number in range(100):
        node.link(f"{number:064x}", CONSUMER)
        node.look(ROOM_SECONDS / 10)
    assert len(told(parent, "room")) in (10, 11)
    node.look(ROOM_SECONDS)
    count = len(parent.told)
    assert told(parent, "room")[-1]["free"] == 900
    node.look(100)
    assert len(parent.told) == count


def test_who_has_no_way_has_no_room() -> None:
    node = Node()
    assert node.neighbours.room == Room(0, 0, ())


@pytest.mark.parametrize(
    "fields",
    [
        {"free": -1, "below": 0, "at": []},
        {"free": 1.5, "below": 0, "at": []},
        {"free": "1", "below": 0, "at": []},
        {"free": 1, "below": None, "at": []},
        {"free": 1, "below": 0},
        {"free": 1, "below": 0, "at": [f"{number:064x}" for number in range(1_000)]},
        {"free": 1, "below": 0, "at": ["<script>"]},
    ],
)
def test_a_room_of_another_shape_counts_for_nothing(fields: dict[str, object]) -> None:
    node = Node()
    node.link(HOST, PROVIDER)
    node.link(ANN, CONSUMER)
    assert node.say(ANN, "room", **fields)
    assert node.drops == {"bad room": 1}
    assert node.neighbours.room.below == 0


def test_who_is_named_instead_is_below_us_and_differs_from_asker_to_asker() -> None:
    node = Node(outputs=20)
    node.link(HOST, PROVIDER)
    crowd = [f"{number:064x}" for number in range(20)]
    for who in crowd:
        node.link(who, CONSUMER)
        node.say(who, "room", free=1, below=0, at=[who, ME, HOST])
    askers = [f"{number:064x}" for number in range(100, 150)]
    named = {asker: node.neighbours.below_with_room(asker) for asker in askers}
    assert all(len(found) == limits.INSTEAD for found in named.values())
    assert {ME, HOST}.isdisjoint(who for found in named.values() for who in found)
    first = Counter(found[0] for found in named.values())
    assert max(first.values()) < 15  # no herd
    assert crowd[0] not in node.neighbours.below_with_room(crowd[0])


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70),
    lambda x: st.lists(x, max_size=4) | st.dictionaries(st.text(max_size=5), x, max_size=4),
))  # fmt: skip
def test_nothing_that_a_neighbour_says_breaks_anything(value: Any) -> None:
    node = Node()
    node.link(ANN, PROVIDER)
    node.link(BOB, CONSUMER)
    for who, kind in ((ANN, "path"), (BOB, "room"), (BOB, "path"), (ANN, "room")):
        node.say(who, kind, path=value, free=value, below=value, at=value)
        fields = value if isinstance(value, dict) else {}
        node.neighbours.take(who, {**fields, "type": kind})
    node.look(1)
    way = node.neighbours.own_way
    assert way is None or way[0] == ANN
    room = node.neighbours.room
    assert len(room.at) <= limits.INSTEAD


# -- loops


@given(st.integers(), st.integers(3, 12))
def test_in_a_ring_of_listeners_somebody_sees_the_loop_and_nobody_hears_themselves(
    seed: int, size: int
) -> None:
    """However slow the words on paths are: a ring in which all trust their parent cannot last."""
    rng = random.Random(seed)
    names = [f"{number:064x}" for number in range(size)]
    paths: dict[str, list[str] | None] = {who: [HOST] for who in names}  # as it was before
    nodes = {}
    for number, who in enumerate(names):
        parent = names[number - 1]
        links: dict[str, Link] = {parent: Link(PeerStub(), PROVIDER)}  # type: ignore[arg-type]
        nodes[who] = Neighbours(
            who, links, outputs=3, parent=lambda p=parent: p, speaks=HOST.__eq__,
            drops=Counter(), monotonic=lambda: 0.0,
        )  # type: ignore[misc]  # fmt: skip
        nodes[who].take(parent, {"type": "path", "path": [HOST]})
    for _ in range(size * size):
        number = rng.randrange(size)
        parent, who = names[number - 1], names[number]
        way = nodes[parent].own_way
        paths[parent] = None if way is None else list(way)
        nodes[who].take(parent, {"type": "path", "path": paths[parent]})
    for _ in range(size):
        for number, who in enumerate(names):
            way = nodes[names[number - 1]].own_way
            nodes[who].take(names[number - 1], {"type": "path", "path": way and list(way)})
    assert all(node.own_way is None for node in nodes.values())
