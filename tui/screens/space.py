"""A space: who is on stage, who listens, who asks to speak, and our own state."""

from collections.abc import Callable, Iterable

from textual import events
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from tui.commands.permissions import present_space
from tui.controller.views import (
    Participant,
)
from tui.screens.base import SpacesScreen, bindings_of
from tui.screens.desk import Changed, Desk
from tui.widgets.filter_bar import FilterBar
from tui.widgets.glyphs import LIVE, ROLE
from tui.widgets.own_state import (
    OUT_OF_TOUCH,
    audio_problem,
    name_of,
    own_line,
    relay_summary,
    sound_line,
)
from tui.widgets.painted import Lines
from tui.widgets.people import person_row, voice_cells
from tui.widgets.roster import PANES, Pane
from tui.widgets.row_list import Paint, RowList, SideColumn
from tui.widgets.text import Part, Parts, ago, clean, short_npub, wrap

_TITLE: dict[Pane, str] = {"stage": "Stage", "audience": "Audience", "queue": "Queue"}
_EMPTY: dict[Pane, str] = {
    "stage": "Nobody is on stage.",
    "audience": "Nobody listens yet.",
    "queue": "Nobody asks to speak.",
}


class SpaceScreen(SpacesScreen, inherit_bindings=False):
    """The present space. What is not a space any more is left by the app."""

    PLACE = "space"
    AUTO_FOCUS = ""
    BINDINGS = bindings_of("space")

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._active: Pane = "stage"
        self._beside: Pane = "audience"  # what stands beside the stage where two panes fit

    def body(self) -> Iterable[Widget]:
        """Up to three panes, and two or three lines about ourselves."""
        yield Lines(id="about")
        with Horizontal(id="panes"):
            for pane in PANES:
                with Vertical(id=pane, classes="pane"):
                    yield Lines(classes="tabs")
                    rows = RowList(self._painter(pane), id=f"{pane}-list")
                    if pane == "stage":
                        with Horizontal():
                            yield rows
                            yield SideColumn(rows, self._voice)
                    else:
                        yield rows
        yield FilterBar()
        yield Lines(id="own")
        yield Lines(id="sound")
        yield Lines(id="problem", classes="-none")

    @property
    def target(self) -> str:
        """The pubkey of the person under the cursor."""
        return self._list(self._active).cursor

    def on_mount(self) -> None:
        """Begin on stage."""
        self._show_pane(self._active)

    def on_resize(self, event: events.Resize) -> None:
        """As many panes as the width has room for."""
        self._lay_out(event.size.width)
        self._show_own()

    def view_changed(self, changed: Changed) -> None:
        """Show what differs."""
        view = self.desk.view
        if (space := present_space(view)) is None:
            return
        age = ago(self.desk.now() - space.started_at) if space.started_at else ""
        host = name_of(view.participants.get(space.host), space.host)
        title = space.name
        if space.stage == "joining" and (seen := view.spaces.get(space.ref)) is not None:
            title, host = seen.name or title, clean(seen.host_name).strip() or host
        self.query_one("#bar", Lines).show_line(
            [(clean(title), "strong")], [(f"{LIVE} ", "good"), (f"live {age}", "muted")]
        )
        about = f" · {clean(space.summary)}" if space.summary else ""
        self.query_one("#about", Lines).show_line(
            [("hosted by ", "muted"), (host, ""), (about, "muted")]
        )
        if changed.touches("participants", "space"):
            self._show_people(changed)
        self._show_own()
        super().view_changed(changed)

    def levels_changed(self) -> None:
        """Redraw the meters of people on stage."""
        self.query_one(SideColumn).check()

    def on_row_list_moved(self) -> None:
        """Other rows are visible, or another person is meant."""
        self._show_tabs()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """A click into another pane makes it the one that keys are about."""
        for pane in PANES:
            if event.widget is self._list(pane) and pane != self._active:
                self._show_pane(pane)

    def focus_rows(self) -> None:
        """Back to the list of the active pane."""
        self._list(self._active).focus()

    def do_pane_stage(self) -> None:
        """Show the stage."""
        self._show_pane("stage")

    def do_pane_audience(self) -> None:
        """Show the audience."""
        self._show_pane("audience")

    def do_pane_requests(self) -> None:
        """Show the queue."""
        self._show_pane("queue")

    def do_pane_next(self) -> None:
        """Show the next pane."""
        self._show_pane(PANES[(PANES.index(self._active) + 1) % len(PANES)])

    def do_pane_previous(self) -> None:
        """Show the pane before."""
        self._show_pane(PANES[PANES.index(self._active) - 1])

    def _list(self, pane: Pane) -> RowList:
        return self.query_one(f"#{pane}-list", RowList)

    def _show_pane(self, pane: Pane) -> None:
        self._active = pane
        if pane != "stage":
            self._beside = pane
        self._lay_out(self.size.width)
        self._list(pane).focus()
        self._show_tabs()
        self.show_keys()

    def _groups(self, width: int) -> list[tuple[Pane, ...]]:
        """Which panes share a place on the screen, side by side."""
        if width >= 160:
            return [("stage",), ("audience",), ("queue",)]
        return [("stage",), ("audience", "queue")] if width >= 120 else [PANES]

    def _lay_out(self, width: int) -> None:
        for group in self._groups(width):
            shown = self._active if self._active in group else self._beside
            shown = shown if shown in group else group[0]
            for pane in group:
                self.query_one(f"#{pane}").display = pane == shown

    def _show_people(self, changed: Changed) -> None:
        people = self.desk.view.participants
        needle = self.query_one(FilterBar).needle
        # A row shows nothing of the space but ourselves; whoever changed is in `people`.
        touched = people if changed.everything else changed.people
        for pane in PANES:
            keys = self.desk.roster.keys(pane)
            if needle:
                keys = [key for key in keys if _matches(people[key], needle)]
            rows = self._list(pane)
            text = "Nobody matches the filter; esc shows all." if needle else _EMPTY[pane]
            rows.show_keys(keys, touched)
            rows.show_when_empty(_just(text))
            if changed.everything:
                rows.touch_visible()
        self._show_tabs()

    def _show_tabs(self) -> None:
        for group in self._groups(self.size.width):
            for shown in group:
                parts: list[Part] = []
                for pane in group:
                    count = self.desk.roster.count(pane)
                    ink = "strong" if pane == shown else "muted"
                    if pane == self._active and pane == shown:
                        ink = "tab"
                    elif pane == "queue" and count:
                        ink = "warn"
                    parts += [(f" {PANES.index(pane) + 1} {_TITLE[pane]} {count} ", ink), (" ", "")]
                self.query_one(f"#{shown} .tabs", Lines).show_line(parts, self._part_shown(shown))

    def _part_shown(self, pane: Pane) -> Parts:
        rows = self._list(pane)
        visible = rows.window
        if rows.size.width < 56 or not visible or len(visible) >= len(rows.keys):
            return []
        return [(f"{visible.start + 1}-{visible.stop} of {len(rows.keys)} ", "muted")]

    def _show_own(self) -> None:
        view = self.desk.view
        if (space := present_space(view)) is None:
            return
        now = self.desk.now()
        own, sound = self.query_one("#own", Lines), self.query_one("#sound", Lines)
        if self.desk.trouble:
            own.show_line(OUT_OF_TOUCH)
            sound.show_line(())
        else:
            own.show_line(own_line(view, space, now))
            sound.show_line(sound_line(view, space), relay_summary(view))
        problem = audio_problem(view)
        lines = self.query_one("#problem", Lines)
        rows = wrap(problem, self.size.width - 2, 2)
        lines.set_class(not problem, "-none")
        lines.styles.height = max(1, len(rows))
        lines.show(lambda _width: [[(row, "warn")] for row in rows])

    def _painter(self, pane: Pane) -> Paint:
        def paint(pubkey: str, width: int) -> Parts:
            person = self.desk.view.participants.get(pubkey)
            if person is None:
                return ()
            return person_row(pane, person, width, self.desk.now())

        return paint

    def _voice(self, pubkey: str) -> Parts:
        person = self.desk.view.participants.get(pubkey)
        return voice_cells(person, self.desk.levels.get(pubkey, 127)) if person else ()


def _just(text: str) -> Callable[[int], list[Parts]]:
    return lambda _width: [[("  " + text, "muted")]]


def _matches(person: Participant, needle: str) -> bool:
    return needle in f"{person.name} {ROLE[person.role][2]} {person.pubkey}".casefold() or (
        needle in short_npub(person.pubkey)
    )
