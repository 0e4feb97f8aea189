from typing import get_args

import msgspec
import pytest

from tui.commands.actions import (
    ACTIONS,
    BY_ID,
    LEAVE_ALONE,
    Action,
    Place,
    actions_of,
    clashes,
    key_word,
)
from tui.controller.intents import (
    AcceptInvite,
    AnyIntent,
    AskMute,
    DeclineInvite,
    Defer,
    Demote,
    Deny,
    ExportJournal,
    Hide,
    Invite,
    JoinSpace,
    Lock,
    LowerHand,
    Mute,
    MuteAll,
    Pardon,
    PromoteCohost,
    PromoteSpeaker,
    React,
    Remove,
    RequestSpeech,
    Undo,
)
from tui.controller.view import (
    View,
)
from tui.controller.views import (
    Barred,
    Microphone,
    Participant,
    SpaceView,
)

KEY = "ab" * 32


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
    for place in get_args(Place):
        ids = {action.id for action in actions_of(place) if action.in_footer}
        assert ids & {"screen.back", "app.quit"}, place


def intent_of(action: str, view: View, target: str = "", text: str = "") -> AnyIntent | None:
    make = BY_ID[action].intent
    assert make is not None
    return make(view, target, text)


def label_of(action: str, view: View, target: str = "") -> str:
    label = BY_ID[action].label_now
    assert label is not None
    return label(view, target)


def test_a_space_is_joined_with_the_microphone_closed() -> None:
    assert intent_of("space.open", View(), "h:1") == JoinSpace("h:1", muted=True)
    assert intent_of("space.open", view_of(), "h:1") is None  # we are in it: it is only shown


@pytest.mark.parametrize("action", ["audio.mute", "audio.talk"])
def test_the_microphone_is_toggled(action: str) -> None:
    assert intent_of(action, view_of(microphone="muted")) == Mute(on=False)
    assert intent_of(action, view_of(microphone="open")) == Mute(on=True)
    assert label_of("audio.mute", view_of(microphone="open")) == "Mute"
    assert label_of("audio.mute", view_of(microphone="muted")) == "Unmute"


def test_the_hand_is_toggled() -> None:
    assert intent_of("hand.toggle", view_of()) == RequestSpeech()
    assert intent_of("hand.toggle", view_of(hand=5.0)) == LowerHand()


def people() -> View:
    view = view_of()
    view.participants = {
        "a": Participant("a", "A", "speaker", me=True),
        "b": Participant("b", "Bob" * 40, "speaker"),
        "c": Participant("c", "C", "cohost"),
        "w": Participant("w", "W" * 40, "listener", hand_since=5.0, queue=1),
        "h": Participant("h", "H", "listener", hidden=True),
    }
    view.barred = {"x": Barred("x", "X", "a", "A", "", 5)}
    return view


@pytest.mark.parametrize(
    ("action", "target", "text", "intent"),
    [
        ("stage.demote", "a", "", Demote("")),  # oneself names nobody
        ("stage.demote", "b", "time is up", Demote("b", "time is up")),
        ("stage.demote", "w", "not now", Deny("w", "not now")),
        ("queue.approve", "w", "", PromoteSpeaker("w")),
        ("queue.defer", "w", "", Defer("w")),
        ("people.invite", "h", "come up", Invite("h", "come up")),
        ("people.mute", "b", "", AskMute("b")),
        ("people.remove", "b", "spam", Remove("b", "spam")),
        ("people.bar", "b", "spam", Remove("b", "spam")),
        ("people.bar", "x", "", Pardon("x")),
        ("people.cohost", "b", "", PromoteCohost("b")),
        ("people.cohost", "c", "", Demote("c")),
        ("people.hide", "b", "", Hide("b", on=True)),
        ("people.hide", "h", "", Hide("h", on=False)),
        ("people.admit", "b", KEY.upper(), Invite(KEY)),
        ("people.admit", "b", "nonsense", None),
        ("action.undo", "b", "", Undo()),
        ("stage.mute", "b", "", MuteAll()),
        ("chat.react", "b", "👏", React("👏")),
        ("answer.yes", "b", "", AcceptInvite()),
        ("answer.no", "b", "", DeclineInvite()),
        ("journal.export", "", "/tmp/x", ExportJournal("/tmp/x")),
    ],
)
def test_what_an_action_asks_of_the_controller(action, target, text, intent) -> None:
    assert intent_of(action, people(), target, text) == intent


def test_the_lock_is_toggled() -> None:
    view = people()
    assert (intent_of("space.lock", view), label_of("space.lock", view)) == (Lock(on=True), "Lock")
    view.space = msgspec.structs.replace(view.space, locked=True)
    assert intent_of("space.lock", view) == Lock(on=False)
    assert label_of("space.lock", view) == "Unlock"


def test_a_journal_is_written_where_the_user_is(monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ann")
    assert intent_of("journal.export", View(), "", "j") == ExportJournal(str(tmp_path / "j"))
    assert intent_of("journal.export", View(), "", "~/j") == ExportJournal("/home/ann/j")
    there = intent_of("journal.export", View(), "", "~nobody-here/j")
    assert there == ExportJournal(str(tmp_path / "~nobody-here/j"))


@pytest.mark.parametrize(
    ("action", "target", "label"),
    [
        ("stage.demote", "a", "Step down"),
        ("stage.demote", "b", "Demote"),
        ("stage.demote", "w", "Deny"),
        ("people.bar", "b", "Bar"),
        ("people.bar", "x", "Pardon"),
        ("people.cohost", "b", "Co-host"),
        ("people.cohost", "c", "No co-host"),
        ("people.hide", "b", "Hide"),
        ("people.hide", "h", "Unhide"),
    ],
)
def test_labels_say_what_the_key_does_to_this_person(action, target, label) -> None:
    assert label_of(action, people(), target) == label


DESTROYS = [
    ("space.leave", ""),
    ("space.close", ""),
    ("stage.demote", "a"),
    ("stage.demote", "b"),
    ("stage.demote", "w"),
    ("people.remove", "b"),
    ("people.bar", "b"),
    ("people.bar", "x"),
    ("people.cohost", "b"),
    ("people.cohost", "c"),
]


@pytest.mark.parametrize(("action", "target"), DESTROYS)
def test_what_destroys_takes_a_second_key(action: str, target: str) -> None:
    view = people()
    view.space = msgspec.structs.replace(view.space, role="host")
    question = BY_ID[action].question(view, target)
    prompt = BY_ID[action].prompt(view, target)
    assert bool(question) is (prompt is None)
    if prompt is not None:
        assert len(prompt.label) <= 50, "label and field must fit into 80 columns"
        assert prompt.wrong("") == "", "a reason may be left out"
    else:
        assert question.endswith(("?", ")"))
        assert len(question) <= 60, "question and answer must fit into 80 columns"


def test_a_listener_leaves_at_once() -> None:
    assert BY_ID["space.leave"].question(view_of(), "") == ""


def test_typed_lines_are_looked_at() -> None:
    def wrong(action: str, text: str) -> str:
        prompt = BY_ID[action].prompt(people(), "b")
        assert prompt is not None
        return prompt.wrong(text)

    assert wrong("people.admit", KEY) == ""
    assert "no npub" in wrong("people.admit", "hello") and wrong("people.admit", "")
    assert wrong("chat.react", "🔥") == "" and wrong("chat.react", "")
    assert wrong("journal.export", "x") == "" and wrong("journal.export", "")
    assert wrong("people.invite", "") == ""


def test_keys_are_named_as_on_the_keyboard() -> None:
    assert [key_word(key) for key in ("question_mark", "escape", "Q")] == ["?", "esc", "Q"]
