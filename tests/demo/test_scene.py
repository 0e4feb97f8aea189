import pytest

from tui.controller.view import (
    View,
)
from tui.controller.views import (
    Participant,
    SpaceView,
)
from tui.demo.scene import NOTHING, look


def view_of(**fields):
    view = View()
    shown = {"ref": "h:1", "host": "h", "id": "1", "name": "x", "stage": "joined", **fields}
    view.space = SpaceView(**shown)
    return view


def test_outside_of_a_space_there_is_nothing_to_see():
    assert look(View()) == NOTHING
    assert look(view_of(stage="joining")) == NOTHING


def test_people_are_seen_by_what_they_do_and_hands_in_their_order():
    view = view_of(role="host", microphone="open")
    people = [
        Participant("h", "H", "host", me=True),
        Participant("s", "S", "speaker", speaking=True),
        Participant("a", "A", "listener", queue=2, hand_since=2.0),
        Participant("b", "B", "listener", queue=1, hand_since=1.0),
        Participant("gone", "G", "speaker", present=False),
    ]
    view.participants = {person.pubkey: person for person in people}
    sight = look(view)
    assert sight.space == "h:1"
    assert sight.on_stage and sight.microphone_open
    assert sight.present == {"h", "s", "a", "b"}
    assert sight.stage == {"h", "s"}
    assert sight.talking == {"s"}
    assert sight.hands == ("b", "a")


@pytest.mark.parametrize(
    ("microphone", "is_open"),
    [("closed", False), ("muted", False), ("open", True), ("unavailable", True)],
)
def test_a_microphone_is_open_unless_it_is_shut(microphone, is_open):
    assert look(view_of(role="speaker", microphone=microphone)).microphone_open is is_open
