"""Relays and their complaints, what was dropped and why, and the log."""

import time
from collections.abc import Iterable

from textual.widget import Widget

from tui.controller.views import (
    LogLine,
)
from tui.screens.base import SpacesScreen, bindings_of
from tui.screens.desk import Changed
from tui.widgets.drops import drop_rows
from tui.widgets.own_state import relay_rows
from tui.widgets.painted import Lines
from tui.widgets.row_list import RowList
from tui.widgets.text import Parts, clean, compose, wrap

_INK = {"info": "", "warning": "warn", "error": "bad"}
_RELAY_ROWS = 5


class LogScreen(SpacesScreen, inherit_bindings=False):
    """Follows the newest line until one moves away from it."""

    PLACE = "log"
    BINDINGS = bindings_of("log")

    def body(self) -> Iterable[Widget]:
        """Relays, counts, lines, and the line under the cursor in full."""
        yield Lines(id="relays")
        yield Lines(id="dropped")
        yield RowList(self._row, id="list")
        yield Lines(id="line")

    def view_changed(self, changed: Changed) -> None:
        """Show what differs."""
        view = self.desk.view
        self.query_one("#bar", Lines).show_line([("spaces", "strong"), ("  log", "muted")])
        if changed.touches("relays"):
            rows = relay_rows(view)
            if len(rows) > _RELAY_ROWS:
                more = len(rows) - _RELAY_ROWS + 1
                rows = [*rows[: _RELAY_ROWS - 1], [(f"and {more} more", "muted")]]
            relays = self.query_one("#relays", Lines)
            relays.styles.height = len(rows)
            relays.show(lambda width: [compose(width, row) for row in rows])
        if changed.touches("dropped"):
            self._show_dropped()
        if changed.touches("log"):
            lines = self.query_one(RowList)
            follow = not lines.keys or lines.cursor == lines.keys[-1]
            first = self.desk.logged - len(view.log)
            lines.show_keys([str(number) for number in range(first, self.desk.logged)])
            lines.show_when_empty(lambda _width: [[("  Nothing has been logged.", "muted")]])
            if follow and lines.keys:
                lines.move_to(lines.keys[-1])
        self._show_line()
        super().view_changed(changed)

    def on_row_list_moved(self) -> None:
        """Show the other line in full."""
        self._show_line()

    def on_resize(self) -> None:
        """Break the counts anew."""
        self._show_dropped()

    def _show_dropped(self) -> None:
        rows = drop_rows(self.desk.view.dropped, max(1, self.size.width - 2))
        lines = self.query_one("#dropped", Lines)
        lines.styles.height = len(rows)
        lines.show(lambda _width: [[(row, "muted")] for row in rows])

    def _line(self, key: str) -> LogLine | None:
        log = self.desk.view.log
        index = int(key or -1) - self.desk.logged + len(log)
        return log[index] if 0 <= index < len(log) else None

    def _row(self, key: str, _width: int) -> Parts:
        if (line := self._line(key)) is None:
            return ()
        at = time.strftime("%H:%M:%S", time.localtime(line.at))
        return [(f"{at}  ", "faint"), (clean(line.text), _INK[line.level])]

    def _show_line(self) -> None:
        line = self._line(self.query_one(RowList).cursor)
        text = clean(line.text) if line is not None else ""
        self.query_one("#line", Lines).show(
            lambda width: [[(row, "muted")] for row in wrap(text, width, 2)]
        )
