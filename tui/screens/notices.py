"""What is said at the bottom of the screen when something has happened. Pure functions."""

from tui.commands.moderating import moderates
from tui.controller.messages import (
    AnyMessage,
    Denied,
    Failed,
    IntentRefused,
    JournalExported,
    MuteAsked,
    RecordingChanged,
    Removed,
    RoleChanged,
    SpaceScheduled,
    SpeechRequested,
)
from tui.controller.view import (
    View,
)
from tui.controller.views import (
    ChatLine,
    Role,
    SpaceView,
)
from tui.widgets.own_state import name_of
from tui.widgets.text import clean

Notice = tuple[str, str]
"""A sentence and its ink."""

_INVITED_ONLY = ("not admitted: for invited people", "not admitted: the space is locked")
_ASK_TO_BE_INVITED = "; the host can invite you by your npub (S copies it)"

_GIVEN: dict[Role, str] = {
    "host": "made {} host",
    "cohost": "made {} co-host",
    "speaker": "let {} on stage",
    "listener": "took {} off the stage",
}


def notice_of(message: AnyMessage, view: View) -> Notice | None:
    """What a message means to the user; nothing for what the screens show anyway.

    What others do to others is told only to those who moderate with them.
    """
    match message:
        case IntentRefused(reason=text) | Failed(message=text):
            return text, "bad"
        case Denied(by=by, reason=reason):
            return f"{_name(view, by)} turned your hand down{_because(reason)}", "warn"
        case MuteAsked(by=by):
            return f"{_name(view, by)} muted you; m to unmute", "warn"
        case JournalExported(path=path, count=count):
            return f"{count} act{'' if count == 1 else 's'} written to {path}", "good"
        case RecordingChanged():
            return _of_recording(message, view)
        case SpaceScheduled():
            return "announced; enter it from the lobby when it is time", "good"
        case SpeechRequested(pubkey=pubkey) if moderates(view):
            return f"{_name(view, pubkey)} asks to speak; q shows the queue", "warn"
        case RoleChanged(pubkey=whom, by=by) | Removed(pubkey=whom, by=by):
            if not moderates(view) or view.me.pubkey in (whom, by):
                return None
            who, name = _name(view, by), _name(view, whom)
            if isinstance(message, Removed):
                return f"{who} removed {name}{_because(message.reason)}", "muted"
            did = "stepped down" if whom == by else _GIVEN[message.role].format(name)
            return f"{who} {did}", "muted"
    return None


def _of_recording(message: RecordingChanged, view: View) -> Notice:
    """Somebody, maybe we, records, or wishes not to be recorded."""
    name, reason = _name(view, message.by), clean(message.reason).strip()
    if message.by == view.me.pubkey:
        match message.state:
            case "started":
                return (
                    f"everybody is told that you record; the files are in {message.folder}",
                    "good",
                )
            case "failed":
                kept = f"; what there is is in {message.folder}" if message.folder else ""
                return f"nothing is recorded any more: {reason}{kept}", "bad"
        return f"recorded into {message.folder}", "good"
    match message.state:
        case "started":
            return f"{name} records this space; O leaves your voice out", "warn"
        case "refused":
            return f"{name} wishes not to be recorded and is left out", "warn"
        case "allowed":
            return f"{name} may be recorded again", "muted"
    return f"{name} records no more", "muted"


def of_role(view: View, space: SpaceView, before: Role, by: str) -> Notice:
    """Our own role is another one now, given by `by` ("" if nobody said who)."""
    who = f"{_name(view, by)} {{}}" if by and by != view.me.pubkey else ""
    if space.role == "listener":
        begin = who.format("took you off the stage") if who else "you are in the audience again"
        return f"{begin}; nobody hears you", "muted"
    if before == "listener":
        begin = who.format("let you on stage") if who else "you are on stage"
        if space.role == "cohost":
            begin = who.format("made you co-host") if who else "you are co-host"
        if space.microphone == "open":
            return f"{begin}, and your microphone is open; m closes it", "warn"
        return f"{begin}; nobody hears you until you open the microphone (m)", "good"
    if space.role == "cohost":
        begin = who.format("made you co-host") if who else "you are co-host"
        return f"{begin}; q shows the queue, ? what you can do", "good"
    return f"you are {space.role} now", "muted"


def of_end(reason: str) -> Notice:
    """Why we are out of the space."""
    reason = clean(reason).strip()
    if reason == "left":
        return "you have left the space", "muted"
    for begin, ink in (("removed", "bad"), ("not admitted", "bad")):
        if reason.startswith(begin):
            words = {"removed": "you were removed", "not admitted": "you were not let in"}[begin]
            text = words + reason.removeprefix(begin)
            return text + (_ASK_TO_BE_INVITED if reason in _INVITED_ONLY else ""), ink
    return f"you are out of the space{f': {reason}' if reason else ''}", "muted"


def of_chat(lines: list[ChatLine]) -> Notice | None:
    """Somebody wrote to us by name; other messages have their mark on the pane."""
    mine = [line for line in lines if line.mentions_me]
    if not mine:
        return None
    name = name_of(None, mine[-1].pubkey) if not mine[-1].name else clean(mine[-1].name)
    return f"{name}: {clean(mine[-1].text)} (4 shows the chat)", "warn"


def _name(view: View, pubkey: str) -> str:
    return name_of(view.participants.get(pubkey), pubkey)


def _because(reason: str) -> str:
    reason = clean(reason).strip()
    return f": {reason}" if reason else ""
