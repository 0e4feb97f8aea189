"""Who has room, as a node tells its parent."""

from collections.abc import Collection
from itertools import zip_longest
from typing import NamedTuple

NAMED = 4  # who may have room, in one message


class Room(NamedTuple):
    """Free outputs at a node and below it, and who has some, nearest first."""

    free: int
    at: tuple[str, ...]


def room_of(pubkey: str, free: int, below: Collection[Room]) -> Room:
    """The room at a node and below it."""
    found = [pubkey] if free > 0 else []
    for names in zip_longest(*(room.at for room in below)):
        found += [name for name in names if name]
        if len(found) >= NAMED:
            break
    return Room(max(0, free) + sum(room.free for room in below), tuple(found[:NAMED]))
