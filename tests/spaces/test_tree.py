import math
import random
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.config import limits
from tui.spaces.candidates import GRAIN
from tui.spaces.events import ConnectionType
from tui.spaces.graph import MAX_DISTANCE
from tui.spaces.tree import CLEAR_GAIN, Tree, Weights

HOST, ANN, BOB, CEM, DAN, EVE, ME = PEOPLE = [digit * 64 for digit in "1abcdef"]
OPTIMUM = 500.0


def key(number: int) -> str:
    return f"{random.Random(number).getrandbits(256):064x}"


class Grown(Tree):
    """A tree whose connections are confirmed one after another."""

    def __init__(self, *stage: str, outputs: int = 2) -> None:
        super().__init__(HOST)
        self._at = 0
        self.enter(HOST, outputs)
        for who in stage:
            self.enter(who, outputs, speaks=True)

    def enter(
        self, who: str, outputs: int = 2, *, speaks: bool = False, share: float = OPTIMUM
    ) -> None:
        speaks = speaks or who == HOST
        self.put(who, speaks=speaks, outputs=outputs, upload_kbps=share * outputs)

    def serve(self, *chain: str, outputs: int = 2) -> None:
        """Each serves the next one."""
        for asked, asking in pairwise(chain):
            if asking not in self:
                self.enter(asking, outputs)
            self._at += 1
            self.connect(asking, asked, "consumer", order=(self._at, key(self._at)))

    def seat(self, who: str, outputs: int = 2) -> str | None:
        parent = self.choose(who)
        if parent is not None:
            self.serve(parent, who, outputs=outputs)
        return parent


# -- the graph


def test_hops_are_counted_from_the_stage_where_the_path_ends() -> None:
    tree = Grown(ANN)
    tree.serve(HOST, BOB, CEM)
    tree.serve(ANN, DAN)
    assert [tree.distance(who) for who in PEOPLE] == [0, 0, 1, 2, 1, None, None]
    assert tree.path(CEM) == (BOB, HOST)
    assert tree.path(DAN) == (ANN,)
    assert tree.path(ANN) == tree.path(HOST) == tree.path(EVE) == ()
    assert (tree.parent(CEM), tree.parent(ANN), tree.parent(EVE)) == (BOB, "", "")
    assert tree.depth == 2
    assert (tree.consumers(HOST), tree.free(HOST), tree.free(EVE)) == (1, 1, 0)
    assert len(tree) == 5
    assert DAN in tree
    assert EVE not in tree


def test_the_stage_needs_no_host_to_have_the_sound() -> None:
    tree = Grown(ANN)
    tree.serve(ANN, BOB)
    tree.remove(HOST)
    assert tree.path(BOB) == (ANN,)
    assert tree.choose(ME) in {ANN, BOB}


def test_of_several_the_newest_counts_and_what_the_stage_confirms_before_all() -> None:
    orders = {ANN: (5, "a"), BOB: (5, "b"), CEM: (4, "z")}
    for asked in (list(orders), list(orders)[::-1]):
        tree = Grown()
        tree.serve(HOST, ANN, outputs=9)
        tree.serve(ANN, BOB, CEM)
        tree.enter(EVE)
        for who in asked:
            tree.connect(EVE, who, "consumer", order=orders[who])
        assert tree.parent(EVE) == BOB
        tree.connect(EVE, HOST, "consumer", order=(1, "0"))
        assert tree.parent(EVE) == HOST
        tree.disconnect(HOST, EVE)
        tree.disconnect(EVE, BOB)
        assert tree.parent(EVE) == ANN
        tree.remove(ANN)
        assert tree.parent(EVE) == CEM
        assert tree.distance(EVE) is None


def test_only_who_listens_to_somebody_is_below_them() -> None:
    tree = Grown(ANN)
    for who in (BOB, CEM, DAN):
        tree.enter(who)
    tree.connect(BOB, HOST, "mutual")
    tree.connect(CEM, HOST, "provider")
    tree.connect(DAN, HOST, "consumer", standby=True)
    tree.connect(ANN, HOST, "consumer")
    assert [tree.parent(who) for who in (BOB, CEM, DAN, ANN)] == [""] * 4
    assert tree.free(HOST) == 2
    tree.connect(DAN, HOST, "consumer")
    assert tree.parent(DAN) == HOST
    tree.connect(DAN, HOST, "consumer", standby=True)
    assert tree.parent(DAN) == ""
    tree.connect(DAN, HOST, "consumer")
    tree.connect(HOST, DAN, "mutual")
    assert tree.parent(DAN) == ""


def test_who_comes_onto_the_stage_needs_no_parent_and_who_leaves_it_does() -> None:
    tree = Grown()
    tree.serve(HOST, ANN, BOB, CEM)
    tree.enter(BOB, speaks=True)
    assert (tree.parent(BOB), tree.distance(BOB), tree.distance(CEM)) == ("", 0, 1)
    tree.enter(BOB)
    assert (tree.parent(BOB), tree.distance(BOB), tree.distance(CEM)) == (ANN, 2, 3)


def test_nobody_in_a_loop_has_a_path_until_it_is_opened() -> None:
    tree = Grown()
    tree.serve(HOST, ANN, BOB, CEM, DAN)
    assert tree.depth == 4
    tree.serve(CEM, ANN)
    tree.disconnect(ANN, HOST)
    assert [tree.distance(who) for who in (ANN, BOB, CEM, DAN)] == [None] * 4
    assert tree.depth == 0
    assert tree.choose(ME) == HOST
    tree.disconnect(CEM, BOB)
    tree.serve(HOST, CEM)
    assert [tree.distance(who) for who in (CEM, DAN, ANN, BOB)] == [1, 2, 2, 3]
    tree.connect(ANN, ANN, "consumer")
    assert tree.distance(ANN) == 2


def test_a_path_has_an_end() -> None:
    tree = Grown()
    chain = [HOST, *map(key, range(40))]
    tree.serve(*chain)
    assert tree.distance(chain[MAX_DISTANCE]) == MAX_DISTANCE == tree.depth
    assert tree.distance(chain[MAX_DISTANCE + 1]) is None
    assert len(tree.path(chain[MAX_DISTANCE])) == MAX_DISTANCE
    assert tree.score(ME, chain[MAX_DISTANCE]) is None
    assert tree.score(ME, chain[MAX_DISTANCE - 1]) is not None
    tree.remove(chain[10])
    assert tree.depth == 9


# -- the score


def test_the_score_has_three_parts() -> None:
    tree = Grown(BOB)
    tree.enter(ANN, 4, share=250)
    tree.serve(HOST, ANN, CEM, DAN)
    assert tree.depth == 3
    assert tree.score(ME, BOB) == pytest.approx(0.4 + 0.4 + 0.2)
    assert tree.score(ME, HOST) == pytest.approx(0.4 + 0.4 + 0.2 * 1 / 2)
    assert tree.score(ME, ANN) == pytest.approx(0.4 * 2 / 3 + 0.4 / 2 + 0.2 * 3 / 4)
    assert tree.score(ME, CEM) == pytest.approx(0.4 * 1 / 3 + 0.4 / 2 + 0.2 * 1 / 2)
    assert tree.score(ME, DAN) == pytest.approx(0.4 * 0 / 3 + 0.4 / 2 + 0.2)
    assert tree.score(BOB, HOST) == 1.0


def test_who_cannot_be_a_parent_has_no_score() -> None:
    tree = Grown(ANN)
    tree.enter(ANN, 0, speaks=True)
    tree.serve(HOST, BOB, CEM)
    tree.enter(DAN)
    tree.serve(HOST, EVE, outputs=9)
    assert tree.score(ME, ANN) is None  # no outputs
    assert tree.score(ME, DAN) is None  # no path
    assert tree.score(ME, HOST) is None  # full
    assert tree.score(BOB, HOST) is not None  # by itself only
    assert tree.score(BOB, CEM) is None  # below
    assert tree.score(BOB, BOB) is None
    assert tree.score(ME, ME) is None


@pytest.mark.parametrize("claim", [0, -1, math.nan, math.inf, -math.inf, 1e300])
def test_what_people_claim_of_their_network_breaks_nothing(claim: float) -> None:
    tree = Grown()
    tree.put(ANN, speaks=False, outputs=5, upload_kbps=claim)
    tree.put(BOB, speaks=False, outputs=-3, upload_kbps=claim)
    tree.put(CEM, speaks=False, outputs=10**9, upload_kbps=claim)
    tree.serve(HOST, ANN, CEM)
    tree.serve(HOST, BOB)
    score = tree.score(ME, CEM)
    assert score is not None
    assert 0 <= score <= 1
    assert tree.free(CEM) == limits.AUDIO_OUTPUTS
    assert tree.free(BOB) == 0
    assert tree.choose(ME) in {ANN, CEM}


def test_weights_and_the_optimum_are_configuration() -> None:
    tree = Tree(HOST, Weights(proximity=0, network=0, load=1, optimum_kbps=1))
    tree.put(HOST, speaks=True, outputs=4, upload_kbps=1)
    tree.put(ANN, speaks=True, outputs=4, upload_kbps=1)
    tree.put(BOB, speaks=False, outputs=0, upload_kbps=1)
    tree.connect(BOB, HOST, "consumer")
    assert tree.score(ME, HOST) == 0.75
    assert tree.choose(ME) == ANN


# -- the choice


def test_the_only_one_on_stage_is_the_parent_and_the_stage_has_none() -> None:
    tree = Tree(HOST)
    assert tree.choose(ME) is None
    tree.put(HOST, speaks=True, outputs=2, upload_kbps=0)
    tree.put(BOB, speaks=False, outputs=50, upload_kbps=9_000)  # without a path
    assert tree.choose(ME) == HOST
    assert tree.choose(ME, avoid={HOST}) is None
    assert tree.choose(HOST) is None


def test_where_all_are_full_the_best_of_them_may_do() -> None:
    tree = Grown(ANN, outputs=1)
    for number, asked in enumerate([HOST, HOST, ANN, ANN, ANN]):
        tree.serve(asked, key(number), outputs=0)
    assert tree.choose(ME) is None
    assert tree.choose(ME, full=True) == HOST
    assert tree.choose(ME, full=True, avoid={HOST}) == ANN
    tree.enter(ANN, 4, speaks=True)
    assert tree.choose(ME, full=True) == ANN


def test_one_does_not_count_oneself_as_a_consumer_of_ones_parent() -> None:
    tree = Grown(outputs=1)
    tree.serve(HOST, ANN, BOB)
    assert tree.choose(ANN) == HOST
    assert tree.choose(ANN, avoid={HOST}) is None  # BOB is below
    assert tree.choose(BOB) == ANN
    assert tree.better(ANN) is None
    tree.serve(HOST, CEM, outputs=0)
    assert tree.choose(ANN) is None
    assert tree.choose(ANN, full=True) == HOST


def test_a_second_parent_is_apart_from_the_first_if_anybody_is() -> None:
    tree = Grown(ANN, outputs=3)
    tree.serve(HOST, BOB, CEM, DAN)
    tree.serve(ANN, EVE)
    for parent in (HOST, BOB, CEM):
        second = tree.choose(ME, avoid={parent}, apart_from=parent)
        assert second is not None
        assert parent not in (second, *tree.path(second))
    tree.remove(ANN)
    tree.remove(EVE)
    assert tree.choose(ME, avoid={HOST}, apart_from=HOST) == BOB
    assert tree.choose(CEM, avoid={BOB}, apart_from=BOB) == HOST
    assert tree.choose(CEM, apart_from=BOB) == HOST


def test_nobody_moves_but_for_a_clear_gain() -> None:
    tree = Grown(outputs=4)
    tree.serve(HOST, ANN, BOB, CEM, DAN, outputs=4)
    assert tree.better(DAN) == HOST
    assert tree.better(DAN, avoid={HOST}) == ANN
    assert tree.better(ANN) is None
    assert tree.better(DAN, avoid={HOST, ANN, BOB}) is None
    flat = Grown(ANN, BOB, outputs=50)
    for number in range(50):
        flat.serve(ANN, key(number))
    assert flat.better(key(0)) is None  # for all of the load
    flat.enter(BOB, 50, speaks=True, share=0.5 * OPTIMUM)
    flat.serve(BOB, ME)
    assert flat.better(ME) == HOST  # for more upload
    flat.remove(ANN)
    assert flat.better(key(0)) == HOST  # who has no parent takes any


def test_a_full_node_drops_who_brings_least_for_who_brings_more_than_twice_as_much() -> None:
    tree = Grown(outputs=3)
    for who, outputs in ((ANN, 8), (BOB, 2), (CEM, 2)):
        tree.enter(who, outputs)
        tree.serve(HOST, who)
    tree.serve(CEM, DAN, outputs=0)
    for outputs, dropped in ((2, None), (4, None), (5, BOB)):
        tree.enter(ME, outputs)
        assert tree.worst(HOST, than=ME) == dropped
    tree.enter(ME, 2, share=10**9)
    assert tree.worst(HOST, than=ME) is None
    tree.enter(ME, 3)
    assert tree.worst(CEM, than=ME) == DAN  # who brings nothing
    tree.enter(ME, 0)
    assert tree.worst(CEM, than=ME) is None
    tree.enter(ME, 900)
    assert tree.worst(HOST, than=ME, among=[ANN]) == ANN
    assert tree.worst(HOST, than=ME, among=[ANN, EVE]) == EVE  # of whom nothing is known
    assert tree.worst(HOST, than=ME, among=[ME]) is None
    assert tree.worst(HOST, than=EVE) is tree.worst(EVE, than=ME) is None


def test_those_who_may_have_room_are_named_instead() -> None:
    tree = Grown(ANN, outputs=1)
    tree.serve(HOST, BOB, outputs=9)
    tree.serve(BOB, *map(key, range(3)))
    found = tree.instead(HOST, ME)
    assert set(found) == {ANN, BOB, key(0), key(1)}
    assert found[0] == tree.choose(ME)
    assert len(tree.instead(HOST, ME, most=2, avoid={ANN, BOB})) == 2
    assert not {ANN, BOB, HOST} & set(tree.instead(HOST, ME, avoid={ANN, BOB}))
    assert tree.instead(HOST, BOB) == (ANN,)


def test_joiners_who_see_the_same_spread_over_equal_parents() -> None:
    tree = Grown(outputs=200)
    equals = [key(number) for number in range(200)]
    for who in equals:
        tree.serve(HOST, who, outputs=50)
    chosen = Counter(tree.choose(key(number)) for number in range(1_000, 3_000))
    assert len(chosen.keys() & set(equals)) > 180
    assert max(chosen.values()) < 40  # 10 each, on average


def test_joiners_one_after_another_fill_the_tree_and_go_no_further() -> None:
    tree = Grown(ANN, outputs=2)
    parents = Counter(tree.seat(key(number), outputs=number % 2) for number in range(20))
    served = sum(tree.distance(key(number)) is not None for number in range(20))
    assert parents[None] == 20 - served
    assert not any(tree.free(who) for who in (HOST, ANN, *map(key, range(20))) if tree.path(who))


# -- any graph


class Naive:
    """The same, told by walking everything each time."""

    def __init__(self) -> None:
        self.people: dict[str, tuple[bool, int, float]] = {}
        self.edges: dict[tuple[str, str], tuple[int, str]] = {}

    def put(self, who: str, speaks: bool, outputs: int, upload_kbps: float) -> None:
        self.people[who] = (speaks or who == HOST, outputs, upload_kbps)

    def remove(self, who: str) -> None:
        self.people.pop(who, None)
        self.edges = {pair: order for pair, order in self.edges.items() if who not in pair}

    def connect(
        self, asking: str, asked: str, type_: str, standby: bool, order: tuple[int, str]
    ) -> None:
        self.disconnect(asking, asked)
        if type_ == "consumer" and not standby and asking != asked:
            self.edges[asking, asked] = order

    def disconnect(self, one: str, other: str) -> None:
        for pair in ((one, other), (other, one)):
            self.edges.pop(pair, None)

    def parent(self, who: str) -> str:
        if who not in self.people or self.people[who][0]:
            return ""
        serving = [
            (self.people[asked][0], order, asked)
            for (asking, asked), order in self.edges.items()
            if asking == who and asked in self.people
        ]
        return max(serving)[2] if serving else ""

    def path(self, who: str) -> list[str] | None:
        path = [who]
        while path[-1] in self.people and not self.people[path[-1]][0]:
            path.append(self.parent(path[-1]))
            if not path[-1] or path[-1] in path[:-1]:
                return None
        return path[1:] if who in self.people else None

    def distance(self, who: str) -> int | None:
        path = self.path(who)
        return None if path is None else len(path)

    def gain(self, who: str, other: str) -> float:
        """What somebody with a path would gain by another parent, not counting the load."""
        parent = self.parent(who)
        depth = max(self.distance(each) or 0 for each in self.people)
        hops = (self.distance(parent) or 0) - (self.distance(other) or 0)
        network = self.network(other) - self.network(parent)
        return 0.4 * hops / depth + 0.4 * network

    def network(self, who: str) -> float:
        on_the_way = [self.people[each] for each in (who, *(self.path(who) or ()))]
        bottleneck = min(upload / out if out else 0 for _, out, upload in on_the_way)
        return min(1, bottleneck / OPTIMUM)

    def score(self, asking: str, asked: str) -> float | None:
        path = self.path(asked)
        if path is None or asking in (asked, *path):
            return None
        speaks, outputs, _ = self.people[asked]
        if speaks and asking in self.people and self.people[asking][0]:
            return 1.0
        others = [who for who in self.people if self.parent(who) == asked and who != asking]
        free = outputs - len(others)
        if free <= 0:
            return None
        depth = max(self.distance(who) or 0 for who in self.people)
        near = (depth - (self.distance(asked) or 0)) / depth if depth else 1
        return 0.4 * near + 0.4 * self.network(asked) + 0.2 * free / outputs


person = st.sampled_from(PEOPLE)
outputs = st.sampled_from([0, 1, 2, 3, 8])
uploads = st.sampled_from([0.0, 300.0, 1_000.0, 2_500.0])
orders = st.tuples(st.integers(0, 3), st.sampled_from("xyz"))
types: st.SearchStrategy[ConnectionType] = st.sampled_from(["consumer"] * 5 + ["mutual"])
operations = st.lists(
    st.one_of(
        st.tuples(st.just("put"), person, st.sampled_from([False] * 4 + [True]), outputs, uploads),
        st.tuples(st.just("remove"), person),
        *[st.tuples(st.just("connect"), person, person, types, st.booleans(), orders)] * 3,
        st.tuples(st.just("disconnect"), person, person),
    ),
    max_size=40,
)


def do(tree: Tree, name: str, *arguments: Any) -> None:
    match name:
        case "put":
            who, speaks, outputs_, upload = arguments
            tree.put(who, speaks=speaks, outputs=outputs_, upload_kbps=upload)
        case "connect":
            asking, asked, type_, standby, order = arguments
            tree.connect(asking, asked, type_, standby=standby, order=order)
        case _:
            getattr(tree, name)(*arguments)


def everybody_here() -> list[tuple[Any, ...]]:
    return [("put", who, False, 2, 1_000.0) for who in PEOPLE]


def answers(tree: Tree) -> list[Any]:
    found: list[Any] = [tree.depth, len(tree)]
    for who in PEOPLE:
        found += [tree.distance(who), tree.path(who), tree.consumers(who), tree.free(who)]
        found += [tree.choose(who), tree.choose(who, full=True), tree.better(who)]
        found += [tree.choose(who, avoid=PEOPLE[:2]), tree.choose(who, apart_from=HOST)]
        found += [tree.instead(HOST, who), *(tree.score(who, other) for other in PEOPLE)]
        found += [tree.worst(who, than=other) for other in PEOPLE]
    return found


@settings(max_examples=200, deadline=None)
@given(operations, st.sets(person, max_size=3), st.randoms(use_true_random=False))
def test_it_agrees_with_a_walk_of_everything_whatever_was_done_in_any_order(
    done: list[tuple[Any, ...]], avoid: set[str], rng: random.Random
) -> None:
    tree, naive = Tree(HOST), Naive()
    for operation in everybody_here() + done:
        do(tree, *operation)
        getattr(naive, operation[0])(*operation[1:])
    for who in PEOPLE:
        assert tree.parent(who) == naive.parent(who)
        assert tree.distance(who) == naive.distance(who)
        assert tree.path(who) == tuple(naive.path(who) or ())
        scores = {other: naive.score(who, other) for other in PEOPLE}
        assert {other: tree.score(who, other) for other in PEOPLE} == {
            other: None if score is None else pytest.approx(score)
            for other, score in scores.items()
        }
        possible = {o: s for o, s in scores.items() if s is not None and o not in avoid}
        if who in naive.people and naive.people[who][0]:
            possible = {}
        found = tree.choose(who, avoid=avoid)
        assert (found in possible) == bool(possible)
        if found is not None:
            assert possible[found] > max(possible.values()) - GRAIN - 1e-9
        better = tree.better(who, avoid=avoid)
        parent = naive.parent(who)
        if parent and naive.path(who) is not None and naive.people[parent][1] > 0:
            gains = {other: naive.gain(who, other) for other in possible}
            assert better is None or gains[better] >= CLEAR_GAIN - 1e-9
            assert better or max(gains.values(), default=0) < CLEAR_GAIN + GRAIN
        else:
            assert (better in possible) == bool(possible)

    again = Tree(HOST)
    calls: list[tuple[Any, ...]] = [("put", who, *naive.people[who]) for who in naive.people]
    calls += [("connect", *pair, "consumer", False, o) for pair, o in naive.edges.items()]
    for call in rng.sample(calls, len(calls)):
        do(again, *call)
    assert answers(again) == answers(tree)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), outputs, uploads), min_size=1, max_size=12),
    st.randoms(use_true_random=False),
)
def test_from_any_start_all_who_can_be_served_are_and_nobody_serves_too_many(
    people: list[tuple[bool, int, float]], rng: random.Random
) -> None:
    """They join, ask, are refused, dropped for others and move, until nobody does any more."""
    tree, gives = Tree(HOST), {}
    for number, (speaks, out, upload) in enumerate(people):
        who = HOST if number == 0 else key(number)
        gives[who] = ((speaks and number < 3) or who == HOST, out)
        tree.put(who, speaks=gives[who][0], outputs=out, upload_kbps=upload)
    listeners = [who for who, (speaks, _) in gives.items() if not speaks]
    refused: dict[str, set[str]] = {who: set() for who in listeners}
    clock = 0

    def move(me: str, parent: str) -> None:
        nonlocal clock
        clock += 1
        before = tree.parent(me)
        tree.connect(me, parent, "consumer", order=(clock, ""))
        if before:
            tree.disconnect(me, before)
        for who in listeners:
            refused[who].clear()

    for _ in range(200):
        quiet = True
        for me in rng.sample(listeners, len(listeners)):
            if tree.distance(me) is not None:
                asked = tree.better(me)
                if asked is None:
                    continue
            else:
                asked = tree.choose(me, avoid=refused[me], full=True)
            quiet = quiet and asked is None
            if asked is None:
                continue
            worst = None if tree.free(asked) else tree.worst(asked, than=me)
            if worst is not None:
                tree.disconnect(asked, worst)
            if tree.free(asked):
                move(me, asked)
                assert tree.distance(me) is not None
            else:
                refused[me].add(asked)
            for who in gives:
                assert tree.consumers(who) <= gives[who][1]
                assert who not in tree.path(who)
        if quiet:
            break
    else:
        pytest.fail("they never come to rest")
    room, possible = sum(out for speaks, out in gives.values() if speaks), 0
    for out in sorted((gives[who][1] for who in listeners), reverse=True):
        if room:
            possible, room = possible + 1, room + out - 1
    assert sum(tree.distance(who) is not None for who in listeners) == possible
