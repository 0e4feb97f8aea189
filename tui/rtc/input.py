"""One stream from the other side: its loss is counted and asked for, its packets go on at once.

RFC 3550 (receiver reports), 4585 (NACK), 6464 (audio level).
"""

import time
from collections import Counter
from collections.abc import Callable

from aiortc.rtcrtpparameters import RTCRtpReceiveParameters
from aiortc.rtp import RtcpReceiverInfo, RtcpSrPacket

from tui.audio.packet import RATE, SILENT_LEVEL, OpusPacket
from tui.config import limits
from tui.rtc.loss import Missing
from tui.rtc.output import LEVEL_URI
from tui.rtc.reception import Reception
from tui.rtc.rtp import RtpPacket
from tui.rtc.stamps import STAMP_BYTES, STAMP_URI, StampedPacket


class Input:
    """Takes packets of one slot as they arrive and hands them on, in whatever order they come."""

    def __init__(
        self,
        slot: int,
        parameters: RTCRtpReceiveParameters,
        on_packet: Callable[[int, OpusPacket], None],
        ask: Callable[[int, list[int]], None] | None,
        drops: Counter[str],
    ) -> None:
        self.media_id = parameters.muxId
        self.announced = frozenset(x.ssrc for x in parameters.encodings)
        """The SSRCs that the other side's description names for this stream."""
        self.received = 0
        self._slot = slot
        self._payload_type = parameters.codecs[0].payloadType
        ids = {x.uri: x.id for x in parameters.headerExtensions}
        self._level_id = ids.get(LEVEL_URI, -1)
        self._stamp_id = ids.get(STAMP_URI, -1)
        self._on_packet = on_packet
        self._ask = ask
        self._drops = drops
        self._ssrc: int | None = None
        self._missing = Missing()
        self._reception = Reception()
        self._reported = 0
        self._report_ntp = 0
        self._report_at = 0.0

    def packet(self, packet: RtpPacket, now: float) -> None:
        """Takes one decrypted packet of this stream."""
        if packet.payload_type != self._payload_type:
            self._drops["another codec"] += 1
            return
        if packet.ssrc != self._ssrc:
            self._ssrc = packet.ssrc
            self._reception = Reception()
            self._reported = 0
            self._missing = Missing()
        self._reception.arrived(packet.sequence, packet.timestamp, now)
        wanted = self._missing.arrived(packet.sequence, now)
        if wanted and self._ask is not None:
            self._ask(packet.ssrc, wanted)
        if not 0 < len(packet.payload) <= limits.OPUS_BYTES:
            self._drops["no Opus frame"] += (
                1  # padding, for one; its number is used up all the same
            )
            return
        self.received += 1
        level = packet.extensions.get(self._level_id)
        stamp = packet.extensions.get(self._stamp_id)
        self._on_packet(
            self._slot,
            StampedPacket(
                sequence=packet.sequence,
                timestamp=packet.timestamp,
                payload=packet.payload,
                level=level[0] & 0x7F if level else SILENT_LEVEL,
                marker=packet.marker,
                stamp=stamp if stamp is not None and len(stamp) == STAMP_BYTES else None,
            ),
        )

    @property
    def lost(self) -> int:
        """Packets of the present stream that never came, retransmissions taken off."""
        return max(0, self._reception.lost)

    @property
    def jitter(self) -> float:
        """Seconds by which arrivals of the present stream vary (RFC 3550, 6.4.1)."""
        return self._reception.jitter / RATE

    def sender_report(self, report: RtcpSrPacket) -> None:
        """Notes the other side's sender report, so that ours tells it the round trip."""
        if report.ssrc == self._ssrc:
            self._report_ntp = (report.sender_info.ntp_timestamp >> 16) & 0xFFFFFFFF
            self._report_at = time.monotonic()

    def receiver_report(self) -> RtcpReceiverInfo | None:
        """What arrived of this stream since the last report; None when nothing did."""
        reception = self._reception
        if self._ssrc is None or reception.received == self._reported:
            return None
        self._reported = reception.received
        delay = time.monotonic() - self._report_at
        known = self._report_ntp and delay < 65_536
        return RtcpReceiverInfo(
            ssrc=self._ssrc,
            fraction_lost=reception.fraction_lost(),
            packets_lost=reception.lost,
            highest_sequence=reception.highest & 0xFFFFFFFF,
            jitter=int(reception.jitter) & 0xFFFFFFFF,
            lsr=self._report_ntp if known else 0,
            dlsr=int(delay * 65_536) if known else 0,
        )
