"""Keeping the present key for the next start."""

from collections.abc import Iterable
from typing import Literal

from tui.config import limits
from tui.controller.intents import SaveKey
from tui.screens.base import bindings_of
from tui.screens.desk import Changed
from tui.screens.form import Field, FormScreen

_STORES: dict[str, Literal["keyring", "encrypted", "insecure-plaintext"]] = {
    "": "keyring",
    "keyring": "keyring",
    "encrypted": "encrypted",
    "insecure-plaintext": "insecure-plaintext",
}


class KeepScreen(FormScreen, inherit_bindings=False):
    """Where, under what name, and with what password."""

    PLACE = "keep"
    BINDINGS = bindings_of("keep")
    HEADING = "keep this key"
    HINT = (
        "keyring: the desktop's own store. encrypted: a file that only the password opens. "
        "insecure-plaintext: a file that whoever reads your files can use."
    )

    def fields(self) -> Iterable[Field]:
        """An empty first field means the keyring."""
        yield Field(
            "Where: keyring, encrypted or insecure-plaintext (keyring)",
            id="store",
            max_length=len("insecure-plaintext"),
        )
        yield Field("What to call it (optional)", id="label", max_length=limits.NAME_LENGTH)
        yield Field(
            "Password (only for encrypted)",
            id="password",
            max_length=limits.SETTING_CHARS,
            password=True,
        )
        yield Field("The same again", id="again", max_length=limits.SETTING_CHARS, password=True)

    def finish(self) -> None:
        """Ask for it; the passwords leave the screen at once."""
        # No variable here ever holds the password: a traceback would show its value.
        first, second = self.query_one("#password", Field), self.query_one("#again", Field)
        store = _STORES.get(self.value("store").casefold())
        wrong = ""
        if store is None:
            wrong = "keyring, encrypted or insecure-plaintext, in so many letters"
        elif (store == "encrypted") != bool(first.value):
            wrong = (
                "which password?" if store == "encrypted" else "a password is for `encrypted` only"
            )
        elif first.value != second.value:
            wrong = "the two passwords differ"
        if wrong or store is None:
            self.say(wrong)
            self.query_one("#store" if store is None else "#password", Field).focus()
            return
        self._saving = self.desk.ask(SaveKey(store, self.value("label"), first.value))
        first.value = second.value = ""
        self.say(
            "keeping the key…" if self._saving else "the controller cannot be reached right now"
        )

    _saving = False

    def view_changed(self, changed: Changed) -> None:
        """Done once the key is among those that are kept."""
        super().view_changed(changed)
        if self._saving and self.desk.view.me.pubkey in self.desk.view.accounts:
            self._saving = False
            self.leave()
