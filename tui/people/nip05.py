"""Names that domains vouch for (NIP-05): `bob@example.com` is a key's if example.com says so.

A check tells the domain that somebody here looks at this person, and anybody can put any domain
into a profile. So callers choose whom to check, requests are few, and a setting turns them off.
"""

import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import msgspec

from tui.config import limits
from tui.nostr.event import BAD_JSON
from tui.people import https

_LOCAL: Final = re.compile(r"[a-z0-9._-]{1,64}")
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN: Final = re.compile(rf"(?:{_LABEL}\.)+(?=[a-z])({_LABEL})")
_NOT_PUBLIC: Final = frozenset({"onion", "local", "localhost", "internal", "arpa", "invalid"})
_DOMAIN_CHARS: Final = 253
_WINDOW: Final = 60.0  # seconds in which requests are counted

Fetch = Callable[[str, str], Awaitable[https.Answer]]
"""GET of a host and a target; raises https.FetchFailed."""


class Name(NamedTuple):
    """An address of NIP-05, in lower case; `local` is `_` for the domain as a whole."""

    local: str
    domain: str

    def __str__(self) -> str:
        return self.domain if self.local == "_" else f"{self.local}@{self.domain}"


class _Document(msgspec.Struct):
    names: dict[str, msgspec.Raw] = {}


_document_decoder: Final = msgspec.json.Decoder(_Document)
_key_decoder: Final = msgspec.json.Decoder(str)


def parse_name(text: str) -> Name | None:
    """The name in `name@domain`, or in a `domain` alone; None if it is none that can be checked.

    Domains are on the public internet and written in ASCII, those of other scripts in punycode.
    """
    local, at, domain = text.strip().lower().rpartition("@")
    local = local if at else "_"
    if len(domain) > _DOMAIN_CHARS or not _LOCAL.fullmatch(local):
        return None
    found = _DOMAIN.fullmatch(domain)
    return Name(local, domain) if found and found[1] not in _NOT_PUBLIC else None


def vouches_for(document: bytes, local: str, pubkey: str) -> bool | None:
    """Whether a domain's `nostr.json` gives this name to this key; None if it is no such file."""
    try:
        names = _document_decoder.decode(document).names
    except BAD_JSON:
        return None
    return any(_key(raw) == pubkey for name, raw in names.items() if name.lower() == local)


def _key(raw: msgspec.Raw) -> str:
    try:
        return _key_decoder.decode(raw)
    except BAD_JSON:
        return ""


class NameChecker:
    """Asks domains, remembers what they said, and asks nobody often."""

    def __init__(
        self, fetch: Fetch = https.get, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._remembered: OrderedDict[tuple[Name, str], tuple[bool | None, float]] = OrderedDict()
        self._window_end = 0.0
        self._asked: dict[str, int] = {}

    async def check(self, address: str, pubkey: str) -> bool | None:
        """Whether the address is this key's; None if that could not be found out now."""
        name = parse_name(address)
        if name is None:
            return False
        verdict, until = self._remembered.get((name, pubkey), (None, 0.0))
        if self._monotonic() < until:
            self._remembered.move_to_end((name, pubkey))
            return verdict
        if not self._may_ask(name.domain):
            return None
        verdict = await self._ask(name, pubkey)
        self._remember(name, pubkey, verdict)
        return verdict

    async def _ask(self, name: Name, pubkey: str) -> bool | None:
        target = f"/.well-known/nostr.json?name={name.local}"
        try:
            answer = await self._fetch(name.domain, target)
        except https.FetchFailed:
            return None
        if answer.status == 200:
            return vouches_for(answer.body, name.local, pubkey)
        # NIP-05 forbids to follow redirects; a server that is out of order may say yes later.
        return None if answer.status >= 500 else False

    def _may_ask(self, domain: str) -> bool:
        """Count a request, if there were not too many lately to this domain or altogether."""
        if self._monotonic() >= self._window_end:
            self._window_end = self._monotonic() + _WINDOW
            self._asked.clear()
        # By the last two labels: hosts below a domain cost an attacker nothing.
        site = ".".join(domain.split(".")[-2:])
        asked = self._asked.get(site, 0)
        everywhere = sum(self._asked.values())
        if asked >= limits.NIP05_PER_DOMAIN or everywhere >= limits.NIP05_REQUESTS:
            return False
        self._asked[site] = asked + 1
        return True

    def _remember(self, name: Name, pubkey: str, verdict: bool | None) -> None:
        seconds = {
            True: limits.NIP05_YES_SECONDS,
            False: limits.NIP05_NO_SECONDS,
            None: limits.NIP05_RETRY_SECONDS,
        }[verdict]
        self._remembered[name, pubkey] = verdict, self._monotonic() + seconds
        self._remembered.move_to_end((name, pubkey))
        if len(self._remembered) > limits.NIP05_REMEMBERED:
            self._remembered.popitem(last=False)
