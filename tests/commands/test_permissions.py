from collections.abc import Callable

import pytest

from tui.commands import permissions as may
from tui.controller.view import (
    View,
)
from tui.controller.views import (
    AudioView,
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
        "s": Participant("s", "Sam", "speaker", me=role == "speaker"),
        "w": Participant("w", "Wim", "listener", hand_since=5.0, queue=1),
        "l": Participant("l", "Lea", "listener", me=role == "listener"),
    }
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
        (may.can_close, view_in("host"), "", ""),
        (may.can_close, view_in("speaker"), "", "only the host"),
        (may.can_close, view_outside(), "", "no space"),
        (may.can_talk, view_in("speaker", "muted"), "", ""),
        (may.can_talk, view_in("speaker", "open"), "", ""),
        (may.can_talk, view_in("listener", "closed"), "", "raise your hand"),
        (may.can_talk, view_in("speaker", "unavailable"), "", "no working microphone"),
        (may.can_talk, view_outside(), "", "no space"),
        (may.can_raise_hand, view_in("listener"), "", ""),
        (may.can_raise_hand, view_in("host"), "", "on stage already"),
        (may.can_raise_hand, view_outside(), "", "no space"),
        (may.can_approve, view_in("host"), "w", ""),
        (may.can_approve, view_in("host"), "l", "Lea has not asked"),
        (may.can_approve, view_in("host"), "s", "Sam is on stage already"),
        (may.can_approve, view_in("host"), "gone", "nobody"),
        (may.can_approve, view_in("speaker"), "w", "only the host"),
        (may.can_approve, view_outside(), "w", "no space"),
        (may.can_demote, view_in("host"), "s", ""),
        (may.can_demote, view_in("host"), "w", ""),
        (may.can_demote, view_in("host"), "l", "Lea is not on stage"),
        (may.can_demote, view_in("host"), "h", "the host stays"),
        (may.can_demote, view_in("host"), "", "nobody"),
        (may.can_demote, view_in("speaker"), "s", ""),
        (may.can_demote, view_in("speaker"), "w", "only the host"),
        (may.can_demote, view_in("listener"), "l", "not on stage"),
        (may.can_demote, view_outside(), "s", "no space"),
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
    for permission in (may.can_open, may.can_approve, may.can_demote, may.can_talk):
        permission(view, "w")
    assert view.snapshot() == before
