"""What every key does, read from the registry."""

from collections.abc import Iterable, Sequence

from textual.widget import Widget

from tui.commands.actions import Place, actions_of, key_word
from tui.screens.base import SpacesScreen, bindings_of
from tui.screens.desk import Changed, Desk
from tui.widgets.glyphs import (
    BADGE,
    BARRED,
    FOLLOWED,
    HAND,
    LINK,
    METER,
    METER_REST,
    MUTED,
    PLAIN,
    ROLE,
    SPEAKING,
    VERIFIED,
)
from tui.widgets.painted import Lines
from tui.widgets.row_list import RowList
from tui.widgets.text import Parts, fit, wrap

_PLACES: dict[Place, str] = {
    "space": "In a space",
    "journal": "In the journal",
    "lobby": "In the lobby",
    "log": "In the log",
    "start": "At the start",
    "devices": "Among the devices",
    "connections": "Among the connections",
}
_KEY_CELLS = 14


class HelpScreen(SpacesScreen, inherit_bindings=False):
    """The keys of the screen that one comes from, then those of the others."""

    PLACE = "help"
    BINDINGS = bindings_of("help")

    def __init__(self, desk: Desk, place: Place) -> None:
        super().__init__(desk)
        others: tuple[Place, ...] = ("space", "lobby")
        self._places = [place, *(other for other in others if other != place)]
        self._rows: dict[str, Parts] = {}

    def body(self) -> Iterable[Widget]:
        """One list."""
        yield RowList(lambda key, _width: self._rows.get(key, ()), id="list")

    def on_resize(self) -> None:
        """Break the sentences anew."""
        self._fill()

    def view_changed(self, changed: Changed) -> None:
        """The keys depend on nothing."""
        self.query_one("#bar", Lines).show_line([("spaces", "strong"), ("  keys", "muted")])
        super().view_changed(changed)

    def _fill(self) -> None:
        width = max(20, self.size.width - _KEY_CELLS - 6)
        rows: list[Parts] = []
        for place in self._places:
            rows += [(), [(f" {_PLACES.get(place, place)}", "strong")], *_section(place, width)]
        rows += [(), [(" Signs", "strong")], *_signs()]
        self._rows = {str(index): row for index, row in enumerate(rows[1:])}
        self.query_one(RowList).show_keys(list(self._rows), self._rows)


def _signs() -> list[Parts]:
    signs = [(f"{glyph} {letter}", word) for glyph, letter, word in ROLE.values()]
    signs += [
        (SPEAKING, "is heard right now"),
        (METER * 4 + METER_REST * 4, "how loud"),
        (f"{MUTED} muted", "was asked to mute, and is silent since"),
        (f"{HAND}2", "hand up, and its place in the queue"),
        (FOLLOWED, "somebody you follow"),
        (VERIFIED, "the domain behind the @ vouches for this key (NIP-05)"),
        (PLAIN, "signalling to this person is not encrypted"),
        (BARRED, "removed, and kept out; b lets them in again"),
        (LINK["connected"][0], "connected to you"),
        *((glyph, f"connected to you, {word}") for glyph, _, word in list(BADGE.values())[:3]),
        (BADGE["lost"][0], "connected to you, but nothing comes"),
        (LINK["connecting"][0], "connecting"),
        (LINK["failed"][0], "cannot be reached"),
    ]
    return [[(fit(f"  {sign}", _KEY_CELLS + 2), "accent"), (word, "")] for sign, word in signs]


def _section(place: Place, width: int) -> Sequence[Parts]:
    rows: list[Parts] = []
    for action in actions_of(place):
        keys = fit("  " + " ".join(key_word(key) for key in action.keys), _KEY_CELLS)
        for line in wrap(action.help, width, 3):
            rows.append([(keys, "accent"), ("  ", ""), (line, "")])
            keys = " " * _KEY_CELLS
    return rows
