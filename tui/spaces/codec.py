"""Verified Nostr events to typed events of a space (Nostr Spaces Protocol, seed 000).

Reads what the draft and other clients write, also where they differ from what we write: a missing
`p` on a speech request, `producer` for `provider`, empty contents, metrics as strings.
Everything here is pure: time comes in as an argument.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any, Final, TypedDict, TypeVar

import msgspec

from tui.config import limits
from tui.nostr.event import BAD_JSON, Event
from tui.nostr.text import clean_text
from tui.nostr.url import InvalidRelayUrl, relay_url
from tui.spaces.events import (
    CLOSE_SPACE,
    CONFIRM_CONNECTION,
    CREATE_SPACE,
    DEMOTE_TO_PEER,
    DROP_CONNECTION,
    ICE_CANDIDATE,
    JOIN_SPACE,
    LEAVE_SPACE,
    OPEN_JOIN_LIFETIME,
    PROMOTE_SPEAKER,
    REQUEST_SPEECH,
    RESERVE_CONNECTION,
    SDP_ANSWER,
    SDP_OFFER,
    CandidateFound,
    ConnectionConfirmed,
    ConnectionDropped,
    ConnectionReserved,
    ConnectionType,
    IceCandidate,
    InvalidSpaceEvent,
    Metrics,
    PeerDemoted,
    PeerJoined,
    PeerLeft,
    SdpAnswered,
    SdpOffered,
    SpaceCreated,
    SpaceEnded,
    SpaceEvent,
    SpaceRef,
    SpeakerPromoted,
    SpeechAsked,
    check_space_id,
    is_pubkey,
)

__all__ = [
    "InvalidSpaceEvent",
    "UnreadableSdp",
    "check_space_id",
    "decode",
    "is_encrypted",
    "is_pubkey",
    "read_candidates",
    "read_description",
    "read_metrics",
    "write_candidate",
    "write_description",
]


class _Place(TypedDict):
    space: SpaceRef
    signer: str
    at: int
    id: str


class _CreateContent(msgspec.Struct):
    id: str
    name: object = ""
    host: object = None
    summary: object = ""
    relays: object = ()


class _JoinContent(msgspec.Struct):
    name: object = ""
    networkMetrics: object = None  # noqa: N815 - the wire's spelling


class _ReasonContent(msgspec.Struct):
    reason: object = ""


class _TypeContent(msgspec.Struct):
    type: str = "consumer"


def decode(event: Event) -> SpaceEvent:
    """Read one verified event; raise `InvalidSpaceEvent` for anything that is not of a space."""
    reader = _READERS.get(event.kind)
    if reader is None:
        raise InvalidSpaceEvent(f"kind {event.kind} is not of a space")
    if not any(tag[:2] == ("webrtc", "spaces") for tag in event.tags):
        raise InvalidSpaceEvent("no webrtc tag")
    host = event.first("h") or (event.pubkey if event.kind == CREATE_SPACE else "")
    if not is_pubkey(host):
        raise InvalidSpaceEvent("h is no pubkey")
    if event.kind == CREATE_SPACE:
        space_id = _content(event, _CreateContent).id
    else:
        space_id = event.first("s") or ""
    check_space_id(space_id)
    space = SpaceRef(host, space_id)
    return reader(event, _Place(space=space, signer=event.pubkey, at=event.created_at, id=event.id))


def _read_create(event: Event, place: _Place) -> SpaceEvent:
    if place["space"].host != event.pubkey:
        raise InvalidSpaceEvent("a space is created by its host")
    content = _content(event, _CreateContent)
    host = content.host if isinstance(content.host, dict) else {}
    return SpaceCreated(
        **place,
        name=_text(content.name, limits.NAME_LENGTH) or place["space"].id,
        metrics=read_metrics(host.get("networkMetrics")),
        summary=_text(content.summary, limits.SUMMARY_LENGTH),
        relays=tuple(islice(_relay_urls(content.relays), limits.SPACE_RELAYS)),
    )


def _relay_urls(value: object) -> Iterator[str]:
    for text in value[: limits.RELAY_HINTS] if isinstance(value, list) else ():
        with suppress(InvalidRelayUrl):
            yield relay_url(text if isinstance(text, str) else "")


def _read_close(event: Event, place: _Place) -> SpaceEvent:
    return SpaceEnded(**place)


def _read_join(event: Event, place: _Place) -> SpaceEvent:
    content = _content(event, _JoinContent)
    try:
        # No date makes it count for longer than none: a ghost must go.
        until = min(int(event.first("expiration") or ""), event.created_at + OPEN_JOIN_LIFETIME)
    except ValueError:
        until = event.created_at + OPEN_JOIN_LIFETIME
    return PeerJoined(
        **place,
        name=_text(content.name, limits.NAME_LENGTH),
        metrics=read_metrics(content.networkMetrics),
        until=until,
        nip44="nip44" in event.values("enc"),
    )


def _read_leave(event: Event, place: _Place) -> SpaceEvent:
    return PeerLeft(**place)


def _read_promote(event: Event, place: _Place) -> SpaceEvent:
    return SpeakerPromoted(**place, target=_target(event))


def _read_demote(event: Event, place: _Place) -> SpaceEvent:
    return PeerDemoted(**place, target=_target(event), reason=_reason(event))


def _read_speech(event: Event, place: _Place) -> SpaceEvent:
    if event.first("p") not in (None, event.pubkey):
        raise InvalidSpaceEvent("a proposal to speak, not a request")
    return SpeechAsked(**place, withdrawn=event.first("status") == "withdrawn")


def _read_reserve(event: Event, place: _Place) -> SpaceEvent:
    return ConnectionReserved(**place, to=_target(event), type=_connection_type(event))


def _read_confirm(event: Event, place: _Place) -> SpaceEvent:
    return ConnectionConfirmed(**place, to=_target(event), type=_connection_type(event))


def _read_drop(event: Event, place: _Place) -> SpaceEvent:
    return ConnectionDropped(**place, to=_target(event), reason=_reason(event))


def _read_offer(event: Event, place: _Place) -> SpaceEvent:
    return SdpOffered(**place, to=_target(event), content=event.content)


def _read_answer(event: Event, place: _Place) -> SpaceEvent:
    return SdpAnswered(**place, to=_target(event), content=event.content)


def _read_candidate(event: Event, place: _Place) -> SpaceEvent:
    return CandidateFound(**place, to=_target(event), content=event.content)


_READERS: Final[dict[int, Callable[[Event, _Place], SpaceEvent]]] = {
    CREATE_SPACE: _read_create,
    CLOSE_SPACE: _read_close,
    JOIN_SPACE: _read_join,
    LEAVE_SPACE: _read_leave,
    PROMOTE_SPEAKER: _read_promote,
    DEMOTE_TO_PEER: _read_demote,
    REQUEST_SPEECH: _read_speech,
    RESERVE_CONNECTION: _read_reserve,
    CONFIRM_CONNECTION: _read_confirm,
    DROP_CONNECTION: _read_drop,
    SDP_OFFER: _read_offer,
    SDP_ANSWER: _read_answer,
    ICE_CANDIDATE: _read_candidate,
}

_Content = TypeVar("_Content", _CreateContent, _JoinContent, _ReasonContent, _TypeContent)


def _content(event: Event, shape: type[_Content]) -> _Content:
    """The JSON of an event's content; an empty one, which others send, is an empty object."""
    try:
        return msgspec.json.decode(event.content or "{}", type=shape)
    except BAD_JSON as error:
        raise InvalidSpaceEvent(f"content: {error}") from None


def _target(event: Event) -> str:
    target = event.first("p") or ""
    if not is_pubkey(target):
        raise InvalidSpaceEvent("p is no pubkey")
    return target


def _reason(event: Event) -> str:
    try:
        return _text(_content(event, _ReasonContent).reason, limits.REASON_LENGTH)
    except InvalidSpaceEvent:
        return ""  # free text instead of JSON: the act counts, its reason is unknown


def _connection_type(event: Event) -> ConnectionType:
    try:
        written = _content(event, _TypeContent).type
    except InvalidSpaceEvent:
        written = "consumer"
    match written:
        case "mutual":
            return "mutual"
        case "provider" | "producer":
            return "provider"
        case _:
            return "consumer"


def _text(value: object, length: int) -> str:
    return clean_text(value, length) if isinstance(value, str) else ""


def read_metrics(value: object) -> Metrics:
    """Clamp whatever somebody says of a network; anything unreadable counts as 0."""
    if not isinstance(value, dict):
        return Metrics()
    return Metrics(
        download_kbps=_number(value.get("downloadSpeedKbps"), limits.SPEED_KBPS),
        upload_kbps=_number(value.get("uploadSpeedKbps"), limits.SPEED_KBPS),
        max_audio_outputs=_number(value.get("maxAudioOutputs"), limits.AUDIO_OUTPUTS),
        connection_type=_text(value.get("networkConnectionType"), limits.NAME_LENGTH),
    )


def _number(value: object, highest: int) -> int:
    if isinstance(value, str) and len(value) < 20:
        try:
            value = float(value)
        except ValueError:
            return 0
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(max(0, min(value, highest)))  # 0 for NaN too: it is greater than nothing


class UnreadableSdp(ValueError):
    """The decrypted content of an offer, answer or candidate makes no sense."""


def is_encrypted(content: str) -> bool:
    """Whether the content of an offer, answer or candidate is NIP-44 rather than plain JSON."""
    return content.lstrip()[:1] != "{"


def read_description(content: str) -> str:
    """The SDP in `{"sdp": "v=0..."}` or `{"sdp": {"type": ..., "sdp": "v=0..."}}`."""
    value = _object(content).get("sdp")
    if isinstance(value, dict):
        value = value.get("sdp")
    if not isinstance(value, str) or not value.startswith("v=0"):
        raise UnreadableSdp("no session description in it")
    return value


def read_candidates(content: str) -> tuple[IceCandidate, ...]:
    """The candidates in `{"ice": {...}}` or `{"ice": [{...}, ...]}`, a bounded number of them."""
    value = _object(content).get("ice")
    found = value if isinstance(value, list) else [value]
    try:
        return msgspec.convert(tuple(found[: limits.CANDIDATES]), tuple[IceCandidate, ...])
    except msgspec.ValidationError as error:
        raise UnreadableSdp(f"no candidate in it: {error}") from None


def write_description(sdp: str) -> str:
    """The content of an offer or an answer, before encryption."""
    return msgspec.json.encode({"sdp": sdp}).decode()


def write_candidate(candidate: IceCandidate) -> str:
    """The content of an ICE_CANDIDATE, before encryption."""
    return msgspec.json.encode({"ice": candidate}).decode()


def _object(content: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except BAD_JSON as error:
        raise UnreadableSdp(str(error)) from None
