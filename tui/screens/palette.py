"""All commands of a screen by name: type a part of one, enter does it."""

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input

from tui.commands.actions import BY_ID, Action, actions_of, key_word
from tui.screens.base import SpacesScreen, bindings_of
from tui.screens.desk import Changed, Desk
from tui.widgets.filter_bar import FilterBar
from tui.widgets.painted import Lines
from tui.widgets.row_list import RowList
from tui.widgets.text import Parts, clean, fit

_LABEL_CELLS = 16
_KEY_CELLS = 12


class PaletteScreen(SpacesScreen, inherit_bindings=False):
    """What can be done on the screen that one comes from, to what is under its cursor."""

    PLACE = "palette"
    AUTO_FOCUS = "FilterBar"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings_of("palette"),
        *(
            Binding(key, f"move('{action.id.removeprefix('list.')}')", show=False)
            for action in actions_of("palette")
            if action.id.startswith("list.")
            for key in action.keys
        ),
    ]

    def __init__(self, desk: Desk, origin: SpacesScreen) -> None:
        super().__init__(desk)
        self._origin = origin
        self._target = origin.target  # what is under the cursor now, not what moves there later

    def body(self) -> Iterable[Widget]:
        """The field, and the commands that are left."""
        yield FilterBar(placeholder="part of a command: enter does it, esc goes back", stays=True)
        yield RowList(self._row, id="list")

    def view_changed(self, changed: Changed) -> None:
        """What cannot be done now is grey and says why."""
        self.query_one("#bar", Lines).show_line([("spaces", "strong"), ("  commands", "muted")])
        rows = self.query_one(RowList)
        words = self.query_one(FilterBar).needle.split()
        found = [action for action in self._actions() if _matches(action, words)]
        found.sort(key=lambda action: bool(self._why_not(action)))
        keys = [action.id for action in found]
        if keys == rows.keys:
            rows.touch_visible()
        else:
            rows.show_keys(keys)
            rows.move_to(keys[0] if keys else "")
        rows.show_when_empty(lambda _width: [[("  No command is called that.", "muted")]])
        super().view_changed(changed)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Do it where one came from; an empty line goes back only with escape."""
        event.stop()
        if event.input.has_focus:
            self.do_palette_choose()

    def on_row_list_chosen(self) -> None:
        """A double click is an enter."""
        self.do_palette_choose()

    def action_move(self, way: str) -> None:
        """Move through the list without leaving the field."""
        self.query_one(RowList).action_move(way)

    def do_palette_choose(self) -> None:
        """Go back and do it."""
        if chosen := self.query_one(RowList).cursor:
            self.leave()
            self._origin.call_after_refresh(self._origin.action_run, chosen)

    def do_screen_back(self) -> None:
        """Do nothing."""
        self.leave()

    def _actions(self) -> list[Action]:
        return [
            action
            for action in actions_of(self._origin.PLACE)
            if action.id != "palette.open" and not action.id.startswith(("list.", "answer."))
        ]

    def _why_not(self, action: Action) -> str:
        return action.unavailable(self.desk.view, self._target)

    def _row(self, action_id: str, _width: int) -> Parts:
        action, view = BY_ID[action_id], self.desk.view
        label = action.label_now(view, self._target) if action.label_now else action.label
        keys = " ".join(key_word(key) for key in action.keys)
        why_not = clean(self._why_not(action))
        ink = "faint" if why_not else ""
        return [
            (fit(f" {label}", _LABEL_CELLS), ink or "strong"),
            (fit(keys, _KEY_CELLS), ink or "accent"),
            (why_not or action.help, "muted"),
        ]


def _matches(action: Action, words: list[str]) -> bool:
    text = f"{action.label} {action.help} {action.id}".casefold()
    return all(word in text for word in words)
