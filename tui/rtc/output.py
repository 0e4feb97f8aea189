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
from tui.rtc.rewriting import Rewriter
from tui.rtc.stamps import STAMP_BYTES, STAMP_URI

MEDIA_ID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
_ONE_BYTE_ID = range(1, 15)
"""Header extension ids that the short form can carry (RFC 8285)."""
_RING_MASK = limits.RETRANSMISSION_RING - 1
_CNAME = 1
_MARKER = 0x80
_LEVELS = tuple(bytes((x,)) for x in range(128))


Write = Callable[[int, int, int, int, bytes], bytes | None]


class Report(NamedTuple):
    """What the other side last said about the stream that we send it."""

    fraction_lost: float
    jitter: float
    """Seconds."""
    round_trip: float | None
    """Seconds; None until it answered a sender report."""


class Bodies(dict[bytes, bytes]):
    """What follows the RTP header in one packet, by the layouts of the outputs that send it."""

    __slots__ = ("stamp",)

    def __init__(self, stamp: bytes) -> None:
        super().__init__()
        self.stamp = stamp


class Output(Rewriter):
    """Writes packets to the other side.

    `write` takes the fields of an RTP header (its first two bytes, sequence, timestamp, SSRC) and
    what follows it; it encrypts and sends at once, and returns the bytes sent, or None.
    """

    __slots__ = (
        "_cname",
        "_extension",
        "_kind",
        "_layout",
        "_octets",
        "_prefix",
        "_repeated",
        "_reported",
        "_reported_ntp",
        "_ring",
        "_stamped",
        "_write",
        "dropped",
        "report",
        "retransmitted",
        "sent",
        "ssrc",
    )

    def __init__(self, ssrc: int, write: Write) -> None:
        # Below 32768: a receiver that misses the first packets guesses the rollover right.
        super().__init__((secrets.randbelow(0x8000), secrets.randbelow(1 << 32)))
        self.ssrc = ssrc
        self.sent = 0
        self.dropped = 0
        self.retransmitted = 0
        self.report: Report | None = None
        self._write = write
        self._extension: struct.Struct | None = None
        self._prefix = b""
        self._stamped = b""
        self._layout = b""
        self._kind = 0  # the first two bytes of the header
        self._cname = b""
        self._octets = 0
        self._reported = 0
        self._reported_ntp = 0
        self._ring: list[bytes | None] = []
        self._repeated: dict[int, tuple[bytes, int]] = {}  # by place in the ring: how often

    def start(self, parameters: RTCRtpSendParameters) -> None:
        """Takes what was negotiated; from now on packets go out."""
        ids = {x.uri: x.id for x in parameters.headerExtensions if x.id in _ONE_BYTE_ID}
        media_id = parameters.muxId.encode()[:17]
        body = b""
        if MEDIA_ID_URI in ids and 0 < len(media_id) <= 16:
            body += bytes(((ids[MEDIA_ID_URI] << 4) | (len(media_id) - 1),)) + media_id
        has_level, has_stamp = LEVEL_URI in ids, STAMP_URI in ids
        if has_level:
            body += bytes((ids[LEVEL_URI] << 4,))
        self._stamped = bytes((ids[STAMP_URI] << 4 | STAMP_BYTES - 1,)) if has_stamp else b""
        # Behind it stand the level itself and the stamp, then padding to whole words. Where one
        # was not negotiated, "0s" takes the value and writes nothing.
        rest = has_level + has_stamp * (1 + STAMP_BYTES)
        words = (len(body) + rest + 3) // 4
        start = struct.pack("!HH", 0xBEDE, words) + body if words else b""
        padding = words * 4 - len(body) - rest
        form = f"{len(start)}s{has_level:d}s{rest - has_level}s{padding}x"
        self._extension = struct.Struct(form)
        self._prefix = start
        self._layout = form.encode() + start + self._stamped
        payload_type = parameters.codecs[0].payloadType or 0
        self._kind = (0x9000 if words else 0x8000) | payload_type
        self._cname = (parameters.rtcp.cname or "").encode()[:255]
        self._ring = [None] * limits.RETRANSMISSION_RING

    @property
    def started(self) -> bool:
        """Whether the stream was negotiated and its transport is up."""
        return self._extension is not None

    def send(self, packet: OpusPacket) -> None:
        """Sends one packet of a single source; see `forward`."""
        self.forward(None, packet, time.monotonic(), Bodies(b""))

    def forward(self, source: object, packet: OpusPacket, now: float, bodies: Bodies) -> None:
        """Sends one packet; drops it when there is no connection. Never raises, never waits.

        `bodies` belongs to the packet: what is the same at many outputs is put together once.
        This is where a node spends most of its time; hence the shortcut for what comes in order.
        """
        number = packet.sequence
        begins: bool | None = False
        if source is self.source and 0 < (number - self.newest) & 0xFFFF <= limits.SEQUENCE_JUMP:
            self.newest = number
            timestamp = (packet.timestamp + self.timestamp_offset) & 0xFFFFFFFF
            self.timestamp, self.sent_at = timestamp, now
        else:
            begins = self.follow(source, packet, now)
            timestamp = (packet.timestamp + self.timestamp_offset) & 0xFFFFFFFF
        body = bodies.get(self._layout) or self._body(packet, bodies)
        if body is None or begins is None:
            self.dropped += 1
            return
        sequence = (number + self.sequence_offset) & 0xFFFF
        kind = self._kind | _MARKER if packet.marker or begins else self._kind
        written = self._write(kind, sequence, timestamp, self.ssrc, body)
        if written is None:
            self.dropped += 1
            return
        self._ring[sequence & _RING_MASK] = written
        self.sent += 1
        self._octets += len(packet.payload)

    def _body(self, packet: OpusPacket, bodies: Bodies) -> bytes | None:
        if self._extension is None or not 0 < len(packet.payload) <= limits.OPUS_BYTES:
            return None
        stamp = self._stamped + bodies.stamp if bodies.stamp else b""  # if none: padding
        extension = self._extension.pack(self._prefix, _LEVELS[packet.level & 0x7F], stamp)
        body = bodies[self._layout] = extension + packet.payload
        return body

    def lost(self, sequence: int) -> bytes | None:
        """The encrypted packet to send again: if it is still here, and not too often."""
        place = sequence & _RING_MASK
        packet = self._ring[place] if self._ring else None
        if packet is None or packet[2:4] != sequence.to_bytes(2, "big"):
            return None
        repeated, times = self._repeated.get(place, (packet, 0))
        times = times if repeated is packet else 0
        if times >= limits.RETRANSMISSIONS:
            return None
        self._repeated[place] = (packet, times + 1)
        self.retransmitted += 1
        return packet

    def sender_report(self) -> bytes:
        """SR and SDES with true time and counts; empty when nothing was sent since the last one."""
        if self.sent == self._reported:
            return b""
        self._reported = self.sent
        self._reported_ntp = current_ntp_time()
        elapsed = round((time.monotonic() - self.sent_at) * RATE)
        info = RtcpSenderInfo(
            ntp_timestamp=self._reported_ntp,
            rtp_timestamp=(self.timestamp + elapsed) & 0xFFFFFFFF,
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
        self._extension = None
        self._layout = b""
        self._ring = []
        self._repeated.clear()
