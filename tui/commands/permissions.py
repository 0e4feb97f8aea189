"""Whether something can be done now: pure functions of the view and of the row under the cursor.

Each returns "" for yes, else the reason in words for the person at the keyboard.
"""

from tui.controller.view import (
    View,
)
from tui.controller.views import (
    SPEAKING_ROLES,
    Participant,
    SpaceView,
)


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


def can_host(view: View, _target: str = "") -> str:
    """To open a space of one's own."""
    if space := present_space(view):
        return f"leave “{space.name}” first (l)"
    return has_key(view)


def can_close(view: View, _target: str = "") -> str:
    """To end the space for everybody."""
    if not (space := present_space(view)):
        return in_space(view)
    return "" if space.role == "host" else "only the host ends a space"


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


def can_approve(view: View, pubkey: str) -> str:
    """To let the person under the cursor on stage."""
    if not (space := present_space(view)):
        return in_space(view)
    if space.role != "host":
        return "only the host lets people on stage"
    person = view.participants.get(pubkey)
    if person is None:
        return "nobody is selected"
    if person.role in SPEAKING_ROLES:
        return f"{called(person)} is on stage already"
    return "" if person.hand_since else f"{called(person)} has not asked to speak"


def can_demote(view: View, pubkey: str) -> str:
    """To take the person under the cursor off the stage, or the hand down."""
    if not (space := present_space(view)):
        return in_space(view)
    person = view.participants.get(pubkey)
    if person is None:
        return "nobody is selected"
    if person.role == "host":
        return f"the host stays on stage{'; E ends the space' if person.me else ''}"
    if person.me and person.role not in SPEAKING_ROLES:
        return "you are not on stage; h takes your own hand down"
    if person.role not in SPEAKING_ROLES and not person.hand_since:
        return f"{called(person)} is not on stage"
    if not person.me and space.role != "host":
        return "only the host does that"
    return ""


def called(person: Participant) -> str:
    """What to call somebody in a sentence that must fit a line."""
    return "you" if person.me else person.name[:24] or person.pubkey[:8]
