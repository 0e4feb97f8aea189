"""The lines about ourselves below the panes of a space: microphone, sound, and what is wrong."""

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.timer import Timer

from tui.controller.view import View
from tui.controller.views import SpaceView
from tui.widgets.hearing import out_of_touch, sound_line
from tui.widgets.own_state import (
    OUT_OF_TOUCH,
    audio_problem,
    own_line,
    relay_summary,
    undo_line,
)
from tui.widgets.painted import Lines
from tui.widgets.recorded import own_part
from tui.widgets.text import Parts, compose, width_of, wrap

_PROBLEM_ROWS = 3  # of one problem


class OwnLines(Vertical):
    """Two lines, and more while something is wrong; a countdown in them goes on by itself."""

    DEFAULT_CSS = """
    OwnLines { height: auto; }
    OwnLines #own, OwnLines #sound, OwnLines #problem { height: 1; }
    OwnLines #problem.-none { display: none; }
    """

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self._now = now
        self._countdown: Timer | None = None

    def compose(self) -> ComposeResult:
        """Microphone, sound, problems."""
        yield Lines(id="own")
        yield Lines(id="sound")
        yield Lines(id="problem", classes="-none")

    def show(self, view: View, space: SpaceView, *, in_touch: bool) -> None:
        """Bring them up to date; not `in_touch` with the controller they must claim nothing."""
        now = self._now()
        own, sound = self.query_one("#own", Lines), self.query_one("#sound", Lines)
        if in_touch:
            parts = [*own_line(view, space, now), *own_part(view, space)]
            own.show_line(parts, undo_line(space))
            sound.show(lambda width: [_sound(view, space, width)])
        else:
            own.show_line(OUT_OF_TOUCH)
            sound.show_line(())
        offline = out_of_touch(view, now) if in_touch else ""
        if self._countdown is not None:
            self._countdown.stop()
        self._countdown = None
        if offline:
            self._countdown = self.set_timer(1.0, lambda: self.show(view, space, in_touch=in_touch))
        self._show_problems([offline, audio_problem(view)])

    def _show_problems(self, problems: list[str]) -> None:
        width = self.screen.size.width - 2
        rows = [row for text in problems if text for row in wrap(text, width, _PROBLEM_ROWS)]
        lines = self.query_one("#problem", Lines)
        lines.set_class(not rows, "-none")
        lines.styles.height = max(1, len(rows))
        lines.show(lambda _width: [[(row, "warn")] for row in rows])


def _sound(view: View, space: SpaceView, width: int) -> Parts:
    relays = relay_summary(view)
    return compose(width, sound_line(view, space, width - width_of(relays) - 2), relays)
