"""The host's announcement of a space as a NIP-53 room: kept true while the space goes on.

The lock lives here, too: nobody else may say who is let in to a space that is locked.
"""

from collections.abc import Callable, Iterable, Sequence

from tui.config import limits
from tui.nostr.event import Event
from tui.spaces.events import SpaceCreated
from tui.spaces.roles import Role
from tui.spaces.rooms import write_announcement
from tui.spaces.state import SpaceState
from tui.spaces.wire import Wire

CHANGE_SECONDS = 60  # at most so often, for changes that can wait: who speaks, how many are here
RECORDING_SECONDS = 5  # at most so often, for who records and who does not want that
REFRESH_SECONDS = 1800  # at least so often: a room not heard of for an hour counts as ended


class Announcer:
    """Announces a space of ours. `look` says what is due: call it every second or so once the past
    of the space is known, so that a host who returns finds the lock as it was."""

    def __init__(self, *, wire: Wire, state: SpaceState, now: Callable[[], float]) -> None:
        self._wire = wire
        self._state = state
        self._now = now
        self._locked_at = 0
        self._admitted: frozenset[str] = frozenset()
        self._announced: tuple[object, ...] = ()  # as we said it last
        self._said_at = 0
        self._taken_up = self._ended = False

    @property
    def locked(self) -> bool:
        """Whether nobody new is let in."""
        self._take_up()
        return self._locked_at > 0

    def lock(self, on: bool) -> None:
        """Let nobody new in, or everybody again; who is here now may come again."""
        if on == self.locked:
            return
        self._locked_at = int(self._now()) if on else 0
        self._admitted = frozenset(self._state.present(self._now()) if on else ())
        self.look()

    def look(self) -> None:
        """Announce what has changed, what was not heard of for long, or did not arrive."""
        created = self._state.created
        if created is None or self._ended:
            return
        self._take_up()
        now = int(self._now())
        news = (self._locked_at, self._admitted, self._recording(), *self._details())
        waited = now - self._said_at
        urgent = self._announced[:2] != news[:2]
        soon = self._announced[2:3] != news[2:3] and waited >= RECORDING_SECONDS
        changed = self._announced != news or not self._arrived()
        if urgent or soon or waited >= (CHANGE_SECONDS if changed else REFRESH_SECONDS):
            self._announced = news
            self._say(created, now)

    async def tell_again(self, past: Sequence[Event], relays: Iterable[str]) -> None:
        """Bring relays that were away what they have missed: who comes by them finds the space."""
        await self._wire.bring(past, relays)
        self._announced = ()

    def end(self) -> None:
        """Announce that the space has ended."""
        created = self._state.created
        if created is not None and not self._ended:
            self._ended = True
            last = write_announcement(created, self._date(), status="closed")
            self._wire.say(last, instead="announcement")

    def _take_up(self) -> None:
        """What an earlier visit of ours has announced, once it is known."""
        earlier = self._state.announced
        if self._taken_up or earlier is None:
            return
        self._taken_up = True
        if self._said_at == 0 and earlier.locked:
            self._locked_at, self._admitted = earlier.locked_at, earlier.admitted

    def _arrived(self) -> bool:
        heard = self._state.announced
        return heard is not None and heard.at >= self._said_at

    def _recording(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Who records, and who on stage does not want that."""
        state = self._state
        wish = (who for who in state.speaking if (seen := state.peer(who)) and seen.unrecorded)
        return state.known_recorders(self._now())[: limits.ROOM_RECORDERS], tuple(sorted(wish))

    def _details(self) -> tuple[tuple[tuple[str, Role], ...], int]:
        state, now = self._state, self._now()
        present = set(state.present(now))
        speaking = ((pubkey, state.role_of(pubkey)) for pubkey in state.speaking & present)
        stage = sorted(speaking, key=lambda one: (-one[1], one[0]))
        return tuple(stage[: limits.ROOM_STAGE]), len(present)

    def _say(self, created: SpaceCreated, now: int) -> None:
        stage, present = self._details()
        recorders, unrecorded = self._recording()
        admitted = sorted(self._admitted - self._state.speaking)
        self._said_at = self._date()
        self._wire.say(
            write_announcement(
                created,
                self._said_at,
                status="live",
                stage=stage,
                present=present,
                locked_at=self._locked_at,
                admitted=admitted,
                recorders=recorders,
                unrecorded=unrecorded,
            ),
            instead="announcement",
        )

    def _date(self) -> int:
        """After all that we have announced before, also by a clock that was ahead."""
        heard = self._state.announced
        return max(int(self._now()), self._said_at + 1, (heard.at if heard else 0) + 1)
