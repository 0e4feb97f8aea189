"""The base of our screens: bars, notices, questions, and actions looked up in the registry."""

from collections.abc import Iterable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input

from tui.commands.actions import BY_ID, Action, Place, actions_of
from tui.commands.effects import Prompt
from tui.commands.permissions import can_answer, present_space
from tui.config import limits
from tui.screens.desk import EVERYTHING, Changed, Desk
from tui.widgets.filter_bar import FilterBar
from tui.widgets.key_bar import KeyBar
from tui.widgets.own_state import invitation
from tui.widgets.painted import Lines
from tui.widgets.prompt_bar import PromptBar
from tui.widgets.row_list import RowList
from tui.widgets.text import clean, clean_whole, clip, compose, wrap

_NOTICE_ROWS = 3  # what to do stands at the end of a notice and must not be cut off
_STAYING_SHARE = 4  # a notice that stays may take this part of the screen: a link is whole or none


def bindings_of(place: Place) -> list[BindingType]:
    """The keys of a screen as Textual wants them; list movement belongs to the lists."""
    return [
        Binding(key, f"run('{action.id}', '{key}')", action.label, show=False)
        for action in actions_of(place)
        if not action.id.startswith("list.") or action.id == "list.filter"
        for key in action.keys
    ]


class SpacesScreen(Screen[None], inherit_bindings=False):
    """A bar, a body, a line for notices, and the keys.

    An action without an intent is done by the screen's method `do_<area>_<verb>`; with one, that
    method is called after it was sent. A screen with actions that have a prompt yields a
    `PromptBar` in its body.
    """

    PLACE: ClassVar[Place]
    ALLOW_SELECT = False
    AUTO_FOCUS = "RowList"
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-narrow"),
        (40, "-one"),
        (120, "-two"),
        (160, "-three"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (12, "-high"), (20, "-tall")]  # noqa: RUF012

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.is_up = False
        self._asked: tuple[Action, str, str] | None = None
        self._prompted: tuple[Action, str, Prompt] | None = None
        self._notice: tuple[str, str] = ("", "")
        self._notice_timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """The frame around a screen's own widgets."""
        yield Lines(id="bar")
        yield from self.body()
        yield Lines(id="banner", classes="-none")
        yield Lines(id="notice")
        yield KeyBar(id="keys")
        yield Lines(id="too-small")

    def body(self) -> Iterable[Widget]:
        """The screen's own widgets."""
        raise NotImplementedError

    def tell(self, changed: Changed) -> None:
        """The view differs. A screen that is not there yet catches up when it is."""
        if self.is_up:
            self.view_changed(changed)
            self.show_banner()
            self.show_notice()

    def view_changed(self, changed: Changed) -> None:
        """Show what differs; asked for often, so it must write nothing where nothing differs."""
        self.show_keys()

    def levels_changed(self) -> None:
        """Redraw the meters."""

    def reactions_changed(self, people: Iterable[str]) -> None:
        """Show or forget the emojis of these people."""

    @property
    def shows_chat(self) -> bool:
        """Whether a new message can be read without a notice."""
        return False

    def give_back_chat(self) -> None:
        """What was written last could not be sent."""

    @property
    def target(self) -> str:
        """The key of the row under the cursor: what actions are about."""
        return ""

    def on_screen_resume(self) -> None:
        """Catch up with what happened while another screen was shown."""
        self.is_up = True
        self.query_one("#too-small", Lines).show_line([("make the terminal larger (40x12)", "")])
        self.tell(EVERYTHING)

    def on_row_list_moved(self) -> None:
        """Another row, other possibilities."""
        self.show_keys()

    def show_keys(self) -> None:
        """Bring the footer up to date."""
        self.query_one(KeyBar).show_actions(self.PLACE, self.desk.view, self.target)

    def say(self, text: str, ink: str = "warn", *, stays: bool = False) -> None:
        """Show a notice for a while, or until the next key."""
        self._notice = (clean_whole(text) if stays else clean(text), ink)
        if self._notice_timer is not None:
            self._notice_timer.stop()
            self._notice_timer = None
        if not stays:
            self._notice_timer = self.set_timer(limits.NOTICE_SECONDS, self._forget_notice)
        self.show_notice()

    def unsay(self, text: str) -> None:
        """Take a notice back that is not so any more, if it still stands there."""
        if self._notice[0] == clean(text):
            self._forget_notice()

    def show_banner(self) -> None:
        """Whether somebody asks us to speak, on every screen; it takes no key but y and n."""
        banner = self.query_one("#banner", Lines)
        asks = "" if can_answer(self.desk.view) else invitation(self.desk.view)
        banner.set_class(not asks, "-none")
        if asks:
            answer = "y yes · n no"
            rows = wrap(asks, max(1, self.size.width - 4 - len(answer)), 2)
            banner.styles.height = max(1, len(rows))
            banner.show(
                lambda width: [
                    compose(width, [(row, "strong")], [(answer, "warn")] if not index else [])
                    for index, row in enumerate(rows)
                ]
            )

    def show_notice(self) -> None:
        """A question goes first, then the latest notice, then the trouble with the controller."""
        if not self.is_up:
            return
        line = self.query_one("#notice", Lines)
        text, ink = self._notice
        if self._asked is not None:
            line.show_line([(clean(self._asked[2]), "warn")], [("y yes · n no", "muted")])
        elif text:
            stays = self._notice_timer is None
            most = max(_NOTICE_ROWS, self.size.height // _STAYING_SHARE if stays else 0)
            rows = wrap(text, self.size.width - 2, most)
            line.show(lambda _width: [[(row, ink)] for row in rows])
        elif self.desk.trouble == "starting":
            line.show_line([("starting the background process…", "muted")])
        elif self.desk.trouble:
            line.show_line(
                [("no controller, trying again: ", "bad"), (clean(self.desk.trouble), "warn")]
            )
        else:
            line.show_line([])
        line.styles.height = max(1, line.text.count("\n") + 1)

    def takes_text(self, character: str) -> bool:
        """Put a letter into the field that has been opened by a key just before it, if any was.

        Keys that come in one go are all handed to what had the focus before the first of them was
        looked at; the reason typed behind "X" must neither be lost nor become commands.
        """
        field = self.query_one(PromptBar).field if self._prompted is not None else self.focused
        if not isinstance(field, Input):
            return False
        field.insert_text_at_cursor(character)
        return True

    def action_run(self, action_id: str, key: str = "") -> None:
        """Do what a key stands for, or say why not."""
        if self._prompted is not None:
            if key == "escape":
                self._close_prompt()
            return
        action, target = BY_ID[action_id], self.target
        self._forget_notice()  # what it told of may not be so any more
        if self._asked is not None:
            asked, target, question = self._asked
            self._asked = None
            self.show_notice()
            if key == "y":
                self._do_if(asked.question(self.desk.view, target), question, asked, target)
            return
        view = self.desk.view
        if key in ("y", "n") and not can_answer(view):
            # While somebody asks, these two are the answer, whatever else they are here.
            action = BY_ID["answer.yes" if key == "y" else "answer.no"]
        if not action.unavailable(view, target):
            if question := action.question(view, target):
                self._asked = (action, target, question)
                self.show_notice()
                return
            if (prompt := action.prompt(view, target)) is not None:
                self._prompted = (action, target, prompt)
                self.query_one(PromptBar).open(prompt)
                return
        self._do(action, target)

    def on_prompt_bar_answered(self, event: PromptBar.Answered) -> None:
        """Do what the line was asked for."""
        if self._prompted is None:
            return
        action, target, prompt = self._prompted
        if wrong := prompt.wrong(event.text):
            self.say(wrong)
            return
        self._close_prompt()
        now = action.prompt(self.desk.view, target)
        self._do_if(now.label if now is not None else "", prompt.label, action, target, event.text)

    def on_prompt_bar_given_up(self) -> None:
        """Do nothing."""
        self._close_prompt()

    def _close_prompt(self) -> None:
        self._prompted = None
        self.query_one(PromptBar).close()
        self.focus_rows()

    def _do_if(self, now: str, asked: str, action: Action, target: str, text: str = "") -> None:
        """Do what was asked for, unless the same key has come to mean something else meanwhile."""
        if now == asked or action.unavailable(self.desk.view, target):
            self._do(action, target, text)
        else:
            self.say("this has changed meanwhile; nothing was done")

    def _do(self, action: Action, target: str, text: str = "") -> None:
        view = self.desk.view
        if why_not := action.unavailable(view, target):
            self.say(why_not)
            return
        intent = action.intent(view, target, text) if action.intent is not None else None
        if intent is not None and not self.desk.ask(intent):
            self.say("the controller cannot be reached right now", "bad")
            return
        method = getattr(self, "do_" + action.id.replace(".", "_"), None)
        if method is not None:
            method()

    def _forget_notice(self) -> None:
        self._notice = ("", "")
        self.show_notice()

    def leave(self) -> None:
        """Go to the screen below; below our first one is the lobby."""
        if len(self.app.screen_stack) > 2:
            self.app.pop_screen()
            return
        from tui.screens.lobby import LobbyScreen

        self.app.switch_screen(LobbyScreen(self.desk))

    def do_space_leave(self) -> None:
        """Say that it is being done: relays that do not answer take a while."""
        self.say("leaving…", "muted")

    def do_space_close(self) -> None:
        """Say that it is being done."""
        self.say("ending the space…", "muted")

    def do_answer_yes(self) -> None:
        """Nobody hears anything before the microphone is opened."""
        self.say("you said yes; on stage your microphone is closed at first", "muted")

    def do_palette_open(self) -> None:
        """Show all commands of this screen, to find one by its name."""
        from tui.screens.palette import PaletteScreen

        self.app.push_screen(PaletteScreen(self.desk, self))

    def do_help_open(self) -> None:
        """Show the keys, this screen's first."""
        from tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.desk, self.PLACE))

    def do_devices_open(self) -> None:
        """Show microphones and speakers."""
        from tui.screens.devices import DevicesScreen

        self.app.push_screen(DevicesScreen(self.desk))

    def do_log_open(self) -> None:
        """Show relays and log."""
        from tui.screens.log import LogScreen

        self.app.push_screen(LogScreen(self.desk))

    def do_screen_back(self) -> None:
        """Clear the filter, or go to the screen before."""
        if not self.clear_filter():
            self.leave()

    def do_app_quit(self) -> None:
        """Detach; the space goes on."""
        space = present_space(self.desk.view)
        if space is None or self.desk.trouble or not self.desk.controller_stays:
            self.app.exit()
            return
        name = clip([(clean(space.name), "")], 30)[0][0].rstrip()
        self.app.exit(message=Text(f"still in {name}; `spaces` returns, `spaces stop` ends it"))

    def do_list_filter(self) -> None:
        """Let the user type what to look for."""
        self.query_one(FilterBar).open()

    def clear_filter(self) -> bool:
        """Show all rows again; False if they were shown anyway."""
        bars = self.query(FilterBar)
        return bool(bars) and bars.first(FilterBar).clear_text()

    def on_input_changed(self, event: Input.Changed) -> None:
        """The filter narrows the rows with every letter."""
        if isinstance(event.input, FilterBar):
            self.tell(EVERYTHING)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Back to the rows that are left."""
        if isinstance(event.input, FilterBar):
            self.focus_rows()

    def focus_rows(self) -> None:
        """Let the keys go to the list that the user is in."""
        self.set_focus(self.query(RowList).first(RowList))
