"""One stream to one consumer: packets of any origin, with this stream's own RTP numbers.

RFC 3550 (RTP, sender reports), 6464 (audio level), 9143 (media id), 4585 (NACK).
"""

import secrets
import struct
import time
from collections.abc import Callable
from typing import NamedTuple

from aiortc.clock import current_ntp_time
from aiortc.rtcrtpparameters import RTCRtpSendParameters
from aiortc.rtp import (
    RtcpReceiverInfo,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
)

from tui.audio.packet import RATE, OpusPacket
from tui.config import limits

MEDIA_ID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
_ONE_BYTE_ID = range(1, 15)
"""Header extension ids that the short form can carry (RFC 8285)."""
_RING_MASK = limits.RETRANSMISSION_RING - 1
_CNAME = 1
_LEVELS = tuple(bytes((x,)) for x in range(128))


class Report(NamedTuple):
    """What the other side last said about the stream that we send it."""

    fraction_lost: float
    jitter: float
    """Seconds."""
    round_trip: float | None
    """Seconds; None until it answered a sender report."""


class Output:
    """Writes packets to the other side. `write` encrypts and sends, and returns the bytes sent."""

    def __init__(self, ssrc: int, write: Callable[[bytes], bytes | None]) -> None:
        self.ssrc = ssrc
        self.sent = 0
        self.dropped = 0
        self.retransmitted = 0
        self.report: Report | None = None
        self._write = write
        self._header: struct.Struct | None = None
        self._extension = b""
        self._first_byte = 0x80
        self._payload_type = 0
        self._cname = b""
        self._sequence_offset = 0
        self._timestamp_offset = 0
        self._octets = 0
        self._timestamp = 0
        self._sent_at = 0.0
        self._reported = 0
        self._reported_ntp = 0
        self._ring: list[bytes | None] = []
        self._repeats = bytearray(limits.RETRANSMISSION_RING)

    def start(self, parameters: RTCRtpSendParameters) -> None:
        """Takes what was negotiated; from now on packets go out."""
        ids = {x.uri: x.id for x in parameters.headerExtensions if x.id in _ONE_BYTE_ID}
        media_id = parameters.muxId.encode()[:17]
        body = b""
        if MEDIA_ID_URI in ids and 0 < len(media_id) <= 16:
            body += bytes(((ids[MEDIA_ID_URI] << 4) | (len(media_id) - 1),)) + media_id
        has_level = LEVEL_URI in ids
        if has_level:
            body += bytes((ids[LEVEL_URI] << 4,))
        # The level itself is the last byte of the extension, which is padded to whole words. Where
        # it was not negotiated, "0s" takes the value and writes nothing.
        size = len(body) + has_level
        words = (size + 3) // 4
        self._extension = struct.pack("!HH", 0xBEDE, words) + body if words else b""
        padding = words * 4 - size
        self._header = struct.Struct(f"!BBHLL{len(self._extension)}s{has_level:d}s{padding}x")
        self._first_byte = 0x90 if words else 0x80
        self._payload_type = parameters.codecs[0].payloadType or 0
        self._cname = (parameters.rtcp.cname or "").encode()[:255]

    @property
    def started(self) -> bool:
        """Whether the stream was negotiated and its transport is up."""
        return self._header is not None

    def send(self, packet: OpusPacket) -> None:
        """Sends one packet; drops it when there is no connection. Never raises, never waits."""
        if self._header is None or not 0 < len(packet.payload) <= limits.OPUS_BYTES:
            self.dropped += 1
            return
        if not self._ring:
            self._begin(packet)
        sequence = (packet.sequence + self._sequence_offset) & 0xFFFF
        timestamp = (packet.timestamp + self._timestamp_offset) & 0xFFFFFFFF
        kind = self._payload_type | (0x80 if packet.marker else 0)
        header = self._header.pack(
            self._first_byte,
            kind,
            sequence,
            timestamp,
            self.ssrc,
            self._extension,
            _LEVELS[packet.level & 0x7F],
        )
        written = self._write(header + packet.payload)
        if written is None:
            self.dropped += 1
            return
        self._ring[sequence & _RING_MASK] = written
        self._repeats[sequence & _RING_MASK] = 0
        self.sent += 1
        self._octets += len(packet.payload)
        self._timestamp = timestamp
        self._sent_at = time.monotonic()

    def lost(self, sequence: int) -> bytes | None:
        """The encrypted packet to send again: if it is still here, and not too often."""
        place = sequence & _RING_MASK
        packet = self._ring[place] if self._ring else None
        if packet is None or packet[2:4] != sequence.to_bytes(2, "big"):
            return None
        if self._repeats[place] >= limits.RETRANSMISSIONS:
            return None
        self._repeats[place] += 1
        self.retransmitted += 1
        return packet

    def sender_report(self) -> bytes:
        """SR and SDES with true time and counts; empty when nothing was sent since the last one."""
        if self.sent == self._reported:
            return b""
        self._reported = self.sent
        self._reported_ntp = current_ntp_time()
        elapsed = round((time.monotonic() - self._sent_at) * RATE)
        info = RtcpSenderInfo(
            ntp_timestamp=self._reported_ntp,
            rtp_timestamp=(self._timestamp + elapsed) & 0xFFFFFFFF,
            packet_count=self.sent & 0xFFFFFFFF,
            octet_count=self._octets & 0xFFFFFFFF,
        )
        source = RtcpSourceInfo(ssrc=self.ssrc, items=[(_CNAME, self._cname)])
        report = RtcpSrPacket(ssrc=self.ssrc, sender_info=info)
        return bytes(report) + bytes(RtcpSdesPacket(chunks=[source]))

    def reported(self, info: RtcpReceiverInfo) -> None:
        """Takes the other side's receiver report on this stream."""
        round_trip = self.report.round_trip if self.report else None
        if info.dlsr and info.lsr == (self._reported_ntp >> 16) & 0xFFFFFFFF:
            now = (current_ntp_time() >> 16) & 0xFFFFFFFF
            units = (now - info.lsr - info.dlsr) & 0xFFFFFFFF
            round_trip = units / 65_536 if units < 0x80000000 else 0.0
        self.report = Report(info.fraction_lost / 256, info.jitter / RATE, round_trip)

    def stop(self) -> None:
        """Nothing goes out any more."""
        self._header = None
        self._ring = []

    def _begin(self, packet: OpusPacket) -> None:
        # Below 32768: a receiver that misses the first packets guesses the rollover right.
        self._sequence_offset = secrets.randbelow(0x8000) - packet.sequence
        self._timestamp_offset = secrets.randbelow(1 << 32) - packet.timestamp
        self._ring = [None] * limits.RETRANSMISSION_RING
