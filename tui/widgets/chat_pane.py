"""The chat: its messages in a list, and the line in which one writes."""

from collections.abc import Callable, Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from tui.config import limits
from tui.controller.views import (
    ChatLine,
)
from tui.widgets.chat import chat_rows
from tui.widgets.row_list import RowList
from tui.widgets.text import Parts


class ChatInput(Input):
    """The line in which one writes; enter sends and stays, escape leaves and keeps the text."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]

    class Left(Message):
        """The keys are for the rows again."""

    def __init__(self) -> None:
        super().__init__(
            placeholder="to everybody: enter sends, esc leaves",
            compact=True,
            max_length=limits.CHAT_LENGTH,
            select_on_focus=False,
        )
        self.cursor_blink = False
        self.display = False

    def action_leave(self) -> None:
        """Back to the rows; what was typed stays."""
        self.post_message(self.Left())


class ChatPane(Vertical):
    """Rows of messages, newest last; the key of a row leads to its message."""

    class Written(Message):
        """Something is to be said to everybody."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """The line was left."""

    def __init__(self, clock: Callable[[float], str], *, id: str) -> None:  # noqa: A002
        super().__init__()
        self.rows = RowList(self._paint, id=id, follow=True)
        self.line = ChatInput()
        self._clock = clock
        self._rows: dict[str, tuple[str, Parts]] = {}  # key of a row to author and row
        self._made: dict[str, tuple[ChatLine, list[Parts]]] = {}
        self._width = 0
        self._shown: tuple[list[ChatLine], str] = ([], "")

    def compose(self) -> ComposeResult:
        """List above line."""
        yield self.rows
        yield self.line

    @property
    def author(self) -> str:
        """Who wrote the message under the cursor, "" for nobody."""
        return self._rows.get(self.rows.cursor, ("", ()))[0]

    def write(self) -> None:
        """Let the user type; the keys go to the line at once."""
        self.line.display = True
        self.screen.set_focus(self.line)

    def give_back(self, text: str) -> None:
        """Put what could not be sent into the line again, unless there is something newer."""
        if not self.line.value:
            self.line.value = text
            self.line.cursor_position = len(text)
            self.line.display = True

    def show_lines(self, lines: list[ChatLine], me: str) -> None:
        """Show these messages; rows of those that are the same as before are kept."""
        self._shown = (lines, me)
        if (width := self.rows.size.width - 1) <= 0:
            return
        if width != self._width:
            self._width = width
            self._made.clear()
        made: dict[str, tuple[ChatLine, list[Parts]]] = {}
        rows: dict[str, tuple[str, Parts]] = {}
        touched: list[str] = []
        for line in lines:
            known = self._made.get(line.id)
            same = known is not None and known[0] == line
            broken = known[1] if known and same else chat_rows(line, width, self._clock, me)
            made[line.id] = (line, broken)
            keys = [f"{number} {line.id}" for number in range(len(broken))]
            rows.update(zip(keys, ((line.pubkey, row) for row in broken), strict=True))
            touched += [] if same else keys
        self._made, self._rows = made, rows
        self.rows.show_keys(list(rows), touched)

    def on_row_list_resized(self) -> None:
        """Break the texts anew."""
        if self.rows.size.width - 1 != self._width:
            self.show_lines(*self._shown)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Say it; nothing to say leaves the line."""
        event.stop()
        if text := event.value.strip():
            event.input.value = ""
            self.post_message(self.Written(text))
        else:
            self.leave()

    def on_chat_input_left(self, event: ChatInput.Left) -> None:
        """Escape."""
        event.stop()
        self.leave()

    def leave(self) -> None:
        """Give the keys back."""
        self.put_away()
        self.post_message(self.Left())

    def put_away(self) -> None:
        """Hide the line, unless something stands in it."""
        self.line.display = bool(self.line.value)

    def _paint(self, key: str, _width: int) -> Parts:
        return self._rows.get(key, ("", ()))[1]


def lines_of(
    order: list[str], chat: Mapping[str, ChatLine], hidden: Callable[[str], bool], needle: str
) -> list[ChatLine]:
    """The messages to show: of nobody hidden, with the text that is looked for."""
    return [
        line
        for id_ in order
        if (line := chat.get(id_)) is not None
        and not hidden(line.pubkey)
        and (not needle or needle in f"{line.name} {line.text}".casefold())
    ]
