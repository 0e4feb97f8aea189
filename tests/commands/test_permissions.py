from collections.abc import Callable

import pytest

from tui.commands import moderating as mod
from tui.commands import permissions as may
from tui.controller.view import (
    View,
)
from tui.controller.views import (
    AudioView,
    Barred,
    ChatLine,
    Me,
    Microphone,
    Participant,
    Role,
    SpaceStage,
    SpaceSummary,
    SpaceView,
)

REF = "h:1"


def view_in(
    role: Role = "listener", microphone: Microphone = "closed", stage: SpaceStage = "joined"
) -> View:
    view = view_outside()
    view.space = SpaceView(REF, "h", "1", "Tea", stage, role=role, microphone=microphone)
    view.participants = {
        "h": Participant("h", "Hana", "host", me=role == "host"),
        "c": Participant("c", "Cem", "cohost", me=role == "cohost"),
        "c2": Participant("c2", "Kim", "cohost"),
        "s": Participant("s", "Sam", "speaker", me=role == "speaker"),
        "w": Participant("w", "Wim", "listener", hand_since=5.0, queue=1),
        "v": Participant("v", "Vic", "listener", hand_since=7.0, queue=2, later=True),
        "l": Participant("l", "Lea", "listener", me=role == "listener"),
    }
    mine = {"host": "h", "cohost": "c", "speaker": "s", "listener": "l"}
    view.me = Me(mine[role], key="throwaway")
    view.barred = {"b": Barred("b", "Bob", "h", "Hana", "spam", 5)}
    return view


def view_outside(key: str = "throwaway") -> View:
    view = View()
    view.me = Me("x", key=key)  # type: ignore[arg-type]
    view.spaces = {
        REF: SpaceSummary(REF, "h", "Hana", "1", "Tea", 0),
        "h:2": SpaceSummary("h:2", "h", "Hana", "2", "Over", 0, state="closed"),
    }
    return view


@pytest.mark.parametrize(
    ("permission", "view", "target", "reason"),
    [
        (may.can_open, view_outside(), REF, ""),
        (may.can_open, view_outside(), "", "no space to join"),
        (may.can_open, view_outside(), "h:2", "closed"),
        (may.can_open, view_outside("none"), REF, "key first"),
        (may.can_open, view_in(), REF, ""),
        (may.can_open, view_in(), "h:2", "leave “Tea” first"),
        (may.can_open, view_in(stage="left"), REF, ""),
        (may.can_host, view_outside(), "", ""),
        (may.can_host, view_outside("none"), "", "key first"),
        (may.can_host, view_in(), "", "leave “Tea” first"),
        (may.in_space, view_outside(), "", "no space"),
        (may.in_space, view_in(stage="joining"), "", ""),
        (may.in_space, view_in(stage="closed"), "", "no space"),
        (mod.can_close, view_in("host"), "", ""),
        (mod.can_close, view_in("speaker"), "", "only the host"),
        (mod.can_close, view_outside(), "", "no space"),
        (may.can_talk, view_in("speaker", "muted"), "", ""),
        (may.can_talk, view_in("speaker", "open"), "", ""),
        (may.can_talk, view_in("listener", "closed"), "", "raise your hand"),
        (may.can_talk, view_in("speaker", "unavailable"), "", "no working microphone"),
        (may.can_talk, view_outside(), "", "no space"),
        (may.can_raise_hand, view_in("listener"), "", ""),
        (may.can_raise_hand, view_in("host"), "", "on stage already"),
        (may.can_raise_hand, view_outside(), "", "no space"),
        (may.can_write, view_in(), "", ""),
        (may.can_write, view_in(stage="joining"), "", "not in the space yet"),
        (may.can_write, view_outside(), "", "no space"),
        (may.can_share, view_in(), "", "no link"),
        (may.can_hide, view_in(), "s", ""),
        (may.can_hide, view_in(), "", "nobody"),
        (may.can_hide, view_in(), "l", "yourself"),
        (may.can_hide, view_outside(), "s", "no space"),
        (may.can_answer, view_in(), "", "nobody asks"),
        (may.can_answer, view_outside(), "", "nobody asks"),
        (may.can_export, view_in(), "", "nothing"),
        (mod.can_approve, view_in("host"), "w", ""),
        (mod.can_approve, view_in("cohost"), "w", ""),
        (mod.can_approve, view_in("host"), "l", "Lea has not asked"),
        (mod.can_approve, view_in("host"), "s", "Sam is on stage already"),
        (mod.can_approve, view_in("host"), "gone", "gone is not here"),
        (mod.can_approve, view_in("host"), "", "nobody"),
        (mod.can_approve, view_in("host"), "b", "Bob was removed"),
        (mod.can_approve, view_in("speaker"), "w", "only the host and co-hosts"),
        (mod.can_approve, view_outside(), "w", "no space"),
        (mod.can_demote, view_in("host"), "s", ""),
        (mod.can_demote, view_in("host"), "w", ""),
        (mod.can_demote, view_in("host"), "c", ""),
        (mod.can_demote, view_in("host"), "l", "Lea is not on stage"),
        (mod.can_demote, view_in("host"), "h", "E ends the space"),
        (mod.can_demote, view_in("host"), "", "nobody"),
        (mod.can_demote, view_in("cohost"), "s", ""),
        (mod.can_demote, view_in("cohost"), "c", ""),
        (mod.can_demote, view_in("cohost"), "c2", "only the host"),
        (mod.can_demote, view_in("cohost"), "h", "the host stays"),
        (mod.can_demote, view_in("speaker"), "s", ""),
        (mod.can_demote, view_in("speaker"), "w", "only the host"),
        (mod.can_demote, view_in("listener"), "l", "not on stage"),
        (mod.can_demote, view_outside(), "s", "no space"),
        (mod.can_defer, view_in("cohost"), "w", ""),
        (mod.can_defer, view_in("host"), "v", "at the end already"),
        (mod.can_defer, view_in("host"), "l", "does not ask"),
        (mod.can_defer, view_in("listener"), "w", "only the host"),
        (mod.can_invite, view_in("host"), "l", ""),
        (mod.can_invite, view_in("cohost"), "nobody we know", ""),
        (mod.can_invite, view_in("host"), "w", "a lets them on stage"),
        (mod.can_invite, view_in("host"), "s", "on stage already"),
        (mod.can_invite, view_in("host"), "h", "you are on stage"),
        (mod.can_invite, view_in("host"), "b", "b lets them in again"),
        (mod.can_invite, view_in("speaker"), "l", "only the host"),
        (mod.can_ask_mute, view_in("host"), "s", ""),
        (mod.can_ask_mute, view_in("host"), "c", ""),
        (mod.can_ask_mute, view_in("cohost"), "c2", "only the host"),
        (mod.can_ask_mute, view_in("cohost"), "h", "nobody mutes the host"),
        (mod.can_ask_mute, view_in("host"), "l", "not on stage"),
        (mod.can_ask_mute, view_in("host"), "h", "m mutes yourself"),
        (mod.can_remove, view_in("host"), "s", ""),
        (mod.can_remove, view_in("host"), "c", ""),
        (mod.can_remove, view_in("cohost"), "l", ""),
        (mod.can_remove, view_in("cohost"), "who only writes", ""),
        (mod.can_remove, view_in("cohost"), "c2", "only the host"),
        (mod.can_remove, view_in("cohost"), "h", "nobody removes the host"),
        (mod.can_remove, view_in("host"), "h", "l leaves"),
        (mod.can_remove, view_in("host"), "b", "removed already"),
        (mod.can_remove, view_in("listener"), "s", "only the host"),
        (mod.can_bar, view_in("cohost"), "b", ""),
        (mod.can_bar, view_in("cohost"), "l", ""),
        (mod.can_bar, view_in("speaker"), "b", "only the host"),
        (mod.can_make_cohost, view_in("host"), "s", ""),
        (mod.can_make_cohost, view_in("host"), "c", ""),
        (mod.can_make_cohost, view_in("host"), "w", ""),
        (mod.can_make_cohost, view_in("host"), "l", "i asks them first"),
        (mod.can_make_cohost, view_in("host"), "h", "you are the host"),
        (mod.can_make_cohost, view_in("cohost"), "s", "only the host"),
        (mod.can_undo, view_in("host"), "", "nothing to undo"),
        (mod.can_moderate, view_in("cohost"), "", ""),
        (mod.is_host, view_in("cohost"), "", "only the host"),
    ],
)
def test_reason(
    permission: Callable[[View, str], str], view: View, target: str, reason: str
) -> None:
    said = permission(view, target)
    assert reason in said
    assert bool(said) is bool(reason)


def test_a_missing_microphone_is_named() -> None:
    view = view_in("speaker", "unavailable")
    view.audio = AudioView(microphone_problem="PortAudio is missing")
    assert may.can_talk(view, "") == "PortAudio is missing"


def test_reasons_do_not_change_the_view() -> None:
    view = view_in("host")
    before = view.snapshot()
    for permission in (may.can_open, mod.can_approve, mod.can_demote, may.can_talk):
        permission(view, "w")
    assert view.snapshot() == before


def test_what_can_be_done_now_and_then() -> None:
    view = view_in("cohost")
    assert view.space is not None
    view.space = SpaceView(
        **{
            **{name: getattr(view.space, name) for name in view.space.__struct_fields__},
            "undo": "letting Wim on stage",
            "invited_by": "h",
            "share_room": "naddr1x",
        }
    )
    assert mod.can_undo(view) == may.can_answer(view) == may.can_share(view) == ""


def test_names_of_people_who_are_not_here() -> None:
    view = view_in("host")
    view.chat = {"1": ChatLine("1", "gone", "Greta", "bye", 5)}
    assert may.name_in(view, "h") == "you"
    assert may.name_in(view, "s") == "Sam"
    assert may.name_in(view, "b") == "Bob"
    assert may.name_in(view, "gone") == "Greta"
    assert may.name_in(view, "f" * 64) == "ffffffff"
