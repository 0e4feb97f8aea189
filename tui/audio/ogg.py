"""Opus packets in an Ogg file (RFC 3533, RFC 7845): bytes out, no file and no clock.

Every page ends with a packet, so that what is on the disk after a crash plays to its last page.
"""

import struct
import zlib
from collections.abc import Mapping

from tui.audio.opus import duration
from tui.audio.packet import RATE

PRE_SKIP = 312
"""Samples that libopus' encoder is late by; players leave so many out at the beginning, so that
sound is where it was put."""
PAGE_SAMPLES = RATE // 2
"""The longest page: with it, a process that is killed loses half a second of what it was given."""
_SEGMENTS = 255  # of one page, of 255 bytes each (RFC 3533, 6)
_BEGINS, _ENDS = 2, 4
_PAGE = struct.Struct("<4sBBqIIIB")
_CHECKSUM_AT = 22

_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class OggOpus:
    """One stream, mono or stereo: `head` once, then `add` packets; `end` is the last word.

    `serial` tells streams apart (32 bit); `comments` name what it is, as `TITLE` or `ARTIST`.
    """

    def __init__(self, serial: int, comments: Mapping[str, str]) -> None:
        self.samples = 0
        """How much sound it holds, at 48 kHz."""
        self._serial = serial
        self._comments = comments
        self._number = 0
        self._packets: list[bytes] = []
        self._segments: list[int] = []
        self._waiting = 0  # samples of the page that is not full yet

    def head(self) -> bytes:
        """The two pages that a file begins with."""
        head = struct.pack("<8sBBHIhB", b"OpusHead", 1, 1, PRE_SKIP, RATE, 0, 0)
        words = [f"{name}={value}".encode() for name, value in self._comments.items()]
        tags = b"OpusTags" + _counted(b"spaces") + struct.pack("<I", len(words))
        self._put(head)
        first = self._page(_BEGINS, 0)
        self._put(tags + b"".join(map(_counted, words)))
        return first + self._page(0, 0)

    def add(self, payload: bytes) -> bytes:
        """Append a valid Opus packet; returns the page that is full with it, or nothing."""
        pages = b""
        if len(self._segments) + len(payload) // 255 + 1 > _SEGMENTS:
            pages = self.page()
        self._put(payload)
        samples = duration(payload)
        self.samples += samples
        self._waiting += samples
        return pages + (self.page() if self._waiting >= PAGE_SAMPLES else b"")

    def page(self) -> bytes:
        """What waits for its page to be full, now."""
        return self._page(0, self.samples) if self._packets else b""

    def end(self) -> bytes:
        """What waits, marked as the end of the stream."""
        return self._page(_ENDS, self.samples)

    def _put(self, packet: bytes) -> None:
        whole, rest = divmod(len(packet), 255)
        self._packets.append(packet)
        self._segments += [*[255] * whole, rest]

    def _page(self, kind: int, granule: int) -> bytes:
        count = len(self._segments)
        fields = (b"OggS", 0, kind, granule, self._serial, self._number, 0, count)
        page = bytearray(_PAGE.pack(*fields) + bytes(self._segments) + b"".join(self._packets))
        page[_CHECKSUM_AT : _CHECKSUM_AT + 4] = struct.pack("<I", checksum(bytes(page)))
        self._number += 1
        self._packets, self._segments, self._waiting = [], [], 0
        return bytes(page)


def checksum(page: bytes) -> int:
    """Ogg's CRC-32 of a page whose own field is zero: zlib's, with the bits the other way round."""
    mirrored = zlib.crc32(page.translate(_MIRRORED), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return int(f"{mirrored:032b}"[::-1], 2)


def _counted(text: bytes) -> bytes:
    return struct.pack("<I", len(text)) + text
