"""Our own voice: the hand that asks for it, being asked to speak, and being asked to be silent."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from tui.spaces.events import MuteRequested, PeerDemoted, SpeechProposed
from tui.spaces.observer import Observer
from tui.spaces.roles import Role
from tui.spaces.sound import Sound
from tui.spaces.state import SpaceState
from tui.spaces.throttle import Throttle
from tui.spaces.wire import Wire

HAND_EVERY = 15.0  # seconds between two showings of a raised hand
PROPOSAL_SECONDS = 120.0  # to answer whether we want to speak
FRESH_SECONDS = 60  # what is asked of us for this moment; older, it is played back
ASKED = 3  # questions and requests of one moderator at once, and then
ASKED_SECONDS = 10.0  # one in so many seconds


class Proposal(NamedTuple):
    """A moderator asks whether we want to speak; `at` in unix seconds."""

    by: str
    message: str
    at: int


Microphone = Literal["closed", "muted", "open", "unavailable"]
"""`closed` without the right to speak, `unavailable` without a device that works."""


class Speech:
    """Our place in the conversation. `muted`: the microphone stays shut until the user opens it,
    also when we are let on stage again."""

    def __init__(
        self,
        state: SpaceState,
        wire: Wire,
        sound: Sound,
        observer: Observer,
        *,
        muted: bool,
        monotonic: Callable[[], float],
    ) -> None:
        self._me = wire.me
        self._state = state
        self._wire = wire
        self._sound = sound
        self._observer = observer
        self._monotonic = monotonic
        self._begins_muted = muted
        self._spoke = self._settled = False
        self._asked = Throttle(ASKED, ASKED_SECONDS, monotonic)
        self._raised_at = 0
        self._shown = self._proposed = 0.0
        self._others_muted: set[str] = set()
        self.hand_up = False
        self.proposal: Proposal | None = None
        self.muted, self.muted_by = muted, ""
        self.dropped: dict[str, int] = {}

    @property
    def microphone(self) -> Microphone:
        """What becomes of what we say."""
        if not self._state.role_of(self._me).speaks:
            return "closed"
        if self.muted:
            return "muted"
        return "open" if self._sound.has_microphone else "unavailable"

    def mute(self, on: bool) -> None:
        """Shut or open the microphone."""
        self.muted, self.muted_by = on, ""
        if self._settled:  # otherwise it comes with the next settling, or nobody would shut it
            self._set_microphone()
        self._observer.session_changed()

    def request(self) -> None:
        """Put the hand up and keep it up."""
        self.hand_up = True
        self.proposal = None
        # Whatever took the last hand down, by a clock that may be ahead, is not to take down this.
        at = max(self._wire.now(), self._state.lowered_at(self._me) + 1)
        self._raised_at = 0
        self._raised_at = self._show(at)
        self._observer.session_changed()

    def withdraw(self) -> None:
        """Take the hand down."""
        self.hand_up = False
        writer, now = self._wire.writer, self._wire.now()
        self._wire.say(writer.request_speech(now, withdrawn=True), instead="hand")
        self._observer.session_changed()

    def accept(self) -> None:
        """Want to speak, as was asked; the microphone stays shut until the user opens it."""
        self.mute(True)
        self.request()

    def decline(self) -> None:
        """Do not want to speak, as was asked."""
        self.proposal = None
        self._observer.session_changed()

    def show_again(self) -> None:
        """Show a raised hand once more: a relay may have lost it."""
        if self.hand_up:
            self._show(self._wire.now())

    def look(self) -> None:
        """Do what time brings."""
        now = self._monotonic()
        if now - self._shown > HAND_EVERY:
            self.show_again()
        if self.proposal is not None and now - self._proposed > PROPOSAL_SECONDS:
            self.decline()

    def settle(self) -> None:
        """Draw the consequences of what was done with us."""
        speaks = self._state.role_of(self._me).speaks
        if self._spoke and not speaks and self._begins_muted:
            self.muted = True
        self._spoke, self._settled = speaks, True
        self._set_microphone()
        if speaks:
            self.proposal = None
        lowered = self._state.lowered_at(self._me) >= self._raised_at
        if self.hand_up and (speaks or lowered):
            self.hand_up = False
            act = self._state.last_act(self._me)
            if not speaks and isinstance(act, PeerDemoted):
                self._observer.denied(act.signer, act.reason)

    def close(self) -> None:
        """We are on the way out: the microphone is shut, and nothing opens it any more."""
        self._settled = False
        self._sound.set_microphone(may_speak=False, muted=True)

    def asked_to_speak(self, event: SpeechProposed) -> None:
        """A moderator proposes us to speak."""
        speaks = self._state.role_of(self._me).speaks
        if event.target == self._me and not speaks and self._counts(event):
            self.proposal = Proposal(event.signer, event.message, event.at)
            self._proposed = self._monotonic()
            self._observer.invited(event.signer, event.message)
            self._observer.session_changed()

    def asked_to_mute(self, event: MuteRequested) -> set[str]:
        """A moderator shuts somebody's microphone, or everybody's on stage; returns whose."""
        stage = self._state.speaking - {event.signer}
        asked = stage & {event.target} if event.target else stage
        if not asked or not self._counts(event):
            return set()
        self._others_muted = (self._others_muted & stage) | asked
        if self._me in asked and not self.muted:
            self.mute(True)
            self.muted_by = event.signer
            self._observer.mute_asked(event.signer)
            self._observer.session_changed()
        return {*asked}

    def is_muted(self, pubkey: str) -> bool:
        """Whether a moderator has shut somebody's microphone, who was silent since."""
        return pubkey in self._others_muted

    def was_heard(self, pubkey: str) -> None:
        """Somebody talks."""
        self._others_muted.discard(pubkey)

    def _counts(self, event: SpeechProposed | MuteRequested) -> bool:
        """Whether it comes from a moderator, of then and of now, and is of this moment."""
        moderates = self._state.role_of(event.signer) >= Role.COHOST
        if not moderates or self._state.refusal(event) != "":
            reason = "asked of us without authority"
        elif abs(self._wire.now() - event.at) > FRESH_SECONDS:
            reason = "asked of us long ago"
        elif not self._asked.allows(event.signer):
            reason = "asked of us too often"
        else:
            return True
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
        return False

    def _set_microphone(self) -> None:
        self._sound.set_microphone(may_speak=self._spoke, muted=self.muted)

    def _show(self, at: int) -> int:
        """Show the hand, and since when it is up; returns the date of that."""
        self._shown = self._monotonic()
        draft = self._wire.writer.request_speech(at, since=self._raised_at)
        self._wire.say(draft, instead="hand")
        return draft.created_at
