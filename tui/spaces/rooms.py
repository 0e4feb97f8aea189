"""Rooms, meetings and streams of NIP-53 (30311 to 30313), and how a space of ours is one of them.

A host announces a space as the room with its id, so that other clients list it. What they do not
know of stands in tags of our own: `locked` (since when nobody new is let in) and `admitted` (who
was there by then, and so may come again).
"""

from collections.abc import Iterable
from itertools import islice
from typing import Final, Literal, TypeVar

from tui.config import limits
from tui.nostr.event import Draft, Event, Tag
from tui.nostr.text import clean_text
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

ANNOUNCEMENT_LIFETIME: Final = 7200  # seconds until relays may forget an announcement (NIP-40)

Status = Literal["planned", "live", "closed"]

_STATUSES: Final[dict[str, Status]] = {"planned": "planned", "closed": "closed", "ended": "closed"}
_ROLES: Final = {Role.HOST: "Host", Role.COHOST: "Moderator", Role.SPEAKER: "Speaker"}


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
        locked_at=min(_time(event, "locked") or event.created_at, event.created_at)
        if locked
        else 0,
        admitted=_admitted(event) if locked else frozenset(),
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
) -> Draft:
    """The room (30312) of a space. `stage`: who holds a speaking role; `locked_at`: 0 for open.

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
    return Draft(ROOM, "", tuple(tags), now)


def _name(event: Event) -> str:
    for spelling in ("title", "room"):
        if name := clean_text(event.first(spelling) or "", limits.NAME_LENGTH):
            return name
    return ""


def _time(event: Event, name: str) -> int:
    """Unix seconds of a tag; 0 for none, or for what is no time."""
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
