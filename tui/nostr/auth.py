"""Saying to a relay who we are (NIP-42): the event, the state of asking, and the relay's check."""

from collections.abc import Container
from typing import Final, Literal
from urllib.parse import urlsplit

from tui.config import limits
from tui.nostr.event import Draft, Event, signature_ok

AUTH_KIND: Final = 22242
REQUIRED: Final = "auth-required:"  # begins a refusal that authentication may lift

AuthState = Literal["", "asked", "accepted", "refused"]


def auth_draft(url: str, challenge: str, at: int) -> Draft:
    """What to sign for a relay that sent a challenge; `at` in unix seconds."""
    return Draft(AUTH_KIND, "", (("relay", url), ("challenge", challenge)), at)


def auth_problem(event: Event, challenge: str, hosts: Container[str], now: float) -> str:
    """Why an event does not authenticate its author, "" if it does.

    `hosts` are the `host:port` of this relay. An event for another one, which may have passed our
    challenge on, must not count. `now` in unix seconds.
    """
    if event.kind != AUTH_KIND:
        return f"invalid: not of kind {AUTH_KIND}"
    if abs(event.created_at - now) > limits.AUTH_AGE_SECONDS:
        return "invalid: not dated now"
    if event.first("challenge") != challenge:
        return "invalid: not the challenge of this connection"
    if host_and_port(event.first("relay") or "") not in hosts:
        return "invalid: for another relay"
    return "" if signature_ok(event) else "invalid: the signature is wrong"


def host_and_port(url: str) -> str:
    """`host:port` of a relay's address, "" of anything else."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        return ""
    return f"{parts.hostname}:{port or (443 if parts.scheme == 'wss' else 80)}"


class Authentication:
    """What the relay of one connection wants to know of us, and what came of it."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """A new connection: nothing has been asked."""
        self.state: AuthState = ""
        self.challenge = ""
        self._challenges = 0
        self._answer = ""  # the id of our event

    def challenged(self, challenge: str) -> bool:
        """Take note of a challenge; false if it is one too many, too long, or known."""
        self._challenges += 1
        too_much = self._challenges > limits.AUTH_CHALLENGES
        if too_much or challenge == self.challenge or len(challenge) > limits.CHALLENGE_CHARS:
            return False
        self.challenge, self.state, self._answer = challenge, "asked", ""
        return True

    def answered(self, event: Event) -> None:
        """We have sent this event."""
        self._answer = event.id

    def heard(self, event_id: str, accepted: bool) -> bool:
        """An OK has come; whether it is for our answer."""
        if event_id != self._answer or self.state != "asked":
            return False
        self.state = "accepted" if accepted else "refused"
        return True
