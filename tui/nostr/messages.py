"""Messages between client and relay (NIP-01, and the challenge of NIP-42), as JSON arrays."""

from collections.abc import Sequence
from typing import Final

import msgspec

from tui.config import limits
from tui.nostr.event import BAD_JSON, Event, InvalidEvent, check_id
from tui.nostr.filter import Filter, InvalidFilter, encode_filter
from tui.nostr.text import clean_text


class InvalidMessage(ValueError):
    """A message of a relay that does not have the shape that NIP-01 gives it."""


class EventMessage(msgspec.Struct, frozen=True, array_like=True, tag="EVENT"):
    """An event for a subscription; all but its signature is checked."""

    subscription: str
    event: Event


class OkMessage(msgspec.Struct, frozen=True, array_like=True, tag="OK"):
    """Whether the relay took a published event."""

    event_id: str
    accepted: bool
    reason: str = ""


class EoseMessage(msgspec.Struct, frozen=True, array_like=True, tag="EOSE"):
    """The stored events of a subscription have all been sent."""

    subscription: str


class ClosedMessage(msgspec.Struct, frozen=True, array_like=True, tag="CLOSED"):
    """The relay has ended or refused a subscription."""

    subscription: str
    reason: str = ""


class NoticeMessage(msgspec.Struct, frozen=True, array_like=True, tag="NOTICE"):
    """Something for people to read."""

    reason: str


class AuthMessage(msgspec.Struct, frozen=True, array_like=True, tag="AUTH"):
    """The relay asks who we are (NIP-42)."""

    challenge: str


RelayMessage = EventMessage | OkMessage | EoseMessage | ClosedMessage | NoticeMessage | AuthMessage

_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(RelayMessage)


def decode_message(data: bytes) -> RelayMessage:
    """What a relay said, its text cleaned; raises InvalidMessage, InvalidEvent (size or id)."""
    if len(data) > 2 * limits.EVENT_BYTES:
        raise InvalidEvent("message is too large")
    try:
        message: RelayMessage = _decoder.decode(data)
    except BAD_JSON as error:
        raise InvalidMessage(str(error)) from None
    match message:
        case EventMessage():
            check_id(message.event)
        case OkMessage() | ClosedMessage() | NoticeMessage():
            reason = clean_text(message.reason, limits.RELAY_TEXT_CHARS)
            return msgspec.structs.replace(message, reason=reason)
    return message


def encode_event_message(event: Event) -> str:
    """`["EVENT", event]`."""
    return _encoder.encode(("EVENT", event)).decode()


def encode_req(subscription: str, filters: Sequence[Filter]) -> str:
    """`["REQ", subscription, filter, ...]`; raises InvalidFilter."""
    try:
        return _encoder.encode(("REQ", subscription, *map(encode_filter, filters))).decode()
    except UnicodeError:
        raise InvalidFilter("a value has a lone surrogate") from None


def encode_auth(event: Event) -> str:
    """`["AUTH", event]` (NIP-42)."""
    return _encoder.encode(("AUTH", event)).decode()


def encode_close(subscription: str) -> str:
    """`["CLOSE", subscription]`."""
    return _encoder.encode(("CLOSE", subscription)).decode()
