import struct

import pytest
from aiortc.rtcrtpparameters import (
    RTCRtcpParameters,
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpSendParameters,
)
from aiortc.rtp import (
    HeaderExtensionsMap,
    RtcpPacket,
    RtcpReceiverInfo,
    RtcpSdesPacket,
    RtcpSrPacket,
    RtpPacket,
)
from hypothesis import given
from hypothesis import strategies as st

from tui.audio.packet import FRAME, OpusPacket
from tui.config import limits
from tui.rtc.output import LEVEL_URI, MEDIA_ID_URI, Output


def negotiated(media_id: str = "0", **ids: int) -> RTCRtpSendParameters:
    uris = {"mid": MEDIA_ID_URI, "level": LEVEL_URI}
    return RTCRtpSendParameters(
        codecs=[RTCRtpCodecParameters("audio/opus", 48_000, 2, 111)],
        headerExtensions=[
            RTCRtpHeaderExtensionParameters(x, uris[name]) for name, x in ids.items()
        ],
        muxId=media_id,
        rtcp=RTCRtcpParameters(cname="someone"),
    )


class Wire:
    """Keeps what an output writes, as the other side would parse it."""

    def __init__(self, parameters: RTCRtpSendParameters) -> None:
        self.written: list[bytes] = []
        self.up = True
        self.output = Output(1234, self.write)
        self._map = HeaderExtensionsMap()
        self._map.configure(parameters)
        self.output.start(parameters)

    def write(
        self, kind: int, sequence: int, timestamp: int, ssrc: int, body: bytes
    ) -> bytes | None:
        data = struct.pack("!HHLL", kind, sequence, timestamp, ssrc) + body
        if self.up:
            self.written.append(data)
        return data if self.up else None

    @property
    def packets(self) -> list[RtpPacket]:
        return [RtpPacket.parse(x, self._map) for x in self.written]


def packet(number: int, **fields: object) -> OpusPacket:
    values = {"payload": b"sound", "level": 30, **fields}
    return OpusPacket(number & 0xFFFF, number * FRAME & 0xFFFFFFFF, **values)  # type: ignore[arg-type]


@given(
    st.integers(0, 14),
    st.integers(0, 14),
    st.text("abcdefgh0123456789", max_size=20),
    st.integers(0, 127),
    st.booleans(),
    st.binary(min_size=1, max_size=limits.OPUS_BYTES),
)
def test_what_is_written_parses_to_what_was_sent(
    mid_id: int, level_id: int, media_id: str, level: int, marker: bool, payload: bytes
) -> None:
    parameters = negotiated(media_id, mid=mid_id, level=level_id)
    if mid_id == level_id:
        return
    wire = Wire(parameters)
    wire.output.send(OpusPacket(8, 8, payload, level))
    wire.output.send(OpusPacket(9, 9, payload, level, marker))
    first, parsed = wire.packets
    assert first.marker
    assert first.sequence_number < 32_768
    assert (parsed.payload, parsed.marker, parsed.payload_type) == (payload, marker, 111)
    assert parsed.ssrc == 1234
    assert parsed.extensions.audio_level == ((False, level) if level_id else None)
    carried = mid_id and 0 < len(media_id) <= 16
    assert parsed.extensions.mid == (media_id if carried else None)


def test_numbers_keep_their_distances() -> None:
    wire = Wire(negotiated(mid=1, level=2))
    numbers = [65_535, 65_536, 65_539, 65_538]
    for number in numbers:
        wire.output.send(packet(number))
    first = wire.packets[0]
    assert [(x.sequence_number - first.sequence_number) & 0xFFFF for x in wire.packets] == [
        0,
        1,
        4,
        3,
    ]
    assert [(x.timestamp - first.timestamp) & 0xFFFFFFFF for x in wire.packets] == [
        0,
        FRAME,
        4 * FRAME,
        3 * FRAME,
    ]


def test_nothing_goes_out_before_and_after() -> None:
    wire = Wire(negotiated())
    wire.output.stop()
    wire.output.send(packet(1))
    Output(1, wire.write).send(packet(1))
    assert wire.written == []
    assert wire.output.dropped == 1


@pytest.mark.parametrize("payload", [b"", bytes(limits.OPUS_BYTES + 1)])
def test_what_is_no_opus_frame_is_dropped(payload: bytes) -> None:
    wire = Wire(negotiated())
    wire.output.send(packet(1, payload=payload))
    assert wire.written == []
    assert wire.output.dropped == 1


def test_a_lost_packet_is_sent_again_as_it_was_but_not_without_end() -> None:
    wire = Wire(negotiated(level=2))
    for number in range(10):
        wire.output.send(packet(number))
    lost = wire.packets[4].sequence_number
    again = [wire.output.lost(lost) for _ in range(limits.RETRANSMISSIONS + 2)]
    assert again == [wire.written[4]] * limits.RETRANSMISSIONS + [None] * 2
    assert wire.output.retransmitted == limits.RETRANSMISSIONS


def test_only_the_last_packets_are_kept() -> None:
    wire = Wire(negotiated())
    for number in range(limits.RETRANSMISSION_RING + 1):
        wire.output.send(packet(number))
    assert wire.output.lost(wire.packets[0].sequence_number) is None
    assert wire.output.lost(wire.packets[1].sequence_number) is not None
    assert wire.output.lost((wire.packets[-1].sequence_number + 1) & 0xFFFF) is None


def test_a_path_that_is_down_counts_as_dropped() -> None:
    wire = Wire(negotiated())
    wire.up = False
    wire.output.send(packet(1))
    assert (wire.output.sent, wire.output.dropped) == (0, 1)


def test_reports_carry_true_counts_and_only_when_something_was_sent() -> None:
    wire = Wire(negotiated())
    assert wire.output.sender_report() == b""
    for number in range(3):
        wire.output.send(packet(number))
    report, source = RtcpPacket.parse(wire.output.sender_report())
    assert isinstance(report, RtcpSrPacket)
    assert (report.ssrc, report.sender_info.packet_count) == (1234, 3)
    assert report.sender_info.octet_count == 15
    behind = (report.sender_info.rtp_timestamp - wire.packets[-1].timestamp) & 0xFFFFFFFF
    assert behind < 48_000
    assert isinstance(source, RtcpSdesPacket)
    assert source.chunks[0].items == [(1, b"someone")]
    assert wire.output.sender_report() == b""


def test_a_receiver_report_gives_loss_and_round_trip() -> None:
    wire = Wire(negotiated())
    wire.output.send(packet(1))
    (report, _) = RtcpPacket.parse(wire.output.sender_report())
    assert isinstance(report, RtcpSrPacket)
    lsr = (report.sender_info.ntp_timestamp >> 16) & 0xFFFFFFFF
    wire.output.reported(RtcpReceiverInfo(1234, 64, 7, 1, 480, lsr, 1))
    assert wire.output.report is not None
    assert wire.output.report.fraction_lost == 0.25
    assert wire.output.report.jitter == 0.01
    assert wire.output.report.round_trip is not None
    assert 0 <= wire.output.report.round_trip < 5


def test_a_report_on_nothing_gives_no_round_trip() -> None:
    wire = Wire(negotiated())
    wire.output.reported(RtcpReceiverInfo(1234, 0, 0, 0, 0, 0, 0))
    assert wire.output.report is not None
    assert wire.output.report.round_trip is None
