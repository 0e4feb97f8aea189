"""Whether something can be done now: pure functions of the view and of the row under the cursor.

Each returns "" for yes, else the reason in words for the person at the keyboard. What only the host
and co-hosts do has its permissions in `moderating`.
"""

from tui.controller.view import (
    View,
)
from tui.controller.views import (
    SPEAKING_ROLES,
    Account,
    Participant,
    SpaceView,
)

ACCOUNT = "account:"
"""Begins the key of a row that stands for a kept key; its public key follows."""


def always(_view: View, _target: str) -> str:
    """No condition."""
    return ""


def present_space(view: View) -> SpaceView | None:
    """The space that we are in or about to be in."""
    space = view.space
    return space if space is not None and space.stage in ("joining", "joined") else None


def in_space(view: View, _target: str = "") -> str:
    """Needs a space around us."""
    return "" if present_space(view) else "you are in no space"


def has_key(view: View, _target: str = "") -> str:
    """Needs a key to sign with."""
    return "choose a key first (K)" if view.me.key == "none" else ""


def can_open(view: View, ref: str) -> str:
    """To join the space under the cursor, or to go back to it."""
    if not ref:
        return "there is no space to join yet"
    space = present_space(view)
    if space is not None:
        return "" if space.ref == ref else f"leave “{space.name}” first (l)"
    summary = view.spaces.get(ref)
    if summary is not None and summary.state == "closed":
        return "this space is closed"
    return has_key(view)


def can_look(view: View, ref: str) -> str:
    """To look into the space under the cursor."""
    if not ref:
        return "there is no space yet"
    if space := present_space(view):
        return f"leave “{space.name}” first (l)"
    return has_key(view)


def can_join_room(view: View, _target: str = "") -> str:
    """To join what we look into."""
    if view.room is None:
        return "nothing is shown"
    if view.room.kind != "space":
        return "its sound is not for this program; S copies where it is"
    return has_key(view)


def has_link(view: View, _target: str = "") -> str:
    """Needs an address for the sound."""
    return (
        "" if view.room is not None and view.room.url else "it says nothing of where its sound is"
    )


def account_of(view: View, target: str) -> Account | None:
    """The kept key that a row of the start screen stands for."""
    return view.accounts.get(target.removeprefix(ACCOUNT)) if target.startswith(ACCOUNT) else None


def can_keep_key(view: View, _target: str = "") -> str:
    """To keep the present key."""
    if view.me.key == "none":
        return "there is no key to keep yet"
    return "this key is kept already" if view.me.pubkey in view.accounts else ""


def can_forget(view: View, target: str) -> str:
    """To delete the kept key under the cursor."""
    return "" if account_of(view, target) else "there is no kept key under the cursor"


def can_host(view: View, _target: str = "") -> str:
    """To open a space of one's own."""
    if space := present_space(view):
        return f"leave “{space.name}” first (l)"
    return has_key(view)


def can_talk(view: View, _target: str = "") -> str:
    """To open or close the microphone."""
    if not (space := present_space(view)):
        return in_space(view)
    if space.microphone == "closed":
        return "people on stage speak; raise your hand first (h)"
    if space.microphone == "unavailable":
        return view.audio.microphone_problem or "there is no working microphone"
    return ""


def can_raise_hand(view: View, _target: str = "") -> str:
    """To put the hand up or down."""
    if not (space := present_space(view)):
        return in_space(view)
    return "you are on stage already" if space.role in SPEAKING_ROLES else ""


def can_write(view: View, _target: str = "") -> str:
    """To write to everybody, or to send an emoji."""
    if not (space := present_space(view)):
        return in_space(view)
    return "" if space.stage == "joined" else "you are not in the space yet"


def can_share(view: View, _target: str = "") -> str:
    """To copy the link to the space."""
    if not (space := present_space(view)):
        return in_space(view)
    return "" if space.share or space.share_room else "there is no link yet"


def can_hide(view: View, pubkey: str) -> str:
    """To neither hear nor read the person under the cursor any more, or again."""
    if why_not := in_space(view) or somebody(pubkey):
        return why_not
    return "you cannot hide yourself" if pubkey == view.me.pubkey else ""


def can_answer(view: View, _target: str = "") -> str:
    """To say yes or no to an invitation to speak."""
    space = present_space(view)
    return "" if space is not None and space.invited_by else "nobody asks you anything"


def can_export(view: View, _target: str = "") -> str:
    """To write the journal into a file."""
    return "" if view.journal else "there is nothing to write yet"


def somebody(pubkey: str) -> str:
    """Needs a person under the cursor."""
    return "" if pubkey else "nobody is selected"


def called(person: Participant) -> str:
    """What to call somebody in a sentence that must fit a line."""
    return "you" if person.me else person.name[:24] or person.pubkey[:8]


def name_in(view: View, pubkey: str) -> str:
    """The same for a key that may belong to nobody present: removed people, authors who left."""
    if (person := view.participants.get(pubkey)) is not None:
        return called(person)
    if (barred := view.barred.get(pubkey)) is not None and barred.name:
        return barred.name[:24]
    said = (line.name for line in view.chat.values() if line.pubkey == pubkey and line.name)
    return next(said, "")[:24] or pubkey[:8]
