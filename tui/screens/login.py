"""Waiting for a remote signer: an address to scan or to paste into it."""

from collections.abc import Callable, Iterable

from textual.containers import VerticalScroll
from textual.widget import Widget

from tui.commands.qr import qr_lines
from tui.controller.intents import CancelLogin
from tui.screens.base import SpacesScreen, bindings_of
from tui.screens.desk import Changed
from tui.widgets.painted import Lines
from tui.widgets.text import Parts, clean, wrap


def show_login(screen: SpacesScreen) -> None:
    """Show the waiting if there is any that the user has not turned away from."""
    login = screen.desk.view.login
    if login is not None and login is not screen.desk.left_login:
        screen.app.push_screen(LoginScreen(screen.desk))


class LoginScreen(SpacesScreen, inherit_bindings=False):
    """Shows the address as QR and as text until the signer has answered."""

    PLACE = "login"
    BINDINGS = bindings_of("login")
    AUTO_FOCUS = ""

    def body(self) -> Iterable[Widget]:
        """What to do, then the code, then the text of it."""
        with VerticalScroll(id="login"):
            yield Lines(id="todo")
            yield Lines(id="code")
            yield Lines(id="address")

    def view_changed(self, changed: Changed) -> None:
        """Gone once the signer has answered or the waiting is over."""
        login = self.desk.view.login
        if login is None:
            self.leave()
            return
        self.query_one("#bar", Lines).show_line(
            [("spaces", "strong"), ("  waiting for your signer", "muted")]
        )
        todo = "Scan this with the app that holds your key, or paste the text below into it."
        if not login.address:
            todo = "Waiting for the signer; it may ask you to approve."
        ink = ""
        if login.open_url:
            todo, ink = f"Your signer wants you to open: {clean(login.open_url)}", "warn"
        if login.problem:
            todo, ink = clean(login.problem), "bad"
        self._show("#todo", lambda width: [[(row, ink)] for row in wrap(todo, width, 4)])
        self._show("#code", self._code)
        address = login.address
        self._show("#address", lambda width: [[(row, "muted")] for row in wrap(address, width, 8)])
        super().view_changed(changed)

    def do_screen_back(self) -> None:
        """Wait no longer."""
        self.desk.left_login = self.desk.view.login
        self.desk.ask(CancelLogin())
        self.leave()

    def _show(self, name: str, build: Callable[[int], list[Parts]]) -> None:
        lines = self.query_one(name, Lines)
        lines.styles.height = max(1, len(build(max(1, self.size.width - 6))))
        lines.show(build)

    def _code(self, width: int) -> list[Parts]:
        login = self.desk.view.login
        rows = qr_lines(login.address) if login is not None and login.address else []
        if rows and len(rows[0]) > width:
            return [[("(the terminal is too narrow for the code)", "muted")]]
        return [[(row, "qr")] for row in rows]
