import pytest

from tui.commands.actions import (
    ACTIONS,
    BY_ID,
    LEAVE_ALONE,
    Action,
    actions_of,
    clashes,
    key_word,
)
from tui.controller.intents import (
    Demote,
    JoinSpace,
    LowerHand,
    Mute,
    RequestSpeech,
)
from tui.controller.view import (
    View,
)
from tui.controller.views import (
    Microphone,
    Participant,
    SpaceView,
)


def view_of(*, microphone: Microphone = "muted", hand: float = 0.0) -> View:
    view = View()
    view.space = SpaceView(
        "h:1", "h", "1", "Name", "joined", microphone=microphone, hand_since=hand
    )
    return view


def test_no_two_actions_share_a_key_on_a_screen() -> None:
    assert clashes() == []


def test_a_clash_is_found() -> None:
    twice = (*ACTIONS, Action("new.thing", ("m",), "New", "New.", ("lobby",)))
    assert clashes(twice) == ["new.thing and audio.mute both have m on lobby"]


@pytest.mark.parametrize("key", sorted(LEAVE_ALONE))
def test_keys_of_the_terminal_are_found_to_be_taken(key: str) -> None:
    assert clashes((Action("a.b", (key,), "A", "A.", ("lobby",)),))


def test_ids_are_area_and_verb_and_unique() -> None:
    assert len(BY_ID) == len(ACTIONS)
    for action in ACTIONS:
        area, verb = action.id.split(".")
        assert area.isidentifier() and verb.isidentifier()
        assert action.help.endswith(".") and action.label and action.places and action.keys


def test_every_screen_has_a_way_out_in_its_footer() -> None:
    for place in ("lobby", "space", "log", "help", "create", "start", "key"):
        ids = {action.id for action in actions_of(place) if action.in_footer}
        assert ids & {"screen.back", "app.quit"}, place


def test_a_space_is_joined_with_the_microphone_closed() -> None:
    make = BY_ID["space.open"].intent
    assert make is not None
    assert make(View(), "h:1") == JoinSpace("h:1", muted=True)
    assert make(view_of(), "h:1") is None  # we are in it: it is only shown


@pytest.mark.parametrize("action", ["audio.mute", "audio.talk"])
def test_the_microphone_is_toggled(action: str) -> None:
    make, label = BY_ID[action].intent, BY_ID["audio.mute"].label_now
    assert make is not None and label is not None
    assert make(view_of(microphone="muted"), "") == Mute(on=False)
    assert make(view_of(microphone="open"), "") == Mute(on=True)
    assert label(view_of(microphone="open"), "") == "Mute"
    assert label(view_of(microphone="muted"), "") == "Unmute"


def test_the_hand_is_toggled() -> None:
    make = BY_ID["hand.toggle"].intent
    assert make is not None
    assert make(view_of(), "") == RequestSpeech()
    assert make(view_of(hand=5.0), "") == LowerHand()


def test_to_demote_oneself_names_nobody() -> None:
    make = BY_ID["stage.demote"].intent
    assert make is not None
    view = view_of()
    view.participants = {
        "a": Participant("a", "A", "speaker", me=True),
        "b": Participant("b", "B", "speaker"),
    }
    assert make(view, "a") == Demote("")
    assert make(view, "b") == Demote("b")


def test_what_destroys_asks_first() -> None:
    view = view_of()
    view.space = SpaceView("h:1", "h", "1", "Name", "joined", role="host")
    view.participants = {"b": Participant("b", "Bob" * 40, "speaker")}
    for action, target in (("space.leave", ""), ("space.close", ""), ("stage.demote", "b")):
        question = BY_ID[action].question(view, target)
        assert question.endswith("?") or question.endswith(")")
        assert len(question) <= 56, "question and answer must fit into 80 columns"
    view.space = SpaceView("h:1", "h", "1", "Name", "joined", role="listener")
    assert BY_ID["space.leave"].question(view, "") == ""


def test_keys_are_named_as_on_the_keyboard() -> None:
    assert [key_word(key) for key in ("question_mark", "escape", "Q")] == ["?", "esc", "Q"]
