"""The hands that are up: each showing of one, and since when it has been up."""

from bisect import insort
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tui.config import limits
from tui.spaces.events import SpeechAsked
from tui.spaces.presence import forget_oldest

HAND_LIFETIME = 45
"""Seconds after which a hand that was not shown again is down."""


class _Showing(NamedTuple):
    at: int
    id: str
    withdrawn: bool
    since: int


class Hands:
    """What everybody has said of their own hand, bounded."""

    def __init__(self) -> None:
        self._showings: dict[str, list[_Showing]] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._showings)

    def show(self, event: SpeechAsked, *, worth: Callable[[str], Any]) -> None:
        """Take in a request; when there are too many, those of least `worth` go first."""
        hands = self._showings.get(event.signer)
        if hands is None:
            if len(self._showings) >= limits.HANDS:
                forget_oldest(
                    self._showings,
                    self._showings,
                    lambda who: (worth(who), self._showings[who][-1]),
                )
            hands = self._showings[event.signer] = []
        since = max(event.since or event.at, event.at - limits.HAND_CLAIM_SECONDS)
        showing = _Showing(event.at, event.id, event.withdrawn, since)
        if showing not in hands:
            insort(hands, showing)
            del hands[: -limits.HAND_EVENTS]

    def shown_at(self, pubkey: str) -> int:
        """When somebody last put a hand up, showed it again or took it down; 0 if never."""
        showings = self._showings.get(pubkey)
        return showings[-1].at if showings else 0

    def since(self, pubkey: str, now: float, lowered: int) -> int | None:
        """When the hand went up that is up now, or `None`; `lowered` is when others took it down.

        Who did not hear it go up, or missed it for a while, takes its owner's word for the time.
        """
        start = claimed = 0
        last, missed = int(now), False
        for showing in reversed(self._showings.get(pubkey, ())):
            if showing.withdrawn or showing.at <= lowered:
                lowered = max(lowered, showing.at if showing.withdrawn else 0)
                break
            missed = missed or last - showing.at > HAND_LIFETIME
            if missed and not start:
                break
            if not missed:
                start = last = showing.at
                claimed = min(claimed or start, showing.since)
        return min(start, max(claimed, lowered + 1)) if start else None
