"""The line in which a filter is typed; gone while there is none."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input

from tui.config import limits


class FilterBar(Input):
    """A one-line field that hides when it is empty and left, unless it `stays`."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", show=False)]
    DEFAULT_CSS = """
    FilterBar { display: none; }
    FilterBar.-shown { display: block; }
    """

    def __init__(
        self, placeholder: str = "filter: enter keeps it, esc clears it", *, stays: bool = False
    ) -> None:
        super().__init__(
            placeholder=placeholder,
            compact=True,
            max_length=limits.NAME_LENGTH,
            classes="-shown" if stays else None,
            select_on_focus=False,
        )
        self.cursor_blink = False
        self._stays = stays

    @property
    def needle(self) -> str:
        """What rows must contain, case folded."""
        return self.value.strip().casefold()

    def open(self) -> None:
        """Show the field and type into it; the keys go here at once."""
        self.add_class("-shown")
        self.screen.set_focus(self)

    def clear_text(self) -> bool:
        """Empty and hide the field; False if there was nothing to clear."""
        if not self.has_class("-shown") or self._stays:
            return False
        self.value = ""
        self.remove_class("-shown")
        return True

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Where the field stays, escape is the screen's."""
        return not (action == "give_up" and self._stays)

    def action_give_up(self) -> None:
        """Clear the filter and go back to the rows."""
        self.clear_text()
        self.post_message(self.Submitted(self, ""))

    def on_blur(self) -> None:
        """An empty filter filters nothing: hide."""
        if not self.value and not self._stays:
            self.remove_class("-shown")
