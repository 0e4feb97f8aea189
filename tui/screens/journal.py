"""Who moderated whom, and why; what was refused, and why that."""

from collections.abc import Callable, Iterable

from textual.widget import Widget

from tui.commands.npub import short_npub
from tui.controller.views import (
    JournalEntry,
)
from tui.screens.base import SpacesScreen, bindings_of
from tui.screens.desk import Changed
from tui.widgets.filter_bar import FilterBar
from tui.widgets.glyphs import REFUSED
from tui.widgets.painted import Lines
from tui.widgets.prompt_bar import PromptBar
from tui.widgets.row_list import RowList
from tui.widgets.text import Part, Parts, clean, fit, wrap

_TIME_CELLS = 7
_NAME_CELLS = 18
_ACT_CELLS = 16


class JournalScreen(SpacesScreen, inherit_bindings=False):
    """Follows the newest act until one moves away from it."""

    PLACE = "journal"
    BINDINGS = bindings_of("journal")

    def body(self) -> Iterable[Widget]:
        """The acts, and the one under the cursor in full."""
        yield RowList(self._row, id="list", follow=True)
        yield FilterBar()
        yield Lines(id="act")
        yield PromptBar()

    def view_changed(self, changed: Changed) -> None:
        """Show what differs."""
        journal = self.desk.view.journal
        refused = sum(bool(entry.refused) for entry in journal.values())
        counts = f"{len(journal)} acts" + (f", {refused} refused" if refused else "")
        self.query_one("#bar", Lines).show_line(
            [("spaces", "strong"), ("  journal", "muted")], [(counts, "muted")]
        )
        if changed.touches("journal", "participants"):
            needle = self.query_one(FilterBar).needle
            entries = [entry for entry in journal.values() if _matches(entry, needle)]
            entries.sort(key=lambda entry: (entry.at, entry.id))
            rows = self.query_one(RowList)
            rows.show_keys([entry.id for entry in entries], journal)
            nothing = "No act matches the filter; esc shows all." if needle else "Nobody moderated."
            rows.show_when_empty(lambda _width: [[("  " + nothing, "muted")]])
        self._show_act()
        super().view_changed(changed)

    def on_row_list_moved(self) -> None:
        """Show the other act in full."""
        self._show_act()

    def do_journal_export(self) -> None:
        """The controller says when it is done, or why it is not."""
        self.say("writing…", "muted")

    def _row(self, key: str, width: int) -> Parts:
        if (entry := self.desk.view.journal.get(key)) is None:
            return ()
        names = min(_NAME_CELLS, max(6, (width - _TIME_CELLS - 2 - _ACT_CELLS) // 3))
        ink = "muted" if entry.refused else ""
        row: list[Part] = [
            (fit(self.desk.clock(entry.at), _TIME_CELLS), "faint"),
            (f"{REFUSED} " if entry.refused else "  ", "bad"),
            (fit(_name(entry.by_name, entry.by), names - 2) + "  ", ink or "accent"),
            (fit(clean(entry.act), _ACT_CELLS - 2) + "  ", ink),
            (fit(_whom(entry), names - 2) + "  ", ink or "strong"),
        ]
        if entry.refused:
            row.append((f"refused: {clean(entry.refused)}", "bad"))
        elif entry.reason:
            row.append((clean(entry.reason), "muted"))
        return row

    def _show_act(self) -> None:
        entry = self.desk.view.journal.get(self.query_one(RowList).cursor)
        text = _sentence(entry, self.desk.clock) if entry is not None else ""
        self.query_one("#act", Lines).show(
            lambda width: [[(row, "muted")] for row in wrap(text, width, 3)]
        )


def _sentence(entry: JournalEntry, clock: Callable[[float, str], str]) -> str:
    whom = f"{_whom(entry)} {short_npub(entry.target)}".strip()
    who = f"{_name(entry.by_name, entry.by)} {short_npub(entry.by)}"
    text = f"{clock(entry.at, '%H:%M:%S')}  {who} {clean(entry.done_to(whom))}"
    if reason := clean(entry.reason).strip():
        text += f": “{reason}”"
    return text + (f" — refused: {clean(entry.refused)}" if entry.refused else "")


def _whom(entry: JournalEntry) -> str:
    if not entry.target and entry.act == "asked to mute":
        return "everybody"
    return _name(entry.target_name, entry.target)


def _name(name: str, pubkey: str) -> str:
    return clean(name).strip() or short_npub(pubkey)


def _matches(entry: JournalEntry, needle: str) -> bool:
    words = (entry.by_name, entry.by, entry.act, entry.target_name, entry.target, entry.reason)
    text = " ".join((*words, entry.refused, "refused" if entry.refused else "")).casefold()
    return needle in text or needle in (short_npub(entry.by), short_npub(entry.target))
