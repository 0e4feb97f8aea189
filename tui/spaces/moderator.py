"""What host and co-hosts do: on stage and off it, in and out, and taking that back in time.

A denial is held back for as long as it may be taken back, and only shown as done here: that way to
take it back costs nobody anything. Everything else happens at once, and is taken back by the
opposite act. Whether we may is for others to judge: `roles` and `moderation` have the rules.
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import msgspec

from tui.config import limits
from tui.spaces.announcer import Announcer
from tui.spaces.events import (
    Moderation,
    PeerInvited,
    PeerRemoved,
    SpeakerPromoted,
    SpeechAsked,
)
from tui.spaces.roles import Role
from tui.spaces.state import SpaceState
from tui.spaces.wire import Wire

UNDO_SECONDS = 5.0  # in which the last act may be taken back
PROPOSAL_SECONDS = 150.0  # after asking whether somebody wants to speak, a hand is a yes
ECHO_SECONDS = 10.0  # for relays to send back what we have said


class _Undo(NamedTuple):
    act: str
    until: float
    take_back: Callable[[], None]


class _Denial(msgspec.Struct):
    """A hand turned down here; `sent_at` (unix seconds) is 0 while that is held back."""

    reason: str
    until: float
    sent_at: int = 0


class Moderator:
    """Our acts on others. `changed(pubkey)` hears whom to look at again, empty for nobody.

    `later` are those whose hands are put at the end of the queue on our screen.
    """

    def __init__(
        self,
        state: SpaceState,
        wire: Wire,
        announcer: Announcer | None,
        *,
        changed: Callable[[str], None],
        name_of: Callable[[str], str],
        monotonic: Callable[[], float],
    ) -> None:
        self._state = state
        self._wire = wire
        self._writer = wire.writer
        self._announcer = announcer
        self._changed = changed
        self._name_of = name_of
        self._monotonic = monotonic
        self._denials: dict[str, _Denial] = {}
        self._proposed: dict[str, float] = {}
        self._undo: _Undo | None = None
        self._acted: dict[str, int] = {}  # when co-hosts have last done something
        self._cohosts: set[str] = set()
        self._fallen: set[str] = set()  # who ceased to moderate since we came
        self._since = wire.now()
        self.later: set[str] = set()

    @property
    def undoable(self) -> str:
        """What `undo` would take back now; empty for nothing."""
        return self._undo.act if self._undo is not None else ""

    def denies(self, pubkey: str) -> bool:
        """Whether we have turned down a hand that others still see up."""
        return pubkey in self._denials

    # -- acts

    def promote(self, pubkey: str) -> None:
        """Let somebody on stage."""
        role = self._begin(pubkey)
        self._wire.say(self._writer.promote(self._date(pubkey), pubkey))
        if not role.speaks:
            self._may_undo("letting {} on stage", pubkey, lambda: self._lower(pubkey))

    def promote_cohost(self, pubkey: str) -> None:
        """Let somebody moderate."""
        role = self._begin(pubkey)
        self._wire.say(self._writer.promote_cohost(self._date(pubkey), pubkey))
        if role < Role.COHOST:
            self._may_undo("making {} a co-host", pubkey, lambda: self._lower(pubkey, role))

    def demote(self, pubkey: str, reason: str = "") -> None:
        """Take somebody, or oneself, off the stage; a listener's hand goes down."""
        role = self._begin(pubkey)
        self._wire.say(self._writer.demote(self._date(pubkey), pubkey, reason))
        if role.speaks and pubkey != self._wire.me:
            self._may_undo("taking {} off the stage", pubkey, lambda: self._raise(pubkey, role))

    def deny(self, pubkey: str, reason: str = "") -> None:
        """Turn down a hand; its owner is told the reason once that cannot be taken back."""
        self._begin(pubkey)
        self._denials[pubkey] = _Denial(reason, self._monotonic() + UNDO_SECONDS)
        self._may_undo("turning {} down", pubkey, lambda: self._forget_denial(pubkey))
        self._changed(pubkey)

    def defer(self, pubkey: str) -> None:
        """Put a hand at the end of the queue, on our screen only."""
        self.later.add(pubkey)
        self._may_undo("putting {} last", pubkey, lambda: self.later.discard(pubkey))
        self._changed(pubkey)

    def remove(self, pubkey: str, reason: str = "") -> None:
        """Put somebody out of the space and keep them out."""
        role = self._begin(pubkey)
        self._wire.say(self._writer.remove(self._date(pubkey), pubkey, reason))
        self._may_undo("removing {}", pubkey, lambda: self._lower(pubkey, role))

    def pardon(self, pubkey: str) -> None:
        """Let somebody in again who was removed."""
        self._begin(pubkey)
        reason = next((bar.reason for bar in self._state.barred() if bar.target == pubkey), "")
        self._wire.say(self._writer.demote(self._date(pubkey), pubkey))
        self._may_undo("pardoning {}", pubkey, lambda: self._bar(pubkey, reason))

    def invite(self, pubkey: str, message: str = "") -> None:
        """Ask a listener whether they want to speak; let in somebody who is not here."""
        if not self._state.is_present(pubkey, self._wire.now()):
            self._wire.say(self._writer.invite(self._date(pubkey), pubkey))
            return
        self._proposed.pop(pubkey, None)
        self._proposed[pubkey] = self._monotonic() + PROPOSAL_SECONDS
        if len(self._proposed) > limits.HANDS:
            del self._proposed[next(iter(self._proposed))]
        self._wire.say(self._writer.propose(self._date(pubkey), pubkey, message))

    def ask_mute(self, pubkey: str = "") -> None:
        """Shut the microphone of somebody, or of everybody on stage, who may open it again."""
        self._wire.say(self._writer.ask_mute(self._date(pubkey), pubkey))

    def lock(self, on: bool) -> None:
        """Let nobody new in, or everybody again; for the host."""
        announcer = self._announcer
        if announcer is not None and announcer.locked != on:
            announcer.lock(on)
            self._may_undo("locking" if on else "unlocking", "", lambda: announcer.lock(not on))

    def undo(self) -> bool:
        """Take back the last act, if that is still possible."""
        undo, self._undo = self._undo, None
        if undo is None or self._monotonic() > undo.until:
            return False
        undo.take_back()
        self._changed("")
        return True

    # -- what follows

    def seen(self, act: Moderation) -> None:
        """Somebody has done something to somebody; if they may, ours on them comes after it."""
        if self._state.role_of(act.signer) is Role.COHOST:
            self._acted[act.signer] = max(act.at, self._acted.get(act.signer, 0))
        elif self._announcer is not None and act.signer in self._cohosts | self._fallen:
            self._take_back(act)

    def heard(self, hand: SpeechAsked) -> None:
        """A hand went up: the yes of somebody whom we have asked to speak."""
        if hand.withdrawn or self._state.role_of(self._wire.me) < Role.COHOST:
            return
        if self._proposed.pop(hand.signer, 0.0) > self._monotonic():
            self._denials.pop(hand.signer, None)
            self._wire.say(self._writer.promote(self._date(hand.signer), hand.signer))

    def look(self) -> None:
        """Do what time brings: denials are sent, what was done stays done."""
        now = self._monotonic()
        if self._announcer is not None:
            self._take_over()
        if self._undo is not None and now > self._undo.until:
            self._undo = None
            self._changed("")
        for pubkey, denial in list(self._denials.items()):
            late = now > denial.until
            if denial.sent_at and (late or self._state.lowered_at(pubkey) >= denial.sent_at):
                self._forget_denial(pubkey)
            elif late:
                self._send(pubkey, denial)

    def forget_lowered(self, up: AbstractSet[str]) -> None:
        """Who put a hand down has no place at the end any more."""
        self.later.intersection_update(up)

    def finish(self) -> None:
        """Before we leave: what was held back is said."""
        for pubkey, denial in list(self._denials.items()):
            if not denial.sent_at:
                self._send(pubkey, denial)

    def _take_over(self) -> None:
        """The host signs, too, what those have done who moderate no more.

        Relays replace an act by the next of the same kind, signer and target. What somebody signs
        without the right to changes nothing, but would take the place of what they signed with it.
        """
        state, writer = self._state, self._writer
        before = self._cohosts
        self._cohosts = {who for who in state.speaking if state.role_of(who) is Role.COHOST}
        self._fallen = (self._fallen | before) - self._cohosts
        for act in (act for who in before - self._cohosts for act in state.in_force(who)):
            at = self._date(act.target)
            match act:
                case SpeakerPromoted():
                    self._wire.say(writer.promote(at, act.target))
                case PeerRemoved():
                    self._wire.say(writer.remove(at, act.target, act.reason))
                case PeerInvited():
                    self._wire.say(writer.invite(at, act.target))

    def _take_back(self, act: Moderation) -> None:
        """The host undoes what comes only after its signer has ceased to moderate.

        Dated back to when they did, it counts for everybody.
        """
        state, target = self._state, act.target
        if act.at < self._since or act.signer == target or state.last_act(target) != act:
            return  # of the past, for themselves, or without effect
        before = state.standing_at(target, act.at, act.id)
        if isinstance(act, PeerInvited):
            closed = state.access == "invite" or state.locked
            if closed and not before.invited:
                self._bar(target, "")
        elif before.bar is not None:
            self._bar(target, before.bar.reason)
        else:
            self._lower(target, before.role)

    def _send(self, pubkey: str, denial: _Denial) -> None:
        if self._state.hand_since(pubkey, self._wire.now()) is None:
            self._forget_denial(pubkey)  # let on stage by others, or thought better
            return
        draft = self._writer.demote(self._date(pubkey), pubkey, denial.reason)
        denial.sent_at, denial.until = draft.created_at, self._monotonic() + ECHO_SECONDS
        self._wire.say(draft)

    def _forget_denial(self, pubkey: str) -> None:
        self._denials.pop(pubkey, None)
        self._changed(pubkey)

    def _begin(self, pubkey: str) -> Role:
        """An act on somebody takes the place of a denial that is held back; returns their role."""
        self._denials.pop(pubkey, None)
        return self._state.role_of(pubkey)

    def _may_undo(self, act: str, pubkey: str, take_back: Callable[[], None]) -> None:
        name = self._name_of(pubkey) if pubkey else ""
        self._undo = _Undo(act.format(name), self._monotonic() + UNDO_SECONDS, take_back)
        self._changed("")

    def _lower(self, pubkey: str, to: Role = Role.LISTENER) -> None:
        """Off the stage or out of the bar, and to the role of before."""
        self._wire.say(self._writer.demote(self._date(pubkey), pubkey))
        self._raise(pubkey, to)

    def _raise(self, pubkey: str, to: Role) -> None:
        promote = {Role.SPEAKER: self._writer.promote, Role.COHOST: self._writer.promote_cohost}
        if to in promote:
            self._wire.say(promote[to](self._date(pubkey), pubkey))

    def _bar(self, pubkey: str, reason: str) -> None:
        self._wire.say(self._writer.remove(self._date(pubkey), pubkey, reason))

    def _date(self, pubkey: str = "") -> int:
        """Now, or after what gave us the right, and what somebody did and was made, if it is later.

        In one second the order is chance, and other clocks may be a little ahead.
        """
        now = self._wire.now()
        acts = (
            self._state.created,
            self._state.last_act(self._wire.me),
            self._state.last_act(pubkey),
        )
        seen = [act.at + 1 for act in acts if act is not None]
        seen += [self._state.hand_shown_at(pubkey), self._acted.get(pubkey, 0) + 1]
        return max(now, min(max(seen), now + limits.ACTED_AHEAD_SECONDS))
