"""A list that stays cheap with 10,000 rows: it paints what is visible and repaints what differs."""

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.commands.actions import ACTIONS
from tui.widgets.glyphs import CURSOR
from tui.widgets.painted import Painted, changed_span
from tui.widgets.text import Parts, compose

_MOVES = {f"list.{way}" for way in ("up", "down", "page_up", "page_down", "first", "last")}

Paint = Callable[[str, int], Parts]
"""Makes the row of a key in a number of cells."""


class RowList(Painted, ScrollView, can_focus=True, inherit_bindings=False):
    """Rows named by keys, and a cursor that stays on its key when rows come, go and move.

    With `follow` it stays on the last row as long as it was there: for what grows at its end.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, f"move('{action.id.removeprefix('list.')}')", show=False)
        for action in ACTIONS
        if action.id in _MOVES
        for key in action.keys
    ]
    DEFAULT_CSS = """
    RowList {
        width: 1fr;
        height: 1fr;
        overflow: hidden auto;
        scrollbar-size: 0 0;
    }
    """

    class Moved(Message):
        """The cursor is on another key, or the visible part is another."""

    class Chosen(Message):
        """A row was double-clicked."""

    class Resized(Message):
        """The rows have another width."""

    def __init__(self, paint: Paint, *, id: str | None = None, follow: bool = False) -> None:  # noqa: A002
        super().__init__(id=id)
        self._follow = follow
        self._paint = paint
        self._empty: Callable[[int], Sequence[Parts]] = lambda _width: ()
        self._painted: dict[str, tuple[Parts, bool]] = {}
        self._width = 0
        self.side: SideColumn | None = None
        self.keys: list[str] = []
        self._index: dict[str, int] = {}
        self.cursor = ""

    @property
    def window(self) -> range:
        """The indices of the rows on the screen."""
        top = self.scroll_offset.y
        return range(top, min(len(self.keys), top + self.size.height))

    def show_keys(self, keys: list[str], touched: Iterable[str] = ()) -> None:
        """Show these rows in this order; of those that stay, repaint the `touched` that differ."""
        if keys == self.keys:
            self.touch(touched)
            return
        at = self._index.get(self.cursor, 0)
        was_last = not self.keys or self.cursor == self.keys[-1]
        from_top = at - self.scroll_offset.y
        self.keys = keys
        self._index = {key: index for index, key in enumerate(keys)}
        if self._follow and was_last and keys:
            self.cursor = keys[-1]
        elif self.cursor not in self._index:
            self.cursor = keys[min(at, len(keys) - 1)] if keys else ""
        self._painted.clear()
        self.virtual_size = Size(1, len(keys))
        moved = self._index.get(self.cursor, 0) - at
        if moved and 0 <= from_top < self.size.height:
            self._scroll_by(moved)  # the row under the cursor stays where it is
        self._keep_cursor_visible()
        self.refresh()
        self._check_side()
        self.post_message(self.Moved())

    def show_when_empty(self, build: Callable[[int], Sequence[Parts]]) -> None:
        """What to say while there are no rows."""
        self._empty = build
        if not self.keys:
            self.refresh()

    def touch(self, keys: Iterable[str]) -> None:
        """Repaint those cells of these rows that would now look different."""
        for key in keys:
            if (known := self._painted.get(key)) is None:
                continue
            index = self._index[key]
            if index not in self.window:
                del self._painted[key]
                continue
            row = self._row(key)
            y = index - self.scroll_offset.y
            if known[1] != self.is_under_cursor(key):
                self.refresh(Region(0, y, self._width, 1))
            elif known[0] != row:
                start, cells = changed_span(known[0], row)
                self.refresh(Region(start, y, cells, 1))
        self._check_side()

    def touch_visible(self) -> None:
        """The same for all rows on the screen: for when time has passed."""
        self.touch([self.keys[index] for index in self.window])

    def move_to(self, key: str) -> None:
        """Put the cursor on a row."""
        if key not in self._index or key == self.cursor:
            return
        before, self.cursor = self.cursor, key
        self._keep_cursor_visible()
        self.touch([before, key])
        self.post_message(self.Moved())

    def action_move(self, way: str) -> None:
        """Move the cursor: up, down, page_up, page_down, first, last."""
        page = max(1, self.size.height - 1)
        steps = {"up": -1, "down": 1, "page_up": -page, "page_down": page}
        here = self._index.get(self.cursor, 0)
        last = len(self.keys) - 1
        there = {"first": 0, "last": last}.get(way, here + steps.get(way, 0))
        if self.keys:
            self.move_to(self.keys[max(0, min(last, there))])

    def render_line(self, y: int) -> Strip:
        """Paint one row of the screen."""
        if self._width != self.size.width:
            self._width = self.size.width
            self._painted.clear()
        if not self.keys:
            rows = self._empty(self._width)
            return self.strip(rows[y] if y < len(rows) else (), self._width)
        if not (key := self.key_at(y)):
            return self.strip((), self._width)
        row, under_cursor = self._row(key), self.is_under_cursor(key)
        if len(self._painted) > 4 * max(1, self.size.height):
            self._painted.clear()
        self._painted[key] = (row, under_cursor)
        return self.strip(row, self._width, under_cursor)

    def watch_has_focus(self, has_focus: bool) -> None:
        """Show where the keys now go."""
        super().watch_has_focus(has_focus)
        self.touch([self.cursor])

    def on_resize(self) -> None:
        """Keep the cursor on the screen."""
        self._keep_cursor_visible()
        self.post_message(self.Resized())
        self.post_message(self.Moved())

    def on_click(self, event: events.Click) -> None:
        """Point at a row, or choose it with a second click."""
        index = event.y + self.scroll_offset.y
        if index < len(self.keys):
            self.move_to(self.keys[index])
            if event.chain == 2:
                self.post_message(self.Chosen())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Say so when other rows are visible."""
        super().watch_scroll_y(old_value, new_value)
        self._check_side()
        self.post_message(self.Moved())

    def key_at(self, y: int) -> str:
        """The key of a row of the screen, "" below the last."""
        index = y + self.scroll_offset.y
        return self.keys[index] if index < len(self.keys) else ""

    def is_under_cursor(self, key: str) -> bool:
        """Whether the row is painted as the cursor's."""
        return key == self.cursor and self.has_focus

    def _check_side(self) -> None:
        if self.side is not None:
            self.side.check()

    def _row(self, key: str) -> Parts:
        ink = "accent" if self.has_focus else "faint"
        mark = (CURSOR, ink) if key == self.cursor else (" ", "")
        return compose(self._width, [mark, *self._paint(key, max(0, self._width - 1))])

    def _keep_cursor_visible(self) -> None:
        height, top = self.size.height, self.scroll_offset.y
        index = self._index.get(self.cursor, 0)
        if height <= 0 or top <= index < top + height:
            return
        # By half a page: scrolling repaints all rows, so one key in many should pay for it.
        self._scroll_by(index - height // 2 - top)

    def _scroll_by(self, rows: int) -> None:
        self.scroll_to(y=self.scroll_offset.y + rows, animate=False, force=True)


class SideColumn(Painted):
    """A narrow column beside a list, for what changes often.

    Textual repaints a changed row over the whole width of its widget; this one has few cells.
    """

    def __init__(self, rows: RowList, paint: Callable[[str], Parts]) -> None:
        super().__init__()
        self._of = rows
        self._paint_cells = paint
        self._last: dict[int, tuple[Parts, bool]] = {}
        rows.side = self

    def check(self) -> None:
        """Repaint the rows that would now look different."""
        for y in range(self.size.height):
            if y in self._last and self._last[y] != self._now(y):
                self.refresh(Region(0, y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """Paint the cells of one row."""
        row, under_cursor = self._last[y] = self._now(y)
        return self.strip(row, self.size.width, under_cursor)

    def _now(self, y: int) -> tuple[Parts, bool]:
        key = self._of.key_at(y)
        return self._paint_cells(key) if key else (), bool(key) and self._of.is_under_cursor(key)
