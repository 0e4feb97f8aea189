"""Which voices are heard, and which go on to whom: the rules of one node of the listening tree.

Sans-I/O: packets come in with their link and slot, and leave through the link's outputs, encoded as
they came. An origin is the pubkey whose voice a stream carries. On a link with a data channel the
other side announces the origin of each slot; a link without one carries only its own pubkey's.

Messages on a data channel that are read here: `slots` (who speaks in which slot), `listen` (a
consumer turns its sound on and off) and `levels` (how loud those are who hold no slot there).
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping

from tui.audio.packet import SILENT_LEVEL, OpusPacket
from tui.config import limits
from tui.rtc.distribution import LEVELS_SECONDS, Distribution
from tui.rtc.links import Link, LinkKind, Place, Sink, Source, Voice
from tui.rtc.stamps import Stamper

__all__ = ["Forwarder", "Link", "LinkKind", "Sink"]

SOURCE_SECONDS = 0.5
"""An origin that falls silent on one link for so long may be taken from any other."""
EXPECT_SECONDS = 1.0
"""After a loud packet, silence on a link is suspicious for so long; then it may be a pause."""
PUBKEY_LENGTH = 64


class Forwarder:
    """Decides over every packet. `on_play` gets all that is to be heard here.

    `on_listen(pubkey, on)` hears of consumers that turn their sound on or off.
    """

    def __init__(
        self,
        own: str,
        on_play: Callable[[str, OpusPacket], None],
        *,
        on_listen: Callable[[str, bool], None] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.drops: Counter[str] = Counter()
        self._own = own
        self._on_play = on_play
        self._on_listen = on_listen
        self._monotonic = monotonic
        self._places: dict[str, Place] = {}
        self._voices: dict[str, Voice] = {}
        self._distribution = Distribution(own, self._places, self.drops)
        self._links_added = 0
        self._stamper = Stamper()
        self._preferred = ""
        self._distant: dict[str, tuple[int, float]] = {}  # level of those without a slot, and when

    def set_speakers(self, origins: frozenset[str]) -> None:
        """The pubkeys with a speaking role; everybody else falls silent here and downstream."""
        for origin in self._voices.keys() - origins:
            del self._voices[origin]
            self._distant.pop(origin, None)
            self._distribution.remove_origin(origin)
        for origin in origins - self._voices.keys():
            self._voices[origin] = Voice()
            self._distribution.add_origin(origin)

    def add_link(
        self,
        pubkey: str,
        link: Link,
        kind: LinkKind,
        *,
        standby: bool = False,
        vouched: bool = True,
    ) -> None:
        """Puts a connection to work; it replaces an earlier one with the same pubkey.

        To a consumer on `standby` nothing is sent until it listens. A provider that is not
        `vouched` for brings nothing: see `vouch`.
        """
        self.remove_link(pubkey)
        self._links_added += 1
        place = self._places[pubkey] = Place(pubkey, link, kind, self._links_added)
        place.paused = standby and kind is LinkKind.CONSUMER
        place.vouched = vouched
        self._distribution.changed()

    def set_kind(self, pubkey: str, kind: LinkKind) -> None:
        """Changes what a link is for; what it may no longer carry stops at once."""
        place = self._places[pubkey]
        place.kind = kind
        if kind is not LinkKind.CONSUMER:
            place.paused = False
        self._distribution.changed(place)

    def remove_link(self, pubkey: str) -> None:
        """Forgets a connection; its origins may come over another one at once."""
        place = self._places.pop(pubkey, None)
        if place is not None:
            self._leave(place)
            self._distribution.changed()

    def pause(self, pubkey: str, on: bool) -> None:
        """Stops or resumes what is sent to a consumer, who goes on being told of the slots."""
        self._distribution.pause(self._places[pubkey], on)

    def is_paused(self, pubkey: str) -> bool:
        """Whether nothing is sent to that consumer for now."""
        return self._places[pubkey].paused

    def vouch(self, pubkey: str, on: bool) -> None:
        """Says whether that provider's way to the stage is known not to lead through us."""
        place = self._places[pubkey]
        place.vouched = on
        if not on:
            self._leave(place)

    def prefer(self, pubkey: str) -> None:
        """From now on every voice is taken from that provider as soon as it comes from there."""
        self._preferred = pubkey

    def expects(self, pubkey: str) -> bool:
        """Whether somebody was in the middle of a word on that link: silence is suspicious."""
        place = self._places.get(pubkey)
        if place is None:
            return False
        begin = self._monotonic() - EXPECT_SECONDS
        return any(
            x.level < limits.QUIET_LEVEL and x.heard_at > begin for x in place.sources.values()
        )

    @property
    def levels_of_others(self) -> dict[str, int]:
        """RFC 6464 levels of those who talk now, but are not among the loudest that we get."""
        begin = self._monotonic() - 2 * LEVELS_SECONDS
        return {origin: level for origin, (level, at) in self._distant.items() if at > begin}

    def handle_packet(self, pubkey: str, slot: int, packet: OpusPacket) -> None:
        """Takes a packet that arrived on a link."""
        place = self._places.get(pubkey)
        if place is None:
            self.drops["unknown link"] += 1
            return
        if place.kind is LinkKind.PROVIDER and not place.vouched:
            self.drops["not vouched for"] += 1
            return
        origin = self._origin(place, slot)
        voice = self._voices.get(origin) if origin is not None else None
        if origin is None or voice is None or origin == self._own:
            reason = "own voice" if origin == self._own else "no speaking role"
            self.drops[reason if origin is not None else "not theirs to send"] += 1
            return
        now = self._monotonic()
        source = place.sources.get(slot)
        if source is None:
            source = place.sources[slot] = Source(place)
        source.level = packet.level
        source.heard_at = now
        if not self._may_take_over(voice, origin, source, now):
            self.drops["comes another way"] += 1
            return
        stamp = getattr(packet, "stamp", None) or source.stamper.next()
        if voice.seen.knows(stamp, now):
            self.drops["came before"] += 1
            return
        voice.seen.add(stamp)
        voice.source, voice.heard_at = source, now
        continuous = voice.rewriter.rewrite(source, packet, now)
        if continuous is None:
            self.drops["late"] += 1
            return
        self._on_play(origin, continuous)
        self._distribution.send(origin, continuous, stamp, now)

    def handle_message(self, pubkey: str, message: Mapping[str, object]) -> None:
        """Takes a message that arrived on a link's data channel."""
        place = self._places.get(pubkey)
        kind = message.get("type")
        if place is None:
            self.drops["unknown link"] += 1
        elif kind == "slots":
            self._handle_slots(place, message.get("origins"))
        elif kind == "listen":
            self._handle_listen(place, message.get("on"))
        elif kind == "levels":
            self._handle_levels(place, message.get("levels"))
        else:
            self.drops["unknown message"] += 1

    def _handle_slots(self, place: Place, origins: object) -> None:
        if isinstance(origins, list) and len(origins) <= limits.SLOTS and all(map(_named, origins)):
            place.claims = tuple(origins)
        else:
            self.drops["bad announcement"] += 1

    def _handle_listen(self, place: Place, on: object) -> None:
        if not isinstance(on, bool) or place.kind is not LinkKind.CONSUMER:
            self.drops["bad wish to listen"] += 1
        elif place.paused is on:
            self.pause(place.pubkey, not on)
            if self._on_listen is not None:
                self._on_listen(place.pubkey, on)

    def _handle_levels(self, place: Place, levels: object) -> None:
        if not isinstance(levels, dict) or len(levels) > limits.LEVELS or not place.brings_others:
            self.drops["bad levels"] += 1
            return
        now = self._monotonic()
        known = {
            origin: level
            for origin, level in levels.items()
            if origin in self._voices and origin != self._own
            if type(level) is int and 0 <= level <= SILENT_LEVEL
        }
        for origin, level in known.items():
            self._distant[origin] = (level, now)
        for other in self._places.values():
            self._distribution.tell_levels(other, known, now)

    def send_own(self, packet: OpusPacket) -> None:
        """Takes a packet of our own microphone."""
        if self._own not in self._voices:
            self.drops["no speaking role"] += 1
            return
        self._distribution.send(self._own, packet, self._stamper.next(), self._monotonic())

    def _origin(self, place: Place, slot: int) -> str | None:
        """Whose voice arrives there; None when that link may not bring it, or has not said."""
        if place.claims is None:
            early = place.kind is LinkKind.PROVIDER and place.link.has_channel
            return None if early else place.pubkey
        origin = place.claims[slot] if slot < len(place.claims) else None
        return origin if place.kind is LinkKind.PROVIDER or origin == place.pubkey else None

    def _may_take_over(self, voice: Voice, origin: str, source: Source, now: float) -> bool:
        """Whether the voice is taken from there: one way at a time, the best that brings it."""
        present = voice.source
        if source is present or present is None or now - voice.heard_at >= SOURCE_SECONDS:
            return True
        return self._rank(origin, source) > self._rank(origin, present)

    def _rank(self, origin: str, source: Source) -> tuple[bool, bool, bool, int]:
        """The better of two ways: from the stage itself, as preferred, direct, the newer link."""
        place = source.place
        provider = place.kind is LinkKind.PROVIDER
        preferred = place.pubkey == self._preferred
        return (not provider, preferred, place.pubkey == origin, place.age)

    def _leave(self, place: Place) -> None:
        """Voices that come from there may come another way at once."""
        for voice in self._voices.values():
            if voice.source is not None and voice.source.place is place:
                voice.source = None


def _named(origin: object) -> bool:
    return origin is None or (isinstance(origin, str) and len(origin) == PUBKEY_LENGTH)
