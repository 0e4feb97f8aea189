import time

import pytest

from tui.config import limits
from tui.controller.board import Board
from tui.controller.messages import (
    ViewChanged,
)
from tui.controller.view import (
    View,
)
from tui.controller.views import (
    Participant,
)


def participant(pubkey: str) -> Participant:
    return Participant(pubkey=pubkey, name=pubkey, role="listener")


async def test_people_who_come_and_go_do_not_pile_up_for_a_client_that_does_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "WAITING_CHANGES", 20)
    board = Board(time.time)
    link = board.attach(lambda intent: None)
    shown = View()
    first = await link.receive()
    assert isinstance(first, ViewChanged)
    shown.apply(first)
    for number in range(100):
        board.set_participant(f"{number}", participant(f"{number}"))
        board.flush()
        if number >= 3:
            board.set_participant(f"{number - 3}", None)
            board.flush()
    change = await link.receive()
    assert isinstance(change, ViewChanged)
    assert len(change.participants) <= 21
    shown.apply(change)
    assert shown.participants.keys() == {"97", "98", "99"} == board.view.participants.keys()
    board.close()
