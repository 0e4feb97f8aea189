"""Who is here and who asks to speak, as we see it, and whom to look at again."""

from collections.abc import Callable, Iterator
from itertools import islice

from tui.spaces.moderator import Moderator
from tui.spaces.observer import Observer
from tui.spaces.state import SpaceState
from tui.spaces.wire import Wire

LOOK_PEOPLE = 1_000  # of a crowd, whose absence is looked at each time: half a millisecond
TELL_PEOPLE = 300  # who have changed, told of at once: some ten milliseconds of the observer's
HANDS_SECONDS = 0.1  # between two looks at the queue: a thousand hands take 6 ms


class Roster:
    """Tells the observer whose presence, hand or role has changed.

    `linked(pubkey)` says whether we have a connection with somebody, which is as good as a JOIN.
    """

    def __init__(
        self,
        state: SpaceState,
        wire: Wire,
        moderator: Moderator,
        observer: Observer,
        *,
        linked: Callable[[str], bool],
        monotonic: Callable[[], float],
    ) -> None:
        self._state = state
        self._wire = wire
        self._moderator = moderator
        self._observer = observer
        self._linked = linked
        self._monotonic = monotonic
        self._hands_looked_at = 0.0
        self._since: dict[str, int] = {}
        self._touched: set[str] = set()
        self._present: set[str] = set()
        self._round: Iterator[str] = iter(())
        self.queue: dict[str, int] = {}

    def touch(self, *pubkeys: str) -> None:
        """Something about these people has changed."""
        self._touched.update(pubkeys)

    def is_present(self, pubkey: str) -> bool:
        """Whether somebody is here."""
        if self._state.is_present(pubkey, self._wire.now()):
            return True
        return self._linked(pubkey) and not self._state.is_admitted(pubkey)

    def hand_since(self, pubkey: str) -> int:
        """When the hand went up that is up (unix seconds), 0 for none or for one we turn down."""
        if self._moderator.denies(pubkey):
            return 0
        return self._state.hand_since(pubkey, self._wire.now()) or 0

    def look(self) -> None:
        """Notice who is gone without a word; a large crowd is gone through piece by piece."""
        people = list(islice(self._round, LOOK_PEOPLE))
        if not people:
            self._round = iter([*self._state.known()])
            people = list(islice(self._round, LOOK_PEOPLE))
        before = self._present.intersection(people)
        present = {pubkey for pubkey in people if self.is_present(pubkey)}
        self._touched |= before ^ present
        self._present |= present - before
        self._present -= before - present

    def look_at_hands(self) -> bool:
        """Bring the queue up to date: who waits longest first, then those put at the end.

        False if that was just done: to be called again.
        """
        now = self._monotonic()
        if now - self._hands_looked_at < HANDS_SECONDS:
            return False
        self._hands_looked_at = now
        waiting = {pubkey: since for since, pubkey in self._state.queue(self._wire.now())}
        hands = [pubkey for pubkey in waiting if not self._moderator.denies(pubkey)]
        self._moderator.forget_lowered(waiting.keys())
        hands.sort(key=lambda pubkey: pubkey in self._moderator.later)
        queue = {pubkey: place for place, pubkey in enumerate(hands, 1)}
        places = queue.items() ^ self.queue.items()
        self._touched.update(pubkey for pubkey, _ in places)
        for pubkey in queue:
            # A hand may have gone down and up again since the last look.
            if waiting[pubkey] > self._since.get(pubkey, 0) and pubkey != self._wire.me:
                self._observer.speech_requested(pubkey)
        self.queue, self._since = queue, {pubkey: waiting[pubkey] for pubkey in queue}
        return True

    @property
    def has_news(self) -> bool:
        """Whether there is somebody to tell of."""
        return bool(self._touched)

    def tell(self) -> None:
        """Tell of those who were touched; of a crowd, as when a lock is turned, only some."""
        for _ in range(min(len(self._touched), TELL_PEOPLE)):
            self._observer.participant_changed(self._touched.pop())
