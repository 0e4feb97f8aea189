from types import SimpleNamespace
from typing import Any

import pytest

from tui.controller.board import Board
from tui.controller.messages import Outage, ParentChanged, QualityChanged
from tui.controller.sound_board import SoundBoard
from tui.controller.views import Hearing, RelayView
from tui.spaces.quality import LinkQuality, Quality
from tui.spaces.uplink import Move

ANN, BOB, HOST = "a" * 64, "b" * 64, "c" * 64


class Session:
    """What a board reads of a session, as the test says."""

    def __init__(self) -> None:
        self.stage = "joined"
        self.role = SimpleNamespace(speaks=False)
        self.uplink = SimpleNamespace(parent="", needs_parent=True, moves=[])
        self.problems = ("", "", "")
        self.space = SimpleNamespace(host=HOST)
        self.present = {HOST}
        self.measured = Quality()

    def is_present(self, pubkey: str) -> bool:
        return pubkey in self.present

    def quality(self) -> Quality:
        return self.measured


class Scene:
    """One listener, looked at through a board, on a clock of the test's."""

    def __init__(self) -> None:
        self.at = 100.0
        self.session: Any = Session()
        self.board = Board(lambda: self.at)
        self.board.set_relay("ws://r", RelayView("ws://r", "connected"))
        self.board.flush()
        self.told: list[Any] = []
        self.board.occurred = self.told.append  # type: ignore[method-assign]
        self.sound = SoundBoard(self.board, lambda: self.at)

    def parent(self, pubkey: str, *, after: float = 0.0, move: Move | None = None) -> Hearing:
        self.at += after
        self.session.uplink.parent, self.session.uplink.needs_parent = pubkey, not pubkey
        self.session.uplink.moves += [move] if move else []
        self.sound.look(self.session)
        return self.sound.hearing

    def look(self, *, after: float = 1.0) -> None:
        self.at += after
        self.sound.look(self.session)
        self.sound.tick(self.session)
        self.board.flush()

    def heard(self, *kinds: type) -> list[Any]:
        found = [message for message in self.told if isinstance(message, kinds or (object,))]
        self.told.clear()
        return found


@pytest.fixture
async def scene() -> Scene:
    return Scene()


async def test_before_there_was_sound_nothing_is_lost(scene: Scene) -> None:
    assert scene.parent("") == Hearing()
    assert scene.parent(ANN, after=3.0) == Hearing()
    assert scene.heard() == [ParentChanged(ANN)]


async def test_a_lost_parent_and_the_move_to_the_next_one(scene: Scene) -> None:
    scene.parent(ANN)
    scene.heard()
    scene.session.uplink.parent = ""
    scene.sound.connection_changed(scene.session, ANN, "failed")
    assert scene.sound.hearing == Hearing(lost=True)
    assert scene.heard() == [ParentChanged("", "lost"), Outage("sound", 0.0)]
    assert scene.parent(BOB, after=0.34) == Hearing(moved=True, moved_in=0.3)
    assert scene.heard() == [ParentChanged(BOB), Outage("sound", 0.34)]
    assert scene.parent(BOB, after=4.0).moved
    assert scene.parent(BOB, after=2.0) == Hearing()


async def test_a_move_without_a_hole(scene: Scene) -> None:
    scene.parent(ANN)
    scene.heard()
    assert scene.parent(BOB, move=Move(1.0, BOB, "better", 0.0)) == Hearing(moved=True)
    assert scene.heard() == [ParentChanged(BOB, "better")]


async def test_a_standby_that_takes_over_at_once(scene: Scene) -> None:
    scene.parent(ANN)
    scene.heard()
    moved = scene.parent(BOB, move=Move(1.0, BOB, "silent", 0.27))
    assert moved == Hearing(moved=True, moved_in=0.3)
    assert scene.heard() == [ParentChanged(BOB, "silent"), Outage("sound", 0.27)]


async def test_a_dead_parent_is_none_although_the_connection_stands(scene: Scene) -> None:
    scene.parent(ANN)
    scene.session.uplink.needs_parent = True
    assert scene.sound.look(scene.session)
    assert (scene.sound.hearing, scene.sound.parent) == (Hearing(lost=True), "")
    assert ParentChanged("", "silent") in scene.heard()


async def test_who_is_asked_in_vain_is_counted_once(scene: Scene) -> None:
    for who in (ANN, BOB, ANN):
        scene.sound.connection_changed(scene.session, who, "failed")
    assert scene.sound.hearing.asked == 2
    assert scene.parent(HOST).asked == 0


async def test_on_stage_nobody_is_a_parent(scene: Scene) -> None:
    scene.parent(ANN)
    scene.session.role.speaks = True
    scene.parent("")
    assert scene.sound.hearing == Hearing()
    assert scene.heard()[-1] == ParentChanged("", "on stage")
    scene.session.role.speaks = False
    assert scene.parent("", after=1.0) == Hearing()
    assert scene.heard(Outage) == []


async def test_what_is_gone_is_told_once_and_when_it_is_back(scene: Scene) -> None:
    scene.look()
    assert scene.heard(Outage) == []
    scene.session.problems = ("", "the speaker has stopped", "")
    scene.session.present = set()
    scene.board.set_relay("ws://r", RelayView("ws://r", "waiting"))
    scene.board.flush()
    scene.look()
    scene.look()
    assert {(gone.what, gone.seconds) for gone in scene.heard(Outage)} == {
        ("speaker", 0.0),
        ("host", 0.0),
        ("relays", 0.0),
    }
    scene.session.problems = ("", "", "")
    scene.look()
    assert scene.heard(Outage) == [Outage("speaker", 2.0)]


async def test_a_microphone_that_never_worked_is_no_outage(scene: Scene) -> None:
    scene.session.problems = ("there is none", "", "")
    scene.look()
    scene.look()
    assert scene.heard(Outage) == []


async def test_quality_is_looked_at_once_a_second_and_told_to_scripts_less_often(
    scene: Scene,
) -> None:
    link = LinkQuality(ANN, "parent", "good", 0.0, 0.04, 0.005)
    for number in range(1, 51):
        scene.session.measured = Quality(badge="good", loss=number / 1000, links=(link,))
        scene.look(after=0.1)
    assert scene.board.view.version <= 8
    assert scene.board.view.quality.links[0].pubkey == ANN
    assert len(scene.heard(QualityChanged)) == 1
    scene.look(after=5.0)
    assert len(scene.heard(QualityChanged)) == 1


async def test_what_stays_the_same_is_told_no_more(scene: Scene) -> None:
    scene.session.measured = Quality(badge="good", depth=2)
    scene.look()
    version = scene.board.view.version
    scene.heard()
    for _ in range(20):
        scene.look()
    assert scene.board.view.version == version
    assert scene.heard(QualityChanged) == []
