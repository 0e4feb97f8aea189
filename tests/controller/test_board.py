import time
from collections.abc import Callable
from typing import Any

import pytest

from tui.config import limits
from tui.controller.board import Board
from tui.controller.link import QueueLink, merge
from tui.controller.messages import ViewChanged
from tui.controller.view import View
from tui.controller.views import (
    Account,
    Barred,
    ChatLine,
    JournalEntry,
    Login,
    Participant,
    RoomView,
)


def participant(pubkey: str) -> Participant:
    return Participant(pubkey=pubkey, name=pubkey, role="listener")


def chat_line(number: int) -> ChatLine:
    return ChatLine(f"{number}", "ada", "Ada", "hello", at=number)


async def read(link: QueueLink, view: View) -> ViewChanged:
    change = await link.receive()
    assert isinstance(change, ViewChanged)
    view.apply(change)
    return change


async def test_people_who_come_and_go_do_not_pile_up_for_a_client_that_does_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "WAITING_CHANGES", 20)
    board = Board(time.time)
    link = board.attach(lambda intent: None)
    shown = View()
    await read(link, shown)
    for number in range(100):
        board.set_participant(f"{number}", participant(f"{number}"))
        board.flush()
        if number >= 3:
            board.set_participant(f"{number - 3}", None)
            board.flush()
    change = await read(link, shown)
    assert len(change.participants) <= 21
    assert shown.participants.keys() == {"97", "98", "99"} == board.view.participants.keys()
    board.close()


async def test_of_a_long_chat_the_oldest_lines_go_whatever_order_they_come_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "SHOWN_CHAT_LINES", 10)
    board = Board(time.time)
    link = board.attach(lambda intent: None)
    shown = View()
    for number in (*range(50, 60), *range(0, 50), *range(60, 65)):
        board.set_chat(f"{number}", chat_line(number))
        if number % 7 == 0:
            board.flush()
            assert len(board.view.chat) <= 10
    board.flush()
    await read(link, shown)
    assert set(shown.chat) == {str(number) for number in range(55, 65)}
    board.close()


async def test_a_chat_that_nobody_reads_takes_no_more_room_than_one_that_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "SHOWN_CHAT_LINES", 10)
    monkeypatch.setattr(limits, "WAITING_CHANGES", 50)
    board = Board(time.time)
    link = board.attach(lambda intent: None)
    for number in range(1000):
        board.set_chat(f"{number}", chat_line(number))
        board.flush()
    change = await link.receive()
    assert isinstance(change, ViewChanged)
    assert len(change.chat) <= 51
    board.close()


SETTERS: list[tuple[str, Callable[[Board, Any], None], object]] = [
    ("accounts", lambda b, v: b.set_account("k", v), Account("k", "npub", "Ada", "keyring")),
    ("chat", lambda b, v: b.set_chat("k", v), chat_line(1)),
    ("journal", lambda b, v: b.set_journal("k", v), JournalEntry("k", 1, "remove", "a", "Ada")),
    ("barred", lambda b, v: b.set_barred("k", v), Barred("k", "Mallory", "a", "Ada", "loud", 1)),
    ("login", lambda b, v: b.set_login(v), Login("nostrconnect://x")),
    ("room", lambda b, v: b.set_room(v), RoomView("naddr1", "Tea", "room", "a", "Ada")),
]


@pytest.mark.parametrize(("field", "put", "value"), SETTERS, ids=[name for name, *_ in SETTERS])
async def test_what_is_set_arrives_once_and_what_is_taken_away_is_gone(
    field: str, put: Callable[[Board, Any], None], value: object
) -> None:
    board = Board(time.time)
    link = board.attach(lambda intent: None)
    shown = View()
    await read(link, shown)
    put(board, value)
    board.flush()
    added = await read(link, shown)
    there = getattr(shown, field)
    assert there == ({"k": value} if isinstance(there, dict) else value)
    put(board, value)
    board.flush()
    version = board.view.version
    assert version == added.version, "what changes nothing is not told"
    put(board, None)
    board.flush()
    gone = await read(link, shown)
    assert not getattr(shown, field)
    both, again = merge(added, gone), View()
    again.apply(both)
    assert not getattr(again, field)
    assert not getattr(merge(View().snapshot(), both), field), "a whole view names nothing gone"
    board.close()


async def test_who_leaves_a_space_sees_nothing_of_it_any_more() -> None:
    board = Board(time.time)
    board.set_participant("ada", participant("ada"))
    board.set_chat("1", chat_line(1))
    board.flush()
    board.set_chat("2", chat_line(2))  # not handed out yet
    for field, put, value in SETTERS:
        if field in ("journal", "barred", "room"):
            put(board, value)
    board.clear_space()
    board.flush()
    view = board.view
    assert not (view.participants or view.chat or view.journal or view.barred or view.room)
    board.close()


async def test_of_a_long_journal_those_acts_go_first_that_changed_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "SHOWN_JOURNAL_LINES", 5)
    board = Board(time.time)
    for number in range(40):
        honoured = number % 10 == 0
        refused = "" if honoured else "may not promote"
        entry = JournalEntry(f"{number}", number, "promoted", "ada", "Ada", refused=refused)
        board.set_journal(entry.id, entry)
        if number % 7 == 0:
            board.flush()
    board.flush()
    assert {int(key) for key in board.view.journal} == {0, 10, 20, 30, 39}
    board.close()
