"""The actions: one list that keys, footer, help, palette, control socket and README read.

An action is named `area.verb`. It either makes an intent for the controller, or, where it makes
none, the screen does it. Keys have the names that Textual gives them.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from tui.commands import effects, recording
from tui.commands import moderating as mod
from tui.commands import permissions as may
from tui.commands import sounding as sound
from tui.commands.effects import Make, Prompt, about, plain, telling, typed
from tui.controller.intents import (
    AcceptInvite,
    AskMute,
    CloseSpace,
    DeclineInvite,
    Defer,
    Invite,
    LeaveSpace,
    MuteAll,
    OfferNostrConnect,
    PromoteSpeaker,
    React,
    Remove,
    RetryRelays,
    SetName,
    Undo,
)
from tui.controller.view import (
    View,
)

Place = Literal[
    "lobby",
    "space",
    "journal",
    "log",
    "help",
    "palette",
    "create",
    "start",
    "key",
    "room",
    "keep",
    "login",
    "devices",
    "connections",
]
"""The screens, by the names that the registry has for them."""

Of = Callable[[View, str], str]
"""Words made of the view and the key of the row under the cursor."""


class Action(NamedTuple):
    """One thing that can be done. `help` is a sentence; `label` the word in the footer.

    `unavailable` gives the reason why not now, "" if there is none. An action that destroys takes a
    second key: `question` is answered with yes, `prompt` with a line of text; "" and `None` ask
    nothing. `target` in all of them is a ref or a pubkey, or "".
    """

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    places: tuple[Place, ...]
    intent: Make | None = None
    unavailable: Of = may.always
    question: Of = may.always
    label_now: Of | None = None
    in_footer: bool = True
    prompt: Callable[[View, str], Prompt | None] = lambda _view, _target: None


_LISTS: tuple[Place, ...] = (
    "lobby", "room", "space", "journal", "log", "help", "start", "devices", "connections",
)  # fmt: skip
_MOVES: tuple[Place, ...] = (*_LISTS, "palette")
_ABOUT: tuple[Place, ...] = (
    "lobby", "room", "space", "journal", "log", "start", "devices", "connections",
)  # fmt: skip
_ANSWERS: tuple[Place, ...] = ("lobby", "space", "journal", "log", "help", "start")


ACTIONS: tuple[Action, ...] = (
    Action("start.demo", ("d",), "Demo", "Try the demo: no key, no network, no sound card.",
           ("start",), in_footer=False),
    Action("start.listen", ("t",), "Throw-away key", "Begin with a new key, forgotten at "
           "the end.", ("start",), in_footer=False),
    Action("start.key", ("k",), "My key", "Use a key of your own.", ("start",),
           in_footer=False),
    Action("start.signer", ("s",), "Other device", "Sign with a key that a phone or another "
           "program holds.", ("start",), plain(OfferNostrConnect), in_footer=False),
    Action("start.keep", ("w",), "Keep the key", "Keep the key that you use now for the next time.",
           ("start",), None, may.can_keep_key, in_footer=False),
    Action("account.forget", ("X",), "Forget", "Delete the kept key under the cursor.", ("start",),
           effects.forget_account, may.can_forget, effects.ask_forget, in_footer=False),
    Action("start.choose", ("enter",), "Choose", "Take the line under the cursor.", ("start",),
           effects.use_account, prompt=effects.ask_account_password),
    Action("space.open", ("enter",), "Join", "Join the space under the cursor, microphone closed; "
           "a room of other apps is only read.", ("lobby",), effects.open_space, may.can_open,
           label_now=effects.open_label, prompt=effects.ask_password),
    Action("space.look", ("p",), "Look in", "See who is in the space under the cursor and read its "
           "chat, without being announced.", ("lobby",), effects.look_in, may.can_look),
    Action("room.join", ("enter",), "Join", "Join the space that you look into.", ("room",),
           effects.join_room, may.can_join_room, prompt=effects.ask_room_password),
    Action("room.link", ("S",), "Copy link", "Copy where the sound of this room is.", ("room",),
           None, may.has_link),
    Action("space.new", ("n",), "New space", "Open a space of your own.", ("lobby",), None,
           may.can_host),
    Action("audio.mute", ("m",), "Unmute", "Open or close your microphone.",
           ("space", "lobby", "journal", "log"), effects.mute, may.can_talk,
           label_now=effects.mute_label),
    Action("audio.talk", ("space",), "Talk", "Open the microphone; press again to close it.",
           ("space",), effects.mute, may.can_talk, in_footer=False),
    Action("hand.toggle", ("h",), "Hand up", "Ask to speak, or take the hand down.", ("space",),
           effects.hand, may.can_raise_hand, label_now=effects.hand_label),
    Action("queue.approve", ("a",), "Approve", "Let the person under the cursor on stage.",
           ("space",), about(PromoteSpeaker), mod.can_approve),
    Action("stage.demote", ("d",), "Demote", "Turn down the hand of the person under the cursor, "
           "or take them off the stage, with a reason; on yourself, leave the stage.", ("space",),
           effects.demote, mod.can_demote, effects.ask_step_down, effects.demote_label,
           prompt=effects.why_demote),
    Action("queue.defer", ("w",), "Later", "Put the hand under the cursor at the end, on your "
           "screen only.", ("space",), about(Defer), mod.can_defer),
    Action("people.invite", ("i",), "Invite", "Ask the person under the cursor to speak.",
           ("space",), telling(Invite), mod.can_invite, prompt=effects.say_to_invited),
    Action("people.mute", ("x",), "Mute them", "Mute the person under the cursor, who may unmute.",
           ("space",), about(AskMute), mod.can_ask_mute),
    Action("people.remove", ("X",), "Remove", "Put the person under the cursor out, with a reason, "
           "and keep them out.", ("space",), telling(Remove), mod.can_remove,
           prompt=effects.why_remove),
    Action("action.undo", ("u",), "Undo", "Take back your last act of moderation, within a few "
           "seconds.", ("space",), plain(Undo), mod.can_undo),
    Action("chat.write", ("c",), "Chat", "Show the chat and write to everybody.", ("space",),
           None, may.can_write),
    Action("chat.react", ("r",), "React", "Send an emoji: a number, or type one.", ("space",),
           typed(React), may.can_write, prompt=effects.which_emoji),
    Action("pane.requests", ("q", "3"), "Queue", "Show who asks to speak, in order.", ("space",)),
    Action("space.lock", ("L",), "Lock", "Let nobody new in, or everybody again.", ("space",),
           effects.lock, mod.is_host, label_now=effects.lock_label),
    Action("people.bar", ("b",), "Bar", "Keep the person under the cursor out, or let somebody in "
           "again who was removed.", ("space",), effects.bar, mod.can_bar, effects.ask_pardon,
           effects.bar_label, prompt=effects.why_bar),
    Action("people.cohost", ("o",), "Co-host", "Let the person under the cursor moderate, or no "
           "more.", ("space",), effects.cohost, mod.can_make_cohost, effects.ask_cohost,
           effects.cohost_label),
    Action("stage.mute", ("M",), "Mute all", "Mute everybody on stage but yourself; they may "
           "unmute.", ("space",), plain(MuteAll), mod.can_moderate),
    Action("people.admit", ("I",), "Invite by key", "Let somebody in by their npub, where a space "
           "is locked or for invited people.", ("space",), effects.admit, mod.can_moderate,
           in_footer=False, prompt=effects.whom_to_admit),
    Action("people.hide", ("H",), "Hide", "Neither hear nor read the person under the cursor any "
           "more, or again; only for you.", ("space",), effects.hide, may.can_hide,
           label_now=effects.hide_label),
    Action("audio.louder", ("plus", "equals_sign"), "Louder", "Play the person under the cursor "
           "louder; only for you.", ("space",), sound.louder(up=True), sound.can_turn(up=True),
           in_footer=False),
    Action("audio.quieter", ("minus",), "Quieter", "Play the person under the cursor less loud, "
           "down to silence; only for you.", ("space",), sound.louder(up=False),
           sound.can_turn(up=False), in_footer=False),
    Action("space.record", ("R",), "Record", "Record the space into one file, which everybody is "
           "told; press again to stop.", ("space",), recording.record(separate=False),
           recording.can_record, label_now=recording.record_label, in_footer=False,
           prompt=recording.where_to_record),
    Action("space.tracks", ("T",), "Record tracks", "Record the space with each voice in a file of "
           "its own, which everybody is told.", ("space",), recording.record(separate=True),
           recording.can_record, label_now=recording.record_label, in_footer=False,
           prompt=recording.where_to_record),
    Action("audio.off_record", ("O",), "Off record", "Have your voice left out of all recordings "
           "from now on, or let it in again.", ("space",), recording.refuse, may.in_space,
           label_now=recording.refuse_label, in_footer=False),
    Action("pane.next", ("tab",), "Next pane", "Go to the next pane.", ("space", "room"),
           in_footer=False),
    Action("pane.previous", ("shift+tab",), "Pane before", "Go to the pane before.",
           ("space", "room"), in_footer=False),
    Action("pane.stage", ("1",), "Stage", "Show the people on stage.", ("space",),
           in_footer=False),
    Action("pane.audience", ("2",), "Audience", "Show the people who listen.", ("space",),
           in_footer=False),
    Action("pane.chat", ("4",), "Chat", "Show the chat.", ("space",), in_footer=False),
    Action("space.share", ("S",), "Share", "Copy the link to the space; press again for the other "
           "form of it.", ("space",), None, may.can_share),
    Action("space.leave", ("l",), "Leave", "Leave the space.", ("space", "lobby"),
           plain(LeaveSpace), may.in_space, effects.ask_leave),
    Action("space.close", ("E",), "End", "End your space for everybody.", ("space", "lobby"),
           plain(CloseSpace), mod.can_close, effects.ask_close, in_footer=False),
    Action("list.filter", ("slash",), "Filter", "Show only rows with the text that you type.",
           ("lobby", "space", "journal")),
    Action("journal.export", ("E",), "Export", "Write the journal into a file, as signed events.",
           ("journal",), effects.export, may.can_export, prompt=effects.where_to_export),
    Action("identity.choose", ("K",), "Key", "Choose the key that you sign with.", ("lobby",),
           None, lambda view, _: may.can_host(view) if may.present_space(view) else "",
           in_footer=False),
    Action("identity.name", ("N",), "Name", "Choose the name that others see.", ("lobby",),
           typed(SetName), may.has_key, in_footer=False, prompt=effects.ask_name),
    Action("identity.copy", ("S",), "Copy npub", "Copy your npub, by which others can let you in.",
           ("lobby",), None, may.has_key, in_footer=False),
    Action("journal.open", ("J",), "Journal", "Show who moderated whom, and why.", ("space",)),
    Action("connections.open", ("C",), "Connections", "Show to whom you are connected, and how "
           "well.", ("space",), in_footer=False),
    Action("devices.open", ("D",), "Devices", "Choose microphone and speaker, also while the space "
           "goes on.", ("lobby", "space"), in_footer=False),
    Action("devices.choose", ("enter",), "Use it", "Use the device under the cursor.",
           ("devices",), sound.use_device, sound.can_use),
    Action("relays.retry", ("t",), "Try now", "Try relays that cannot be reached again at once.",
           ("lobby", "space", "log"), plain(RetryRelays), sound.can_retry, in_footer=False),
    Action("log.open", ("g",), "Log", "Show relays, log and what was dropped.",
           ("lobby", "room", "space", "journal", "start")),
    Action("palette.open", ("colon", "ctrl+p"), "Commands", "Find a command by its name.",
           ("lobby", "space", "journal", "log"), in_footer=False),
    Action("palette.choose", ("enter",), "Do it", "Do what is under the cursor.", ("palette",)),
    Action("help.open", ("question_mark",), "Keys", "Show what every key does.", _ABOUT),
    Action("screen.back", ("escape",), "Back", "Go back; from a space to the lobby, without "
           "leaving it.", ("space", "room", "journal", "log", "help", "palette", "create", "key",
                            "keep", "login",
                            "start", "devices", "connections")),
    Action("space.show", ("escape",), "Back", "Clear the filter, or go back to the space that you "
           "are in.", ("lobby",), in_footer=False),
    Action("app.quit", ("Q",), "Quit", "Close this screen. A space that you are in goes on; "
           "`spaces` shows it again.", (*_ABOUT, "help")),
    Action("answer.yes", ("y",), "Yes", "Answer the question at the bottom with yes.",
           _ANSWERS, plain(AcceptInvite), may.can_answer, in_footer=False),
    Action("answer.no", ("n",), "No", "Answer it with no; any other command is a no too, but not "
           "to an invitation.", ("space", "journal", "log", "help", "start"), plain(DeclineInvite),
           may.can_answer, in_footer=False),
    Action("list.up", ("up",), "Up", "Move up.", _MOVES, in_footer=False),
    Action("list.down", ("down",), "Down", "Move down.", _MOVES, in_footer=False),
    Action("list.page_up", ("pageup",), "Page up", "Move up by a page.", _MOVES, in_footer=False),
    Action("list.page_down", ("pagedown",), "Page down", "Move down by a page.", _MOVES,
           in_footer=False),
    Action("list.first", ("home",), "First", "Move to the first row.", _LISTS, in_footer=False),
    Action("list.last", ("end",), "Last", "Move to the last row.", _LISTS, in_footer=False),
    Action("form.next", ("enter", "tab", "down"), "Next", "Go to the next field; enter in the last "
           "one is done.", ("create", "key", "keep")),
    Action("form.done", ("f2", "ctrl+o"), "Done", "Take the form as it is, from any field.",
           ("create", "key", "keep")),
    Action("form.previous", ("shift+tab", "up"), "Field before", "Go to the field before.",
           ("create", "key", "keep"), in_footer=False),
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
    "colon": ":",
    "escape": "esc",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "plus": "+",
    "equals_sign": "=",
    "minus": "-",
}


def key_word(key: str) -> str:
    """A key as it stands on the keyboard."""
    return _KEY_WORDS.get(key, key)
