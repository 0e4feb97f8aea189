"""The lobby: the live spaces, oneself, and the relays that they were found on."""

from collections.abc import Iterable, Sequence

from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from tui.commands.npub import short_npub, whole_npub
from tui.commands.permissions import present_space
from tui.controller.search import Search
from tui.controller.views import (
    SpaceSummary,
)
from tui.screens.base import SpacesScreen, bindings_of
from tui.screens.desk import Changed
from tui.widgets.filter_bar import FilterBar
from tui.widgets.glyphs import ELSEWHERE, FOLLOWED, HERE, LIVE, SCHEDULED, STALE, VERIFIED
from tui.widgets.own_state import (
    OUT_OF_TOUCH,
    own_line,
    relay_rows,
    relay_summary,
    who_am_i,
)
from tui.widgets.painted import Lines
from tui.widgets.prompt_bar import PromptBar
from tui.widgets.row_list import RowList
from tui.widgets.text import Part, Parts, ago, clean, compose, fit, wrap

_RANK = {"live": 0, "scheduled": 1, "stale": 2, "closed": 3}
_STATE = {
    "live": (LIVE, "good"),
    "scheduled": (SCHEDULED, "accent"),
    "stale": (STALE, "muted"),
    "closed": (STALE, "faint"),
}
_KIND = {"space": "", "room": "room of another app", "stream": "stream of another app"}
_SEARCH = "words · #topic · lang:de · host:name · is:scheduled · follows"
_UNANSWERED = "No relay has answered yet."


class LobbyScreen(SpacesScreen, inherit_bindings=False):
    """Where one arrives, and where one returns to."""

    PLACE = "lobby"
    BINDINGS = bindings_of("lobby")

    def body(self) -> Iterable[Widget]:
        """The spaces on the left, the one under the cursor on the right where there is room."""
        with Horizontal(id="main"):
            with Vertical(id="spaces"):
                yield Lines(id="columns")
                yield RowList(self._row, id="list")
            yield Lines(id="detail")
        yield FilterBar(_SEARCH)
        yield PromptBar()
        yield Lines(id="own")

    @property
    def target(self) -> str:
        """The ref of the space under the cursor."""
        return self.query_one(RowList).cursor

    def view_changed(self, changed: Changed) -> None:
        """Show what differs."""
        view = self.desk.view
        rows = self.query_one(RowList)
        if changed.touches("spaces", "space"):
            rows.show_keys(self._refs(), view.spaces)
            rows.touch_visible()
        if not rows.keys:
            rows.show_when_empty(self._when_empty)
        self._show_room()
        self.query_one("#bar", Lines).show_line(
            [("spaces", "strong"), ("  lobby", "muted")], [*who_am_i(view)]
        )
        self._show_columns()
        self._show_detail()
        self._show_own()
        super().view_changed(changed)

    def on_row_list_moved(self) -> None:
        """Tell more about the space that is now under the cursor."""
        self._show_columns()
        self._show_detail()

    def on_row_list_chosen(self) -> None:
        """A double click opens like enter."""
        self.action_run("space.open")

    def do_space_open(self) -> None:
        """Go back to the space that we are in; a new one is shown once the view has it."""
        if present_space(self.desk.view):
            self.do_space_show()

    def do_space_show(self) -> None:
        """Show the space that we are in."""
        from tui.screens.space import SpaceScreen

        if not self.clear_filter() and present_space(self.desk.view):
            self.app.push_screen(SpaceScreen(self.desk))

    def _show_room(self) -> None:
        """Show the room that is looked into, once."""
        room = self.desk.view.room
        ref = room.ref if room is not None else ""
        if ref and ref != self._room and not present_space(self.desk.view):
            from tui.screens.room import RoomScreen

            self.app.push_screen(RoomScreen(self.desk))
        self._room = ref

    _room = ""

    def do_space_new(self) -> None:
        """Ask for a name."""
        from tui.screens.create import CreateScreen

        self.app.push_screen(CreateScreen(self.desk))

    def do_identity_choose(self) -> None:
        """Ask for a key."""
        from tui.screens.start import StartScreen

        self.app.push_screen(StartScreen(self.desk))

    def do_identity_copy(self) -> None:
        """Copy our npub by OSC 52, and show it for where that does nothing."""
        npub = whole_npub(self.desk.view.me.pubkey)
        self.app.copy_to_clipboard(npub)
        self.say(f"copied, if your terminal allows it: {npub}", "good", stays=True)

    def _refs(self) -> list[str]:
        query = Search(self.query_one(FilterBar).value)
        shown = [summary for summary in self.desk.view.spaces.values() if query.matches(summary)]
        shown.sort(key=_place)
        return [summary.ref for summary in shown]

    def _row(self, ref: str, width: int) -> Parts:
        summary = self.desk.view.spaces[ref]
        space = present_space(self.desk.view)
        here = space is not None and space.ref == ref
        glyph, ink = (HERE, "accent") if here else _state(summary)
        name = clean(summary.name).strip() or clean(summary.id)
        name_ink = "strong" if here else "" if summary.state == "live" else "muted"
        cells = _columns(width)
        marks = _marks(summary)
        room = max(0, cells[0] - sum(len(text) for text, _ in marks))
        name_and_marks = compose(cells[0], [(fit(name, room).rstrip(), name_ink), *marks])
        row: list[Part] = [(f"{glyph} ", ink), *name_and_marks]
        texts = (_host(summary), str(summary.speakers), str(summary.listeners), self._age(summary))
        for text, column in zip(texts, cells[1:], strict=True):
            if column:
                right = text.isdigit()
                row += [("  ", ""), (text.rjust(column) if right else fit(text, column), "muted")]
        return row

    def _age(self, summary: SpaceSummary) -> str:
        if summary.state == "scheduled":
            return self._until(summary.starts)
        if summary.state != "live":
            return summary.state
        return ago(self.desk.now() - summary.started_at) if summary.started_at else ""

    def _until(self, starts: int) -> str:
        """How long until something begins: soon in minutes, else the day."""
        wait = starts - self.desk.now()
        if wait < 0:
            return "due"
        return f"in {ago(max(60, wait))}" if wait < 3600 else self.desk.clock(starts, "%d %b %H:%M")

    def _when_empty(self, width: int) -> Sequence[Parts]:
        view = self.desk.view
        indent: Part = ("  ", "")
        if self.desk.trouble:
            return [(), [indent, ("The background process is not there yet.", "muted")]]
        if self.query_one(FilterBar).needle:
            return [(), [indent, ("No space matches the filter; esc shows all.", "muted")]]
        if view.me.key == "none":
            return [(), [indent, ("You have no key yet. K lets you choose one.", "strong")]]
        answered = any(relay.state == "connected" for relay in view.relays.values())
        rows: list[Parts] = [
            (),
            [indent, ("No live spaces right now." if answered else _UNANSWERED, "strong")],
            [
                indent,
                ("Spaces appear here as soon as a relay tells of one. n opens your own.", "muted"),
            ],
            (),
        ]
        rows += [[indent, *row] for row in relay_rows(view)]
        return [compose(width, row) for row in rows]

    def _show_columns(self) -> None:
        rows = self.query_one(RowList)
        live = sum(s.state == "live" for s in self.desk.view.spaces.values())
        waiting = sum(s.state == "scheduled" for s in self.desk.view.spaces.values())

        def build(width: int) -> list[Parts]:
            cells = _columns(width - 1)
            counts = f"{live} live" + (f", {waiting} scheduled" if waiting else "")
            titles = (counts, "Host", "Stage", "Audience", "Age")
            row: list[Part] = [("   ", "")]
            for title, column in zip(titles, cells, strict=True):
                if column:
                    text = title.rjust(column) if title in ("Stage", "Audience") else title
                    row += [(fit(text, column), "muted"), ("  ", "")]
            return [row]

        self.query_one("#columns", Lines).show(build)
        self.query_one("#columns").set_class(not rows.keys, "-empty")

    def _show_detail(self) -> None:
        summary = self.desk.view.spaces.get(self.target)

        def build(width: int) -> list[Parts]:
            if summary is None:
                return []
            rows: list[Parts] = [[(line, "strong")] for line in wrap(clean(summary.name), width, 3)]
            followed: list[Part] = [(f" {FOLLOWED}", "accent")] if summary.followed else []
            rows += [[("hosted by ", "muted"), (_host(summary), ""), *followed]]
            if address := clean(summary.verified).strip():
                rows.append([(f"{VERIFIED} ", "good"), (address, "muted")])
            rows += [
                [(short_npub(summary.host), "faint")],
                (),
                *([(line, "")] for line in wrap(clean(summary.summary), width, 8)),
                *([()] if summary.summary else []),
                [(f"{summary.speakers} on stage, {summary.listeners} in the audience", "muted")],
                [(self._when(summary), "muted")],
            ]
            rows += [[(line, "muted")] for fact in _facts(summary) for line in wrap(fact, width, 3)]
            return [compose(width, row) for row in rows]

        self.query_one("#detail", Lines).show(build)

    def _when(self, summary: SpaceSummary) -> str:
        """When it began, or will."""
        age = self._age(summary)
        if summary.state == "scheduled":
            return f"begins {self.desk.clock(summary.starts, '%A %d %B, %H:%M')}"
        if summary.state != "live" or not age:
            return age
        return f"began {age}" if age == "just now" else f"began {age} ago"

    def _show_own(self) -> None:
        view = self.desk.view
        own = self.query_one("#own", Lines)
        if space := present_space(view):
            lost = bool(self.desk.trouble)
            left = [
                *(OUT_OF_TOUCH if lost else own_line(view, space, self.desk.now()))[:1],
                ("  in ", "muted"),
                (clean(space.name), ""),
            ]
            left.append(("  esc shows it", "muted"))
        else:
            left = [*_first_trouble(relay_rows(view))]
        own.show_line(left, () if self.desk.trouble else relay_summary(view))


def _place(summary: SpaceSummary) -> tuple[object, ...]:
    """What can be entered before what can be read; hosts whom the user follows first."""
    coming = summary.starts if summary.state == "scheduled" else -summary.started_at
    elsewhere = summary.kind != "space"
    return _RANK[summary.state], elsewhere, not summary.followed, coming, summary.ref


def _state(summary: SpaceSummary) -> Part:
    if summary.state == "live" and summary.kind != "space":
        return ELSEWHERE, "muted"
    return _STATE[summary.state]


def _marks(summary: SpaceSummary) -> list[Part]:
    """What is to be known before one presses enter."""
    words: list[str] = [] if summary.kind == "space" else [summary.kind]
    words += [] if summary.access == "open" else [summary.access]
    words += ["locked"] if summary.locked else []
    marks: list[Part] = [(f" {FOLLOWED}", "accent")] if summary.followed else []
    return [*marks, (f"  {', '.join(words)}", "faint")] if words else marks


def _facts(summary: SpaceSummary) -> list[str]:
    access = {"open": "", "invite": "for invited people", "password": "with a password"}
    facts = [
        access[summary.access],
        "locked: nobody new is let in" if summary.locked else "",
        " ".join(f"#{clean(topic)}" for topic in summary.topics),
        f"language: {clean(summary.language)}" if summary.language else "",
        _KIND[summary.kind],
        clean(summary.url),
        "not confirmed by a relay yet" if summary.cached else "",
    ]
    return [fact for fact in facts if fact]


def _host(summary: SpaceSummary) -> str:
    return clean(summary.host_name).strip() or short_npub(summary.host)


def _first_trouble(rows: Sequence[Parts]) -> Parts:
    return next((row for row in rows if row[0][1] in ("warn", "bad")), [])


def _columns(width: int) -> tuple[int, int, int, int, int]:
    """Cells of name, host, stage, audience and age; 0 for a column that has no room."""
    host = min(24, max(14, width // 5)) if width >= 62 else 0
    stage, audience = (5, 8) if width >= 48 else (0, 0)
    age = 11 if width >= 34 else 0
    fixed = sum(column + 2 for column in (host, stage, audience, age) if column)
    return max(0, width - 3 - fixed), host, stage, audience, age
