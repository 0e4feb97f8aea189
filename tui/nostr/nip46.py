"""NIP-46: how to reach a remote signer, and what is said to it and by it. Pure; see remote_signer.

An address is written by the signer (`bunker://`) or by us (`nostrconnect://`). The secret in it
proves the other side to be who read it, once; it is not kept.
"""

import json
import re
import secrets
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import msgspec
from coincurve import PublicKeyXOnly

from tui.config import limits
from tui.nostr.event import BAD_JSON, Draft
from tui.nostr.keys import SecretKey
from tui.nostr.text import clean_text
from tui.nostr.url import InvalidRelayUrl, relay_url

KIND: Final = 24_133
PERMISSIONS: Final = ("sign_event", "nip44_encrypt", "nip44_decrypt")
_HEX32: Final = re.compile(r"[0-9a-f]{64}")
_LETTERS: Final = "abcdefghijkmnpqrstuvwxyz23456789"  # none that looks like another


class InvalidAddress(ValueError):
    """Text that does not say how to reach a remote signer; never quotes it."""


class BunkerAddress(msgspec.Struct, frozen=True):
    """Where a remote signer listens: its public key (hex), relays, and a secret or nothing."""

    signer: str
    relays: tuple[str, ...]
    secret: str = ""

    def __repr__(self) -> str:
        return f"BunkerAddress({self.signer!r}, {self.relays!r}, <redacted>)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("signer", self.signer), ("relays", self.relays), ("secret", "<redacted>")]


class ConnectOffer:
    """An offer to any remote signer whose owner is shown it: our key, relays, and a new secret."""

    def __init__(
        self,
        relays: tuple[str, ...],
        *,
        name: str = "",
        permissions: tuple[str, ...] = (),
        client: SecretKey | None = None,
        secret: str = "",
    ) -> None:
        self.client = client or SecretKey.generate()
        self.relays = relays
        self.secret = secret or "".join(secrets.choice(_LETTERS) for _ in range(8))
        self._name = name
        self._permissions = permissions

    def address(self) -> str:
        """`nostrconnect://...`, as short as readers allow: it is to be shown as a QR code.

        For the user's eyes only: whoever reads it may answer.
        """
        fields = [("relay", relay) for relay in self.relays] + [("secret", self.secret)]
        if self._permissions:
            fields.append(("perms", ",".join(self._permissions)))
        if self._name:
            fields.append(("name", self._name))
        query = urlencode(fields, safe=":/,", quote_via=quote)
        return f"nostrconnect://{self.client.public}?{query}"

    def __repr__(self) -> str:
        return f"ConnectOffer({self.relays!r}, <redacted>)"


class RemoteSession(msgspec.Struct, frozen=True):
    """A remote signer that has let us in: the key it knows us by, its own public key (hex), its
    relays, and the public key (hex) that it signs for."""

    client: SecretKey
    signer: str
    relays: tuple[str, ...]
    user: str


class Answer(msgspec.Struct, frozen=True):
    """What a signer answers to the request of that id: `result`, or an `error` for people."""

    id: str
    result: str | None = None
    error: str | None = None

    def __repr__(self) -> str:
        return f"Answer({self.id!r}, <redacted>)"


class Request(msgspec.Struct, frozen=True):
    """A request; signers send one themselves: `connect`, to answer an offer."""

    id: str
    method: str
    params: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Request({self.id!r}, {self.method!r}, <redacted>)"


_answer_decoder: Final = msgspec.json.Decoder(Answer)
_request_decoder: Final = msgspec.json.Decoder(Request)


def parse_bunker(text: str) -> BunkerAddress:
    """The address in `bunker://<public key>?relay=...&secret=...`; raises InvalidAddress."""
    text = text.strip()
    if len(text) > limits.REMOTE_ADDRESS_CHARS:
        raise InvalidAddress("a bunker address is not as long as that")
    try:
        parts = urlsplit(text)
        fields = parse_qs(parts.query, max_num_fields=32)
    except ValueError:
        raise InvalidAddress("not a bunker address") from None
    if parts.scheme != "bunker":
        raise InvalidAddress("a bunker address begins with bunker://")
    signer = parts.netloc.lower()
    if not is_pubkey(signer):
        raise InvalidAddress("a bunker address has a public key of 64 hex digits after bunker://")
    relays = _relays(fields.get("relay", []))
    if not relays:
        raise InvalidAddress("the bunker address names no relay")
    return BunkerAddress(signer, relays, fields.get("secret", [""])[0])


def _relays(urls: list[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}  # in their order, each once
    for url in urls:
        try:
            found[relay_url(url)] = None
        except InvalidRelayUrl:
            continue
    return tuple(found)[: limits.REMOTE_RELAYS]


def is_pubkey(text: str) -> bool:
    """Whether this is a public key in lower-case hex."""
    if not _HEX32.fullmatch(text):
        return False
    try:
        PublicKeyXOnly(bytes.fromhex(text))
    except ValueError:  # not on the curve
        return False
    return True


def encode_request(id_: str, method: str, params: tuple[str, ...]) -> str:
    """The JSON of a request."""
    return json.dumps({"id": id_, "method": method, "params": params}, ensure_ascii=False)


def encode_draft(draft: Draft, pubkey: str) -> str:
    """What `sign_event` asks for. Signers of an earlier version want to read the author, too."""
    return json.dumps(
        {
            "kind": draft.kind,
            "content": draft.content,
            "tags": draft.tags,
            "created_at": draft.created_at,
            "pubkey": pubkey,
        },
        ensure_ascii=False,
    )


def decode_answer(text: str) -> Answer | None:
    """What a signer answers; None if it is no answer."""
    try:
        answer = _answer_decoder.decode(text)
    except BAD_JSON:
        return None
    return None if answer.result is None and not answer.error else answer


def echoes_secret(text: str, offer: ConnectOffer) -> bool:
    """Whether a message shows that its author has read our offer.

    The NIP wants the secret as the result of an answer; some signers send a `connect` request
    that carries it. A plain "ack" proves nothing.
    """
    answer = decode_answer(text)
    if answer is not None:
        return _same(answer.result or "", offer.secret)
    try:
        request = _request_decoder.decode(text)
    except BAD_JSON:
        return False
    return request.method == "connect" and any(_same(p, offer.secret) for p in request.params)


def page_to_open(answer: Answer) -> str | None:
    """The https or http address where the signer wants its owner to approve; None if there is none.

    Empty if the signer names one that nobody should open.
    """
    if answer.result != "auth_url" or not answer.error:
        return None
    url = answer.error.strip()
    if len(url) > limits.REMOTE_ADDRESS_CHARS or not url.isascii() or not url.isprintable():
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    good = parts.scheme in ("https", "http") and parts.hostname and " " not in url
    return url if good else ""


def complaint(answer: Answer) -> str:
    """A signer's error in one clean line."""
    said = clean_text(answer.error or "", limits.RELAY_TEXT_CHARS)
    return f"the remote signer refuses: {said}" if said else "the remote signer refuses"


def _same(left: str, right: str) -> bool:
    return secrets.compare_digest(
        left.encode(errors="surrogatepass"), right.encode(errors="surrogatepass")
    )
