"""One line at the bottom in which something is typed before it is done; gone while nothing is."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input

from tui.commands.effects import Prompt
from tui.widgets.glyphs import to_ascii
from tui.widgets.painted import Lines
from tui.widgets.text import clean, width_of

_FIELD_CELLS = 16  # that the label leaves to the field at least


class PromptField(Input):
    """The field; it tells the bar when it is left."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", show=False)]

    class GivenUp(Message):
        """Nothing is to be done after all."""

    def __init__(self) -> None:
        super().__init__(compact=True, select_on_focus=False)
        self.cursor_blink = False

    def action_give_up(self) -> None:
        """Leave without an answer."""
        self.post_message(self.GivenUp())


class PromptBar(Horizontal):
    """A label and a field beside it. Owned by the screen, which opens it and hears the answer."""

    DEFAULT_CSS = """
    PromptBar { display: none; height: 1; }
    PromptBar.-open { display: block; }
    PromptBar Lines { width: auto; }
    PromptBar PromptField { width: 1fr; }
    """

    class Answered(Message):
        """A line was typed and left with enter, or one of the choices was taken."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class GivenUp(Message):
        """The field was left with escape."""

    def __init__(self) -> None:
        super().__init__()
        self._prompt: Prompt | None = None

    @property
    def is_open(self) -> bool:
        """Whether keys belong to this field."""
        return self._prompt is not None

    @property
    def field(self) -> PromptField:
        """Where the text is typed."""
        return self.query_one(PromptField)

    def compose(self) -> ComposeResult:
        """Label, then field."""
        yield Lines()
        yield PromptField()

    def open(self, prompt: Prompt) -> None:
        """Ask; the keys go to the field at once."""
        self._prompt = prompt
        field = self.field
        ascii_only = self.app.has_class("-ascii")
        field.placeholder = to_ascii(prompt.hint) if ascii_only else prompt.hint
        field.max_length = prompt.length
        field.password = prompt.secret
        field.value = prompt.text
        field.cursor_position = len(prompt.text)
        self._show_label(self.screen.size.width)
        self.add_class("-open")
        self.screen.set_focus(field)

    def close(self) -> None:
        """Ask nothing any more."""
        self._prompt = None
        self.remove_class("-open")
        self.field.value = ""

    def on_resize(self) -> None:
        """Leave room for the field."""
        self._show_label(self.screen.size.width)

    def on_input_changed(self, event: Input.Changed) -> None:
        """A choice is made by its number alone."""
        event.stop()
        choices = self._prompt.choices if self._prompt is not None else ()
        if event.value.isdecimal() and 0 < int(event.value) <= len(choices):
            self.post_message(self.Answered(choices[int(event.value) - 1]))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter is the answer; where nothing means nothing, it gives up."""
        event.stop()
        if self._prompt is not None:
            self.post_message(self.Answered(event.value.strip()))

    def on_prompt_field_given_up(self, event: PromptField.GivenUp) -> None:
        """Escape is no answer."""
        event.stop()
        self.post_message(self.GivenUp())

    def _show_label(self, width: int) -> None:
        if self._prompt is None:
            return
        label = self.query_one(Lines)
        text = clean(self._prompt.label)
        label.styles.width = max(1, min(width_of([(text, "")]) + 2, width - _FIELD_CELLS))
        label.show_line([(text, "warn")])
