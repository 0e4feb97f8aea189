"""What the actions make, ask and are called, as functions of the view and the row they are about.

An action that asks for a line of text has a `Prompt`; what was typed is the third argument of what
makes its intent, and is "" everywhere else.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tui.commands.npub import read_key
from tui.commands.permissions import account_of, called, name_in, present_space
from tui.commands.secrets import is_secret
from tui.config import limits
from tui.controller.intents import (
    AnyIntent,
    Demote,
    Deny,
    ExportJournal,
    ForgetAccount,
    Hide,
    Invite,
    JoinSpace,
    Lock,
    LowerHand,
    Mute,
    Pardon,
    PromoteCohost,
    Remove,
    RequestSpeech,
    UseAccount,
    WatchRoom,
)
from tui.controller.view import (
    View,
)
from tui.controller.views import (
    SPEAKING_ROLES,
)

EMOJIS = ("👍", "👏", "💜", "😂", "🔥", "🎉", "🤔", "👋")
"""Sent with the keys 1 to 8; all two cells wide in every terminal."""

_REASON = "reason, may be empty · enter or esc"


class Prompt(NamedTuple):
    """A line that is typed before an action is done.

    `label` stands before the field, `hint` in it while it is empty. Of `choices` the number alone
    is enough. `wrong` says why a text will not do, "" if it will. What is `secret` is not shown
    while it is typed.
    """

    label: str
    hint: str
    length: int
    text: str = ""
    choices: tuple[str, ...] = ()
    wrong: Callable[[str], str] = lambda _text: ""
    secret: bool = False


_PASSWORD = Prompt(
    "Password of the space:",
    "enter or esc",
    limits.SETTING_CHARS,
    wrong=lambda text: "" if text else "this space has a password; esc gives up",
    secret=True,
)

Make = Callable[[View, str, str], AnyIntent | None]
"""Makes an intent of the view, the target under the cursor, and what was typed."""


def plain(intent: Callable[[], AnyIntent]) -> Make:
    """An intent that is about nobody."""
    return lambda _view, _target, _text: intent()


def about(intent: Callable[[str], AnyIntent]) -> Make:
    """An intent that is about the person under the cursor."""
    return lambda _view, target, _text: intent(target)


def telling(intent: Callable[[str, str], AnyIntent]) -> Make:
    """The same with what was typed."""
    return lambda _view, target, text: intent(target, text)


def typed(intent: Callable[[str], AnyIntent]) -> Make:
    """An intent that is only about what was typed."""
    return lambda _view, _target, text: intent(text)


def open_space(view: View, ref: str, password: str) -> AnyIntent | None:
    """Join, unless we are in that space: then it is only shown. Rooms of others are only read."""
    if present_space(view):
        return None
    summary = view.spaces.get(ref)
    if summary is not None and summary.kind != "space":
        return WatchRoom(ref)
    return JoinSpace(ref, muted=True, password=password)


def open_label(view: View, ref: str) -> str:
    """Join or Read."""
    summary = view.spaces.get(ref)
    return "Read" if summary is not None and summary.kind != "space" else "Join"


def ask_password(view: View, ref: str) -> Prompt | None:
    """Asks for the password of a space that has one."""
    summary = view.spaces.get(ref)
    if present_space(view) or summary is None or summary.access != "password":
        return None
    return _PASSWORD


def use_account(view: View, target: str, password: str) -> AnyIntent | None:
    """Sign with the kept key under the cursor; other rows are no intents."""
    account = account_of(view, target)
    return UseAccount(account.pubkey, password) if account is not None else None


def ask_account_password(view: View, target: str) -> Prompt | None:
    """Asks for the password of an encrypted key."""
    account = account_of(view, target)
    if account is None or account.store != "encrypted":
        return None
    return Prompt(
        "Password of this key:",
        "enter or esc",
        limits.SETTING_CHARS,
        wrong=lambda text: "" if text else "this key is encrypted with a password; esc gives up",
        secret=True,
    )


def forget_account(view: View, target: str, _text: str) -> AnyIntent | None:
    """Delete the kept key under the cursor."""
    account = account_of(view, target)
    return ForgetAccount(account.pubkey) if account is not None else None


def ask_forget(view: View, target: str) -> str:
    """A key without another copy is gone for good."""
    account = account_of(view, target)
    if account is None:
        return ""
    return f"Delete the key of “{account.label or account.npub[:12]}” from this machine for good?"


def look_in(_view: View, ref: str, _text: str) -> AnyIntent:
    """Who is there and what is written, without being announced."""
    return WatchRoom(ref)


def join_room(view: View, _target: str, password: str) -> AnyIntent | None:
    """Join the space that we look into."""
    if view.room is None:
        return None
    return JoinSpace(view.room.ref, muted=True, password=password)


def ask_room_password(view: View, _target: str) -> Prompt | None:
    """The same question on the way in from there."""
    return ask_password(view, view.room.ref) if view.room is not None else None


def mute(view: View, _target: str, _text: str) -> AnyIntent:
    """The other state of the microphone."""
    return Mute(on=view.space is not None and view.space.microphone == "open")


def mute_label(view: View, _target: str) -> str:
    """Mute or Unmute."""
    return "Mute" if view.space is not None and view.space.microphone == "open" else "Unmute"


def hand(view: View, _target: str, _text: str) -> AnyIntent:
    """The other state of the hand."""
    is_up = view.space is not None and view.space.hand_since
    return LowerHand() if is_up else RequestSpeech()


def hand_label(view: View, _target: str) -> str:
    """Hand up or Hand down."""
    return "Hand down" if view.space is not None and view.space.hand_since else "Hand up"


def ask_leave(view: View, _target: str) -> str:
    """Only the host is missed."""
    if view.space is not None and view.space.role == "host":
        return "Leave your space without a host? (E ends it for all)"
    return ""


def ask_close(_view: View, _target: str) -> str:
    """It cannot be taken back."""
    return "End this space for everybody?"


def demote(view: View, pubkey: str, reason: str) -> AnyIntent:
    """Off the stage, or the hand down."""
    person = view.participants.get(pubkey)
    if person is not None and person.me:
        return Demote("")
    return Deny(pubkey, reason) if _asks(view, pubkey) else Demote(pubkey, reason)


def demote_label(view: View, pubkey: str) -> str:
    """Step down, Deny or Demote."""
    person = view.participants.get(pubkey)
    if person is not None and person.me and person.role in SPEAKING_ROLES:
        return "Step down"
    return "Deny" if _asks(view, pubkey) else "Demote"


def ask_step_down(view: View, pubkey: str) -> str:
    """One's own way off the stage has no reason to give."""
    person = view.participants.get(pubkey)
    return "Leave the stage and listen?" if person is not None and person.me else ""


def why_demote(view: View, pubkey: str) -> Prompt | None:
    """Asks for the reason that the person is told."""
    person = view.participants.get(pubkey)
    if person is None or person.me:
        return None
    if _asks(view, pubkey):
        label = f"Deny the hand of {called(person)}?"
    else:
        label = f"Take {called(person)} off the stage?"
    return Prompt(label, _REASON, limits.REASON_LENGTH)


def why_remove(view: View, pubkey: str) -> Prompt | None:
    """Asks for the reason; enter is the second key."""
    label = f"Remove and bar {name_in(view, pubkey)}?"
    return Prompt(label, _REASON, limits.REASON_LENGTH)


def bar(view: View, pubkey: str, reason: str) -> AnyIntent:
    """Out for good, or in again."""
    return Pardon(pubkey) if pubkey in view.barred else Remove(pubkey, reason)


def bar_label(view: View, pubkey: str) -> str:
    """Bar or Pardon."""
    return "Pardon" if pubkey in view.barred else "Bar"


def why_bar(view: View, pubkey: str) -> Prompt | None:
    """A pardon needs no reason."""
    return None if pubkey in view.barred else why_remove(view, pubkey)


def ask_pardon(view: View, pubkey: str) -> str:
    """Whoever was removed may come in again at once."""
    return f"Let {name_in(view, pubkey)} in again?" if pubkey in view.barred else ""


def say_to_invited(view: View, pubkey: str) -> Prompt | None:
    """Asks for a line that goes with the question."""
    label = f"Ask {name_in(view, pubkey)} to speak:"
    return Prompt(label, "a few words, may be empty · enter or esc", limits.REASON_LENGTH)


def whom_to_admit(_view: View, _target: str) -> Prompt | None:
    """Asks for the key of somebody who is not here."""
    return Prompt(
        "Invite by key:",
        "npub or hex · enter or esc",
        limits.SETTING_CHARS,
        wrong=lambda text: "" if read_key(text) else "that is no npub; esc gives up",
    )


def ask_name(view: View, _target: str = "") -> Prompt:
    """Asks for our name; a secret key pasted by mistake goes nowhere."""
    return Prompt(
        "Your name:",
        "what others see · enter or esc",
        limits.NAME_LENGTH,
        view.me.name,
        wrong=lambda text: "that is a secret key, no name; esc gives up" if is_secret(text) else "",
    )


def admit(_view: View, _target: str, key: str) -> AnyIntent | None:
    """An invitation to the owner of a pasted key; none if it is no key."""
    return Invite(pubkey) if (pubkey := read_key(key)) else None


def cohost(view: View, pubkey: str, _text: str) -> AnyIntent:
    """On, or off the stage: the protocol knows no step from co-host to speaker."""
    return Demote(pubkey) if _is_cohost(view, pubkey) else PromoteCohost(pubkey)


def cohost_label(view: View, pubkey: str) -> str:
    """Co-host or No co-host."""
    return "No co-host" if _is_cohost(view, pubkey) else "Co-host"


def ask_cohost(view: View, pubkey: str) -> str:
    """Both give or take much."""
    name = name_in(view, pubkey)
    if _is_cohost(view, pubkey):
        return f"End that {name} is co-host, and on stage?"
    return f"Let {name} moderate as co-host?"


def lock(view: View, _target: str, _text: str) -> AnyIntent:
    """The other state of the door."""
    return Lock(on=not (view.space is not None and view.space.locked))


def lock_label(view: View, _target: str) -> str:
    """Lock or Unlock."""
    return "Unlock" if view.space is not None and view.space.locked else "Lock"


def hide(view: View, pubkey: str, _text: str) -> AnyIntent:
    """Hidden for me, or shown again."""
    return Hide(pubkey, on=not _is_hidden(view, pubkey))


def hide_label(view: View, pubkey: str) -> str:
    """Hide or Unhide."""
    return "Unhide" if _is_hidden(view, pubkey) else "Hide"


def which_emoji(_view: View, _target: str) -> Prompt | None:
    """A row of emojis, or one that is typed."""
    row = " ".join(f"{number} {emoji}" for number, emoji in enumerate(EMOJIS, 1))
    hint = "or type one · esc"
    return Prompt(row, hint, limits.EMOJI_LENGTH, choices=EMOJIS, wrong=_nothing)


def where_to_export(view: View, _target: str) -> Prompt | None:
    """Asks for the path of a file that is not there yet."""
    name = view.space.id[:8] if view.space is not None and view.space.id.isalnum() else "space"
    return Prompt(
        "Write the journal to:",
        "path of a new file · enter or esc",
        limits.SETTING_CHARS,
        text=f"~/journal-{name}.jsonl",
        wrong=_nothing,
    )


def export(_view: View, _target: str, path: str) -> AnyIntent:
    """The controller works in another folder than the user does."""
    try:
        full = Path(path).expanduser().absolute()
    except RuntimeError:  # the home of nobody
        full = Path(path).absolute()
    return ExportJournal(str(full))


def _nothing(text: str) -> str:
    return "" if text else "nothing was typed; esc gives up"


def _asks(view: View, pubkey: str) -> bool:
    person = view.participants.get(pubkey)
    return person is not None and bool(person.hand_since) and person.role not in SPEAKING_ROLES


def _is_cohost(view: View, pubkey: str) -> bool:
    person = view.participants.get(pubkey)
    return person is not None and person.role == "cohost"


def _is_hidden(view: View, pubkey: str) -> bool:
    person = view.participants.get(pubkey)
    return person is not None and person.hidden
