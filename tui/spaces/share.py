"""Links by which others find a space: the `nevent` of its creation, the `naddr` of its room."""

from typing import Final

from tui.config import limits
from tui.nostr.nip19 import InvalidBech32, Naddr, Nevent, encode_naddr, encode_nevent
from tui.spaces.events import CREATE_SPACE, SpaceCreated, SpaceRef

ROOM: Final = 30312
"""The kind of the NIP-53 room by which a space of ours is announced."""


def space_link(created: SpaceCreated, relays: tuple[str, ...] = ()) -> str:
    """`nostr:nevent1...` of a space's creation (NIP-21), with where it is to be found."""
    hints = _hints(*created.relays, *relays)
    nevent = Nevent(created.id, hints, created.space.host, CREATE_SPACE)
    return f"nostr:{encode_nevent(nevent)}"


def room_link(space: SpaceRef, relays: tuple[str, ...] = ()) -> str:
    """`nostr:naddr1...` of a space's room (NIP-53), which other clients read, too.

    Empty for an id of more than the 255 bytes that an `naddr` can carry.
    """
    try:
        return f"nostr:{encode_naddr(Naddr(space.id, space.host, ROOM, _hints(*relays)))}"
    except InvalidBech32:
        return ""


def room_address(space: SpaceRef) -> str:
    """The `a` value of a space's room (NIP-01), which chat and presence name."""
    return f"{ROOM}:{space.host}:{space.id}"


def _hints(*relays: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(relays))[: limits.SPACE_RELAYS]
