"""A space: who is on stage, who listens, who asks to speak, what is written, and our own state."""

from collections.abc import Callable, Iterable

from textual import events
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from tui.commands.moderating import moderates
from tui.commands.permissions import present_space
from tui.controller.intents import Chat, ShowRoster
from tui.screens.base import SpacesScreen, bindings_of
from tui.screens.desk import Changed, Desk
from tui.widgets import header
from tui.widgets.chat_pane import ChatPane, lines_of
from tui.widgets.filter_bar import FilterBar
from tui.widgets.hearing import link_mark
from tui.widgets.own_lines import OwnLines
from tui.widgets.painted import Lines
from tui.widgets.panes import EMPTY, PANES, Pane, groups, tab
from tui.widgets.people import barred_row, finds, matches, person_row, voice_cells
from tui.widgets.prompt_bar import PromptBar
from tui.widgets.recorded import badge
from tui.widgets.roster import PEOPLE_PANES
from tui.widgets.roster import Pane as PeoplePane
from tui.widgets.row_list import Paint, RowList, SideColumn
from tui.widgets.text import Parts, clean_whole, compose, width_of

_NO_MATCH = "Nobody matches the filter; esc shows all."


class SpaceScreen(SpacesScreen, inherit_bindings=False):
    """The present space. What is not a space any more is left by the app."""

    PLACE = "space"
    AUTO_FOCUS = ""
    BINDINGS = bindings_of("space")

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        # The pane that keys are about comes first; of those that share a place on the screen, the
        # one that was used last is shown.
        self._recent: list[Pane] = list(PANES)
        self._counts = dict.fromkeys(PEOPLE_PANES, 0)
        self._shared_room = False
        self._said = ""
        self._hears_all = False

    @property
    def active(self) -> Pane:
        """The pane that keys are about."""
        return self._recent[0]

    def body(self) -> Iterable[Widget]:
        """Up to four panes, and two or three lines about ourselves."""
        yield Lines(id="about")
        with Horizontal(id="panes"):
            for pane in PEOPLE_PANES:
                with Vertical(id=pane, classes="pane"):
                    yield Lines(classes="tabs")
                    rows = RowList(self._painter(pane), id=f"{pane}-list")
                    if pane == "stage":
                        with Horizontal():
                            yield rows
                            yield SideColumn(rows, self._voice)
                    else:
                        yield rows
            with Vertical(id="chat", classes="pane"):
                yield Lines(classes="tabs")
                yield ChatPane(self.desk.clock, id="chat-list")
        yield FilterBar()
        yield OwnLines(self.desk.now)
        yield PromptBar()

    @property
    def target(self) -> str:
        """The pubkey of the person under the cursor; in the chat, of who wrote the message."""
        if self.active == "chat":
            return self.query_one(ChatPane).author
        return self._list(self.active).cursor

    def on_mount(self) -> None:
        """Begin on stage."""
        self._show_pane(self.active)

    def on_resize(self, event: events.Resize) -> None:
        """As many panes as the width has room for."""
        self._lay_out(event.size.width)
        self._show_own()
        if self.focused is None:  # a terminal that was too small had taken it away
            self.focus_rows()

    def view_changed(self, changed: Changed) -> None:
        """Show what differs."""
        view = self.desk.view
        if (space := present_space(view)) is None:
            return
        self.query_one("#bar", Lines).show_line(
            [*badge(view, space, self.desk.now()), (header.title_of(view, space), "strong")],
            header.state_of(view, space, self.desk.now()),
        )
        self._show_about()
        self._ask_roster()
        if changed.touches("participants", "space", "barred"):
            self._show_people(changed)
        if changed.touches("chat", "participants"):
            self._show_chat()
        if changed.touches("quality") and not changed.everything:
            for pane in PEOPLE_PANES:
                self._list(pane).touch(link.pubkey for link in view.quality.links)
        self._show_own()
        super().view_changed(changed)

    def levels_changed(self) -> None:
        """Redraw the meters of people on stage."""
        self.query_one(SideColumn).check()

    def reactions_changed(self, people: Iterable[str]) -> None:
        """Show or forget the emojis beside their names."""
        people = list(people)
        for pane in PEOPLE_PANES:
            self._list(pane).touch(people)
        self._show_about()

    def on_row_list_moved(self) -> None:
        """Other rows are visible, or another person is meant."""
        self._show_tabs()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """A click into another pane makes it the one that keys are about."""
        for pane in PANES:
            if event.widget is self._list(pane) and pane != self.active:
                self._show_pane(pane)

    @property
    def shows_chat(self) -> bool:
        """Whether the chat is one of the panes on the screen."""
        return self.query_one("#chat").display

    def focus_rows(self) -> None:
        """Back to the list of the active pane."""
        self.set_focus(self._list(self.active))

    def on_chat_pane_written(self, event: ChatPane.Written) -> None:
        """Say it to everybody."""
        self._said = event.text
        if not self.desk.ask(Chat(event.text)):
            self.say("the controller cannot be reached right now", "bad")
            self.give_back_chat()

    def on_chat_pane_left(self) -> None:
        """The keys are commands again."""
        self.focus_rows()

    def give_back_chat(self) -> None:
        """What was written could not be sent: put it back to where it can be sent again."""
        text, self._said = self._said, ""
        self.query_one(ChatPane).give_back(text)

    def do_chat_write(self) -> None:
        """Show the chat and type into it."""
        self._show_pane("chat")
        self.query_one(ChatPane).write()

    def do_stage_mute(self) -> None:
        """Nothing on the screen may tell that it was heard."""
        self.say("everybody on stage is asked to mute", "muted")

    def do_space_share(self) -> None:
        """Copy the link to the space; a second press that to its NIP-53 room."""
        space = present_space(self.desk.view)
        if space is None:
            return
        links = [clean_whole(link) for link in (space.share, space.share_room) if link]
        link = links[-1 if self._shared_room else 0]
        self._shared_room = not self._shared_room
        link = link if link.startswith("nostr:") else f"nostr:{link}"
        self.app.copy_to_clipboard(link)
        more = "; S copies the other form" if len(links) > 1 else ""
        self.say(f"copied, if your terminal allows it{more}: {link}", "good", stays=True)

    def do_journal_open(self) -> None:
        """Show who moderated whom, and why."""
        from tui.screens.journal import JournalScreen

        self.app.push_screen(JournalScreen(self.desk))

    def do_connections_open(self) -> None:
        """Show to whom we are connected."""
        from tui.screens.connections import ConnectionsScreen

        self.app.push_screen(ConnectionsScreen(self.desk))

    def do_pane_stage(self) -> None:
        """Show the stage."""
        self._show_pane("stage")

    def do_pane_audience(self) -> None:
        """Show the audience."""
        self._show_pane("audience")

    def do_pane_requests(self) -> None:
        """Show the queue."""
        self._show_pane("queue")

    def do_pane_chat(self) -> None:
        """Show the chat."""
        self._show_pane("chat")

    def do_pane_next(self) -> None:
        """Show the next pane."""
        self._show_pane(PANES[(PANES.index(self.active) + 1) % len(PANES)])

    def do_pane_previous(self) -> None:
        """Show the pane before."""
        self._show_pane(PANES[PANES.index(self.active) - 1])

    def _list(self, pane: Pane) -> RowList:
        return self.query_one(f"#{pane}-list", RowList)

    def _show_pane(self, pane: Pane) -> None:
        self._recent.remove(pane)
        self._recent.insert(0, pane)
        self._lay_out(self.size.width)
        self.focus_rows()
        if pane == "chat":
            self.desk.chat.read()
        else:
            self.query_one(ChatPane).put_away()
        self._ask_roster()
        self._show_tabs()
        self.show_keys()

    def _ask_roster(self) -> None:
        """In a crowd only who looks at the audience hears who comes and goes in it."""
        space = present_space(self.desk.view)
        wanted = space is not None and space.crowd > 0 and self.active == "audience"
        if wanted != self._hears_all and self.desk.ask(ShowRoster(wanted)):
            self._hears_all = wanted

    def _shown(self, group: tuple[Pane, ...]) -> Pane:
        return min(group, key=self._recent.index)

    def _lay_out(self, width: int) -> None:
        for group in groups(width):
            for pane in group:
                self.query_one(f"#{pane}").display = pane == self._shown(group)

    def _show_about(self) -> None:
        view = self.desk.view
        if (space := present_space(view)) is not None:
            self.query_one("#about", Lines).show_line(
                header.about(view, space), header.own_role(space, self.desk.reactions.summary())
            )

    def _show_people(self, changed: Changed) -> None:
        view = self.desk.view
        people = view.participants
        needle = self.query_one(FilterBar).needle
        # Those who were removed have rows of their own, at the end, where they can be pardoned.
        barred = list(view.barred.values()) if moderates(view) else []
        # A row shows nothing of the space but ourselves; whoever changed is in `people`.
        touched = people if changed.everything else changed.people
        for pane in PEOPLE_PANES:
            keys = self.desk.roster.keys(pane)
            if barred:
                keys = [key for key in keys if key not in view.barred]
            self._counts[pane] = len(keys)
            if needle:
                keys = [key for key in keys if matches(people[key], needle)]
            if pane == "audience":
                keys += [one.pubkey for one in barred if finds(one, needle)]
            rows = self._list(pane)
            rows.show_keys(keys, touched)
            rows.show_when_empty(_just(_NO_MATCH if needle else EMPTY[pane]))
            if changed.everything:
                rows.touch_visible()
        self._show_tabs()

    def _show_chat(self) -> None:
        view, needle = self.desk.view, self.query_one(FilterBar).needle
        lines = lines_of(self.desk.chat.keys, view.chat, self._is_hidden, needle)
        pane = self.query_one(ChatPane)
        pane.show_lines(lines, view.me.pubkey)
        nothing = "No message matches the filter." if needle else "Nobody has written; c writes."
        pane.rows.show_when_empty(_just(nothing))
        if self.shows_chat:
            self.desk.chat.read()
        self._show_tabs()

    def _show_tabs(self) -> None:
        for group in groups(self.size.width):
            shown = self._shown(group)
            parts = [part for pane in group for part in self._tab(pane, shown)]
            short = [part for pane in group for part in self._tab(pane, shown, short=True)]
            right = self._part_shown(shown)
            self.query_one(f"#{shown} .tabs", Lines).show(_fitting(parts, short, right))

    def _tab(self, pane: Pane, shown: Pane, *, short: bool = False) -> Parts:
        ink = "strong" if pane == shown else "muted"
        chat = self.desk.chat
        if pane == "chat":
            count = f"{chat.unread} new" if chat.unread else ""
            ink = "warn" if chat.mentioned else "good" if chat.unread else ink
        else:
            number = self._counts[pane]
            space = self.desk.view.space
            if pane == "audience" and space is not None:
                number = max(number, space.crowd - self._counts["stage"])
            count = str(number)
            ink = "warn" if pane == "queue" and number else ink
        if pane == self.active:
            ink = "tab"
        return tab(pane, count, ink, short=short)

    def _part_shown(self, pane: Pane) -> Parts:
        rows = self._list(pane)
        visible = rows.window
        if pane == "chat" or rows.size.width < 56 or not visible or len(visible) >= len(rows.keys):
            return []
        return [(f"{visible.start + 1}-{visible.stop} of {len(rows.keys)} ", "muted")]

    def _show_own(self) -> None:
        if (space := present_space(self.desk.view)) is not None:
            lines = self.query_one(OwnLines)
            lines.show(self.desk.view, space, in_touch=not self.desk.trouble)

    def _is_hidden(self, pubkey: str) -> bool:
        person = self.desk.view.participants.get(pubkey)
        return person is not None and person.hidden

    def _painter(self, pane: PeoplePane) -> Paint:
        def paint(pubkey: str, width: int) -> Parts:
            view = self.desk.view
            if pane == "audience" and (barred := view.barred.get(pubkey)) and moderates(view):
                return barred_row(barred, width)
            if (person := view.participants.get(pubkey)) is None:
                return ()
            emoji = self.desk.reactions.of(pubkey)
            link = link_mark(person, view.quality)
            return person_row(pane, person, width, self.desk.now(), emoji, link=link)

        return paint

    def _voice(self, pubkey: str) -> Parts:
        person = self.desk.view.participants.get(pubkey)
        return voice_cells(person, self.desk.levels.get(pubkey, 127)) if person else ()


def _fitting(parts: Parts, short: Parts, right: Parts) -> Callable[[int], list[Parts]]:
    return lambda width: [compose(width, parts if width_of(parts) <= width else short, right)]


def _just(text: str) -> Callable[[int], list[Parts]]:
    return lambda _width: [[("  " + text, "muted")]]
