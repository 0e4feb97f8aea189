"""Recording the space, and being left out of it: the same shapes as in `effects`, `permissions`."""

from pathlib import Path

from tui.commands.effects import Make, Prompt
from tui.commands.permissions import in_space, present_space
from tui.config import limits
from tui.controller.intents import AnyIntent, Record, RefuseRecording, StopRecording
from tui.controller.view import View

FOLDER = "~/spaces-recordings"


def record(*, separate: bool) -> Make:
    """Begin to record into the folder that was typed, or stop."""

    def make(view: View, _target: str, folder: str) -> AnyIntent:
        if _records(view):
            return StopRecording()
        try:
            path = Path(folder).expanduser().absolute()
        except RuntimeError:  # the home of nobody
            path = Path(folder).absolute()
        return Record(str(path), separate)

    return make


def record_label(view: View, _target: str) -> str:
    """Record or Stop recording."""
    return "Stop rec." if _records(view) else "Record"


def where_to_record(view: View, _target: str) -> Prompt | None:
    """Asks for the folder; to stop, nothing is asked."""
    if _records(view):
        return None
    return Prompt(
        "Everybody is told. Record into:",
        "a folder · enter or esc",
        limits.SETTING_CHARS,
        text=FOLDER,
        wrong=lambda text: "" if text else "nothing was typed; esc gives up",
    )


def can_record(view: View, _target: str = "") -> str:
    """To record, or to stop."""
    if not (space := present_space(view)):
        return in_space(view)
    return "" if space.stage == "joined" else "you are not in the space yet"


def refuse(view: View, _target: str, _text: str) -> AnyIntent:
    """The other state of our wish."""
    return RefuseRecording(on=not (view.space is not None and view.space.refuses_recording))


def refuse_label(view: View, _target: str) -> str:
    """Off record or On record."""
    refuses = view.space is not None and view.space.refuses_recording
    return "On record" if refuses else "Off record"


def _records(view: View) -> bool:
    return view.space is not None and view.space.recording is not None
