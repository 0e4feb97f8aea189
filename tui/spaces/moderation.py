"""Which acts of moderation count, and what they make of whom.

Acts are judged in the order `(at, id)`, each with the authority that its signer has at its own
place. Every person has a timeline of the acts on them, and each act remembers what it made of them,
so that a new act, early or late, makes only those be judged again that depend on it: the next act
on the same person, and, where somebody became a co-host or ceased to be one, what they did between
the two. That is done when somebody next asks, in order, once for however many acts came.

Nobody can act on others without having been named in a promotion to co-host that the host signed.
The acts of everybody else change nothing and are only put aside, until such a promotion turns up.
They have a bound of their own, so that no forger crowds out the acts of host and co-hosts.
"""

from bisect import bisect_left, insort
from heapq import heappop, heappush
from typing import Final, NamedTuple

from tui.config import limits
from tui.spaces.events import (
    CohostPromoted,
    Moderation,
    PeerDemoted,
    PeerInvited,
    PeerRemoved,
    SpaceEnded,
    SpeakerPromoted,
)
from tui.spaces.roles import Role, may_demote, may_moderate, may_promote_cohost

_MAY_NOT: Final = {
    SpeakerPromoted: "may not promote",
    CohostPromoted: "may not make a co-host",
    PeerDemoted: "may not demote",
    PeerRemoved: "may not remove",
    PeerInvited: "may not invite",
    SpaceEnded: "only the host closes a space",
}


class Refusal(NamedTuple):
    """An act that changes nothing, and why."""

    event: Moderation | SpaceEnded
    reason: str


class Standing(NamedTuple):
    """What the acts on somebody have made of them; times in unix seconds, 0 for never."""

    role: Role = Role.LISTENER
    bar: PeerRemoved | None = None
    invited: bool = False
    """Whether they were invited or promoted, ever."""
    last: Moderation | None = None
    lowered: int = 0
    """When they were last promoted, demoted or removed, which takes a hand down."""
    removed: int = 0


_NOBODY: Final = Standing()
_HOST: Final = Standing(role=Role.HOST, invited=True)


class _Act:
    __slots__ = ("after", "event", "gone", "pending", "verdict")

    def __init__(self, event: Moderation | SpaceEnded) -> None:
        self.event = event
        self.verdict: str | None = None
        self.after = _NOBODY  # what its target is after it
        self.pending = False
        self.gone = False


_Entry = tuple[int, str, _Act]  # sorted by time and id, which is unique


class Judge:
    """The acts of moderation in the space of one host, judged."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._acts: dict[str, _Act] = {}
        self._by: dict[str, list[_Entry]] = {}
        self._on: dict[str, list[_Entry]] = {}
        self._standings = {host: _HOST}
        self._cohosts: set[str] = set()  # whom the host has ever named in a PROMOTE_COHOST
        self._kept = {"host": 0, "cohosts": 0, "strangers": 0}
        self._pending: list[_Entry] = []
        self._judged: set[str] = set()
        self._touched: set[str] = set()
        self._missing: set[str] = set()
        self._stage = {host}
        self._speaking: frozenset[str] | None = None
        self.forgotten = 0

    def add(self, event: Moderation | SpaceEnded) -> None:
        """Take in one act, once."""
        if event.id in self._acts:
            return
        act = self._acts[event.id] = _Act(event)
        entry = (event.at, event.id, act)
        insort(self._by.setdefault(event.signer, []), entry)
        self._kept[self._room(event.signer)] += 1
        if self._may_count(event):
            self._enter(entry)
        else:
            ends = isinstance(event, SpaceEnded) and event.signer == self._host
            act.verdict = "" if ends else _MAY_NOT[type(event)]
            self._judged.add(event.id)
        if isinstance(event, CohostPromoted) and self._may_count(event):
            self._hear(event.target)
        for room, kept in self._kept.items():
            if kept > limits.MODERATION_EVENTS:
                self._make_room(room)

    # -- reading

    def standing(self, pubkey: str) -> Standing:
        """What somebody is now."""
        if self._pending:  # asked of thousands of people at a time
            self._settle()
        return self._standings.get(pubkey, _NOBODY)

    def standing_at(self, pubkey: str, at: int, event_id: str) -> Standing:
        """What somebody is right before that place in order."""
        self._settle()
        return self._before(pubkey, (at, event_id))

    @property
    def speaking(self) -> frozenset[str]:
        """Everybody with a speaking role."""
        self._settle()
        if self._speaking is None:
            self._speaking = frozenset(self._stage)
        return self._speaking

    def barred(self) -> list[PeerRemoved]:
        """The removals that nobody has pardoned, in order."""
        self._settle()
        bars = (standing.bar for standing in self._standings.values())
        return sorted((bar for bar in bars if bar), key=lambda bar: (bar.at, bar.id))

    def in_force(self, signer: str) -> list[Moderation]:
        """What somebody did to others and nobody has changed since."""
        self._settle()
        acts = (standing.last for standing in self._standings.values())
        return [act for act in acts if act and act.signer == signer and act.target != signer]

    def verdict(self, event_id: str) -> str | None:
        """Why an act was refused, empty if it counted, `None` if it is not known."""
        self._settle()
        act = self._acts.get(event_id)
        return act.verdict if act else None

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """All acts that change nothing, in order."""
        self._settle()
        refused = sorted((a.event.at, a.event.id, a) for a in self._acts.values() if a.verdict)
        return tuple(Refusal(act.event, act.verdict or "") for _, _, act in refused)

    def take_judged(self) -> set[str]:
        """The ids of acts whose verdict is new or another since this was last asked."""
        self._settle()
        judged, self._judged = self._judged, set()
        return judged

    def take_touched(self) -> set[str]:
        """Whom acts, or their being refused after all, have changed since this was last asked."""
        self._settle()
        touched, self._touched = self._touched, set()
        return touched

    def take_missing(self) -> set[str]:
        """Co-hosts of whom acts may have been forgotten before they were known to be co-hosts;
        relays may be asked for those again."""
        missing, self._missing = self._missing, set()
        return missing

    # -- judging

    def _settle(self) -> None:
        while self._pending:
            entry = heappop(self._pending)
            entry[2].pending = False
            if not entry[2].gone:
                self._judge(entry)

    def _judge(self, entry: _Entry) -> None:
        act = entry[2]
        event = act.event
        assert not isinstance(event, SpaceEnded)
        before = self._before(event.target, entry)
        verdict = self._refusal(event, before, entry)
        if verdict != act.verdict:
            act.verdict = verdict
            self._judged.add(event.id)
        after = before if verdict else _changed(before, event)
        if after != act.after:
            former, act.after = act.after, after
            self._follow(entry, former, after)

    def _refusal(self, event: Moderation, before: Standing, entry: _Entry) -> str:
        oneself = event.signer == event.target
        actor = before if oneself else self._before(event.signer, entry)
        match event:
            case PeerDemoted():
                allowed = may_demote(actor.role, before.role, oneself=oneself)
            case CohostPromoted():
                allowed = may_promote_cohost(actor.role, before.role)
            case _:
                allowed = may_moderate(actor.role, before.role)
        if not allowed:
            return _MAY_NOT[type(event)]
        if before.bar and not isinstance(event, PeerDemoted | PeerRemoved):
            return "acts on somebody who was removed"
        return ""

    def _before(self, pubkey: str, place: tuple[int, str] | _Entry) -> Standing:
        if pubkey == self._host:
            return _HOST
        timeline = self._on.get(pubkey)
        number = bisect_left(timeline, place) if timeline else 0
        return timeline[number - 1][2].after if timeline and number else _NOBODY

    def _follow(self, entry: _Entry, former: Standing, present: Standing) -> None:
        """What the target is from `entry` to the next act on them is no longer `former`."""
        event = entry[2].event
        assert not isinstance(event, SpaceEnded)
        timeline = self._on[event.target]
        number = bisect_left(timeline, entry)
        if number < len(timeline) and timeline[number] is entry:
            number += 1
        following = timeline[number] if number < len(timeline) else None
        if following is not None:
            self._await(following)
        else:
            self._become(event.target, present)
        if (former.role is Role.COHOST) != (present.role is Role.COHOST):
            theirs = self._by.get(event.target, [])
            end = bisect_left(theirs, following) if following is not None else len(theirs)
            for done in theirs[bisect_left(theirs, entry) : end]:
                if self._may_count(done[2].event):
                    self._await(done)

    def _become(self, pubkey: str, standing: Standing) -> None:
        self._standings[pubkey] = standing
        self._touched.add(pubkey)
        if standing.role.speaks != (pubkey in self._stage):
            self._stage ^= {pubkey}
            self._speaking = None

    def _await(self, entry: _Entry) -> None:
        if not entry[2].pending:
            entry[2].pending = True
            heappush(self._pending, entry)

    # -- keeping

    def _room(self, signer: str) -> str:
        if signer == self._host:
            return "host"
        return "cohosts" if signer in self._cohosts else "strangers"

    def _may_count(self, event: Moderation | SpaceEnded) -> bool:
        """Whether an act may count with the right acts before it."""
        if isinstance(event, SpaceEnded) or event.target == self._host:
            return False
        if event.signer == self._host:
            return True
        if event.signer == event.target:
            return isinstance(event, PeerDemoted)
        return event.signer in self._cohosts and not isinstance(event, CohostPromoted)

    def _enter(self, entry: _Entry) -> None:
        act = entry[2]
        assert not isinstance(act.event, SpaceEnded)
        timeline = self._on.setdefault(act.event.target, [])
        number = bisect_left(timeline, entry)
        act.after = timeline[number - 1][2].after if number else _NOBODY
        timeline.insert(number, entry)
        self._await(entry)

    def _hear(self, pubkey: str) -> None:
        """The host has named somebody a co-host: what they do, and did, may count from now on."""
        if pubkey in self._cohosts:
            return
        theirs = self._by.get(pubkey, [])
        entered = {entry[1] for entry in theirs if self._may_count(entry[2].event)}
        self._cohosts.add(pubkey)
        self._kept["strangers"] -= len(theirs)
        self._kept["cohosts"] += len(theirs)
        for entry in theirs:
            if entry[1] not in entered and self._may_count(entry[2].event):
                self._enter(entry)
        if self.forgotten:
            self._missing.add(pubkey)

    def _make_room(self, room: str) -> None:
        """A tenth goes: of those who have signed most, so that nobody can crowd out the others;
        and the newest, so that what is settled stays settled."""
        self._settle()
        signers = [signer for signer in self._by if self._room(signer) == room]
        share, left = 0, limits.MODERATION_EVENTS * 9 // 10
        counts = sorted(len(self._by[signer]) for signer in signers)
        for number, count in enumerate(counts):
            share = left // (len(counts) - number)
            if count > share:
                break
            left -= count
        for number, signer in enumerate(signers):
            # Where there is not even one for each, the latecomers go.
            for entry in self._by[signer][share or int(number < left) :]:
                # A speaker's own stepping down stays; it cannot be forged.
                if room != "strangers" or entry[2].verdict:
                    self._forget(entry, room)

    def _forget(self, entry: _Entry, room: str) -> None:
        act, event = entry[2], entry[2].event
        act.gone = True
        del self._acts[event.id]
        self._judged.discard(event.id)
        self._kept[room] -= 1
        self.forgotten += 1
        theirs = self._by[event.signer]
        del theirs[bisect_left(theirs, entry)]
        if not theirs:
            del self._by[event.signer]
        if isinstance(event, SpaceEnded) or not self._may_count(event):
            return
        timeline = self._on[event.target]
        del timeline[bisect_left(timeline, entry)]
        self._follow(entry, act.after, self._before(event.target, entry))
        if not timeline:
            del self._on[event.target], self._standings[event.target]


def _changed(before: Standing, event: Moderation) -> Standing:
    match event:
        case SpeakerPromoted():
            role = max(before.role, Role.SPEAKER)
            return before._replace(role=role, invited=True, last=event, lowered=event.at)
        case CohostPromoted():
            return before._replace(role=Role.COHOST, invited=True, last=event, lowered=event.at)
        case PeerDemoted():
            return before._replace(role=Role.LISTENER, bar=None, last=event, lowered=event.at)
        case PeerRemoved():
            return before._replace(
                role=Role.LISTENER, bar=event, last=event, lowered=event.at, removed=event.at
            )
        case PeerInvited():
            return before._replace(invited=True, last=event)
