from collections.abc import Callable
from pathlib import Path

import pytest

from tui.controller.intents import AnyIntent
from tui.controller.link import Outbox, QueueLink
from tui.controller.messages import (
    Message,
)
from tui.controller.view import (
    View,
)


class Board:
    """Answers what a link server needs of a controller: it shows one view and keeps intents."""

    def __init__(self) -> None:
        self.view = View()
        self.outboxes: list[Outbox] = []
        self.intents: list[AnyIntent] = []
        self.on_intent: Callable[[AnyIntent], None] = lambda intent: None

    def attach(self) -> QueueLink:
        outbox = Outbox()
        outbox.put(self.view.snapshot())
        self.outboxes.append(outbox)
        return QueueLink(outbox, self._submit, self.outboxes.remove)

    def tell(self, message: Message) -> None:
        for outbox in self.outboxes:
            outbox.put(message)  # type: ignore[arg-type]

    def close(self) -> None:
        for outbox in self.outboxes:
            outbox.close()

    def _submit(self, intent: AnyIntent) -> None:
        self.intents.append(intent)
        self.on_intent(intent)


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    directory = tmp_path / "r"
    directory.mkdir(mode=0o700)
    return directory / "controller.sock"
