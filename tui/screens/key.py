"""Signing in with a key of one's own."""

from collections.abc import Iterable
from pathlib import Path

from textual.widgets import Input

from tui.commands.secrets import is_secret
from tui.config import limits
from tui.controller.intents import SetName, UseBunker, UseKey, UseKeyFile, UseWords
from tui.screens.base import bindings_of
from tui.screens.desk import Changed
from tui.screens.form import Field, FormScreen


class KeyScreen(FormScreen, inherit_bindings=False):
    """A secret in one of its forms, or the path of a file that holds one.

    The secret is never shown, and is gone from here once it was handed over.
    """

    PLACE = "key"
    BINDINGS = bindings_of("key")
    HEADING = "your key"
    HINT = (
        "Secrets are hidden while you type or paste, and kept in memory only until you say "
        "otherwise. A path begins with / or ~ or . and its file is yours alone (chmod 600)."
    )

    def fields(self) -> Iterable[Field]:
        """Key and name."""
        yield Field(
            "nsec, ncryptsec, words, bunker:// address, or path of a key file",
            id="secret",
            max_length=limits.SETTING_CHARS,
            password=True,
        )
        yield Field(
            "Its password (only for ncryptsec)",
            id="password",
            max_length=limits.SETTING_CHARS,
            password=True,
        )
        yield Field("Name that others see (optional)", id="name", max_length=limits.NAME_LENGTH)

    def on_input_changed(self, event: Input.Changed) -> None:
        """A path is no secret and may be seen; a secret never begins like one."""
        if event.input.id == "secret":
            event.input.password = not event.value.lstrip().startswith(("/", "~", "."))
        elif event.input.id == "name":
            event.input.password = is_secret(event.value)

    def finish(self) -> None:
        """Hand the key over and forget it."""
        # No variable here ever holds the secret: a traceback would show its value.
        field, name = self.query_one("#secret", Field), self.value("name")
        field.focus()  # where to try again, should the key be refused
        if is_secret(name):
            self.query_one("#name", Field).value = ""
            self.say("that was a secret key, no name; it belongs into the field above", "bad")
            return
        if not self.value("secret"):
            self.say("paste an nsec or give the path of a key file")
            return
        asked = self.desk.ask(self._intent(is_path=not field.password))
        field.value = self.query_one("#password", Field).value = ""
        if asked and name:
            asked = self.desk.ask(SetName(name))
        self._asked_for_key = asked
        self.say("reading the key…" if asked else "the controller cannot be reached right now")

    def _intent(self, *, is_path: bool) -> UseKey | UseKeyFile | UseWords | UseBunker:
        if is_path:
            return UseKeyFile(_expanded(self.value("secret")), self.value("password"))
        if self.value("secret").startswith("bunker://"):
            return UseBunker(self.value("secret"))
        if len(self.value("secret").split()) > 1:
            return UseWords(self.value("secret"))
        return UseKey(self.value("secret"), self.value("password"))

    _asked_for_key = False

    def view_changed(self, changed: Changed) -> None:
        """Done once the controller has taken a key over."""
        super().view_changed(changed)
        if changed.touches("login") and self.desk.view.login is not None:
            from tui.screens.login import show_login

            show_login(self)
        if self._asked_for_key and changed.touches("me") and self.desk.view.me.key != "none":
            self._asked_for_key = False
            self.leave()


def _expanded(path: str) -> str:
    try:
        return str(Path(path).expanduser())
    except RuntimeError:  # ~somebody who does not exist: the controller will say so
        return path
