"""Rooms, meetings and streams of NIP-53 (30311 to 30313), and how a space of ours is one of them.

A host announces a space as the room with its id, so that other clients list it. What they do not
know of stands in tags of our own: `locked` (since when nobody new is let in) and `admitted` (who
was there by then, and so may come again).

Clients spell these events in several ways: `title` or `room`, `streaming` or `endpoint`, `service`
or `auth`; a room that goes on is `open`, `private` or `live`, and one that is over `closed` or
`ended`. All are read.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from typing import Final, Literal, NamedTuple, TypeVar

import msgspec
from coincurve import PublicKeyXOnly

from tui.config import limits
from tui.nostr.event import Draft, Event, Tag
from tui.nostr.nip19 import InvalidBech32, Naddr, encode_naddr
from tui.nostr.text import clean_text
from tui.nostr.url import InvalidRelayUrl, relay_url
from tui.spaces.events import (
    InvalidSpaceEvent,
    SpaceAnnounced,
    SpaceCreated,
    SpaceRef,
    check_space_id,
    is_pubkey,
)
from tui.spaces.roles import Role
from tui.spaces.share import ROOM, room_link

STREAM: Final = 30311
MEETING: Final = 30313
ROOM_KINDS: Final = (STREAM, ROOM, MEETING)
PRESENCE: Final = 10312
PRESENCE_LIFETIME: Final = 300  # seconds somebody counts as present without saying so again

ANNOUNCEMENT_LIFETIME: Final = 7200  # seconds until relays may forget an announcement (NIP-40)

Status = Literal["planned", "live", "closed"]

_STATUSES: Final[dict[str, Status]] = {"planned": "planned", "closed": "closed", "ended": "closed"}
_ROLES: Final = {Role.HOST: "Host", Role.COHOST: "Moderator", Role.SPEAKER: "Speaker"}
_ROLE_OF: Final[dict[str, Role]] = {
    "host": Role.HOST,
    "owner": Role.HOST,
    "moderator": Role.COHOST,
    "admin": Role.COHOST,
    "cohost": Role.COHOST,
    "co-host": Role.COHOST,
    "speaker": Role.SPEAKER,
}
_UPDATE_SECONDS: Final = 3600
"""What is said to be live and not updated for so long counts as ended (NIP-53)."""


class RoomRef(NamedTuple):
    """The identity of a room of others: the parts of its `a` address (NIP-01)."""

    kind: int
    pubkey: str
    id: str

    @property
    def address(self) -> str:
        """The `a` value that chat and presence name."""
        return f"{self.kind}:{self.pubkey}:{self.id}"

    def __str__(self) -> str:
        return _naddr(self)


@lru_cache(limits.LOBBY_ROOMS)  # bech32 is slow, and the lobby names each room again and again
def _naddr(ref: RoomRef) -> str:
    try:
        return encode_naddr(Naddr(ref.id, ref.pubkey, ref.kind))
    except InvalidBech32:  # an id longer than an `naddr` can carry
        return ref.address


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """A room or meeting (30312, 30313) or a stream (30311); times in unix seconds, 0 if unknown.

    `host` is who it names as such, its signer if it names nobody; only if `proven` is it known to
    agree (it signed the room, or gave a proof). `people` are those named with their roles,
    `participants` as many as are said to be there. `url` is where others enter or listen.
    """

    ref: RoomRef
    at: int
    id: str
    name: str
    summary: str = ""
    status: Status = "live"
    private: bool = False
    host: str = ""
    proven: bool = False
    people: tuple[tuple[str, Role], ...] = ()
    participants: int = 0
    starts: int = 0
    ends: int = 0
    topics: tuple[str, ...] = ()
    language: str = ""
    url: str = ""
    image: str = ""
    relays: tuple[str, ...] = ()

    def status_at(self, now: float) -> Status:
        """The status, unless nobody has cared to update it: then it has ended.

        Rooms stay: they are there without anybody in them. What goes on is streams and meetings.
        """
        planned = self.status == "planned"
        overdue = now - max(self.at, self.starts if planned else 0) > _UPDATE_SECONDS
        passes = self.starts > 0 if planned else self.ref.kind != ROOM
        return "closed" if passes and overdue else self.status


class Attendee(msgspec.Struct, frozen=True):
    """Somebody who says to be in a room of others (10312), at a time in unix seconds."""

    pubkey: str
    at: int
    hand: bool = False
    muted: bool = False
    on_stage: bool = False


def read_room(event: Event) -> Room:
    """A room, meeting or stream of anybody; raises `InvalidSpaceEvent`."""
    if event.kind not in ROOM_KINDS:
        raise InvalidSpaceEvent(f"kind {event.kind} is no room")
    ref = RoomRef(event.kind, event.pubkey, event.first("d") or "")
    check_room_id(ref.id)
    status = event.first("status") or ""
    host, proven = _host(event, ref)
    people = sorted(dict(_people(event)).items(), key=lambda one: -one[1])
    return Room(
        ref=ref,
        at=event.created_at,
        id=event.id,
        name=_name(event) or clean_text(ref.id, limits.NAME_LENGTH),
        summary=clean_text(event.first("summary") or "", limits.SUMMARY_LENGTH),
        status=_STATUSES.get(status, "live"),
        private=status == "private",
        host=host,
        proven=proven,
        people=_first(people, limits.ROOM_STAGE),
        participants=min(_number(event, "current_participants"), limits.PARTICIPANTS_CLAIMED),
        starts=_number(event, "starts"),
        ends=_number(event, "ends"),
        topics=_topics(event),
        language=clean_text(event.first("l") or "", limits.LANGUAGE_LENGTH).lower(),
        url=_url(event),
        image=web_url(event.first("image") or ""),
        relays=_relays(event),
    )


def check_room_id(room_id: str) -> None:
    """Raise `InvalidSpaceEvent` unless this can be a room's `d`: short and printable."""
    if not 0 < len(room_id) <= limits.SPACE_ID_LENGTH or not room_id.isprintable():
        raise InvalidSpaceEvent("a room without an identifier that can be shown")


def read_attendee(event: Event) -> tuple[str, Attendee]:
    """The `a` address of the room somebody says to be in (10312); raises `InvalidSpaceEvent`."""
    address = event.first("a")
    if event.kind != PRESENCE or address is None:
        raise InvalidSpaceEvent("no presence in a room")
    flags = {name: event.first(name) == "1" for name in ("hand", "muted", "onstage")}
    return address, Attendee(
        event.pubkey, event.created_at, flags["hand"], flags["muted"], flags["onstage"]
    )


def web_url(text: str) -> str:
    """An http(s) address without anything that moves a cursor or a line; otherwise empty."""
    plain = len(text) <= limits.WEB_URL_LENGTH and text.isascii() and text.isprintable()
    return text if plain and " " not in text and text.startswith(("https://", "http://")) else ""


def read_announcement(event: Event) -> SpaceAnnounced:
    """The room (30312) by which a host announces a space; raises `InvalidSpaceEvent`."""
    if event.kind != ROOM:
        raise InvalidSpaceEvent(f"kind {event.kind} announces no space")
    space = SpaceRef(event.pubkey, event.first("d") or "")
    check_space_id(space.id)
    status = event.first("status") or ""
    locked = status == "private" or event.first("locked") is not None
    return SpaceAnnounced(
        space=space,
        signer=event.pubkey,
        at=event.created_at,
        id=event.id,
        name=_name(event),
        summary=clean_text(event.first("summary") or "", limits.SUMMARY_LENGTH),
        status=_STATUSES.get(status, "live"),
        locked=locked,
        # No date, or one after the announcement itself: it was made when it was announced.
        locked_at=min(_number(event, "locked") or event.created_at, event.created_at)
        if locked
        else 0,
        admitted=_admitted(event) if locked else frozenset(),
        people=min(_number(event, "current_participants"), limits.PARTICIPANTS_CLAIMED),
        recorders=_first(filter(is_pubkey, event.values("recording")), limits.ROOM_RECORDERS),
        unrecorded=frozenset(
            _first(filter(is_pubkey, event.values("unrecorded")), limits.ROOM_STAGE)
        ),
    )


def write_announcement(
    created: SpaceCreated,
    now: int,
    *,
    status: Status,
    stage: Iterable[tuple[str, Role]] = (),
    present: int = 0,
    locked_at: int = 0,
    admitted: Iterable[str] = (),
    recorders: Iterable[str] = (),
    unrecorded: Iterable[str] = (),
) -> Draft:
    """The room (30312) of a space. `stage`: who holds a speaking role; `locked_at`: 0 for open;
    `recorders` record it, the `unrecorded` of the stage do not want to be in that.

    Bounded whoever comes: `limits.ROOM_STAGE` people on stage, `limits.ROOM_ADMITTED` admitted.
    """
    space = created.space
    spelled = {"planned": "planned", "closed": "closed"}.get(
        status, "private" if locked_at else "open"
    )
    tags: list[Tag] = [
        ("d", space.id),
        ("room", created.name),
        ("title", created.name),
        ("status", spelled),
        ("current_participants", str(present)),
        *(("p", pubkey, "", _ROLES[role]) for pubkey, role in _first(stage, limits.ROOM_STAGE)),
        *(("t", topic) for topic in created.topics),
        ("webrtc", "spaces"),
    ]
    if link := room_link(space, created.relays):
        tags.append(("service", link))
    if created.summary:
        tags.append(("summary", created.summary))
    if created.image:
        tags.append(("image", created.image))
    if created.relays:
        tags.append(("relays", *created.relays))
    if created.language:
        tags += [("L", "ISO-639-1"), ("l", created.language, "ISO-639-1")]
    if created.starts:
        tags.append(("starts", str(created.starts)))
    if status == "closed":
        tags.append(("ends", str(now)))
    else:
        until = max(now, created.starts) + ANNOUNCEMENT_LIFETIME
        tags.append(("expiration", str(until)))
        if locked_at:
            tags.append(("locked", str(locked_at)))
            tags.append(("admitted", *_first(admitted, limits.ROOM_ADMITTED)))
        tags += [("recording", pubkey) for pubkey in _first(recorders, limits.ROOM_RECORDERS)]
        tags += [("unrecorded", pubkey) for pubkey in _first(unrecorded, limits.ROOM_STAGE)]
    return Draft(ROOM, "", tuple(tags), now)


def _name(event: Event) -> str:
    for spelling in ("title", "room"):
        if name := clean_text(event.first(spelling) or "", limits.NAME_LENGTH):
            return name
    return ""


def _host(event: Event, ref: RoomRef) -> tuple[str, bool]:
    """Who is named as host, and whether it agrees: anybody may name anybody."""
    for tag in event.tags:
        if tag[0] == "p" and len(tag) > 3 and _role(tag) is Role.HOST and is_pubkey(tag[1]):
            proof = tag[4] if len(tag) > 4 else ""
            return tag[1], tag[1] == event.pubkey or _agrees(tag[1], ref.address, proof)
    return event.pubkey, True


def _agrees(pubkey: str, address: str, proof: str) -> bool:
    """Whether this is the pubkey's signature (hex) of the room's address, as NIP-53 has it."""
    try:
        key, signature = PublicKeyXOnly(bytes.fromhex(pubkey)), bytes.fromhex(proof)
        return len(signature) == 64 and key.verify(signature, sha256(address.encode()).digest())
    except ValueError:
        return False


def _people(event: Event) -> Iterator[tuple[str, Role]]:
    for tag in event.tags:
        if tag[0] == "p" and len(tag) > 1 and is_pubkey(tag[1]):
            yield tag[1], _role(tag)


def _role(tag: Tag) -> Role:
    return _ROLE_OF.get(tag[3].lower() if len(tag) > 3 else "", Role.LISTENER)


def _topics(event: Event) -> tuple[str, ...]:
    cleaned = (clean_text(topic, limits.TOPIC_LENGTH) for topic in event.values("t"))
    topics = (topic.removeprefix("#").lower() for topic in cleaned)
    return _first(dict.fromkeys(filter(None, topics)), limits.TOPICS)


def _url(event: Event) -> str:
    """Where people go: a stream's `service` is for programs only, a room's is its door."""
    sound = ("streaming", "endpoint", "auth", "recording")
    names = (*sound, "service") if event.kind == STREAM else ("service", *sound)
    return next(filter(None, (web_url(event.first(name) or "") for name in names)), "")


def _relays(event: Event) -> tuple[str, ...]:
    """Where the room is to be found, in one tag or in several."""
    texts = _first((text for t in event.tags if t[0] == "relays" for text in t[1:]), 16)
    return _first(dict.fromkeys(_relay_urls(texts)), limits.SPACE_RELAYS)


def _relay_urls(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        with suppress(InvalidRelayUrl):
            yield relay_url(text)


def _number(event: Event, name: str) -> int:
    """The whole number of a tag, seconds or a count; 0 for none, or for what is none."""
    text = event.first(name) or ""
    if not text.isascii() or not text.isdigit() or len(text) > len(str(limits.TIMESTAMP)):
        return 0
    return min(int(text), limits.TIMESTAMP)


def _admitted(event: Event) -> frozenset[str]:
    named = (value for tag in event.tags if tag[0] == "admitted" for value in tag[1:])
    return frozenset(_first(filter(is_pubkey, named), limits.ROOM_ADMITTED))


_T = TypeVar("_T")


def _first(items: Iterable[_T], most: int) -> tuple[_T, ...]:
    return tuple(islice(items, most))
