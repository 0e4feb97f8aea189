"""Verified Nostr events to typed events of a space (Nostr Spaces Protocol, seed 000).

Reads what the draft and other clients write, also where they differ from what we write: a missing
`p` on a speech request, `producer` for `provider`, empty contents, metrics as strings. The table of
all kinds is PROTOCOL.md beside this file. Everything here is pure: no clock, no keys.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from typing import Final, TypedDict, TypeVar

import msgspec

from tui.config import limits
from tui.nostr.event import BAD_JSON, Event, expiration
from tui.nostr.text import clean_text
from tui.nostr.url import InvalidRelayUrl, relay_url
from tui.spaces.events import (
    CLOSE_SPACE,
    CONFIRM_CONNECTION,
    CREATE_SPACE,
    DEMOTE_TO_PEER,
    DROP_CONNECTION,
    ICE_CANDIDATE,
    INVITE_PEER,
    JOIN_SPACE,
    LEAVE_SPACE,
    MUTE_REQUEST,
    OPEN_JOIN_LIFETIME,
    PROMOTE_COHOST,
    PROMOTE_SPEAKER,
    REMOVE_PEER,
    REQUEST_SPEECH,
    RESERVE_CONNECTION,
    SDP_ANSWER,
    SDP_OFFER,
    Access,
    CandidateFound,
    CohostPromoted,
    ConnectionConfirmed,
    ConnectionDropped,
    ConnectionReserved,
    ConnectionType,
    InvalidSpaceEvent,
    Metrics,
    MuteRequested,
    PeerDemoted,
    PeerInvited,
    PeerJoined,
    PeerLeft,
    PeerRemoved,
    SdpAnswered,
    SdpOffered,
    SpaceCreated,
    SpaceEnded,
    SpaceEvent,
    SpaceRef,
    SpeakerPromoted,
    SpeechAsked,
    SpeechProposed,
    check_space_id,
    is_pubkey,
)
from tui.spaces.payloads import (
    UnreadableSdp,
    is_encrypted,
    read_candidates,
    read_description,
    write_candidates,
    write_description,
)
from tui.spaces.rooms import read_announcement, web_url
from tui.spaces.share import ROOM

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
    "write_candidates",
    "write_description",
]


class _Place(TypedDict):
    space: SpaceRef
    signer: str
    at: int
    id: str


_Reader = Callable[[Event, _Place], SpaceEvent]


class _CreateContent(msgspec.Struct):
    id: str
    name: object = ""
    host: object = None
    summary: object = ""
    relays: object = ()
    image: object = ""
    starts: object = 0
    language: object = ""
    topics: object = ()
    access: object = ""


class _JoinContent(msgspec.Struct):
    name: object = ""
    networkMetrics: object = None  # noqa: N815 - the wire's spelling


class _ReasonContent(msgspec.Struct):
    reason: object = ""
    instead: object = ()


class _TypeContent(msgspec.Struct):
    type: str = "consumer"
    standby: object = False


OpenJoin = Callable[[str], str]
"""The plain JSON of a JOIN's content in a space with a password; raises `ValueError`."""


def decode(event: Event, open_join: OpenJoin | None = None) -> SpaceEvent:
    """Read one verified event; raise `InvalidSpaceEvent` for anything that is not of a space."""
    reader = _READERS.get(event.kind)
    if reader is None and event.kind != ROOM:
        raise InvalidSpaceEvent(f"kind {event.kind} is not of a space")
    if not any(tag[:2] == ("webrtc", "spaces") for tag in event.tags):
        raise InvalidSpaceEvent("no webrtc tag")
    if reader is None:
        return read_announcement(event)
    host = event.first("h") or (event.pubkey if event.kind == CREATE_SPACE else "")
    if event.kind == CREATE_SPACE:
        space_id = _content(event, _CreateContent).id
    else:
        space_id = event.first("s") or ""
    space = _space(host, space_id)
    place = _Place(space=space, signer=event.pubkey, at=event.created_at, id=event.id)
    if event.kind == JOIN_SPACE and open_join is not None:
        try:
            event = msgspec.structs.replace(event, content=open_join(event.content))
        except ValueError:
            raise InvalidSpaceEvent("cannot be read with the password") from None
    return reader(event, place)


@lru_cache(limits.LOBBY_SPACES)
def _space(host: str, space_id: str) -> SpaceRef:
    """One value for all the events of a space, checked once."""
    if not is_pubkey(host):
        raise InvalidSpaceEvent("h is no pubkey")
    check_space_id(space_id)
    return SpaceRef(host, space_id)


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
        image=web_url(content.image) if isinstance(content.image, str) else "",
        starts=_number(content.starts, limits.TIMESTAMP),
        language=_text(content.language, limits.LANGUAGE_LENGTH).lower(),
        topics=tuple(islice(_topics(content.topics), limits.TOPICS)),
        access=_access(content.access),
    )


def _relay_urls(value: object) -> Iterator[str]:
    for text in value[: limits.RELAY_HINTS] if isinstance(value, list) else ():
        with suppress(InvalidRelayUrl):
            yield relay_url(text if isinstance(text, str) else "")


def _topics(value: object) -> Iterator[str]:
    found = value[: 4 * limits.TOPICS] if isinstance(value, list) else []
    topics = (_text(text, limits.TOPIC_LENGTH).removeprefix("#").lower() for text in found)
    yield from filter(None, dict.fromkeys(topics))


def _access(value: object) -> Access:
    match value:
        case "invite" | "password":
            return value
        case str() if value not in ("", "open"):
            return "invite"  # a restriction that we do not know: let in nobody by mistake
        case _:
            return "open"


def _read_join(event: Event, place: _Place) -> SpaceEvent:
    content = _content(event, _JoinContent)
    latest = event.created_at + OPEN_JOIN_LIFETIME
    until = expiration(event)
    recording = event.values("recording")
    return PeerJoined(
        **place,
        name=_text(content.name, limits.NAME_LENGTH),
        metrics=read_metrics(content.networkMetrics),
        # No date makes it count for longer than none: a ghost must go.
        until=latest if until is None else min(until, latest),
        nip44="nip44" in event.values("enc"),
        lasting=until is None,
        recording=max((_number(word, event.created_at) for word in recording), default=0),
        unrecorded="no" in recording,
    )


def _read_speech(event: Event, place: _Place) -> SpaceEvent:
    if event.first("p") in (None, event.pubkey):
        since = _number(event.first("since"), limits.TIMESTAMP)
        return SpeechAsked(
            **place, withdrawn=event.first("status") == "withdrawn", since=min(since, place["at"])
        )
    message = _text(event.content, limits.MESSAGE_LENGTH)
    return SpeechProposed(**place, target=_target(event), message=message)


def _read_mute_request(event: Event, place: _Place) -> SpaceEvent:
    return MuteRequested(**place, target="" if event.first("p") is None else _target(event))


def _bare(shape: type[SpaceEnded | PeerLeft]) -> _Reader:
    return lambda event, place: shape(**place)


def _act(shape: type[SpeakerPromoted | CohostPromoted | PeerInvited]) -> _Reader:
    return lambda event, place: shape(**place, target=_target(event))


def _act_with_reason(shape: type[PeerDemoted | PeerRemoved]) -> _Reader:
    return lambda event, place: shape(
        **place, target=_target(event), reason=_reason(_reasoning(event))
    )


def _typed(shape: type[ConnectionReserved | ConnectionConfirmed]) -> _Reader:
    def read(event: Event, place: _Place) -> SpaceEvent:
        try:
            content = _content(event, _TypeContent)
        except InvalidSpaceEvent:
            content = _TypeContent()
        kind = _connection_type(content.type)
        standby = content.standby is True and kind == "consumer"
        return shape(**place, to=_target(event), type=kind, standby=standby)

    return read


def _read_drop(event: Event, place: _Place) -> SpaceEvent:
    content = _reasoning(event)
    return ConnectionDropped(
        **place, to=_target(event), reason=_reason(content), instead=_pubkeys(content.instead)
    )


def _pubkeys(value: object) -> tuple[str, ...]:
    """A few different pubkeys; what is none in a list from outside is left out."""
    found = value[: limits.INSTEAD] if isinstance(value, list) else []
    return tuple(dict.fromkeys(one for one in found if isinstance(one, str) and is_pubkey(one)))


def _sealed(shape: type[SdpOffered | SdpAnswered | CandidateFound]) -> _Reader:
    return lambda event, place: shape(**place, to=_target(event), content=event.content)


_READERS: Final[dict[int, _Reader]] = {
    CREATE_SPACE: _read_create,
    CLOSE_SPACE: _bare(SpaceEnded),
    JOIN_SPACE: _read_join,
    LEAVE_SPACE: _bare(PeerLeft),
    REMOVE_PEER: _act_with_reason(PeerRemoved),
    PROMOTE_SPEAKER: _act(SpeakerPromoted),
    PROMOTE_COHOST: _act(CohostPromoted),
    DEMOTE_TO_PEER: _act_with_reason(PeerDemoted),
    INVITE_PEER: _act(PeerInvited),
    REQUEST_SPEECH: _read_speech,
    MUTE_REQUEST: _read_mute_request,
    RESERVE_CONNECTION: _typed(ConnectionReserved),
    CONFIRM_CONNECTION: _typed(ConnectionConfirmed),
    DROP_CONNECTION: _read_drop,
    SDP_OFFER: _sealed(SdpOffered),
    SDP_ANSWER: _sealed(SdpAnswered),
    ICE_CANDIDATE: _sealed(CandidateFound),
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


def _reasoning(event: Event) -> _ReasonContent:
    try:
        return _content(event, _ReasonContent)
    except InvalidSpaceEvent:
        return _ReasonContent()  # free text instead of JSON: it counts, its reason is unknown


def _reason(content: _ReasonContent) -> str:
    return _text(content.reason, limits.REASON_LENGTH)


def _connection_type(written: str) -> ConnectionType:
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
