"""The actions: one list that keys, footer, help, palette, control socket and README read.

An action is named `area.verb`. It either makes an intent for the controller, or, where it makes
none, the screen does it. Keys have the names that Textual gives them.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from tui.commands import permissions as may
from tui.controller.intents import (
    AnyIntent,
    CloseSpace,
    Demote,
    JoinSpace,
    LeaveSpace,
    LowerHand,
    Mute,
    PromoteSpeaker,
    RequestSpeech,
)
from tui.controller.view import (
    View,
)
from tui.controller.views import (
    SPEAKING_ROLES,
)

Place = Literal["lobby", "space", "log", "help", "create", "start", "key"]
"""The screens, by the names that the registry has for them."""

Of = Callable[[View, str], str]
"""Words made of the view and the key of the row under the cursor."""


class Action(NamedTuple):
    """One thing that can be done. `help` is a sentence; `label` the word in the footer.

    `unavailable` gives the reason why not now, "" if there is none. `question` is asked before an
    action that destroys; "" asks nothing. `target` in all of them is a ref or a pubkey, or "".
    """

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    places: tuple[Place, ...]
    intent: Callable[[View, str], AnyIntent | None] | None = None
    unavailable: Of = may.always
    question: Of = may.always
    label_now: Of | None = None
    in_footer: bool = True


_LISTS: tuple[Place, ...] = ("lobby", "space", "log", "help", "start")
_ABOUT: tuple[Place, ...] = ("lobby", "space", "log", "start")


def _open(view: View, ref: str) -> AnyIntent | None:
    return None if may.present_space(view) else JoinSpace(ref, muted=True)


def _mute(view: View, _target: str) -> AnyIntent:
    return Mute(on=view.space is not None and view.space.microphone == "open")


def _mute_label(view: View, _target: str) -> str:
    return "Mute" if view.space is not None and view.space.microphone == "open" else "Unmute"


def _hand(view: View, _target: str) -> AnyIntent:
    is_up = view.space is not None and view.space.hand_since
    return LowerHand() if is_up else RequestSpeech()


def _hand_label(view: View, _target: str) -> str:
    return "Hand down" if view.space is not None and view.space.hand_since else "Hand up"


def _demote(view: View, pubkey: str) -> AnyIntent:
    person = view.participants.get(pubkey)
    return Demote("" if person is not None and person.me else pubkey)


def _demote_label(view: View, pubkey: str) -> str:
    person = view.participants.get(pubkey)
    if person is not None and person.me and person.role in SPEAKING_ROLES:
        return "Step down"
    asks = person is not None and person.hand_since and person.role not in SPEAKING_ROLES
    return "Deny" if asks else "Demote"


def _ask_leave(view: View, _target: str) -> str:
    if view.space is not None and view.space.role == "host":
        return "Leave your space without a host? (E ends it for all)"
    return ""


def _ask_close(_view: View, _target: str) -> str:
    return "End this space for everybody?"


def _ask_demote(view: View, pubkey: str) -> str:
    person = view.participants.get(pubkey)
    if person is None:
        return ""
    if person.me:
        return "Leave the stage and listen?"
    if person.role in SPEAKING_ROLES:
        return f"Take {may.called(person)} off the stage?"
    return f"Turn down the hand of {may.called(person)}?"


ACTIONS: tuple[Action, ...] = (
    Action("start.demo", ("d",), "Demo", "Try the demo: no key, no network, no sound card.",
           ("start",), in_footer=False),
    Action("start.listen", ("t",), "Throw-away key", "Begin with a new key, forgotten at "
           "the end.", ("start",), in_footer=False),
    Action("start.key", ("k",), "My key", "Use a key of your own.", ("start",),
           in_footer=False),
    Action("start.choose", ("enter",), "Choose", "Take the line under the cursor.", ("start",)),
    Action("space.open", ("enter",), "Join", "Join the space under the cursor, microphone closed.",
           ("lobby",), _open, may.can_open),
    Action("space.new", ("n",), "New space", "Open a space of your own.", ("lobby",), None,
           may.can_host),
    Action("audio.mute", ("m",), "Unmute", "Open or close your microphone.",
           ("space", "lobby", "log"), _mute, may.can_talk, label_now=_mute_label),
    Action("audio.talk", ("space",), "Talk", "Open the microphone; press again to close it.",
           ("space",), _mute, may.can_talk, in_footer=False),
    Action("hand.toggle", ("h",), "Hand up", "Ask to speak, or take the hand down.", ("space",),
           _hand, may.can_raise_hand, label_now=_hand_label),
    Action("pane.requests", ("q", "3"), "Queue", "Show who asks to speak, in order.", ("space",)),
    Action("queue.approve", ("a",), "Approve", "Let the person under the cursor on stage.",
           ("space",), lambda _view, pubkey: PromoteSpeaker(pubkey), may.can_approve),
    Action("stage.demote", ("d",), "Demote", "Take the person under the cursor off the stage, "
           "or turn the hand down; on yourself, leave the stage.", ("space",), _demote,
           may.can_demote, _ask_demote, _demote_label),
    Action("pane.next", ("tab",), "Pane", "Go to the next pane.", ("space",), in_footer=False),
    Action("pane.previous", ("shift+tab",), "Pane", "Go to the pane before.", ("space",),
           in_footer=False),
    Action("pane.stage", ("1",), "Stage", "Show the people on stage.", ("space",),
           in_footer=False),
    Action("pane.audience", ("2",), "Audience", "Show the people who listen.", ("space",),
           in_footer=False),
    Action("space.leave", ("l",), "Leave", "Leave the space.", ("space", "lobby"),
           lambda _view, _target: LeaveSpace(), may.in_space, _ask_leave),
    Action("space.close", ("E",), "End", "End your space for everybody.", ("space", "lobby"),
           lambda _view, _target: CloseSpace(), may.can_close, _ask_close, in_footer=False),
    Action("list.filter", ("slash",), "Filter", "Show only rows with the text that you type.",
           ("lobby", "space")),
    Action("identity.choose", ("K",), "Key", "Choose the key that you sign with.", ("lobby",),
           None, lambda view, _: may.can_host(view) if may.present_space(view) else "",
           in_footer=False),
    Action("log.open", ("g",), "Log", "Show relays, log and what was dropped.",
           ("lobby", "space", "start")),
    Action("help.open", ("question_mark",), "Keys", "Show what every key does.", _ABOUT),
    Action("screen.back", ("escape",), "Back", "Go back; from a space to the lobby, without "
           "leaving it.", ("space", "log", "help", "create", "key", "start")),
    Action("space.show", ("escape",), "Back", "Clear the filter, or go back to the space that you "
           "are in.", ("lobby",), in_footer=False),
    Action("app.quit", ("Q",), "Quit", "Close this screen. A space that you are in goes on; "
           "`spaces` shows it again.", (*_ABOUT, "help")),
    Action("answer.yes", ("y",), "Yes", "Answer the question at the bottom with yes.",
           ("lobby", "space"), in_footer=False),
    Action("answer.no", ("n",), "No", "Answer it with no, as any other command does too.",
           ("space",), in_footer=False),
    Action("list.up", ("up",), "Up", "Move up.", _LISTS, in_footer=False),
    Action("list.down", ("down",), "Down", "Move down.", _LISTS, in_footer=False),
    Action("list.page_up", ("pageup",), "Page up", "Move up by a page.", _LISTS, in_footer=False),
    Action("list.page_down", ("pagedown",), "Page down", "Move down by a page.", _LISTS,
           in_footer=False),
    Action("list.first", ("home",), "First", "Move to the first row.", _LISTS, in_footer=False),
    Action("list.last", ("end",), "Last", "Move to the last row.", _LISTS, in_footer=False),
    Action("form.next", ("enter", "tab", "down"), "Next", "Go to the next field; enter in the last "
           "one is done.", ("create", "key")),
    Action("form.previous", ("shift+tab", "up"), "Field before", "Go to the field before.",
           ("create", "key"), in_footer=False),
)  # fmt: skip

BY_ID = {action.id: action for action in ACTIONS}

LEAVE_ALONE = frozenset(
    (
        *(f"ctrl+{letter}" for letter in "sqzcimhabjke"),
        *("ctrl+left_square_bracket", "f1", "f10", "f11"),
    )
)
"""Keys that terminals, multiplexers and shells take for themselves."""


def actions_of(place: Place) -> tuple[Action, ...]:
    """The actions of a screen, in the order of the footer."""
    return tuple(action for action in ACTIONS if place in action.places)


def clashes(actions: tuple[Action, ...] = ACTIONS) -> list[str]:
    """What is wrong with the keys: two actions on one, or one that is to be left alone."""
    found: list[str] = []
    taken: dict[tuple[str, str], str] = {}
    for action in actions:
        for key in action.keys:
            if key in LEAVE_ALONE:
                found.append(f"{action.id} takes {key}, which is not ours")
            for place in action.places:
                other = taken.setdefault((place, key), action.id)
                if other != action.id:
                    found.append(f"{action.id} and {other} both have {key} on {place}")
    return found


_KEY_WORDS = {
    "question_mark": "?",
    "slash": "/",
    "escape": "esc",
    "pageup": "pgup",
    "pagedown": "pgdn",
}


def key_word(key: str) -> str:
    """A key as it stands on the keyboard."""
    return _KEY_WORDS.get(key, key)
