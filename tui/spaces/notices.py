"""What the observer is told of moderation: who became what, by whom, and what was refused."""

from collections import Counter
from collections.abc import Callable

from tui.nostr.event import Event
from tui.spaces.events import PeerRemoved
from tui.spaces.journal import Journal
from tui.spaces.observer import Observer
from tui.spaces.roles import Role
from tui.spaces.state import SpaceState
from tui.spaces.throttle import Throttle

LINES = 5  # refused acts of one person that are logged at once, and then
LINE_SECONDS = 30.0  # one in so many seconds; the journal has them all
CROWD_LINES = 30  # the same of everybody together: keys are free
CROWD_SECONDS = 5.0
AVOIDED_SECONDS = 600.0  # between two lines on whom our settings keep us from
REFUSED = "moderation without authority"


class Notices:
    """Compares what was told with what is, from `begin` on: earlier, the past is in disorder."""

    def __init__(
        self,
        state: SpaceState,
        observer: Observer,
        *,
        name_of: Callable[[str], str],
        bars_changed: Callable[[], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._state = state
        self._observer = observer
        self._name_of = name_of
        self._bars_changed = bars_changed
        self._pace = Throttle(LINES, LINE_SECONDS, monotonic)
        self._crowd_pace = Throttle(CROWD_LINES, CROWD_SECONDS, monotonic)
        self._avoided_pace = Throttle(1, AVOIDED_SECONDS, monotonic)
        self.dropped: Counter[str] = Counter()
        self._roles: dict[str, Role] = {}
        self._barred: set[str] = set()
        self._recorded: set[str] = set()
        self._begun = False
        self.journal = Journal(state)

    def record(self, event: Event) -> None:
        """Put an act into the journal; the state has heard it."""
        if self.journal.add(event):
            self._recorded.add(event.id)

    def begin(self) -> None:
        """The past is known: what it has brought is no news, but for those who are barred."""
        self._begun = True
        self._roles = {pubkey: self._state.role_of(pubkey) for pubkey in self._state.speaking}
        self._barred = {bar.target for bar in self._state.barred()}
        for pubkey in self._barred:
            self._observer.barred_changed(pubkey)

    def tell(self) -> set[str]:
        """Say what has changed; returns who was touched by it."""
        touched = self._state.take_touched()
        if not self._begun:
            return touched
        for pubkey in touched:
            self._tell_bar(pubkey)
            self._tell_role(pubkey)
        judged = self._state.take_judged()
        changed, self._recorded = judged | self._recorded, set()
        if changed:
            self._observer.journal_changed(frozenset(changed))
        for event_id in judged:
            self._log_refusal(event_id)
        return touched

    def avoided(self, pubkey: str, why: str) -> None:
        """Our own settings keep us from connecting to somebody whom we would listen to."""
        if self._avoided_pace.allows(pubkey):
            self._observer.log("warning", f"not connected to {self._name_of(pubkey)}: {why}")

    def _tell_bar(self, pubkey: str) -> None:
        act = self._state.last_act(pubkey)
        barred, known = self._state.is_barred(pubkey), pubkey in self._barred
        if barred == known:
            return
        (self._barred.add if barred else self._barred.discard)(pubkey)
        self._observer.barred_changed(pubkey)
        self._bars_changed()
        if isinstance(act, PeerRemoved):
            self._observer.removed(pubkey, act.signer, act.reason)

    def _tell_role(self, pubkey: str) -> None:
        role, known = self._state.role_of(pubkey), self._roles.pop(pubkey, Role.LISTENER)
        if role is not Role.LISTENER:
            self._roles[pubkey] = role
        act = self._state.last_act(pubkey)
        if role is not known and not isinstance(act, PeerRemoved):
            self._observer.role_changed(pubkey, role, act.signer if act is not None else "")

    def _log_refusal(self, event_id: str) -> None:
        entry = self.journal.entry(event_id)
        if entry is None or not entry.refused:
            return
        self.dropped[REFUSED] += 1
        if self._pace.allows(entry.by) and self._crowd_pace.allows(""):
            self._observer.log("warning", f"ignored: {self._name_of(entry.by)} {entry.refused}")
