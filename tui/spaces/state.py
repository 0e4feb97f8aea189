"""The state of one space: a fold over its verified events that does not depend on their order.

Presence and connections are last-writer-wins registers; roles follow from the moderation events in
the order `(at, id)`, with authority judged at each event's own place. An event that belongs
before others already judged makes all moderation be judged again, once for however many came
(relays send the past newest first), when somebody next asks for a role.
What depends on the time takes `now`, in unix seconds.
"""

from bisect import bisect_right, insort
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from tui.config import limits
from tui.spaces.events import (
    ConnectionConfirmed,
    ConnectionDropped,
    ConnectionType,
    PeerDemoted,
    PeerJoined,
    PeerLeft,
    Signal,
    SpaceCreated,
    SpaceEnded,
    SpaceEvent,
    SpaceRef,
    SpeakerPromoted,
    SpeechAsked,
)
from tui.spaces.roles import Role, may_demote, may_promote

HAND_LIFETIME = 45
"""Seconds after which a hand that was not shown again is down."""
STALE_AFTER = 600
"""Seconds after which a space whose host was not seen is stale."""

_Moderation = SpeakerPromoted | PeerDemoted
_Key = TypeVar("_Key", bound=Hashable)


class Refusal(NamedTuple):
    """A moderation event that changes nothing, and why."""

    event: SpaceEvent
    reason: str


class Edge(NamedTuple):
    """A confirmed connection: `asking` asked `asked` for one of this type."""

    asking: str
    asked: str
    type: ConnectionType


class _Person(NamedTuple):
    order: tuple[int, int, str]
    newest: PeerJoined | PeerLeft
    joined: PeerJoined | None


class SpaceState:
    """Everything that the events of one space say. `apply` is the only way to change it."""

    def __init__(self, space: SpaceRef) -> None:
        self.space = space
        self.created: SpaceCreated | None = None
        self.ended: SpaceEnded | None = None
        self._people: dict[str, _Person] = {}
        self._edges: dict[frozenset[str], tuple[tuple[int, int, str], Edge | None]] = {}
        self._moderation: list[tuple[int, str, _Moderation]] = []
        self._acts = {True: 0, False: 0}  # moderation by the host, by others
        self._judged = 0  # how many of them, in order, the next three take into account
        self._roles: dict[str, Role] = {space.host: Role.HOST}
        self._lowered: dict[str, int] = {}
        self._refused: dict[str, Refusal] = {}
        self._hands: dict[str, list[tuple[int, str, bool]]] = {}

    def apply(self, event: SpaceEvent) -> None:
        """Fold one event in; twice the same, or in any order, gives the same state."""
        if event.space != self.space:
            return
        match event:
            case SpaceCreated():
                if self.created is None or (event.at, event.id) < (
                    self.created.at,
                    self.created.id,
                ):
                    self.created = event
            case SpaceEnded():
                self._end(event)
            case PeerJoined() | PeerLeft():
                self._meet(event)
            case SpeakerPromoted() | PeerDemoted():
                self._moderate(event)
            case SpeechAsked():
                self._raise_hand(event)
            case ConnectionConfirmed():
                self._connect(event, 0, Edge(event.to, event.signer, event.type))
            case ConnectionDropped():
                self._connect(event, 1, None)

    # -- reading

    def role_of(self, pubkey: str) -> Role:
        """The role somebody holds, present or not."""
        self._judge_all()
        return self._roles.get(pubkey, Role.LISTENER)

    @property
    def speaking(self) -> frozenset[str]:
        """Everybody with a speaking role, present or not."""
        self._judge_all()
        return frozenset(pubkey for pubkey, role in self._roles.items() if role.speaks)

    def peer(self, pubkey: str) -> PeerJoined | None:
        """The newest JOIN of somebody, also after a LEAVE."""
        found = self._people.get(pubkey)
        return found.joined if found is not None else None

    def is_present(self, pubkey: str, now: float) -> bool:
        """Whether somebody is in the space: joined, not left, and heard of in time."""
        found = self._people.get(pubkey)
        if found is None or self.ended is not None:
            return False
        return isinstance(found.newest, PeerJoined) and now < found.newest.until

    def present(self, now: float) -> Iterator[str]:
        """Everybody in the space."""
        return (pubkey for pubkey in self._people if self.is_present(pubkey, now))

    def known(self) -> Iterator[str]:
        """Everybody who has ever joined or left, as far as we remember."""
        return iter(self._people)

    def is_stale(self, now: float) -> bool:
        """Whether the host has been away for too long for the space to be called live."""
        host = self.peer(self.space.host)
        last = host.at if host is not None else self.created.at if self.created else 0
        return now - last > STALE_AFTER

    def lowered_at(self, pubkey: str) -> int:
        """When somebody was last promoted or demoted, which takes a hand down; 0 if never."""
        self._judge_all()
        return self._lowered.get(pubkey, 0)

    def hand_since(self, pubkey: str, now: float) -> int | None:
        """When the hand went up that is up now, or `None`.

        A hand stays up while it is shown again within `HAND_LIFETIME`; it comes down by its owner,
        and by a promotion or demotion of the same second or later.
        """
        raised = self._hands.get(pubkey)
        if not raised or self.role_of(pubkey).speaks or not self.is_present(pubkey, now):
            return None
        lowered = self.lowered_at(pubkey)
        since: int | None = None
        last = int(now)
        for at, _, withdrawn in reversed(raised):
            if withdrawn or at <= lowered or last - at > HAND_LIFETIME:
                break
            since = last = at
        return since

    def hand_shown_at(self, pubkey: str) -> int:
        """When somebody last put a hand up, showed it again or took it down; 0 if never."""
        raised = self._hands.get(pubkey)
        return raised[-1][0] if raised else 0

    def queue(self, now: float) -> list[tuple[int, str]]:
        """The raised hands, longest waiting first, as `(since, pubkey)`."""
        waiting = ((self.hand_since(pubkey, now), pubkey) for pubkey in self._hands)
        return sorted((since, pubkey) for since, pubkey in waiting if since is not None)

    def edges(self, now: float) -> Iterator[Edge]:
        """The confirmed connections between people who are present."""
        for _, edge in self._edges.values():
            if edge and self.is_present(edge.asking, now) and self.is_present(edge.asked, now):
                yield edge

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Moderation without authority, in order."""
        self._judge_all()
        return tuple(sorted(self._refused.values(), key=lambda r: (r.event.at, r.event.id)))

    # -- folding

    def _end(self, event: SpaceEnded) -> None:
        if event.signer != self.space.host:
            self._refuse(event, "only the host closes a space")
        elif self.ended is None or (event.at, event.id) < (self.ended.at, self.ended.id):
            self.ended = event

    def _meet(self, event: PeerJoined | PeerLeft) -> None:
        order = (event.at, isinstance(event, PeerLeft), event.id)
        found = self._people.get(event.signer)
        if found is None:
            if len(self._people) >= limits.PEOPLE:
                silent = (who for who in self._people if not self.role_of(who).speaks)
                _forget_oldest(self._people, silent, lambda who: self._people[who].order)
            joined = event if isinstance(event, PeerJoined) else None
            self._people[event.signer] = _Person(order, event, joined)
            return
        joined = found.joined
        if isinstance(event, PeerJoined) and (
            joined is None or (event.at, event.id) > (joined.at, joined.id)
        ):
            joined = event
        if order > found.order:
            self._people[event.signer] = _Person(order, event, joined)
        else:
            self._people[event.signer] = found._replace(joined=joined)

    def _connect(self, event: Signal, rank: int, edge: Edge | None) -> None:
        pair = frozenset((event.signer, event.to))
        order = (event.at, rank, event.id)
        found = self._edges.get(pair)
        if found is None and len(self._edges) >= limits.EDGES:
            _forget_oldest(self._edges, self._edges, lambda pair: self._edges[pair][0])
        if len(pair) == 2 and (found is None or order > found[0]):
            self._edges[pair] = (order, edge)

    def _raise_hand(self, event: SpeechAsked) -> None:
        hands = self._hands.get(event.signer)
        if hands is None:
            if len(self._hands) >= limits.HANDS:
                _forget_oldest(self._hands, self._hands, lambda who: self._hands[who][-1])
            hands = self._hands[event.signer] = []
        entry = (event.at, event.id, event.withdrawn)
        if entry not in hands:
            insort(hands, entry)
            del hands[: -limits.HAND_EVENTS]

    def _moderate(self, event: _Moderation) -> None:
        entry = (event.at, event.id, event)
        place = bisect_right(self._moderation, entry[:2], key=lambda e: e[:2])
        if place and self._moderation[place - 1][1] == event.id:
            return
        # Counted apart: a flood of forged acts must not keep the host's own from being heard.
        by_host = event.signer == self.space.host
        if self._acts[by_host] >= limits.MODERATION_EVENTS:
            return
        self._acts[by_host] += 1
        self._moderation.insert(place, entry)
        if place < self._judged:
            self._judged = 0

    def _judge_all(self) -> None:
        if self._judged == len(self._moderation):
            return
        if self._judged == 0:
            self._roles = {self.space.host: Role.HOST}
            self._lowered.clear()
        for _, event_id, event in self._moderation[self._judged :]:
            self._refused.pop(event_id, None)
            self._judge(event)
        self._judged = len(self._moderation)

    def _judge(self, event: _Moderation) -> None:
        actor = self._roles.get(event.signer, Role.LISTENER)
        target = self._roles.get(event.target, Role.LISTENER)
        if isinstance(event, SpeakerPromoted):
            if not may_promote(actor, target):
                self._refuse(event, "may not promote")
                return
            self._roles[event.target] = max(target, Role.SPEAKER)
        else:
            if not may_demote(actor, target, oneself=event.signer == event.target):
                self._refuse(event, "may not demote")
                return
            self._roles.pop(event.target, None)
        self._lowered[event.target] = event.at

    def _refuse(self, event: SpaceEvent, reason: str) -> None:
        if len(self._refused) < limits.MODERATION_EVENTS:
            self._refused[event.id] = Refusal(event, reason)


def _forget_oldest(
    table: dict[_Key, Any], candidates: Iterable[_Key], age: Callable[[_Key], Any]
) -> None:
    """Make room for many: a tenth of the table goes, those heard of longest ago."""
    for key in sorted(candidates, key=age)[: len(table) // 10 + 1]:
        del table[key]
