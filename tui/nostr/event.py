"""Events (NIP-01): shape, size, id and signature.

Decoding checks everything except the signature, which costs far more than the rest and is
checked once per event by whoever receives it (the pool, a relay).

The id is the SHA-256 of `[0, pubkey, created_at, kind, tags, content]` as compact JSON. NIP-01
names the escapes of seven characters and wants the rest verbatim; like every other implementation
we write the remaining control characters as `\\u00xx`, since verbatim they would not be JSON.
"""

import functools
import hashlib
from typing import Annotated, Final

import msgspec
from coincurve import PublicKeyXOnly

from tui.config import limits

Tag = tuple[str, ...]
"""A name, then values."""

Hex32 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
"""32 bytes in lower-case hex: a public key or an event id."""

Timestamp = Annotated[int, msgspec.Meta(ge=0, le=limits.TIMESTAMP)]
Kind = Annotated[int, msgspec.Meta(ge=0, le=limits.EVENT_KIND)]
_Sig = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{128}\Z")]
_Tags = Annotated[
    tuple[Annotated[Tag, msgspec.Meta(min_length=1)], ...],
    msgspec.Meta(max_length=limits.EVENT_TAGS),
]


class InvalidEvent(ValueError):
    """An event whose shape, size or id is wrong; the text says what."""


class Event(msgspec.Struct, frozen=True, gc=False):
    """A signed event; `created_at` in seconds, ids and keys in lower-case hex."""

    id: str
    pubkey: Hex32
    created_at: Timestamp
    kind: Kind
    tags: _Tags
    content: str
    sig: _Sig

    def first(self, name: str) -> str | None:
        """The value of the first tag of that name that has a value."""
        return next(iter(self.values(name)), None)

    def values(self, name: str) -> tuple[str, ...]:
        """The first value of each tag of that name, in order; tags without a value are left out."""
        return tuple(tag[1] for tag in self.tags if tag[0] == name and len(tag) > 1)


class Draft(msgspec.Struct, frozen=True, gc=False):
    """What a signer signs: an event without author, id and signature."""

    kind: int
    content: str
    tags: tuple[Tag, ...]
    created_at: int


BAD_JSON: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""All that msgspec raises on hostile input: deep nesting included, even in ignored fields."""

_TIME_DIGITS: Final = 18  # of an expiration; what SQLite holds as an integer

_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Event)


def _serialize(pubkey: str, created_at: int, kind: int, tags: tuple[Tag, ...], text: str) -> bytes:
    try:
        return _encoder.encode((0, pubkey, created_at, kind, tags, text))
    except UnicodeError:
        raise InvalidEvent("text has a lone surrogate") from None


def event_id(pubkey: str, created_at: int, kind: int, tags: tuple[Tag, ...], content: str) -> str:
    """The id that NIP-01 gives these fields, in lower-case hex; raises InvalidEvent."""
    return hashlib.sha256(_serialize(pubkey, created_at, kind, tags, content)).hexdigest()


def check_id(event: Event) -> Event:
    """The event itself, if it is not too large and its id is right; raises InvalidEvent."""
    form = _serialize(event.pubkey, event.created_at, event.kind, event.tags, event.content)
    if len(form) > limits.EVENT_BYTES:
        raise InvalidEvent(f"event is larger than {limits.EVENT_BYTES} bytes")
    if hashlib.sha256(form).hexdigest() != event.id:
        raise InvalidEvent("id is not the hash of the event")
    return event


def decode_event(data: bytes | str) -> Event:
    """An event from its JSON, all but the signature checked; raises InvalidEvent.

    Fields that NIP-01 does not name are ignored: the id does not cover them.
    """
    if len(data) > 2 * limits.EVENT_BYTES:  # escapes and white space may lengthen the JSON
        raise InvalidEvent("event is too large")
    try:
        event = _decoder.decode(data)
    except BAD_JSON as error:
        raise InvalidEvent(f"not an event: {error}") from None
    return check_id(event)


def check_event(obj: object) -> Event:
    """An event from decoded JSON (or an Event made by hand), checked like `decode_event`."""
    if isinstance(obj, Event):
        obj = msgspec.structs.asdict(obj)
    try:
        event = msgspec.convert(obj, Event)
    except BAD_JSON as error:
        raise InvalidEvent(f"not an event: {error}") from None
    return check_id(event)


def encode_event(event: Event) -> bytes:
    """The event as compact JSON."""
    return _encoder.encode(event)


def signature_ok(event: Event) -> bool:
    """Whether `sig` is the author's BIP-340 signature of `id`; tens of microseconds of work."""
    try:
        digest = bytes.fromhex(event.id)
        if len(digest) != 32:  # the C code reads 32 bytes, whatever is there
            return False
        return _public_key(event.pubkey).verify(bytes.fromhex(event.sig), digest)
    except ValueError:  # not hex, not a point of the curve, not 64 bytes of signature
        return False


@functools.lru_cache(limits.PUBLIC_KEYS)
def _public_key(text: str) -> PublicKeyXOnly:
    """The point behind a public key, which takes an eighth of a signature's check to find."""
    key = bytes.fromhex(text)
    if len(key) != 32:
        raise ValueError
    return PublicKeyXOnly(key)


def is_replaceable(kind: int) -> bool:
    """Whether relays keep only the newest event of this kind per author (NIP-01)."""
    return kind in (0, 3) or 10_000 <= kind < 20_000


def is_ephemeral(kind: int) -> bool:
    """Whether relays pass events of this kind on without storing them (NIP-01)."""
    return 20_000 <= kind < 30_000


def is_addressable(kind: int) -> bool:
    """Whether relays keep only the newest event per author, kind and `d` value (NIP-01)."""
    return 30_000 <= kind < 40_000


def event_address(event: Event) -> str | None:
    """`kind:pubkey:d` of an event that newer ones replace (NIP-01), None of any other."""
    if is_addressable(event.kind):
        # The first `d` tag counts even when it is without a value.
        d = next((tag[1] if len(tag) > 1 else "" for tag in event.tags if tag[0] == "d"), "")
        return f"{event.kind}:{event.pubkey}:{d}"
    return f"{event.kind}:{event.pubkey}:" if is_replaceable(event.kind) else None


def expiration(event: Event) -> int | None:
    """When the event expires, in seconds (NIP-40); None if never or if the tag is no number."""
    text = event.first("expiration") or ""
    return int(text) if text.isdecimal() and text.isascii() and len(text) <= _TIME_DIGITS else None
