"""Which packet of a voice this is, wherever in the listening tree it is met.

RTP numbers are each hop's own. So that a packet is known again, however it comes, the first of us
who has it puts a stamp on it, which travels in a header extension (RFC 8285) between those who
agreed on it: a series of 8 bits chosen at random, then a count of 16. Whoever has taken a packet
takes it no second time. So nothing goes round in circles, whatever loop the links may form for a
moment, and who changes parents hears nothing twice.
"""

import secrets

from aiortc.codecs import HEADER_EXTENSIONS
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters

from tui.audio.packet import OpusPacket

STAMP_URI = "urn:nostr:audio-spaces:rtp-hdrext:stamp"
STAMP_BYTES = 3
REMEMBER_SECONDS = 5.0
"""A stamp is known for one to two times that: longer than any loop takes, and far shorter than
the 22 minutes after which its count begins anew."""
_MOST = 1024  # stamps in so many seconds; an honest voice has 50 to 400 a second


class StampedPacket(OpusPacket, frozen=True, gc=False):
    """A packet with its stamp, if it has one yet."""

    stamp: bytes | None = None


def offer_stamps() -> None:
    """Has aiortc agree on the extension in the descriptions that it writes."""
    known = HEADER_EXTENSIONS["audio"]
    if all(x.uri != STAMP_URI for x in known):
        free = max(x.id for x in known) + 1
        known.append(RTCRtpHeaderExtensionParameters(id=free, uri=STAMP_URI))


class Stamper:
    """Makes the stamps of one source of a voice."""

    __slots__ = ("_count", "_series")

    def __init__(self) -> None:
        self._series = secrets.randbelow(1 << 8) << 16
        self._count = 0

    def next(self) -> bytes:
        """The stamp of the next packet."""
        self._count = (self._count + 1) & 0xFFFF
        return (self._series | self._count).to_bytes(STAMP_BYTES, "big")


class Seen:
    """The stamps of one voice that were taken lately."""

    __slots__ = ("_before", "_lately", "_since")

    def __init__(self) -> None:
        self._lately: set[bytes] = set()
        self._before: set[bytes] = set()
        self._since = 0.0

    def knows(self, stamp: bytes, now: float) -> bool:
        """Whether a packet was taken before."""
        age = now - self._since
        if age >= REMEMBER_SECONDS or len(self._lately) >= _MOST:
            self._before = self._lately if age < 2 * REMEMBER_SECONDS else set()
            self._lately, self._since = set(), now
        return stamp in self._lately or stamp in self._before

    def add(self, stamp: bytes) -> None:
        """Takes a packet that was not known."""
        self._lately.add(stamp)
