"""Opening a space of one's own."""

from collections.abc import Iterable

from tui.config import limits
from tui.controller.intents import HostSpace
from tui.screens.base import bindings_of
from tui.screens.form import Field, FormScreen


class CreateScreen(FormScreen, inherit_bindings=False):
    """Name and summary; the app shows the space once the view has it."""

    PLACE = "create"
    BINDINGS = bindings_of("create")
    HEADING = "new space"
    HINT = (
        "You enter as its host with the microphone closed. "
        "The space lasts until you end it, also when this screen is closed."
    )

    def fields(self) -> Iterable[Field]:
        """What a space is called and about."""
        yield Field("Name", id="name", max_length=limits.NAME_LENGTH)
        yield Field("What it is about (optional)", id="summary", max_length=limits.SUMMARY_LENGTH)

    def finish(self) -> None:
        """Ask for the space; a refusal leaves the form as it is."""
        name = self.value("name")
        if not name:
            self.say("a space needs a name")
            self.query_one("#name", Field).focus()
        elif self.desk.ask(HostSpace(name, summary=self.value("summary"), muted=True)):
            self.say("opening the space…", "muted")
        else:
            self.say("the controller cannot be reached right now", "bad")
