import random
from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.rtc.forwarding import LinkKind
from tui.spaces import planner
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
from tui.spaces.planner import Planner
from tui.spaces.state import SpaceState

ANN, HOST, BOB, CEM = (digit * 64 for digit in "1579")
SPACE = SpaceRef(HOST, "tea")
START = 10_000


class LinkStub:
    def __init__(self, kind: LinkKind) -> None:
        self.kind = kind


class Recorder:
    """What the planner sees of `Connections`: asking makes an attempt, the test decides its end."""

    def __init__(self) -> None:
        self.links: dict[str, LinkStub] = {}
        self.refusals: OrderedDict[str, str] = OrderedDict()
        self.asked: list[tuple[str, ConnectionType]] = []
        self.dropped: list[tuple[str, str]] = []
        self.attempts: dict[str, ConnectionType] = {}

    @property
    def parent(self) -> str:
        return next((who for who, x in self.links.items() if x.kind is LinkKind.PROVIDER), "")

    def asks(self, other: str = "", connection: ConnectionType | None = None) -> bool:
        return other in self.attempts if other else connection in self.attempts.values()

    def ask(self, other: str, connection: ConnectionType) -> None:
        if other not in self.attempts:
            self.attempts[other] = connection
            self.asked.append((other, connection))

    def drop(self, other: str, reason: str) -> None:
        self.links.pop(other, None)
        self.dropped.append((other, reason))

    def look(self) -> None:
        pass


class Scene:
    """A planner for one person, in a space and at a time that the test makes."""

    def __init__(self, me: str) -> None:
        self.now = float(START)
        self.connections = Recorder()
        self.state = SpaceState(SPACE)
        self._rng = random.Random(1)
        stand_in: Any = self.connections
        self.planner = Planner(
            me, self.state, stand_in, now=lambda: self.now, monotonic=lambda: self.now - 5_000
        )

    def say(self, kind: type[SpaceEvent], signer: str, **fields: Any) -> None:
        id_ = f"{self._rng.getrandbits(256):064x}"
        self.state.apply(kind(space=SPACE, signer=signer, at=int(self.now), id=id_, **fields))

    def enter(self, *people: str, outputs: int = 5) -> None:
        metrics = Metrics(max_audio_outputs=outputs)
        for who in people:
            until = START + 100_000
            self.say(PeerJoined, who, name="", metrics=metrics, until=until, nip44=True)

    def promote(self, *people: str) -> None:
        for who in people:
            self.say(SpeakerPromoted, HOST, target=who)

    def demote(self, who: str) -> None:
        self.now += 1
        self.say(PeerDemoted, HOST, target=who)

    def connected(self, other: str, kind: LinkKind) -> None:
        self.connections.attempts.pop(other, None)
        self.connections.links[other] = LinkStub(kind)

    def refused(self, other: str) -> None:
        del self.connections.attempts[other]
        self.connections.refusals[other] = "full"

    def plan(self, after: float = 0.0) -> list[tuple[str, ConnectionType]]:
        """What is newly asked for when the planner looks again, so many seconds later."""
        self.now += after
        before = len(self.connections.asked)
        self.planner.plan()
        return self.connections.asked[before:]


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
    assert scene.plan(100) == []
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
        scene.plan(planner.RETRY_SECONDS)
        while not scene.plan(0.1):
            pass
        again.add(round(scene.now, 1))
    assert len(again) > 5


def test_a_parent_that_left_the_stage_is_left_for_another() -> None:
    scene = Scene(ANN)
    scene.enter(HOST, BOB, ANN)
    scene.promote(BOB)
    scene.connected(BOB, LinkKind.PROVIDER)
    assert scene.plan() == []
    scene.demote(BOB)
    assert scene.plan() == [(HOST, "consumer")]
    assert scene.connections.dropped == [(BOB, "not on stage")]


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
    assert scene.plan(planner.RETRY_SECONDS * 1.25) == [(BOB, "mutual")]


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


def test_a_demoted_speaker_stops_serving_at_once_and_hears_on_until_there_is_a_parent() -> None:
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
    assert scene.connections.dropped == [(CEM, "not on stage")]
    assert set(scene.connections.links) == {HOST, ANN}
    scene.connected(parent, LinkKind.PROVIDER)
    scene.plan(planner.DEMOTED_GRACE + 0.1)
    assert set(scene.connections.links) == {parent}


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
    scene.enter(*others)
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
