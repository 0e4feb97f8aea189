"""The base of our widgets: inks from the theme, rows painted as strips."""

from collections.abc import Callable, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.glyphs import to_ascii
from tui.widgets.text import Part, Parts, compose, width_of

_INKS: dict[str, tuple[str, str, str]] = {
    "strong": ("", "", "bold"),
    "muted": ("muted", "", "$muted-style"),
    "faint": ("faint", "", "$faint-style"),
    "accent": ("accent", "", "$accent-style"),
    "good": ("good", "", ""),
    "warn": ("warn", "", ""),
    "bad": ("bad", "", "bold"),
    "tab": ("tab-text", "tab", "$tab-style"),  # the active pane's name
    "open": ("open-text", "open", "$open-style"),  # the open microphone
    "shut": ("shut-text", "shut", "$shut-style"),  # the muted one
    "cursor": ("", "cursor", "$cursor-style"),
    "qr": ("", "", "black on white"),  # whatever the theme: cameras want dark on light
}
"""Ink to colour, ground and text style: names of the theme's variables, or a style itself."""


class Painted(Widget):
    """A widget that paints rows of parts; a part names its ink.

    Inks come straight from the theme. As component classes Textual would match each of them
    against every rule for every widget, which took a third of the time to the first frame.
    """

    DEFAULT_CSS = """
    Painted { background: transparent; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._inks: dict[tuple[str, bool], Style] = {}

    def notify_style_update(self) -> None:
        """Forget the inks: the theme or a class of ours changed."""
        super().notify_style_update()
        self._inks.clear()

    def ink(self, name: str, under_cursor: bool = False) -> Style:
        """The style of an ink on this widget's ground, or on the cursor's."""
        key = (name, under_cursor)
        if key not in self._inks:
            ink = self._from_theme(name) if name else Style()
            if under_cursor:
                cursor = self._from_theme("cursor")
                # Inverted colours of every ink would make a checkerboard of the row.
                ink = cursor if cursor.reverse else ink + cursor
            self._inks[key] = self.rich_style + ink
        return self._inks[key]

    def _from_theme(self, name: str) -> Style:
        theme = self.app.theme_variables
        color, ground, style = _INKS[name]
        return Style(
            color=Color.parse(theme[color]).rich_color if color else None,
            bgcolor=Color.parse(theme[ground]).rich_color if ground else None,
        ) + Style.parse(theme[style[1:]] if style.startswith("$") else style)

    def strip(self, parts: Parts, width: int, under_cursor: bool = False) -> Strip:
        """`parts` in `width` cells, the rest filled with the ground."""
        ascii_only = self.app.has_class("-ascii")
        row = Strip(
            Segment(to_ascii(text) if ascii_only else text, self.ink(name, under_cursor))
            for text, name in parts
            if text
        )
        # Fewer changes of style are fewer bytes on the way to the terminal.
        return row.adjust_cell_length(width, self.ink("", under_cursor)).simplify()


class Lines(Painted):
    """A few rows of text; only rows that changed are painted again."""

    DEFAULT_CSS = """
    Lines { height: 1; padding: 0 1; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._build: Callable[[int], Sequence[Parts]] = lambda _width: ()
        self._rows: list[list[Part]] = []
        self._width = 0

    def show(self, build: Callable[[int], Sequence[Parts]]) -> None:
        """Show what `build` makes of a width in cells; it is asked again when that changes."""
        self._build = build
        before, width = self._rows, self.content_size.width
        self._make(width)
        for y in range(max(len(before), len(self._rows))):
            if before[y : y + 1] != self._rows[y : y + 1]:
                self.refresh(Region(0, y, width, 1))

    def show_line(self, left: Parts, right: Parts = ()) -> None:
        """Show one row, `right` at its end."""
        self.show(lambda width: [compose(width, left, right)])

    @property
    def text(self) -> str:
        """What stands there."""
        return "\n".join("".join(text for text, _ in row).rstrip() for row in self._rows)

    def render_line(self, y: int) -> Strip:
        """Paint one row."""
        if (width := self.content_size.width) != self._width:
            self._make(width)
        return self.strip(self._rows[y] if y < len(self._rows) else (), width)

    def _make(self, width: int) -> None:
        self._width = width
        self._rows = [list(row) for row in self._build(width)] if width > 0 else []


def changed_span(old: Parts, new: Parts) -> tuple[int, int]:
    """First cell and number of cells in which two rows of equal width differ."""
    first = 0
    while first < min(len(old), len(new)) and old[first] == new[first]:
        first += 1
    last = 0
    while last < min(len(old), len(new)) - first and old[-1 - last] == new[-1 - last]:
        last += 1
    start = width_of(new[:first])
    return start, max(width_of(old), width_of(new)) - start - width_of(new[len(new) - last :])
