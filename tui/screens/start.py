"""The first screen of a new user, with one question: how do you want to begin?"""

from collections.abc import Iterable

from textual.containers import Vertical
from textual.widget import Widget

from tui.commands.actions import BY_ID, key_word
from tui.controller.intents import UseThrowawayKey
from tui.screens.base import SpacesScreen, bindings_of
from tui.screens.desk import Changed, Desk
from tui.widgets.painted import Lines
from tui.widgets.row_list import RowList
from tui.widgets.text import Parts, compose, wrap

_CHOICES = {
    "start.demo": ("Try the demo", "made-up people; no key, no network"),
    "start.listen": ("Listen with a throw-away key", "a new one, forgotten at the end"),
    "start.key": ("Use my key", "an nsec, or a key file"),
    "help.open": ("Help", "every key on one page"),
}
_WELCOME = (
    "Live audio spaces over Nostr. You hear a space from other listeners, and people hear you only "
    "after you have opened the microphone yourself."
)


class StartScreen(SpacesScreen, inherit_bindings=False):
    """Paints at once: it needs no controller, no key, no network and no audio device."""

    PLACE = "start"
    BINDINGS = bindings_of("start")

    def __init__(self, desk: Desk, *, first_run: bool = False) -> None:
        super().__init__(desk)
        self._chosen = first_run  # a controller that has a key already answers the question

    def body(self) -> Iterable[Widget]:
        """What this is, and the choices."""
        with Vertical(id="start"):
            yield Lines(id="welcome")
            yield RowList(self._row, id="list")

    @property
    def target(self) -> str:
        """The choice under the cursor."""
        return self.query_one(RowList).cursor

    def on_mount(self) -> None:
        """The choices never change."""
        self.query_one(RowList).show_keys(list(_CHOICES))

    def view_changed(self, changed: Changed) -> None:
        """Go on once there is a key."""
        self.query_one("#bar", Lines).show_line([("spaces", "strong"), ("  welcome", "muted")])
        self.query_one("#welcome", Lines).show(
            lambda width: [[(row, "")] for row in wrap(_WELCOME, width, 4)]
        )
        super().view_changed(changed)
        if self._chosen and changed.touches("me") and self.desk.view.me.key != "none":
            self._chosen = False
            self.leave()

    def on_row_list_chosen(self) -> None:
        """A double click chooses like enter."""
        self.do_start_choose()

    def do_start_choose(self) -> None:
        """Take the choice under the cursor."""
        self.action_run(self.target)

    def do_start_listen(self) -> None:
        """Begin with a throw-away key."""
        self._chosen = self.desk.ask(UseThrowawayKey())
        self.say("making a key…" if self._chosen else "the controller cannot be reached right now")

    def do_start_key(self) -> None:
        """Ask for the key."""
        from tui.screens.key import KeyScreen

        self._chosen = True
        self.app.push_screen(KeyScreen(self.desk))

    def do_start_demo(self) -> None:
        """Start the demo in the background and go on when it runs."""
        if self.desk.start_demo is None:
            self.say("the demo cannot be started from here; run `spaces demo`")
        else:
            self.say("starting the demo…", "muted")
            self.run_worker(self._run_demo(self.desk), exclusive=True)

    async def _run_demo(self, desk: Desk) -> None:
        if desk.start_demo is None:
            return
        try:
            await desk.start_demo()
        except Exception as error:  # what kept the demo from starting is told
            self.say(f"the demo did not start: {error}", "bad")
        else:
            self._chosen = True
            self.tell(Changed(fields={"me"}))

    def _row(self, choice: str, width: int) -> Parts:
        title, about = _CHOICES[choice]
        row = [(f" {key_word(BY_ID[choice].keys[0])}  ", "accent"), (f"{title:<32}", "strong")]
        return compose(width, [*row, (about, "muted")] if width > 60 else row)
