"""The footer: which keys do something here, with those greyed that cannot do it now."""

from tui.commands.actions import Place, actions_of, key_word
from tui.controller.view import (
    View,
)
from tui.widgets.painted import Lines
from tui.widgets.text import Part, width_of

_GAP = "  "
_ALWAYS = ("help.open", "screen.back", "app.quit")


class KeyBar(Lines):
    """One row of keys. Where the room ends, help and quit stay, then what can be done now."""

    def show_actions(self, place: Place, view: View, target: str) -> None:
        """Show the keys of a screen for the row under its cursor."""
        items: list[tuple[int, list[Part]]] = []
        for action in actions_of(place):
            if not action.in_footer:
                continue
            why_not = action.unavailable(view, target)
            label = action.label_now(view, target) if action.label_now else action.label
            rank = 0 if action.id in _ALWAYS else 2 if why_not else 1
            key = (key_word(action.keys[0]), "faint" if why_not else "accent")
            items.append((rank, [key, (f" {label}", "faint" if why_not else "")]))
        self.show(lambda width: [_chosen(items, width)])


def _chosen(items: list[tuple[int, list[Part]]], width: int) -> list[Part]:
    """The items that fit, in their order; a lower rank goes first."""
    room = width + len(_GAP)
    kept: set[int] = set()
    for index in sorted(range(len(items)), key=lambda index: items[index][0]):
        cells = width_of(items[index][1]) + len(_GAP)
        if cells <= room:
            kept.add(index)
            room -= cells
    row: list[Part] = []
    for index in sorted(kept):
        row += [(_GAP, "")] if row else []
        row += items[index][1]
    return row
