"""What was dropped and why, added up over all parts, and told without flooding anybody."""

from collections.abc import Callable, Mapping

from tui.config import limits
from tui.controller.board import Board
from tui.controller.messages import Dropped
from tui.controller.views import ordinary


class Drops:
    """Shows the counts of all parts; says what grew, at most once per cause in some seconds."""

    def __init__(self, board: Board, monotonic: Callable[[], float]) -> None:
        self._board = board
        self._monotonic = monotonic
        self._ended: dict[str, int] = {}  # of spaces that we have left
        self._now: dict[str, dict[str, int]] = {}
        self._told: dict[str, tuple[int, float]] = {}

    def look(self, part: str, counts: Mapping[str, int]) -> None:
        """Take the counts of one part (`relays`, `lobby`, `space`); they only ever grow."""
        self._now[part] = {f"{part}: {cause}": count for cause, count in counts.items() if count}

    def part_ended(self, part: str) -> None:
        """A part begins again from nothing; what it has counted stays."""
        for cause, count in self._now.pop(part, {}).items():
            if cause in self._ended or len(self._ended) < limits.DROP_REASONS:
                self._ended[cause] = self._ended.get(cause, 0) + count

    def show(self) -> None:
        """Put the sums on the board, and tell what is new."""
        sums = dict(self._ended)
        for counts in self._now.values():
            for cause, count in counts.items():
                sums[cause] = sums.get(cause, 0) + count
        self._board.set_dropped(sums)
        now = self._monotonic()
        for cause, count in sums.items():
            told, at = self._told.get(cause, (0, now - limits.DROPPED_SECONDS))
            due = count > told and now - at >= limits.DROPPED_SECONDS
            if due and not ordinary(cause, count):
                self._told[cause] = count, now
                self._board.occurred(Dropped(cause, count))
