import asyncio

from tui.config import limits
from tui.controller.board import Board
from tui.controller.drops import Drops
from tui.controller.link import QueueLink
from tui.controller.messages import Dropped


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


async def told(link: QueueLink, board: Board) -> list[Dropped]:
    """The messages about drops that wait."""
    board.flush()
    found: list[Dropped] = []
    outbox = link._outbox
    while outbox._occurred:
        message = await link.receive()
        assert isinstance(message, Dropped)
        found.append(message)
    await asyncio.sleep(0)
    return found


async def test_a_flood_is_told_once_in_some_seconds_with_the_sum_so_far() -> None:
    clock = Clock()
    board = Board(clock)
    link = board.attach(lambda intent: None)
    drops = Drops(board, clock)
    heard: list[Dropped] = []
    for number in range(1, 101):
        drops.look("relays", {"forged": number * 10, "duplicate": 5, "malformed": 0})
        drops.show()
        heard += await told(link, board)
        clock.seconds += 0.125
    assert [one.count for one in heard] == [10, 410, 810]
    assert {one.cause for one in heard} == {"relays: forged"}
    assert board.view.dropped == {"relays: forged": 1000, "relays: duplicate": 5}
    board.close()


async def test_what_a_space_has_counted_stays_when_the_next_begins_from_nothing() -> None:
    clock = Clock()
    board = Board(clock)
    link = board.attach(lambda intent: None)
    drops = Drops(board, clock)
    drops.look("space", {"dated in the future": 3})
    drops.show()
    drops.part_ended("space")
    clock.seconds += limits.DROPPED_SECONDS
    drops.look("space", {"dated in the future": 1})
    drops.show()
    assert [one.count for one in await told(link, board)] == [3, 4]
    assert board.view.dropped == {"space: dated in the future": 4}
    board.close()


async def test_the_causes_that_are_remembered_are_bounded() -> None:
    clock = Clock()
    board = Board(clock)
    drops = Drops(board, clock)
    for number in range(5 * limits.DROP_REASONS):
        drops.look("space", {f"{number}": 1})
        drops.part_ended("space")
    drops.show()
    board.flush()
    assert len(board.view.dropped) <= limits.DROP_REASONS
    board.close()


async def test_what_is_ordinary_is_counted_and_no_news_until_it_is_too_much() -> None:
    clock = Clock()
    board = Board(clock)
    link = board.attach(lambda intent: None)
    drops = Drops(board, clock)
    drops.look("space", {"late": 100, "not theirs to send": 3})
    drops.show()
    assert await told(link, board) == []
    assert board.view.dropped == {"space: late": 100, "space: not theirs to send": 3}
    drops.look("space", {"late": 900, "not theirs to send": 300})
    drops.show()
    assert await told(link, board) == [Dropped("space: not theirs to send", 300)]
    board.close()
