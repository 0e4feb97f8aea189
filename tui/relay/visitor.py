"""Who a client of the relay is, as far as it has said (NIP-42)."""

import secrets
from ipaddress import ip_address
from typing import Final

import msgspec

from tui.nostr.auth import REQUIRED, auth_problem, host_and_port
from tui.nostr.event import Event

_KEYS: Final = 8  # that one connection may speak for


class AuthPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What clients have to authenticate for, beyond protected events (NIP-70).

    `url` is the public address of the relay where it differs from the one it listens on: what a
    client signs names the address that it has dialled.
    """

    read: bool = False
    write: bool = False
    url: str = ""


class Visitor:
    """One client: the challenge it was sent, and the keys it has proved to hold."""

    def __init__(self, policy: AuthPolicy | None, host: str, port: int) -> None:
        """`host` and `port` are what the client has reached us at."""
        self._policy = policy
        self._keys: set[str] = set()
        self._hosts = {f"{host}:{port}", host_and_port(policy.url if policy else "")} - {""}
        if _is_loopback(host):
            self._hosts.add(f"localhost:{port}")
        self.challenge = secrets.token_hex(16) if policy is not None else ""

    def authenticate(self, event: Event, now: float) -> str:
        """Take note of a key; why not, with a prefix of NIP-01, "" if it counts."""
        if self._policy is None:
            return "invalid: this relay does not ask for authentication"
        if len(self._keys) >= _KEYS and event.pubkey not in self._keys:
            return f"rate-limited: not more than {_KEYS} keys"
        problem = auth_problem(event, self.challenge, self._hosts, now)
        if not problem:
            self._keys.add(event.pubkey)
        return problem

    def may_read(self) -> str:
        """Why stored and new events are not for this client, "" if they are."""
        if self._policy is not None and self._policy.read and not self._keys:
            return f"{REQUIRED} this relay is read by those it knows"
        return ""

    def may_write(self, event: Event) -> str:
        """Why the client may not publish an event, "" if it may."""
        protected = any(tag[0] == "-" for tag in event.tags)
        if self._policy is None:
            # NIP-70 names auth-required, but a client would wait for a challenge that never comes.
            words = "only its author may publish a protected event, and this relay has no AUTH"
            return f"blocked: {words}" if protected else ""
        if not self._keys and (protected or self._policy.write):
            whose = "protected events are" if protected else "events are"
            return f"{REQUIRED} {whose} taken from those this relay knows"
        if protected and event.pubkey not in self._keys:
            return "restricted: only its author may publish a protected event"
        return ""


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
