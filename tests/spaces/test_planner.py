import random
from collections import deque
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.rtc.forwarding import LinkKind
from tui.spaces import planner, refusals
from tui.spaces.events import (
    ConnectionConfirmed,
    ConnectionType,
    Metrics,
    PeerDemoted,
    PeerJoined,
    PeerLeft,
    SpaceEvent,
    SpaceRef,
    SpeakerPromoted,
)
from tui.spaces.links import Hint
from tui.spaces.planner import Planner
from tui.spaces.refusals import Refusals
from tui.spaces.state import SpaceState

ANN, HOST, BOB, CEM = (digit * 64 for digit in "1579")
SPACE = SpaceRef(HOST, "tea")
START = 10_000


class LinkStub:
    def __init__(self, kind: LinkKind, *, standby: bool = False) -> None:
        self.kind = kind
        self.standby = standby


class Recorder:
    """What the planner sees of `Connections`: asking makes an attempt, the test decides its end.

    It is its own uplink and its own neighbours, too.
    """

    def __init__(self, refusals: Refusals) -> None:
        self.links: dict[str, LinkStub] = {}
        self.refusals = refusals
        self.hints: deque[Hint] = deque()
        self.asked: list[tuple[str, ConnectionType]] = []
        self.stand_ins: list[str] = []
        self.dropped: list[tuple[str, str]] = []
        self.attempts: dict[str, tuple[ConnectionType, bool]] = {}
        self.ways: dict[str, tuple[str, ...]] = {}
        self.lost = self.is_uneasy = False
        self.since = 0.0
        self.moving_to = ""
        self.uplink = self.neighbours = self

    def _provider(self, *, standby: bool) -> str:
        found = (x for x in self.links.items() if x[1].kind is LinkKind.PROVIDER)
        return next((who for who, link in found if link.standby is standby), "")

    @property
    def parent(self) -> str:
        return self._provider(standby=False)

    @property
    def standby(self) -> str:
        return self._provider(standby=True)

    @property
    def needs_parent(self) -> bool:
        return self.lost or not self.parent

    @property
    def others(self) -> set[str]:
        return {*self.links, *self.attempts}

    def way(self, provider: str) -> tuple[str, ...] | None:
        return self.ways.get(provider, (provider,))

    def asks(
        self, other: str = "", connection: ConnectionType | None = None, *, standby: bool = False
    ) -> bool:
        return other in self.attempts if other else (connection, standby) in self.attempts.values()

    def ask(self, other: str, connection: ConnectionType, *, standby: bool = False) -> None:
        if other not in self.attempts:
            self.attempts[other] = (connection, standby)
            if standby:
                self.stand_ins.append(other)
            else:
                self.asked.append((other, connection))

    def drop(self, other: str, reason: str) -> None:
        self.links.pop(other, None)
        self.dropped.append((other, reason))

    def give_up(self, connection: ConnectionType) -> None:
        self.attempts = {who: x for who, x in self.attempts.items() if x[0] != connection}

    def look(self) -> None:
        pass


class Scene:
    """A planner for one person, in a space and at a time that the test makes."""

    def __init__(self, me: str) -> None:
        self.me = me
        self.now = float(START)
        self.connections = Recorder(Refusals(me, lambda: self.monotonic))
        self.state = SpaceState(SPACE)
        self._rng = random.Random(1)
        stand_in: Any = self.connections
        self.planner = Planner(
            me, self.state, stand_in, now=lambda: self.now, monotonic=lambda: self.monotonic
        )

    def say(self, kind: type[SpaceEvent], signer: str, **fields: Any) -> None:
        id_ = f"{self._rng.getrandbits(256):064x}"
        self.state.apply(kind(space=SPACE, signer=signer, at=int(self.now), id=id_, **fields))

    def enter(self, *people: str, outputs: int = 5) -> None:
        metrics = Metrics(max_audio_outputs=outputs)
        for who in people:
            until = START + 100_000
            self.say(PeerJoined, who, name="", metrics=metrics, until=until, nip44=True)

    def serve(self, asked: str, *asking: str) -> None:
        """Somebody has confirmed to be the parent of others."""
        for who in asking:
            self.now += 1
            self.say(ConnectionConfirmed, asked, to=who, type="consumer")

    def promote(self, *people: str) -> None:
        for who in people:
            self.say(SpeakerPromoted, HOST, target=who)

    def demote(self, who: str) -> None:
        self.now += 1
        self.say(PeerDemoted, HOST, target=who)

    def connected(self, other: str, kind: LinkKind, *, standby: bool = False) -> None:
        self.connections.attempts.pop(other, None)
        self.connections.links[other] = LinkStub(kind, standby=standby)
        self.connections.refusals.forget(other)
        if kind is LinkKind.PROVIDER and not standby:
            self.connections.since = self.monotonic
            self.serve(other, self.me)

    @property
    def monotonic(self) -> float:
        return self.now - 5_000

    def refused(self, other: str) -> None:
        del self.connections.attempts[other]
        self.connections.refusals.note(other)

    def plan(self, after: float = 0.0) -> list[tuple[str, ConnectionType]]:
        """What is newly asked for when the planner looks again, so many seconds later."""
        self.now += after
        before = len(self.connections.asked)
        self.planner.plan()
        return self.connections.asked[before:]

    def stand_ins(self, after: float = 0.0) -> list[str]:
        """Who is newly asked to stand by then."""
        self.now += after
        before = len(self.connections.stand_ins)
        self.planner.plan()
        return self.connections.stand_ins[before:]


# -- a listener


def test_a_listener_asks_one_parent_and_waits_for_the_answer() -> None:
    scene = Scene(ANN)
    assert scene.plan() == []
    scene.enter(HOST, ANN, CEM)
    assert scene.plan() == [(HOST, "consumer")]
    scene.enter(BOB, outputs=50)
    scene.promote(BOB)
    scene.say(ConnectionConfirmed, HOST, to=CEM, type="consumer")
    assert scene.plan() == []
    scene.connected(HOST, LinkKind.PROVIDER)
    assert scene.plan(1) == []
    assert scene.connections.dropped == []


def test_whoever_refused_is_not_asked_again_for_a_minute_while_there_are_others() -> None:
    scene = Scene(ANN)
    scene.enter(HOST, BOB, ANN)
    scene.promote(BOB)
    ((first, _),) = scene.plan()
    scene.refused(first)
    ((second, _),) = scene.plan()
    assert {first, second} == {HOST, BOB}
    scene.enter(CEM)
    scene.say(ConnectionConfirmed, second, to=CEM, type="consumer")  # so that the first is better
    for after, expected in ((0, None), (50, second), (11, first)):
        if expected is not None:
            assert scene.plan(after) == [(expected, "consumer")]
        scene.connected(second, LinkKind.PROVIDER)
        assert scene.plan() == []
        del scene.connections.links[second]


def test_the_only_parent_is_asked_again_after_pauses_that_grow_up_to_a_minute() -> None:
    scene = Scene(ANN)
    scene.enter(HOST, ANN)
    assert scene.plan() == [(HOST, "consumer")]
    for pause in (5, 10, 20, 40, 60, 60):
        scene.refused(HOST)
        assert scene.plan(0) == []
        assert scene.plan(pause - 0.1) == []
        assert scene.plan(pause / 4 + 0.2) == [(HOST, "consumer")]
    scene.connected(HOST, LinkKind.PROVIDER)
    assert scene.plan() == []
    del scene.connections.links[HOST]
    assert scene.plan() == [(HOST, "consumer")]
    scene.refused(HOST)
    assert scene.plan() == []
    assert scene.plan(5 * 1.25 + 0.1) == [(HOST, "consumer")]  # it begins anew


def test_many_who_were_refused_at_once_do_not_ask_again_at_once() -> None:
    again = set()
    for number in range(20):
        scene = Scene(f"{number:064x}")
        scene.enter(HOST)
        assert scene.plan() == [(HOST, "consumer")]
        scene.refused(HOST)
        scene.plan(refusals.RETRY_SECONDS)
        while not scene.plan(0.1):
            pass
        again.add(round(scene.now, 1))
    assert len(again) > 5


def test_a_parent_that_left_the_stage_is_kept_while_it_has_a_way() -> None:
    scene = Scene(ANN)
    scene.enter(HOST, BOB, ANN)
    scene.promote(BOB)
    scene.connected(BOB, LinkKind.PROVIDER)
    assert scene.plan() == []
    scene.demote(BOB)
    assert scene.plan() == []
    scene.connections.lost = True
    assert scene.plan() == [(HOST, "consumer")]
    assert scene.connections.dropped == []  # until the other one is up


def test_a_listener_with_a_way_to_the_stage_is_asked_when_the_stage_is_full() -> None:
    scene = Scene(ANN)
    scene.enter(HOST, outputs=1)
    scene.enter(BOB, ANN)
    scene.enter(CEM, outputs=0)
    scene.serve(HOST, BOB)
    assert scene.plan() == [(BOB, "consumer")]
    scene.refused(BOB)
    assert scene.plan() == [(HOST, "consumer")]  # it may have an output free after all


def test_whom_a_refusal_names_is_asked_first_and_those_are_not_followed_forever() -> None:
    scene = Scene(ANN)
    crowd = [f"{number:064x}" for number in range(2 * planner.REFERRALS)]
    scene.enter(HOST, ANN, *crowd, outputs=1)
    asked = scene.plan()
    while asked and len(scene.connections.asked) <= len(crowd):
        name = crowd[len(scene.connections.asked) - 1]
        for who in (ANN, "f" * 64, name):  # ourselves, and who is not here
            scene.connections.hints.append(Hint(who, scene.monotonic, False))
        scene.refused(asked[0][0])
        asked = scene.plan()
    assert [who for who, _ in scene.connections.asked] == [HOST, *crowd[: planner.REFERRALS]]
    assert not scene.connections.hints


def test_a_standby_is_sought_once_the_parent_has_worked_for_a_while() -> None:
    scene = Scene(ANN)
    scene.enter(HOST, BOB, ANN, CEM)
    scene.promote(BOB)
    scene.serve(BOB, CEM)
    scene.connected(BOB, LinkKind.PROVIDER)
    assert scene.stand_ins(planner.STANDBY_SECONDS - 0.1) == []
    assert scene.stand_ins(planner.STANDBY_SECONDS + 0.2) == [HOST]
    assert scene.stand_ins(10) == []  # it is being asked
    scene.connected(HOST, LinkKind.PROVIDER, standby=True)
    assert scene.stand_ins(5) == []
    del scene.connections.links[HOST]
    assert scene.stand_ins(5) == [HOST]


def test_a_standby_has_another_way_than_the_parent_if_there_is_one() -> None:
    scene = Scene(ANN)
    dora, eva = "2" * 64, "3" * 64
    scene.enter(HOST, BOB, CEM, outputs=2)
    scene.enter(ANN, dora, eva)
    scene.serve(HOST, BOB, CEM)
    scene.serve(BOB, dora)
    scene.connected(BOB, LinkKind.PROVIDER)
    scene.serve(CEM, eva)
    scene.plan()
    (found,) = scene.stand_ins(10)
    assert found in (CEM, eva)


def test_whom_a_refusal_names_is_asked_to_stand_by_too() -> None:
    """In a crowd those on stage are the only ones that everybody knows of."""
    scene = Scene(ANN)
    scene.enter(HOST, BOB, ANN, CEM)
    scene.promote(BOB)
    scene.connected(BOB, LinkKind.PROVIDER)
    assert scene.stand_ins(3 * planner.STANDBY_SECONDS) == [HOST]
    scene.refused(HOST)
    scene.connections.hints.append(Hint(BOB, scene.monotonic, False))  # the parent itself
    scene.connections.hints.append(Hint(CEM, scene.monotonic, False))
    assert scene.stand_ins() == [CEM]


def test_an_uneasy_listener_seeks_a_standby_at_once() -> None:
    scene = Scene(ANN)
    scene.enter(HOST, BOB, ANN)
    scene.promote(BOB)
    scene.connected(BOB, LinkKind.PROVIDER)
    assert scene.stand_ins() == []
    scene.connections.is_uneasy = True
    assert scene.stand_ins() == [HOST]


def test_a_listener_looks_for_a_better_parent_now_and_then_and_moves_for_a_clear_gain() -> None:
    scene = Scene(ANN)
    scene.enter(HOST, outputs=1)
    scene.enter(BOB, outputs=50)
    dora, eva = "2" * 64, "3" * 64
    chain = [HOST, BOB, dora, eva, CEM]
    scene.enter(dora, eva, CEM, ANN)
    for above, below in pairwise(chain):
        scene.serve(above, below)
    scene.connected(CEM, LinkKind.PROVIDER)
    scene.connected("4" * 64, LinkKind.PROVIDER, standby=True)
    assert scene.plan() == []
    assert scene.plan(planner.LOOK_SECONDS - 1) == []
    assert scene.plan(planner.LOOK_SECONDS / 2 + 2) == [(BOB, "consumer")]
    assert scene.connections.moving_to == BOB
    assert CEM in scene.connections.links  # until the new one works


def test_a_listener_that_does_as_well_as_it_can_stays_where_it_is() -> None:
    scene = Scene(ANN)
    scene.enter(HOST, BOB, CEM, ANN)
    scene.serve(HOST, BOB, CEM)
    scene.connected(HOST, LinkKind.PROVIDER)
    for _ in range(10):
        assert scene.plan(planner.LOOK_SECONDS) == []


def test_a_parent_that_is_gone_is_not_asked() -> None:
    scene = Scene(ANN)
    scene.enter(HOST, ANN)
    scene.say(PeerLeft, HOST)
    assert scene.plan() == []


# -- on stage


def test_the_stage_is_a_full_mesh_in_which_the_lower_pubkey_asks_first() -> None:
    scene = Scene(HOST)
    scene.enter(HOST, ANN, BOB, CEM)
    scene.promote(ANN, BOB)
    assert ANN < HOST < BOB
    assert scene.plan() == [(BOB, "mutual")]
    assert scene.plan(planner.MESH_GRACE) == []
    assert scene.plan(0.1) == [(ANN, "mutual")]  # she has had her time


def test_the_time_of_the_lower_pubkey_begins_when_both_are_there() -> None:
    scene = Scene(HOST)
    scene.enter(HOST)
    scene.promote(ANN)
    assert scene.plan() == []
    assert scene.plan(100) == []
    scene.enter(ANN)
    assert scene.plan() == []
    scene.demote(ANN)
    assert scene.plan(100) == []
    scene.promote(ANN)
    assert scene.plan() == []
    assert scene.plan(planner.MESH_GRACE + 0.1) == [(ANN, "mutual")]


def test_whoever_is_connected_is_not_asked_and_a_lost_connection_is_made_again() -> None:
    scene = Scene(HOST)
    scene.enter(HOST, BOB)
    scene.promote(BOB)
    scene.connected(BOB, LinkKind.MUTUAL)
    assert scene.plan(100) == []
    del scene.connections.links[BOB]
    assert scene.plan() == [(BOB, "mutual")]
    scene.refused(BOB)
    assert scene.plan(1) == []
    assert scene.plan(refusals.RETRY_SECONDS * 1.25) == [(BOB, "mutual")]


def test_a_promoted_listener_becomes_part_of_the_mesh_and_keeps_hearing_meanwhile() -> None:
    scene = Scene(ANN)
    scene.enter(HOST, ANN, BOB)
    scene.promote(BOB)
    scene.connected(HOST, LinkKind.PROVIDER)
    scene.promote(ANN)
    assert sorted(scene.plan()) == [(HOST, "mutual"), (BOB, "mutual")]
    assert scene.connections.dropped == []


def test_on_stage_consumers_stay_and_whoever_left_the_stage_goes_after_a_while() -> None:
    scene = Scene(HOST)
    scene.enter(HOST, BOB, CEM)
    scene.promote(BOB)
    scene.connected(BOB, LinkKind.MUTUAL)
    scene.connected(CEM, LinkKind.CONSUMER)
    scene.demote(BOB)
    scene.plan()
    scene.plan(planner.DEMOTED_GRACE)
    assert scene.connections.dropped == []
    scene.plan(0.1)
    assert scene.connections.dropped == [(BOB, "not on stage")]
    scene.plan(100)
    assert list(scene.connections.links) == [CEM]


def test_each_stay_off_the_stage_has_its_own_while() -> None:
    scene = Scene(HOST)
    scene.enter(HOST, BOB)
    for _ in range(2):
        scene.connected(BOB, LinkKind.MUTUAL)
        scene.plan()
        scene.plan(planner.DEMOTED_GRACE - 1)
        assert scene.connections.dropped == []
        del scene.connections.links[BOB]  # they ended it themselves
        scene.plan(5)


def test_a_demoted_speaker_goes_on_serving_and_hears_the_mesh_until_there_is_a_parent() -> None:
    scene = Scene(BOB)
    scene.enter(HOST, ANN, BOB, CEM)
    scene.promote(ANN, BOB)
    for other in (HOST, ANN):
        scene.connected(other, LinkKind.MUTUAL)
    scene.connected(CEM, LinkKind.CONSUMER)
    scene.plan()
    scene.demote(BOB)
    ((parent, type_),) = scene.plan()
    assert (parent in {HOST, ANN}, type_) == (True, "consumer")
    assert scene.connections.dropped == []
    scene.connected(parent, LinkKind.PROVIDER)
    scene.plan(planner.DEMOTED_GRACE + 0.1)
    assert set(scene.connections.links) == {parent, CEM}


def test_a_promoted_listener_lets_its_parent_go_when_it_is_part_of_the_mesh() -> None:
    scene = Scene(ANN)
    scene.enter(HOST, ANN, BOB, CEM)
    scene.connected(BOB, LinkKind.PROVIDER)
    scene.connected(CEM, LinkKind.PROVIDER, standby=True)
    scene.connections.ask(HOST, "consumer")
    scene.promote(ANN)
    assert scene.plan() == [(HOST, "mutual")]  # and no more to listen only
    assert scene.connections.dropped == [(CEM, "on stage")]
    scene.connected(HOST, LinkKind.MUTUAL)
    scene.plan()
    assert set(scene.connections.links) == {HOST}


@given(st.lists(st.tuples(st.sampled_from([ANN, BOB, CEM]), st.booleans()), max_size=12), st.data())
def test_what_a_stage_settles_to_is_a_full_mesh(
    acts: list[tuple[str, bool]], data: st.DataObject
) -> None:
    """Whoever was let on and off, and whatever was asked and refused: in the end all are linked."""
    scene = Scene(HOST)
    scene.enter(HOST, ANN, BOB, CEM)
    for who, up in acts:
        scene.now += 1
        scene.say(SpeakerPromoted if up else PeerDemoted, HOST, target=who)
        scene.plan()
        for other, _ in list(scene.connections.attempts.items()):
            if data.draw(st.booleans()):
                scene.connected(other, LinkKind.MUTUAL)
            elif data.draw(st.booleans()):
                scene.refused(other)
    for _ in range(100):
        scene.plan(1)
        for other in list(scene.connections.attempts):
            scene.connected(other, LinkKind.MUTUAL)
    assert set(scene.connections.links) == scene.state.speaking - {HOST}


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_stage_that_seems_full_is_asked_after_pauses_until_an_output_is_free(
    outputs: int,
) -> None:
    """Those that it has said yes to may never have come."""
    scene = Scene(ANN)
    scene.enter(HOST, outputs=outputs)
    scene.enter(ANN)
    others = [f"{number:064x}" for number in range(outputs)]
    scene.enter(*others, outputs=0)
    for other in others:
        scene.say(ConnectionConfirmed, HOST, to=other, type="consumer")
    assert scene.plan() == [(HOST, "consumer")]
    scene.refused(HOST)
    assert scene.plan() == []
    assert scene.plan(5 * 1.25 + 0.1) == [(HOST, "consumer")]
    scene.refused(HOST)
    scene.enter(BOB, outputs=1)
    scene.promote(BOB)
    assert scene.plan() == [(BOB, "consumer")]
    scene.connections.attempts.clear()
    scene.demote(BOB)
    scene.say(PeerLeft, others[0])
    assert scene.plan() == []
    assert scene.plan(10 * 1.25 + 0.1) == [(HOST, "consumer")]
