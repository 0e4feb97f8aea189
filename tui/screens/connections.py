"""All our connections: to whom, what for, how good."""

from collections.abc import Iterable

from textual.widget import Widget

from tui.screens.base import SpacesScreen, bindings_of
from tui.screens.desk import Changed
from tui.widgets.hearing import link_row, summary_rows
from tui.widgets.painted import Lines
from tui.widgets.row_list import RowList
from tui.widgets.text import Parts, compose


class ConnectionsScreen(SpacesScreen, inherit_bindings=False):
    """A list, with the sum of it above."""

    PLACE = "connections"
    BINDINGS = bindings_of("connections")

    def body(self) -> Iterable[Widget]:
        """Two lines about all, then one for each."""
        yield Lines(id="sum")
        yield RowList(self._row, id="list")

    def view_changed(self, changed: Changed) -> None:
        """Show what differs."""
        view = self.desk.view
        self.query_one("#bar", Lines).show_line([("spaces", "strong"), ("  connections", "muted")])
        rows = summary_rows(view)
        lines = self.query_one("#sum", Lines)
        lines.styles.height = len(rows)
        lines.show(lambda width: [compose(width, row) for row in rows])
        keys = [link.pubkey for link in view.quality.links]
        listed = self.query_one(RowList)
        listed.show_keys(keys, keys)
        listed.show_when_empty(lambda _width: [[("  Nobody is connected.", "muted")]])
        super().view_changed(changed)

    def _row(self, pubkey: str, width: int) -> Parts:
        links = self.desk.view.quality.links
        link = next((link for link in links if link.pubkey == pubkey), None)
        return link_row(self.desk.view, link, width) if link is not None else ()
