"""One line of the lobby, drawn from what is known of a space or a room at a moment."""

from collections.abc import Collection
from functools import lru_cache
from typing import Literal

import msgspec

from tui.config import limits
from tui.nostr.nip19 import short_npub
from tui.spaces.events import Access, SpaceCreated, SpaceRef
from tui.spaces.rooms import STREAM, Room, RoomRef
from tui.spaces.share import ROOM
from tui.spaces.state import STALE_AFTER, SpaceState

RECENT = 24 * 3600  # seconds that a space stays listed after its end, or after its host was gone
IDLE_AFTER = 3600  # seconds after which a room without anybody in it is not live

ListingState = Literal["live", "scheduled", "stale", "closed"]
LobbyRef = SpaceRef | RoomRef


_short_npub = lru_cache(limits.LOBBY_SPACES + limits.LOBBY_ROOMS)(short_npub)
"""Remembered, since bech32 is slow: the lobby draws every line again and again."""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the lobby; times in unix seconds, 0 if unknown.

    A `space` is of our kind. A `room` or `stream` of other clients can only be read; its sound is
    at `url`. Its host is only named as such unless `proven`. `cached`: no relay has confirmed it.
    """

    ref: LobbyRef
    kind: Literal["space", "room", "stream"]
    host: str
    host_name: str
    name: str
    summary: str
    started_at: int
    state: ListingState
    speakers: int = 0
    listeners: int = 0
    starts: int = 0
    topics: tuple[str, ...] = ()
    language: str = ""
    access: Access = "open"
    locked: bool = False
    url: str = ""
    image: str = ""
    proven: bool = True
    cached: bool = False


def list_space(
    state: SpaceState, room: Room | None, present: Collection[str], now: float, *, cached: bool
) -> Listing | None:
    """What to say of a space; `room` is its announcement, if known, which may be newer.

    `None` when nobody has created it, or when it was over long ago.
    """
    created = state.created
    if created is None:
        return None
    if room is None or room.at < created.at:
        room = _as_announced(created)
    host = state.peer(state.space.host)
    shown = _state_of(state, room, now)
    last_sign = max(created.at, room.at, host.at if host else 0)
    if state.ended is not None:
        last_sign = state.ended.at
    if shown in ("closed", "stale") and now - last_sign > RECENT:
        return None
    if shown == "closed":
        present = ()
    speakers = len(state.speaking.intersection(present))
    return Listing(
        ref=state.space,
        kind="space",
        host=state.space.host,
        host_name=(host.name if host else "") or _short_npub(state.space.host),
        name=room.name,
        summary=room.summary,
        started_at=room.starts if 0 < room.starts <= now else created.at,
        state=shown,
        speakers=speakers,
        listeners=len(present) - speakers,
        starts=room.starts,
        topics=room.topics,
        language=room.language,
        access=created.access,
        locked=room.private,
        image=room.image,
        cached=cached,
    )


def list_room(room: Room, present: Collection[str], now: float, *, cached: bool) -> Listing | None:
    """What to say of a room or stream of others; `None` when it was over long ago."""
    shown = _state_of_room(room, present, now)
    if shown in ("closed", "stale") and now - max(room.at, room.ends) > RECENT:
        return None
    on_stage = sum(role.speaks for _, role in room.people)
    here = 0 if shown == "closed" else max(room.participants, len(present))
    return Listing(
        ref=room.ref,
        kind="stream" if room.ref.kind == STREAM else "room",
        host=room.host,
        host_name=_short_npub(room.host),
        name=room.name,
        summary=room.summary,
        started_at=room.starts if 0 < room.starts <= now else room.at,
        state=shown,
        speakers=min(on_stage, here),
        listeners=max(0, here - on_stage),
        starts=room.starts,
        topics=room.topics,
        language=room.language,
        locked=room.private,
        url=room.url,
        image=room.image,
        proven=room.proven,
        cached=cached,
    )


def _as_announced(created: SpaceCreated) -> Room:
    """The room of a space whose host has announced none."""
    return Room(
        ref=RoomRef(ROOM, created.space.host, created.space.id),
        at=created.at,
        id=created.id,
        name=created.name,
        summary=created.summary,
        starts=created.starts,
        topics=created.topics,
        language=created.language,
        image=created.image,
    )


def _state_of(state: SpaceState, room: Room, now: float) -> ListingState:
    if state.ended is not None or room.status == "closed":
        return "closed"
    if state.is_present(state.space.host, now):
        return "live"
    if room.starts + STALE_AFTER > now:  # for a moment, a host may be late
        return "scheduled"
    return "stale" if state.is_stale(now) else "live"


def _state_of_room(room: Room, present: Collection[str], now: float) -> ListingState:
    match room.status_at(now):
        case "planned":
            return "scheduled"
        case "closed":
            return "closed"
        case _:
            idle = room.ref.kind == ROOM and not present and now - room.at > IDLE_AFTER
            return "stale" if idle else "live"
