"""The state of one space: a fold over its verified events that does not depend on their order.

Presence and connections are last-writer-wins registers (`presence`), roles, bars and invitations
follow from the acts of moderation, each judged at its own place in order (`moderation`), and the
queue from showings of hands (`hands`). This module says what they mean together.
What depends on the time takes `now`, in unix seconds.
"""

from collections.abc import Iterable, Iterator

from tui.spaces.events import (
    Access,
    CohostPromoted,
    ConnectionConfirmed,
    ConnectionDropped,
    Moderation,
    MuteRequested,
    PeerDemoted,
    PeerInvited,
    PeerJoined,
    PeerLeft,
    PeerRemoved,
    SpaceAnnounced,
    SpaceCreated,
    SpaceEnded,
    SpaceEvent,
    SpaceRef,
    SpeakerPromoted,
    SpeechAsked,
    SpeechProposed,
)
from tui.spaces.hands import HAND_LIFETIME, Hands
from tui.spaces.moderation import Judge, Refusal, Standing
from tui.spaces.presence import Edge, Person, Presence
from tui.spaces.recorders import Recorders, in_order
from tui.spaces.roles import Role, may_moderate
from tui.spaces.topology import Topology
from tui.spaces.tree import Tree

__all__ = ["AWAY_SECONDS", "HAND_LIFETIME", "STALE_AFTER", "Edge", "Refusal", "SpaceState"]

STALE_AFTER = 600
"""Seconds after which a space whose host was not seen is stale."""
AWAY_SECONDS = 30
"""Seconds for which somebody whose JOIN ran out is away, and then gone."""


class SpaceState:
    """Everything that the events of one space say. `apply` is the only way to change it."""

    def __init__(self, space: SpaceRef) -> None:
        self.space = space
        self.created: SpaceCreated | None = None
        self.announced: SpaceAnnounced | None = None
        self.ended: SpaceEnded | None = None
        self._judge = Judge(space.host)
        self._presence = Presence(lambda who: self.role_of(who).speaks)
        self._recorders = Recorders(self._presence.person, lambda who: self.role_of(who).speaks)
        self._hands = Hands()
        self._host_seen = 0
        self._touched: set[str] = set()
        self._topology: Topology | None = None
        self._now = 0.0

    def apply(self, event: SpaceEvent) -> None:
        """Fold one event in; twice the same, or in any order, gives the same state."""
        if event.space != self.space:
            return
        by_host = event.signer == self.space.host
        if by_host:
            self._host_seen = max(self._host_seen, event.at)
        match event:
            case SpaceCreated() if by_host:
                self._create(event)
            case SpaceAnnounced() if by_host:
                self._announce(event)
            case SpaceEnded():
                self._judge.add(event)
                if by_host and (self.ended is None or _place(event) < _place(self.ended)):
                    self.ended = event
                    self._note(self.known())
            case PeerJoined() | PeerLeft():
                self._presence.meet(event)
                self._recorders.heard(event.signer)
            case (
                SpeakerPromoted() | CohostPromoted() | PeerDemoted() | PeerRemoved() | PeerInvited()
            ):
                self._judge.add(event)
            case SpeechAsked():
                self._hands.show(event, worth=self._worth)
            case ConnectionConfirmed() | ConnectionDropped():
                self._presence.connect(event)
        if self._topology is not None and self._topology.is_behind:
            self._bring_in()

    # -- who is what

    def role_of(self, pubkey: str) -> Role:
        """The role somebody holds, present or not."""
        return self._judge.standing(pubkey).role

    def role_at(self, pubkey: str, at: int, event_id: str) -> Role:
        """The role somebody held right before that place in order."""
        return self._judge.standing_at(pubkey, at, event_id).role

    def standing_at(self, pubkey: str, at: int, event_id: str) -> Standing:
        """What somebody was right before that place in order."""
        return self._judge.standing_at(pubkey, at, event_id)

    @property
    def speaking(self) -> frozenset[str]:
        """Everybody with a speaking role, present or not."""
        return self._judge.speaking

    def last_act(self, pubkey: str) -> Moderation | None:
        """The last act on somebody that counted."""
        return self._judge.standing(pubkey).last

    def in_force(self, signer: str) -> list[Moderation]:
        """What somebody did to others and nobody has changed since."""
        return self._judge.in_force(signer)

    def lowered_at(self, pubkey: str) -> int:
        """When somebody was last promoted, demoted or removed, which takes a hand down; or 0."""
        return self._judge.standing(pubkey).lowered

    # -- who is let in

    @property
    def access(self) -> Access:
        """Who may be in the space."""
        return self.created.access if self.created else "open"

    @property
    def locked(self) -> bool:
        """Whether nobody new is let in."""
        return self.announced is not None and self.announced.locked

    def is_barred(self, pubkey: str) -> bool:
        """Whether somebody was removed and not pardoned."""
        return self._judge.standing(pubkey).bar is not None

    def barred(self) -> Iterator[PeerRemoved]:
        """The removals that nobody has pardoned."""
        return iter(self._judge.barred())

    def is_admitted(self, pubkey: str) -> str:
        """Why a JOIN of somebody does not count; empty if it does. Of passwords it knows nothing:
        who does not know one cannot write a JOIN that is read."""
        return self._why_out(pubkey, self._judge.standing(pubkey), self._presence.person(pubkey))

    def _why_out(self, pubkey: str, standing: Standing, person: Person) -> str:
        if standing.bar is not None:
            return f"removed: {standing.bar.reason}" if standing.bar.reason else "removed"
        if standing.invited:  # or promoted, ever
            return ""
        if self.access == "invite":
            return "for invited people"
        lock = self.announced
        if lock is None or not lock.locked or pubkey in lock.admitted:
            return ""
        return "" if 0 < person.first <= lock.locked_at else "the space is locked"

    # -- who is there

    def peer(self, pubkey: str) -> PeerJoined | None:
        """The newest JOIN of somebody, also after a LEAVE."""
        return self._presence.person(pubkey).joined

    def is_present(self, pubkey: str, now: float) -> bool:
        """Whether somebody is in the space: joined, let in, not left, and heard of in time."""
        joined = self._staying(pubkey)
        if joined is None:
            return False
        return now < joined.until or (joined.lasting and self._is_connected(pubkey, now))

    def is_away(self, pubkey: str, now: float) -> bool:
        """Whether somebody was just in the space and has not been heard of in time."""
        joined = self._staying(pubkey)
        late = joined is not None and joined.until <= now < joined.until + AWAY_SECONDS
        return late and not self.is_present(pubkey, now)

    def present(self, now: float) -> Iterator[str]:
        """Everybody in the space."""
        return (pubkey for pubkey in self._presence.people() if self.is_present(pubkey, now))

    def known(self) -> Iterator[str]:
        """Everybody who has ever joined or left, as far as we remember."""
        return self._presence.people()

    def is_stale(self, now: float) -> bool:
        """Whether the host has been away for too long for the space to be called live.

        One that is yet to start is not stale.
        """
        seen = max(self._host_seen, self.created.starts if self.created else 0)
        return now - seen > STALE_AFTER and not self.is_present(self.space.host, now)

    def edges(self, now: float) -> Iterator[Edge]:
        """The confirmed connections between people who are present."""
        went = {pubkey: self._went(pubkey) for pubkey in self.present(now)}
        for at, edge in self._presence.edges():
            asking, asked = went.get(edge.asking), went.get(edge.asked)
            if asking is not None and asked is not None and asking < at > asked:
                yield edge

    @property
    def tree(self) -> Tree:
        """Who listens to whom, among those who are present, as of the last `look`.

        It is kept from the first time that somebody asks for it.
        """
        return self._bring_in().tree

    def look(self, now: float) -> None:
        """Time has passed: whose presence has run out goes from the tree, a thousand at a time."""
        self._now = max(self._now, now)
        if self._topology is not None:
            self._topology.look(self._now)

    def _bring_in(self) -> Topology:
        if self._topology is None:
            self._topology = Topology(
                Tree(self.space.host),
                self._presence,
                is_present=self.is_present,
                went=self._went,
                speaks=lambda who: self.role_of(who).speaks,
            )
            self._topology.look(self._now)
        self._take_judged_people()
        self._topology.bring_in()
        return self._topology

    def _take_judged_people(self) -> None:
        touched = self._judge.take_touched()
        self._touched |= touched
        self._note(touched)

    def _note(self, people: Iterable[str]) -> None:
        if self._topology is not None:
            self._topology.note(people)

    def _staying(self, pubkey: str) -> PeerJoined | None:
        """The JOIN of somebody that counts, if only it is in time."""
        person = self._presence.person(pubkey)
        joined = person.joined
        if joined is None or joined.at <= person.left or self.ended is not None:
            return None
        standing = self._judge.standing(pubkey)
        if joined.at <= standing.removed or self._why_out(pubkey, standing, person):
            return None
        return joined

    def _went(self, pubkey: str) -> int:
        """When somebody last left or was removed, which beats a JOIN of the same second."""
        return max(self._presence.person(pubkey).left, self._judge.standing(pubkey).removed)

    def _is_connected(self, pubkey: str, now: float) -> bool:
        """Whether a connection of somebody lives, to somebody who is there by the same rules."""
        for at, other in self._presence.neighbours(pubkey, now):
            joined = self._staying(other)
            if (
                joined is not None
                and (now < joined.until or joined.lasting)
                and at > max(self._went(pubkey), self._went(other))
            ):
                return True
        return False

    # -- who records

    def recorders(self, now: float) -> tuple[str, ...]:
        """Who records the space, as they or the host say; for longest first."""
        named = self._recorders.announced(self.announced, now)
        return tuple(dict.fromkeys((*self.known_recorders(now), *named)))

    def known_recorders(self, now: float) -> tuple[str, ...]:
        """Those of whom we know it from their own JOINs: what a host repeats."""
        here = [said for said in self._recorders.claims() if self.is_present(said.signer, now)]
        return tuple(in_order(here))

    def may_record(self, pubkey: str) -> bool:
        """Whether somebody's voice may be in a recording; not until it is known what they say."""
        return self._recorders.may_record(pubkey, self.announced)

    # -- who asks to speak

    def hand_since(self, pubkey: str, now: float) -> int | None:
        """When the hand went up that is up now, or `None`.

        A hand stays up while it is shown again within `HAND_LIFETIME`; it comes down by its owner,
        and by a promotion, demotion or removal of the same second or later.
        """
        standing = self._judge.standing(pubkey)
        if standing.role.speaks or not self.is_present(pubkey, now):
            return None
        return self._hands.since(pubkey, now, standing.lowered)

    def _worth(self, pubkey: str) -> tuple[bool, bool]:
        """Who is connected to the stage stays before a crowd that only says to be here."""
        return self._presence.is_served(pubkey), self.peer(pubkey) is not None

    def hand_shown_at(self, pubkey: str) -> int:
        """When somebody last put a hand up, showed it again or took it down; 0 if never."""
        return self._hands.shown_at(pubkey)

    def queue(self, now: float) -> list[tuple[int, str]]:
        """The raised hands, longest waiting first, as `(since, pubkey)`."""
        waiting = ((self.hand_since(pubkey, now), pubkey) for pubkey in self._hands)
        return sorted((since, pubkey) for since, pubkey in waiting if since is not None)

    # -- what counted

    def verdict(self, event_id: str) -> str | None:
        """Why an act was refused, empty if it counted, `None` if it is not known."""
        return self._judge.verdict(event_id)

    def refusal(self, event: SpaceEvent) -> str | None:
        """Why what somebody says changes nothing, as far as that is a question of authority.

        Also judges what is no act on the state: proposals to speak and requests to mute. `None`
        for an act that is not known (any more).
        """
        match event:
            case SpeechProposed() | MuteRequested():
                actor = self.role_at(event.signer, event.at, event.id)
                target = Role.LISTENER
                if event.target:
                    target = self.role_at(event.target, event.at, event.id)
                if may_moderate(actor, target):
                    return ""
                proposes = isinstance(event, SpeechProposed)
                return "may not ask to speak" if proposes else "may not ask to mute"
            case SpaceCreated() | SpaceAnnounced():
                return "" if event.signer == self.space.host else "is not the host"
            case (
                SpaceEnded()
                | SpeakerPromoted()
                | CohostPromoted()
                | PeerDemoted()
                | PeerRemoved()
                | PeerInvited()
            ):
                return self.verdict(event.id)
        return ""

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Moderation without authority, in order; sorted anew each time, see `take_judged`."""
        return self._judge.refusals

    def take_judged(self) -> set[str]:
        """The ids of acts whose verdict is new or another since this was last asked."""
        return self._judge.take_judged()

    def take_touched(self) -> set[str]:
        """Whose role, bar or admission has changed since this was last asked."""
        self._take_judged_people()
        touched, self._touched = self._touched, set()
        return touched

    def take_missing(self) -> set[str]:
        """Co-hosts of whom acts were forgotten before we knew that they are co-hosts, in a flood of
        forged ones; relays may be asked for them again."""
        return self._judge.take_missing()

    @property
    def forgotten(self) -> int:
        """How many acts were forgotten for want of room."""
        return self._judge.forgotten

    # -- folding

    def _create(self, event: SpaceCreated) -> None:
        if self.created is None or _place(event) < _place(self.created):
            before, self.created = self.access, event
            if before != self.access:
                self._touched.update(self.known())
                self._note(self.known())

    def _announce(self, event: SpaceAnnounced) -> None:
        found = self.announced
        if found is not None:
            # Of two of the same second relays keep the one with the lower id (NIP-01).
            newer = event.at > found.at or (event.at == found.at and event.id < found.id)
            if not newer:
                return
        self.announced = event
        lock = (event.locked, event.locked_at, event.admitted)
        if lock != (found and (found.locked, found.locked_at, found.admitted)):
            self._touched.update(self.known())
            self._note(self.known())


def _place(event: SpaceEvent) -> tuple[int, str]:
    return event.at, event.id
