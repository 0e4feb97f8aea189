"""The first screen of a new user, with one question: how do you want to begin?"""

from collections.abc import Iterable

from textual.containers import Vertical
from textual.widget import Widget

from tui.commands.actions import BY_ID, key_word
from tui.commands.permissions import ACCOUNT, account_of, can_keep_key
from tui.controller.intents import UseThrowawayKey
from tui.screens.base import SpacesScreen, bindings_of
from tui.screens.desk import Changed, Desk
from tui.widgets.glyphs import HERE
from tui.widgets.painted import Lines
from tui.widgets.prompt_bar import PromptBar
from tui.widgets.row_list import RowList
from tui.widgets.text import Parts, clean, compose, fit, wrap

_CHOICES = {
    "start.demo": ("Try the demo", "made-up people; no key, no network"),
    "start.listen": ("Listen with a throw-away key", "a new one, forgotten at the end"),
    "start.key": ("Use my key", "nsec, words, key file or bunker address"),
    "start.signer": ("Sign with another device", "a phone or a program that holds the key"),
    "start.keep": ("Keep this key", "in the keyring, or encrypted"),
    "help.open": ("Help", "every key on one page"),
}
_STORE = {
    "keyring": "in the keyring",
    "encrypted": "encrypted file",
    "insecure-plaintext": "in a plain file",
    "remote": "with a remote signer",
}
_WELCOME = (
    "Live audio spaces over Nostr: the sound goes from one person to the next, with no company in "
    "the middle. Nobody hears you before you have opened the microphone yourself."
)


class StartScreen(SpacesScreen, inherit_bindings=False):
    """Paints at once: it needs no controller, no key, no network and no audio device."""

    PLACE = "start"
    BINDINGS = bindings_of("start")

    def __init__(self, desk: Desk, *, first_run: bool = False) -> None:
        super().__init__(desk)
        self._offered = False
        self._chosen = first_run  # a controller that has a key already answers the question

    def body(self) -> Iterable[Widget]:
        """What this is, and the choices."""
        with Vertical(id="start"):
            yield Lines(id="welcome")
            yield RowList(self._row, id="list")
        yield PromptBar()

    @property
    def target(self) -> str:
        """The choice under the cursor."""
        return self.query_one(RowList).cursor

    def view_changed(self, changed: Changed) -> None:
        """Go on once there is a key."""
        self.query_one("#bar", Lines).show_line([("spaces", "strong"), ("  welcome", "muted")])
        self.query_one("#welcome", Lines).show(
            lambda width: [[(row, "")] for row in wrap(_WELCOME, width, 4)]
        )
        if changed.touches("accounts", "me"):
            self._show_choices()
        super().view_changed(changed)
        if changed.touches("login") and self.desk.view.login is not None:
            from tui.screens.login import show_login

            show_login(self)
        if self._chosen and changed.touches("me") and self.desk.view.me.key != "none":
            self._chosen = False
            self.leave()

    def on_row_list_chosen(self) -> None:
        """A double click chooses like enter."""
        self.do_start_choose()

    def do_start_choose(self) -> None:
        """Take the choice under the cursor; a kept key is being loaded by now."""
        if self.target in _CHOICES:
            self.action_run(self.target)
        elif self.target:
            self._chosen = True
            self.say("unlocking the key…", "muted")

    def do_start_signer(self) -> None:
        """Wait for the address to show."""
        self._chosen = True
        self.say("asking the relays…", "muted")

    def do_start_keep(self) -> None:
        """Ask where."""
        from tui.screens.keep import KeepScreen

        self.app.push_screen(KeepScreen(self.desk))

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

    def _show_choices(self) -> None:
        view = self.desk.view
        accounts = [f"{ACCOUNT}{pubkey}" for pubkey in view.accounts]
        choices = [id_ for id_ in _CHOICES if id_ != "start.keep" or not can_keep_key(view)]
        rows = self.query_one(RowList)
        untouched = rows.cursor in ("", choices[0])
        rows.show_keys([*accounts, *choices])
        if accounts and untouched and not self._offered:
            # who has kept a key comes to use it
            used = [f"{ACCOUNT}{one.pubkey}" for one in view.accounts.values() if one.current]
            rows.move_to((used or accounts)[0])
        self._offered = bool(accounts)
        rows.touch_visible()

    def _row(self, choice: str, width: int) -> Parts:
        if (account := account_of(self.desk.view, choice)) is not None:
            mark = (f" {HERE if account.current else ' '}  ", "accent")
            name = fit(clean(account.label).strip() or account.npub[:16], 31)
            row = [mark, (f"{name} ", "strong")]
            about = f"{account.npub[:12]}…  {_STORE[account.store]}"
            return compose(width, [*row, (about, "muted")] if width > 60 else row)
        title, about = _CHOICES[choice]
        row = [(f" {key_word(BY_ID[choice].keys[0])}  ", "accent"), (f"{title:<32}", "strong")]
        return compose(width, [*row, (about, "muted")] if width > 60 else row)
