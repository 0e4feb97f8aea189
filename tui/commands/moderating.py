"""Whether a host or co-host can do something to somebody now; the same shape as `permissions`."""

from tui.commands.permissions import called, in_space, name_in, present_space, somebody
from tui.controller.view import (
    View,
)
from tui.controller.views import (
    SPEAKING_ROLES,
    Participant,
)


def moderates(view: View) -> bool:
    """Whether we are the host or a co-host of the present space."""
    space = present_space(view)
    return space is not None and space.role in ("host", "cohost")


def can_moderate(view: View, _target: str = "") -> str:
    """Needs the host or a co-host."""
    return in_space(view) or ("" if moderates(view) else "only the host and co-hosts do that")


def is_host(view: View, _target: str = "") -> str:
    """Needs the host."""
    space = present_space(view)
    if space is None:
        return in_space(view)
    return "" if space.role == "host" else "only the host does that"


def can_close(view: View, _target: str = "") -> str:
    """To end the space for everybody."""
    return in_space(view) or ("only the host ends a space" if is_host(view) else "")


def can_approve(view: View, pubkey: str) -> str:
    """To let the person under the cursor on stage."""
    person, why_not = _person(view, pubkey)
    if person is None:
        return why_not
    if person.role in SPEAKING_ROLES:
        return f"{called(person)} is on stage already"
    return "" if person.hand_since else f"{called(person)} has not asked to speak; i asks them"


def can_demote(view: View, pubkey: str) -> str:
    """To take the person under the cursor off the stage, or the hand down; also oneself."""
    if why_not := in_space(view):
        return why_not
    person = view.participants.get(pubkey)
    if person is not None and person.me and person.role != "host":
        listens = person.role not in SPEAKING_ROLES
        return "you are not on stage; h takes your own hand down" if listens else ""
    person, why_not = _person(view, pubkey)
    if person is None:
        return why_not
    if person.role == "host":
        return f"the host stays on stage{'; E ends the space' if person.me else ''}"
    if person.role not in SPEAKING_ROLES and not person.hand_since:
        return f"{called(person)} is not on stage"
    return _above(view, person)


def can_defer(view: View, pubkey: str) -> str:
    """To put a hand at the end of the own queue."""
    person, why_not = _person(view, pubkey)
    if person is None:
        return why_not
    if person.role in SPEAKING_ROLES or not person.hand_since:
        return f"{called(person)} does not ask to speak"
    return "the hand is at the end already" if person.later else ""


def can_invite(view: View, pubkey: str) -> str:
    """To ask the person under the cursor to speak, who may not be here (any more)."""
    if why_not := can_moderate(view) or somebody(pubkey):
        return why_not
    if pubkey == view.me.pubkey:
        return "you are on stage already"
    if pubkey in view.barred:
        return f"{name_in(view, pubkey)} was removed; b lets them in again"
    person = view.participants.get(pubkey)
    if person is None:
        return ""
    if person.role in SPEAKING_ROLES:
        return f"{called(person)} is on stage already"
    return f"{called(person)} asks already; a lets them on stage" if person.hand_since else ""


def can_ask_mute(view: View, pubkey: str) -> str:
    """To mute the person under the cursor."""
    person, why_not = _person(view, pubkey)
    if person is None:
        return why_not
    if person.me:
        return "m mutes yourself"
    if person.role == "host":
        return "nobody mutes the host"
    if person.role not in SPEAKING_ROLES:
        return f"{called(person)} is not on stage"
    return _above(view, person)


def can_remove(view: View, pubkey: str) -> str:
    """To put the person under the cursor out; also who has left or only writes."""
    if why_not := can_moderate(view) or somebody(pubkey):
        return why_not
    space = present_space(view)
    if pubkey == view.me.pubkey:
        return "l leaves the space; nobody removes themselves"
    if space is not None and pubkey == space.host:
        return "nobody removes the host"
    if pubkey in view.barred:
        return f"{name_in(view, pubkey)} was removed already; b lets them in again"
    person = view.participants.get(pubkey)
    return _above(view, person) if person is not None else ""


def can_bar(view: View, pubkey: str) -> str:
    """To keep the person under the cursor out, or to let them in again."""
    return can_moderate(view) if pubkey in view.barred else can_remove(view, pubkey)


def can_make_cohost(view: View, pubkey: str) -> str:
    """To let the person under the cursor moderate, or to end that."""
    if why_not := is_host(view):
        return why_not
    person, why_not = _person(view, pubkey)
    if person is None:
        return why_not
    if person.me:
        return "you are the host"
    if person.role in SPEAKING_ROLES or person.hand_since:
        return ""
    # Nobody is put on stage unasked.
    return f"{called(person)} is not on stage; i asks them first"


def can_undo(view: View, _target: str = "") -> str:
    """To take back the last act."""
    space = present_space(view)
    return "" if space is not None and space.undo else "there is nothing to undo"


def _person(view: View, pubkey: str) -> tuple[Participant | None, str]:
    """The person under a moderator's cursor, or why there is nothing to do about them."""
    if why_not := can_moderate(view) or somebody(pubkey):
        return None, why_not
    if pubkey in view.barred:
        return None, f"{name_in(view, pubkey)} was removed; b lets them in again"
    person = view.participants.get(pubkey)
    return person, "" if person is not None else f"{name_in(view, pubkey)} is not here"


def _above(view: View, person: Participant) -> str:
    """Co-hosts do nothing to each other."""
    return is_host(view) if person.role == "cohost" and not person.me else ""
