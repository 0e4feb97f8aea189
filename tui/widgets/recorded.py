"""Who records, and who is left out, in words. Pure functions."""

from tui.controller.view import View
from tui.controller.views import SPEAKING_ROLES, SpaceView
from tui.widgets.glyphs import LIVE
from tui.widgets.own_state import name_of
from tui.widgets.text import Part, Parts, ago, fit

_NAME = 16  # cells of a name in the badge
_LEFT_OUT = 3  # people named who are left out


def badge(view: View, space: SpaceView, now: float) -> Parts:
    """That the space is recorded, by whom, and for how long by ourselves."""
    if not space.recorders and space.recording is None:
        return []
    own = space.recording
    if own is not None:
        who = "you"
        length = f", {ago(now - own.since)}" if now - own.since >= 60 else ""
    else:
        who, length = _short(view, space.recorders[0]), ""
    others = len({*space.recorders} - ({view.me.pubkey} if own else {space.recorders[0]}))
    more = f" +{others}" if others else ""
    return [(f" {LIVE} REC by {who}{more}{length} ", "open"), (" ", "")]


def own_part(view: View, space: SpaceView) -> list[Part]:
    """What becomes of our own voice in recordings, and who is left out of ours."""
    parts: list[Part] = []
    if space.refuses_recording:
        parts.append(("  off the record", "good"))
    elif space.role in SPEAKING_ROLES and {*space.recorders} - {view.me.pubkey}:
        parts.append(("  recorded; O opts out", "warn"))
    left_out = [pubkey for pubkey in space.unrecorded if pubkey != view.me.pubkey]
    if space.recording is not None and left_out:
        names = ", ".join(_short(view, pubkey) for pubkey in left_out[:_LEFT_OUT])
        more = f" +{len(left_out) - _LEFT_OUT}" if len(left_out) > _LEFT_OUT else ""
        parts.append((f"  left out: {names}{more}", "warn"))
    return parts


def _short(view: View, pubkey: str) -> str:
    name = name_of(view.participants.get(pubkey), pubkey)
    return fit(name, _NAME).rstrip()
