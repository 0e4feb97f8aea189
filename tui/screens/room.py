"""A space that we look into, or a room of other apps: who is there and what is written."""

from collections.abc import Iterable

from textual.containers import Vertical
from textual.widget import Widget

from tui.commands.npub import short_npub
from tui.controller.intents import WatchRoom
from tui.controller.views import RoomView
from tui.screens.base import SpacesScreen, bindings_of
from tui.screens.desk import Changed
from tui.widgets.chat_pane import ChatPane, lines_of
from tui.widgets.painted import Lines
from tui.widgets.people import person_row
from tui.widgets.prompt_bar import PromptBar
from tui.widgets.row_list import RowList
from tui.widgets.text import Part, Parts, clean, compose, wrap

_KIND = {
    "space": "looking in, unannounced",
    "room": "a room of another app, read only",
    "stream": "a stream of another app, read only",
}


class RoomScreen(SpacesScreen, inherit_bindings=False):
    """Read only: nobody learns that we are here."""

    PLACE = "room"
    BINDINGS = bindings_of("room")
    AUTO_FOCUS = "#chat"

    def body(self) -> Iterable[Widget]:
        """What it is, who is there, what is written."""
        yield Lines(id="about")
        with Vertical(id="panes"):
            with Vertical(id="here"):
                yield Lines(id="people-title")
                yield RowList(self._row, id="people")
            with Vertical(id="talk"):
                yield Lines(id="chat-title")
                yield ChatPane(self.desk.clock, id="chat")
        yield PromptBar()

    def view_changed(self, changed: Changed) -> None:
        """Show what differs; gone when the room is."""
        room = self.desk.view.room
        if room is None:
            self.leave()
            return
        if changed.touches("room"):
            self._show_about(room)
        if changed.touches("participants") or changed.people:
            self._show_people()
        if changed.touches("chat", "participants"):
            self._show_chat()
        super().view_changed(changed)

    def do_screen_back(self) -> None:
        """Look away."""
        self.desk.ask(WatchRoom())
        self.leave()

    def do_pane_next(self) -> None:
        """To the other list."""
        self.focus_next("RowList")

    def do_pane_previous(self) -> None:
        """To the other list."""
        self.focus_previous("RowList")

    def do_room_link(self) -> None:
        """Copy the address of the sound by OSC 52."""
        if (room := self.desk.view.room) is not None:
            self.app.copy_to_clipboard(clean(room.url))
            self.say(f"copied {clean(room.url)}", "good")

    def _show_about(self, room: RoomView) -> None:
        host = clean(room.host_name).strip() or short_npub(room.host)
        self.query_one("#bar", Lines).show_line(
            [(clean(room.name), "strong"), (f"  {_KIND[room.kind]}", "muted")],
            [(clean(room.state), "muted")],
        )

        def build(width: int) -> list[Parts]:
            by: list[Part] = [("hosted by ", "muted"), (host, "")]
            if room.starts:
                verb = "begins" if room.starts > self.desk.now() else "began"
                by.append((f"  {verb} {self.desk.clock(room.starts, '%d %b %H:%M')}", "accent"))
            rows: list[Parts] = [by]
            rows += [[(row, "")] for row in wrap(clean(room.summary), width, 2) if row]
            if room.url:
                rows.append([("sound: ", "muted"), (clean(room.url), "")])
            return [compose(width, row) for row in rows]

        self.query_one("#about", Lines).show(build)
        about = 1 + bool(room.url) + (2 if room.summary else 0)
        self.query_one("#about").styles.height = about + 1

    def _show_people(self) -> None:
        people = self.desk.view.participants
        order = sorted(people.values(), key=lambda p: (p.role == "listener", p.name, p.pubkey))
        rows = self.query_one("#people", RowList)
        rows.show_keys([person.pubkey for person in order])
        rows.touch_visible()
        rows.show_when_empty(lambda _width: [[("  nobody has said to be here", "muted")]])
        count = f"{len(people)} {'person' if len(people) == 1 else 'people'}"
        self.query_one("#people-title", Lines).show_line([(count, "muted")])

    def _show_chat(self) -> None:
        view = self.desk.view
        lines = lines_of(self.desk.chat.keys, view.chat, self._is_hidden, "")
        pane = self.query_one(ChatPane)
        pane.show_lines(lines, view.me.pubkey)
        pane.rows.show_when_empty(lambda _width: [[("  nothing was written yet", "muted")]])
        self.query_one("#chat-title", Lines).show_line([("Chat", "muted")])

    def _is_hidden(self, pubkey: str) -> bool:
        person = self.desk.view.participants.get(pubkey)
        return person is not None and person.hidden

    def _row(self, pubkey: str, width: int) -> Parts:
        person = self.desk.view.participants[pubkey]
        return person_row("audience", person, width, self.desk.now())
