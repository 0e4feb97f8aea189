"""Which voices go out to whom: the slots of every link, and the streams that fill them.

What happens for each packet and each consumer stands in two places only: the loop in `send`, and
`Output.forward`. All else is worked out when something changes.
"""

from collections import Counter
from collections.abc import Mapping

from tui.audio.packet import OpusPacket
from tui.config import limits
from tui.rtc.links import LinkKind, Numbered, Place, Stream
from tui.rtc.output import Bodies, Output
from tui.rtc.slots import Loudness, Slots

LEVELS_SECONDS = 0.25
"""Between two messages on the loudness of those who hold no slot."""


class _Route:
    """Where one origin's packets go."""

    __slots__ = ("streams", "waiting")

    def __init__(self) -> None:
        self.streams: list[Stream] = []
        self.waiting: list[Place] = []  # it may go there, but holds no slot yet


class Distribution:
    """Sends each origin's packets to all that may hear it; `places` are its owner's links."""

    def __init__(self, own: str, places: Mapping[str, Place], drops: Counter[str]) -> None:
        self._own = own
        self._places = places
        self._drops = drops
        self._loudness: dict[str, Loudness] = {}
        self._routes: dict[str, _Route] = {}  # of origins that spoke since something changed
        self._untold: set[Place] = set()

    def add_origin(self, origin: str) -> None:
        """Somebody may speak from now on."""
        self._loudness[origin] = Loudness()

    def remove_origin(self, origin: str) -> None:
        """Somebody may not speak any more; their slots are free."""
        del self._loudness[origin]
        for place in self._places.values():
            self._free(place, origin)
        self.changed()

    def changed(self, place: Place | None = None) -> None:
        """Links were added or removed, or what may go over that one has changed."""
        self._routes.clear()
        if place is not None:
            for origin in list(place.streams):
                if not self._may_go(origin, place):
                    self._free(place, origin)
        self._untold.intersection_update(self._places.values())

    def pause(self, place: Place, on: bool) -> None:
        """Stops or resumes what is sent on a link; its slots are still given and told."""
        if on and not place.paused:
            for stream in place.streams.values():
                stream.interrupt()  # what is left out now was not lost
        place.paused = on
        self._routes.clear()

    def send(self, origin: str, packet: OpusPacket, stamp: bytes, now: float) -> None:
        """Sends one packet of an origin to all that may hear it."""
        self._loudness[origin].push(packet.level, now)
        route = self._routes.get(origin) or self._find(origin)
        bodies = Bodies(stamp)
        for stream in route.streams:
            stream.forward(origin, packet, now, bodies)
        if route.waiting:
            self._place(origin, route.waiting, packet, now, bodies)
        if self._untold:
            for place in list(self._untold):
                self._announce(place)

    def tell_levels(self, place: Place, levels: Mapping[str, int], now: float) -> None:
        """Tells a consumer now and then how loud those are whom it does not get."""
        if place.kind is not LinkKind.CONSUMER or place.paused:
            return
        for origin, level in levels.items():
            talks = level < limits.QUIET_LEVEL and len(place.unheard) < limits.LEVELS
            if talks and origin != place.pubkey and origin not in place.streams:
                place.unheard[origin] = level
        if place.unheard and now >= place.levels_due:
            place.levels_due = now + LEVELS_SECONDS
            place.link.send_message({"type": "levels", "levels": place.unheard})
            place.unheard = {}

    def _may_go(self, origin: str, place: Place) -> bool:
        if place.kind is LinkKind.CONSUMER:
            return origin != place.pubkey
        return place.kind is LinkKind.MUTUAL and origin == self._own

    def _find(self, origin: str) -> _Route:
        route = self._routes[origin] = _Route()
        for place in self._places.values():
            stream = place.streams.get(origin)
            if stream is None and self._may_go(origin, place):
                route.waiting.append(place)
            elif stream is not None and not place.paused:
                route.streams.append(stream)
        return route

    def _place(
        self, origin: str, waiting: list[Place], packet: OpusPacket, now: float, bodies: Bodies
    ) -> None:
        """Finds slots for an origin that holds none there, and sends where it got one."""
        for place in waiting:
            outputs = place.link.outputs
            if len(outputs) != len(place.slots.holders):
                place.slots, place.streams = Slots(len(outputs)), {}
                place.outputs = [x if isinstance(x, Output) else Numbered(x) for x in outputs]
            slot = place.slots.place(origin, self._loudness, now)
            if slot is None:
                self._drops["louder ones speak"] += 1
                self.tell_levels(place, {origin: packet.level}, now)
                continue
            place.streams = {
                holder: stream
                for holder, stream in zip(place.slots.holders, place.outputs, strict=True)
                if holder is not None
            }
            self._routes.clear()  # it may be another one's slot no longer
            self._untold.add(place)
            self._announce(place)
            if not place.paused:
                place.streams[origin].forward(origin, packet, now, bodies)

    def _free(self, place: Place, origin: str) -> None:
        if place.slots.free(origin) is not None:
            place.streams.pop(origin).interrupt()
            self._untold.add(place)
            self._announce(place)

    def _announce(self, place: Place) -> None:
        """Says who holds which slot; tried again with each packet while the channel is not open."""
        if place.link.send_message({"type": "slots", "origins": list(place.slots.holders)}):
            self._untold.discard(place)
