"""A few fields one below the other: enter goes on, esc goes back."""

from collections.abc import Iterable
from typing import ClassVar

from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Input

from tui.screens.base import SpacesScreen
from tui.screens.desk import Changed
from tui.widgets.painted import Lines
from tui.widgets.text import wrap


class Field(Input):
    """A one-line field with a label, without a blinking cursor."""

    def __init__(self, label: str, *, id: str, max_length: int, password: bool = False) -> None:  # noqa: A002
        super().__init__(id=id, max_length=max_length, password=password, compact=True)
        self.label = label
        self.cursor_blink = False


class FormScreen(SpacesScreen):
    """Fields with labels, and a hint below."""

    AUTO_FOCUS = "Field"
    HEADING: ClassVar[str]
    HINT: ClassVar[str]

    def fields(self) -> Iterable[Field]:
        """The fields in order."""
        raise NotImplementedError

    def finish(self) -> None:
        """The last field was left with enter."""
        raise NotImplementedError

    def body(self) -> Iterable[Widget]:
        """The fields under their labels."""
        with Vertical(id="form"):
            for made in self.fields():
                yield Lines(id=f"{made.id}-label", classes="label")
                yield made
            yield Lines(id="hint")

    def view_changed(self, changed: Changed) -> None:
        """Nothing but the keys depends on the view."""
        self.query_one("#bar", Lines).show_line(
            [("spaces", "strong"), (f"  {self.HEADING}", "muted")]
        )
        for made in self.query(Field):
            self.query_one(f"#{made.id}-label", Lines).show_line([(made.label, "strong")])
        self.query_one("#hint", Lines).show(
            lambda width: [[(row, "muted")] for row in wrap(self.HINT, width, 4)]
        )
        super().view_changed(changed)

    def value(self, name: str) -> str:
        """What stands in a field, trimmed."""
        return self.query_one(f"#{name}", Field).value.strip()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: to the next field, or done."""
        # A second enter may come before the first has moved on, and still name the field before.
        fields = list(self.query(Field))
        if self.focused is fields[-1]:
            self.finish()
        elif self.focused in fields:
            self.set_focus(fields[fields.index(self.focused) + 1])

    def do_form_next(self) -> None:
        """Go to the next field."""
        self.focus_next(Field)

    def do_form_done(self) -> None:
        """Take it as it is."""
        self.finish()

    def do_form_previous(self) -> None:
        """Go to the field before."""
        self.focus_previous(Field)
