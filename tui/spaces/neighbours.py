"""What neighbours in the listening tree tell one another over their connections.

Who serves tells each consumer its own way to the stage (`path`): so everybody knows whether there
is one, how long it is, and that it does not lead through themselves. A consumer tells its parent
how many outputs are free at and below it, and where (`room`): so whoever is full knows whom to name
instead. Both are hints: what is said here is checked, bounded, and believed of nobody else.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tui.config import limits
from tui.rtc.forwarding import LinkKind
from tui.spaces.candidates import tie
from tui.spaces.events import is_pubkey
from tui.spaces.links import Link

PATH_SECONDS = 0.2  # between two words on our path to one consumer: a flapping one is told once
ROOM_SECONDS = 1.0  # between two words on our room to our parent

Way = tuple[str, ...]
"""Pubkeys up to the stage, nearest first."""


class Room(NamedTuple):
    """Free outputs of a node, of all below it, and at whom, nearest first."""

    free: int = 0
    below: int = 0
    at: tuple[str, ...] = ()


class Neighbours:
    """Keeps what neighbours have said and tells them of us; `look` sends what has changed.

    `parent()` is whom we listen to, `speaks(pubkey)` whether somebody is on the stage.
    """

    def __init__(
        self,
        me: str,
        links: Mapping[str, Link],
        *,
        outputs: int,
        parent: Callable[[], str],
        speaks: Callable[[str], bool],
        drops: Counter[str],
        monotonic: Callable[[], float],
    ) -> None:
        self._me = me
        self._links = links
        self._outputs = outputs
        self._parent = parent
        self._speaks = speaks
        self._drops = drops
        self._monotonic = monotonic
        self._paths: dict[str, Way | None] = {}
        self._rooms: dict[str, Room] = {}
        self._told_path: dict[str, tuple[float, Way | None]] = {}
        self._told_room: tuple[float, str, Room] = (0.0, "", Room())

    # -- hearing

    def take(self, pubkey: str, message: Mapping[str, object]) -> bool:
        """Take a message that arrived on a link; False if it is for others to read."""
        kind, link = message.get("type"), self._links[pubkey]
        if kind == "path" and link.kind is LinkKind.PROVIDER:
            self._take_path(pubkey, message.get("path"))
        elif kind == "room" and link.kind is LinkKind.CONSUMER:
            self._take_room(pubkey, message)
        elif kind in ("path", "room"):
            self._drops["not theirs to say"] += 1
        else:
            return False
        return True

    def forget(self, pubkey: str) -> None:
        """A connection is no more, or another one takes its place."""
        for known in (self._paths, self._rooms, self._told_path):
            known.pop(pubkey, None)

    def _take_path(self, pubkey: str, path: object) -> None:
        way = None if path is None else _read_pubkeys(path, limits.PATH)
        if path is None or way is not None:
            self._paths[pubkey] = way
        else:
            self._drops["bad path"] += 1

    def _take_room(self, pubkey: str, message: Mapping[str, object]) -> None:
        at = _read_pubkeys(message.get("at"), limits.INSTEAD)
        free = _read_count(message.get("free"), limits.AUDIO_OUTPUTS)
        below = _read_count(message.get("below"), limits.PEOPLE)
        if at is None or free is None or below is None:
            self._drops["bad room"] += 1
        else:
            self._rooms[pubkey] = Room(free, below, tuple(dict.fromkeys(at)))

    # -- what follows from it

    def way(self, provider: str) -> Way | None:
        """The way to the stage by a provider, itself first; `None` without one that we can use."""
        path = self._paths.get(provider, () if self._speaks(provider) else None)
        if path is None or self._me in path or provider in path or len(path) >= limits.PATH:
            return None
        way = (provider, *path)
        return way if self._speaks(way[-1]) else None

    def loops(self, provider: str) -> bool:
        """Whether a provider's way to the stage leads through us."""
        return self._me in (self._paths.get(provider) or ())

    @property
    def own_way(self) -> Way | None:
        """Our own way to the stage: empty on it, `None` without one."""
        if parent := self._parent():
            way = self.way(parent)
            if way is not None or not self._speaks(self._me):
                return way
        if self._speaks(self._me):
            return ()
        # Who has just left the stage hears it on until there is a parent.
        mesh = (who for who, link in self._links.items() if link.kind is LinkKind.MUTUAL)
        speaker = next((who for who in mesh if self._speaks(who)), None)
        return None if speaker is None else (speaker,)

    @property
    def consumers(self) -> list[str]:
        """Whom we serve now; who only stands by is not among them."""
        found = self._links.items()
        return [who for who, x in found if x.kind is LinkKind.CONSUMER and not x.standby]

    @property
    def free(self) -> int:
        """How many more we could serve."""
        return 0 if self.own_way is None else max(0, self._outputs - len(self.consumers))

    @property
    def room(self) -> Room:
        """Our own room and that below us, as those below say."""
        free = self.free
        served = [self._rooms[who] for who in self.consumers if who in self._rooms]
        at = dict.fromkeys([self._me] if free else ())
        for nearest in range(limits.INSTEAD):
            at.update(dict.fromkeys(room.at[nearest] for room in served if len(room.at) > nearest))
        at.pop(self._parent(), None)
        below = sum(room.free + room.below for room in served)
        return Room(free, min(below, limits.PEOPLE), tuple(at)[: limits.INSTEAD])

    def below_with_room(self, asking: str) -> tuple[str, ...]:
        """Who below us may have room, in another order for everybody who asks."""
        found = {who for served in self.consumers for who in self._rooms.get(served, Room()).at}
        found -= {asking, self._me}
        found.difference_update(self.own_way or ())
        order = sorted(found, key=lambda who: tie(asking, who))
        return tuple(order[: limits.INSTEAD])

    # -- telling

    def look(self) -> None:
        """Tell those what has changed whom it concerns."""
        now, own = self._monotonic(), self.own_way
        for who, link in self._links.items():
            if link.kind is LinkKind.CONSUMER and link.peer.has_channel:
                since, told = self._told_path.get(who, (-PATH_SECONDS, self._links))
                if told != own and now - since >= PATH_SECONDS:
                    path = None if own is None else list(own)
                    if link.peer.send_message({"type": "path", "path": path}):
                        self._told_path[who] = (now, own)
        self._tell_room(now)

    def _tell_room(self, now: float) -> None:
        since, to, told = self._told_room
        parent = self._parent()
        link = self._links.get(parent)
        if link is None or (to == parent and now - since < ROOM_SECONDS):
            return
        room = self.room
        if (to, told) != (parent, room) and link.peer.send_message(
            {"type": "room", "free": room.free, "below": room.below, "at": list(room.at)}
        ):
            self._told_room = (now, parent, room)


def _read_pubkeys(value: object, most: int) -> tuple[str, ...] | None:
    if not isinstance(value, list) or len(value) > most:
        return None
    return tuple(value) if all(isinstance(x, str) and is_pubkey(x) for x in value) else None


def _read_count(value: object, most: int) -> int | None:
    return min(value, most) if isinstance(value, int) and value >= 0 else None
