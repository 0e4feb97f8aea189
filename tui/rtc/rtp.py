"""RTP packets from outside, as far as we need them (RFC 3550, 5.1; header extensions RFC 8285)."""

import struct
from typing import NamedTuple

_HEADER = struct.Struct("!BBHLL")
_EXTENSIONS = struct.Struct("!HH")
_ONE_BYTE, _TWO_BYTES = 0xBEDE, 0x1000
_PADDING, _EXTENSION = 0x20, 0x10


class MalformedRtp(ValueError):
    """Bytes that are no RTP packet, or contradict themselves."""


class RtpPacket(NamedTuple):
    """One packet; `extensions` by their negotiated ids, as they came."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    extensions: dict[int, bytes]
    payload: bytes


def parse_rtp(data: bytes) -> RtpPacket:
    """One decrypted packet; raises `MalformedRtp`."""
    size = len(data)
    if size < 12:
        raise MalformedRtp("shorter than its header")
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first >> 6 != 2:
        raise MalformedRtp("another version")
    start = 12 + 4 * (first & 0x0F)
    extensions: dict[int, bytes] = {}
    if first & _EXTENSION:
        begin = start + 4
        if size < begin:
            raise MalformedRtp("ends in its header")
        profile, words = _EXTENSIONS.unpack_from(data, start)
        start = begin + 4 * words
        if size >= start:
            extensions = _read_extensions(profile, data[begin:start])
    end = size - data[-1] if first & _PADDING else size
    if (first & _PADDING and not data[-1]) or end < start:
        raise MalformedRtp("ends before its payload")
    return RtpPacket(
        second & 0x7F, second > 0x7F, sequence, timestamp, ssrc, extensions, data[start:end]
    )


def _read_extensions(profile: int, data: bytes) -> dict[int, bytes]:
    """The elements of both forms of RFC 8285; what is of another form is skipped as a whole."""
    found: dict[int, bytes] = {}
    place, end = 0, len(data) if profile in (_ONE_BYTE, _TWO_BYTES) else 0
    while place < end:
        kind = data[place]
        place += 1
        if not kind:
            continue  # padding
        if profile == _ONE_BYTE:
            kind, length = kind >> 4, (kind & 0x0F) + 1
            if kind == 15:  # reserved: nothing after it is to be read
                break
        elif place < end:
            length = data[place]
            place += 1
        else:
            raise MalformedRtp("ends in an extension")
        following = place + length
        if following > end:
            raise MalformedRtp("ends in an extension")
        found[kind] = data[place:following]
        place = following
    return found
