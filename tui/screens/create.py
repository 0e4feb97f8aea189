"""Opening a space of one's own."""

from collections.abc import Iterable
from datetime import datetime

from textual.widgets import Input

from tui.commands.secrets import is_secret
from tui.config import limits
from tui.controller.intents import HostSpace
from tui.controller.views import Access
from tui.screens.base import bindings_of
from tui.screens.form import Field, FormScreen

_ACCESS: dict[str, Access] = {
    "": "open",
    "o": "open",
    "open": "open",
    "i": "invite",
    "invite": "invite",
    "invited": "invite",
    "p": "password",
    "password": "password",
}
_TIMES = ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M")


class CreateScreen(FormScreen, inherit_bindings=False):
    """What a space is called, about, and for whom; the app shows it once the view has it."""

    PLACE = "create"
    BINDINGS = bindings_of("create")
    HEADING = "new space"
    HINT = (
        "f2 opens it from any field. You enter as its host with the microphone closed. "
        "The space lasts until you end it, also when this screen is closed."
    )

    def fields(self) -> Iterable[Field]:
        """Only the name is needed."""
        yield Field("Name", id="name", max_length=limits.NAME_LENGTH)
        yield Field("What it is about (optional)", id="summary", max_length=limits.SUMMARY_LENGTH)
        yield Field(
            "For whom: open, invite or password (open)", id="access", max_length=len("password")
        )
        yield Field(
            "Its password (only for password)",
            id="password",
            max_length=limits.SETTING_CHARS,
            password=True,
        )
        yield Field(
            "Topics, with blanks between (optional)", id="topics", max_length=limits.NAME_LENGTH
        )
        yield Field("Language, like en or de (optional)", id="language", max_length=8)
        yield Field("Begins at, like 2030-01-31 20:00 (now)", id="starts", max_length=16)

    def on_input_changed(self, event: Input.Changed) -> None:
        """A secret key that was pasted into the wrong place is not shown."""
        event.input.password = event.input.id == "password" or is_secret(event.value)

    def finish(self) -> None:
        """Ask for the space; a refusal leaves the form as it is."""
        for field in self.query(Field):
            if is_secret(field.value):
                field.value = ""
                self._refuse(str(field.id), "that was a secret key; it does not belong here")
                return
        access = _ACCESS.get(self.value("access").casefold())
        starts = self._starts()
        if not self.value("name"):
            self._refuse("name", "a space needs a name")
        elif access is None:
            self._refuse(
                "access", "a space is open, for invited people (invite), or has a password"
            )
        elif (access == "password") != bool(self.value("password")):
            wrong = "which password?" if access == "password" else "the space is not for a password"
            self._refuse("password", wrong)
        elif starts is None:
            self._refuse("starts", "a time looks like 2030-01-31 20:00 and is in the future")
        else:
            self._ask(access, starts)

    def _ask(self, access: Access, starts: int) -> None:
        topics = tuple(word.lstrip("#") for word in self.value("topics").replace(",", " ").split())
        asked = self.desk.ask(
            HostSpace(
                self.value("name"),
                summary=self.value("summary"),
                access=access,
                password=self.value("password"),
                topics=tuple(topic for topic in topics if topic),
                language=self.value("language"),
                starts=starts,
                muted=True,
            )
        )
        if not asked:
            self.say("the controller cannot be reached right now", "bad")
        elif starts:
            self.say("announcing the space…", "muted")
        else:
            self.say("opening the space…", "muted")

    def _refuse(self, field: str, why: str) -> None:
        self.say(why)
        self.query_one(f"#{field}", Field).focus()

    def _starts(self) -> int | None:
        """Unix seconds, 0 for now, `None` for what is no time to come."""
        text = self.value("starts")
        if not text:
            return 0
        for form in _TIMES:
            try:
                starts = int(datetime.strptime(text, form).astimezone().timestamp())
            except (ValueError, OverflowError, OSError):
                continue
            return starts if starts > self.desk.now() else None
        return None
