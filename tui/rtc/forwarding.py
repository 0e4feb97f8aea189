"""Which voices are heard, and which go on to whom: the rules of one node of the listening tree.

Sans-I/O: packets come in with their link and slot, and leave through the link's outputs, encoded as
they came. An origin is the pubkey whose voice a stream carries. On a link with a data channel the
other side announces the origin of each slot; a link without one carries only its own pubkey's.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from tui.audio.packet import OpusPacket
from tui.config import limits
from tui.rtc.rewriting import Rewriter
from tui.rtc.slots import Loudness, Slots

Source = tuple[str, int, int]
"""Where a voice is taken from: the link's pubkey, its slot, and which of their links it is."""

SOURCE_SECONDS = 0.5
"""An origin that falls silent on one link for so long may be taken from any other."""
PUBKEY_LENGTH = 64


class LinkKind(StrEnum):
    """What a link is for, as seen from here."""

    CONSUMER = "consumer"
    """They listen to us: they get our own voice and every speaker's, except their own."""
    PROVIDER = "provider"
    """We listen to them: any speaker's voice may come, nothing is sent."""
    MUTUAL = "mutual"
    """Both on stage: our own voice against theirs, nothing forwarded."""


class Sink(Protocol):
    """One outgoing stream: what `Output` offers."""

    def send(self, packet: OpusPacket) -> None:
        """Sends or drops one packet, at once."""


class Link(Protocol):
    """One connection: what `Peer` offers."""

    @property
    def outputs(self) -> Sequence[Sink]:
        """The streams that the other side takes, in the order of its slots."""

    @property
    def has_channel(self) -> bool:
        """The other side announces its slots."""

    def send_message(self, message: dict[str, object]) -> bool:
        """Sends a message; False when the channel is not open."""


class _Place:
    """A link with its rule, its slots towards the other side and what that side announced."""

    def __init__(self, link: Link, kind: LinkKind, age: int) -> None:
        self.link = link
        self.kind = kind
        self.age = age
        self.slots = Slots(0)
        self.rewriters: list[Rewriter] = []
        self.routes: dict[str, tuple[Rewriter, Sink]] = {}  # of those who hold a slot
        self.told: list[str | None] = []
        self.claims: tuple[str | None, ...] | None = None


class _Voice:
    """One origin that holds a speaking role: where it is taken from, and how loud it is."""

    def __init__(self) -> None:
        self.source: Source | None = None
        self.heard_at = 0.0
        self.rewriter = Rewriter()


class Forwarder:
    """Decides over every packet. `on_play` gets all that is to be heard here."""

    def __init__(
        self,
        own: str,
        on_play: Callable[[str, OpusPacket], None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.drops: Counter[str] = Counter()
        self._own = own
        self._on_play = on_play
        self._monotonic = monotonic
        self._places: dict[str, _Place] = {}
        self._voices: dict[str, _Voice] = {}
        self._loudness: dict[str, Loudness] = {}
        self._links_added = 0

    def set_speakers(self, origins: frozenset[str]) -> None:
        """The pubkeys with a speaking role; everybody else falls silent here and downstream."""
        for origin in self._voices.keys() - origins:
            del self._voices[origin], self._loudness[origin]
            for place in self._places.values():
                self._free(place, origin)
        for origin in origins - self._voices.keys():
            self._voices[origin] = _Voice()
            self._loudness[origin] = Loudness()

    def add_link(self, pubkey: str, link: Link, kind: LinkKind) -> None:
        """Puts a connection to work; it replaces an earlier one with the same pubkey."""
        self.remove_link(pubkey)
        self._links_added += 1
        self._places[pubkey] = _Place(link, kind, self._links_added)

    def set_kind(self, pubkey: str, kind: LinkKind) -> None:
        """Changes what a link is for; what it may no longer carry stops at once."""
        place = self._places[pubkey]
        place.kind = kind
        for origin in list(place.slots.holders):
            if origin is not None and not self._may_go(origin, pubkey, kind):
                self._free(place, origin)

    def remove_link(self, pubkey: str) -> None:
        """Forgets a connection; its origins may come over another one at once."""
        self._places.pop(pubkey, None)
        for voice in self._voices.values():
            if voice.source is not None and voice.source[0] == pubkey:
                voice.source = None

    def handle_packet(self, pubkey: str, slot: int, packet: OpusPacket) -> None:
        """Takes a packet that arrived on a link."""
        place = self._places.get(pubkey)
        if place is None:
            self.drops["unknown link"] += 1
            return
        origin = self._origin(place, pubkey, slot)
        voice = self._voices.get(origin) if origin is not None else None
        if origin is None or voice is None or origin == self._own:
            reason = "own voice" if origin == self._own else "no speaking role"
            self.drops[reason if origin is not None else "not theirs to send"] += 1
            return
        now = self._monotonic()
        if not self._take_from(voice, origin, (pubkey, slot, place.age), now):
            self.drops["comes another way"] += 1
            return
        continuous = voice.rewriter.rewrite(voice.source, packet, now)
        if continuous is None:
            self.drops["late"] += 1
            return
        self._on_play(origin, continuous)
        self._send(origin, continuous, now)

    def handle_message(self, pubkey: str, message: Mapping[str, object]) -> None:
        """Takes a message that arrived on a link's data channel."""
        place = self._places.get(pubkey)
        if place is None or message.get("type") != "slots":
            self.drops["unknown message"] += 1
            return
        origins = message.get("origins")
        if not isinstance(origins, list) or len(origins) > limits.SLOTS:
            self.drops["bad announcement"] += 1
            return
        if not all(x is None or (isinstance(x, str) and len(x) == PUBKEY_LENGTH) for x in origins):
            self.drops["bad announcement"] += 1
            return
        place.claims = tuple(origins)

    def send_own(self, packet: OpusPacket) -> None:
        """Takes a packet of our own microphone."""
        if self._own not in self._voices:
            self.drops["no speaking role"] += 1
            return
        self._send(self._own, packet, self._monotonic())

    def _origin(self, place: _Place, pubkey: str, slot: int) -> str | None:
        """Whose voice arrives there; None when that link may not bring it, or has not said."""
        if place.claims is None:
            early = place.kind is LinkKind.PROVIDER and place.link.has_channel
            return None if early else pubkey
        origin = place.claims[slot] if slot < len(place.claims) else None
        return origin if place.kind is LinkKind.PROVIDER or origin == pubkey else None

    def _take_from(self, voice: _Voice, origin: str, source: Source, now: float) -> bool:
        """Whether the voice is taken from there: one way at a time, from themselves if possible."""
        present = voice.source
        if source != present:
            fresh = present is not None and now - voice.heard_at < SOURCE_SECONDS
            if fresh and _rank(origin, source) <= _rank(origin, present):
                return False
            voice.source = source
        voice.heard_at = now
        return True

    def _may_go(self, origin: str, pubkey: str, kind: LinkKind) -> bool:
        if kind is LinkKind.CONSUMER:
            return origin != pubkey
        return kind is LinkKind.MUTUAL and origin == self._own

    def _send(self, origin: str, packet: OpusPacket, now: float) -> None:
        self._loudness[origin].push(packet.level, now)
        for pubkey, place in self._places.items():
            route = place.routes.get(origin) or self._route(place, origin, pubkey, now)
            if route is None:
                continue
            rewriter, output = route
            numbered = rewriter.rewrite(origin, packet, now)
            if numbered is not None:
                output.send(numbered)
            if place.told != place.slots.holders:
                self._announce(place)

    def _route(
        self, place: _Place, origin: str, pubkey: str, now: float
    ) -> tuple[Rewriter, Sink] | None:
        """Finds a slot for an origin that holds none on that link, if it may and can have one."""
        if not self._may_go(origin, pubkey, place.kind):
            return None
        outputs = place.link.outputs
        if len(outputs) != len(place.rewriters):
            place.slots = Slots(len(outputs))
            place.rewriters = [Rewriter() for _ in outputs]
        slot = place.slots.place(origin, self._loudness, now)
        if slot is None:
            self.drops["louder ones speak"] += 1
            return None
        place.routes = {
            holder: (place.rewriters[index], outputs[index])
            for index, holder in enumerate(place.slots.holders)
            if holder is not None
        }
        return place.routes[origin]

    def _free(self, place: _Place, origin: str) -> None:
        slot = place.slots.free(origin)
        if slot is not None:
            del place.routes[origin]
            place.rewriters[slot].interrupt()
            self._announce(place)

    def _announce(self, place: _Place) -> None:
        """Says who holds which slot; tried again with each packet while the channel is not open."""
        holders = list(place.slots.holders)
        if place.link.send_message({"type": "slots", "origins": list(holders)}):
            place.told = holders


def _rank(origin: str, source: Source | None) -> tuple[bool, int]:
    """The better of two ways is the direct one, then the newer one."""
    return (source[0] == origin, source[2]) if source is not None else (False, 0)
