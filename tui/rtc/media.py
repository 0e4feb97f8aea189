"""RTP and RTCP over one transport of aiortc: everything between SRTP and our packets.

aiortc's own path decodes what it receives in a thread per stream, and encodes what it sends once
per peer. Here, encrypted packets are taken before they enter aiortc, and written on its SRTP
session and the path that ICE chose; it keeps ICE, DTLS, SCTP and the descriptions. For that,
methods of instances are replaced: of a transceiver `sender.send` and `receiver.receive`, by which
aiortc would start its own path; of the ICE connection `data_received`; of SCTP `_handle_data`.
`selftest.hooks_work` checks that they still do their work.
"""

import logging
import struct
from collections import Counter
from collections.abc import Callable

import pylibsrtp
from aiortc import RTCDtlsTransport, RTCRtpTransceiver, RTCSctpTransport
from aiortc.rtcrtpparameters import RTCRtpReceiveParameters, RTCRtpSendParameters
from aiortc.rtp import (
    RTCP_RTPFB,
    RTCP_RTPFB_NACK,
    RtcpByePacket,
    RtcpPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    is_rtcp,
)

from tui.audio.packet import OpusPacket
from tui.config import limits
from tui.rtc.input import Input
from tui.rtc.output import MEDIA_ID_URI, Output
from tui.rtc.path import Path
from tui.rtc.rtp import MalformedRtp, RtpPacket, parse_rtp
from tui.rtc.srtp import Srtp
from tui.rtc.stamps import offer_stamps

log = logging.getLogger(__name__)

offer_stamps()

SENDER_REPORT_SECONDS = 5.0

_SRTP = range(128, 192)
"""The first byte of RTP and RTCP; other values are STUN, DTLS and TURN (RFC 9443)."""
_MALFORMED = (ValueError, struct.error, IndexError)


class Media:
    """The streams of one connection. `heard` is called for everything that proves to be theirs."""

    def __init__(
        self,
        dtls: RTCDtlsTransport,
        *,
        on_packet: Callable[[int, OpusPacket], None],
        heard: Callable[[], None],
        monotonic: Callable[[], float],
        drops: Counter[str],
    ) -> None:
        self.inputs: list[Input] = []
        self.outputs: list[Output] = []
        """Those that the other side wants to receive, in the order of its audio lines."""
        self.drops = drops
        self.answers_nack = False
        """The other side sends lost packets again: so says its description."""
        self._dtls = dtls
        self.connection = dtls.transport._connection
        self._path = Path(dtls, self.connection, drops)
        self._opening: Srtp | None = None
        self._media_id_id = -1
        self._by_ssrc: dict[int, Input] = {}
        self._by_media_id: dict[bytes, Input] = {}
        self._ssrc = 0  # of our reports, which need one even where we send nothing
        self._on_packet = on_packet
        self._heard = heard
        self._monotonic = monotonic
        self._report_due = monotonic() + 1.0
        self._enqueue = self.connection.data_received
        self.connection.data_received = self._datagram  # type: ignore[method-assign]

    def take_over(self, transceiver: RTCRtpTransceiver, slot: int) -> None:
        """Makes aiortc start our streams, instead of its own, once the transport is up."""
        output = Output(transceiver.sender._ssrc, self._path.write)
        self._ssrc = self._ssrc or output.ssrc

        async def send(parameters: RTCRtpSendParameters) -> None:
            output.start(parameters)
            self.outputs.append(output)

        async def receive(parameters: RTCRtpReceiveParameters) -> None:
            self._listen(slot, parameters)

        transceiver.sender.send = send  # type: ignore[method-assign]
        transceiver.receiver.receive = receive  # type: ignore[method-assign]

    def guard(self, sctp: RTCSctpTransport) -> None:
        """Keeps a malformed message from ending the connection, as aiortc would have it."""
        handle = sctp._handle_data

        async def handle_data(data: bytes) -> None:
            self._heard()
            try:
                await handle(data)
            except ConnectionError:
                raise
            except Exception as error:
                self.drops["malformed SCTP"] += 1
                log.debug("dropped SCTP data: %r", error)

        sctp._handle_data = handle_data  # type: ignore[method-assign]

    @property
    def written(self) -> int:
        """Datagrams of ours that went out."""
        return self._path.written

    def send_reports(self, now: float, *, say_something: bool) -> None:
        """Reports on what arrived since the last call, and every 5 s on what we sent.

        When there is nothing to report and `say_something`, an empty report goes out: the other
        side tells by it that we live; a message on the data channel costs ten times that.
        """
        reports = [x for x in (y.receiver_report() for y in self.inputs) if x is not None]
        if reports or say_something:
            self._path.write_rtcp(bytes(RtcpRrPacket(ssrc=self._ssrc, reports=reports)))
        if now >= self._report_due:
            self._report_due = now + SENDER_REPORT_SECONDS
            for output in self.outputs:
                self._path.write_rtcp(output.sender_report())

    def stop(self) -> None:
        """Says goodbye for every stream; nothing is sent or handed on any more."""
        sources = [x.ssrc for x in self.outputs if x.sent]
        if sources:
            self._path.write_rtcp(bytes(RtcpByePacket(sources=sources)))
        for output in self.outputs:
            output.stop()
        self.connection.data_received = self._enqueue  # type: ignore[method-assign]

    def _ask(self, ssrc: int, sequences: list[int]) -> None:
        # Built here: aiortc's own packet does not survive a list that wraps around 65535.
        lost = b"".join(struct.pack("!HH", x, 0) for x in sequences)
        header = (0x80 | RTCP_RTPFB_NACK, RTCP_RTPFB, 2 + len(sequences), self._ssrc, ssrc)
        self._path.write_rtcp(struct.pack("!BBHLL", *header) + lost)

    def _listen(self, slot: int, parameters: RTCRtpReceiveParameters) -> None:
        ask = self._ask if self.answers_nack else None
        stream = Input(slot, parameters, self._deliver, ask, self.drops)
        self.inputs.append(stream)
        ids = {x.uri: x.id for x in parameters.headerExtensions}
        self._media_id_id = ids.get(MEDIA_ID_URI, -1)  # one for all lines, as they share a path
        self._by_ssrc.update(dict.fromkeys(stream.announced, stream))
        if stream.media_id:
            self._by_media_id[stream.media_id.encode()] = stream

    def _datagram(self, data: bytes, component: int) -> None:
        # aiortc ends a connection over an empty or a long datagram, from wherever it comes.
        if not 0 < len(data) <= limits.DATAGRAM_BYTES:
            self.drops["impossible datagram"] += 1
        elif data[0] in _SRTP:
            self._protected(data)
        elif self.connection._queue.qsize() >= limits.WAITING_DATAGRAMS:
            self.drops["too many datagrams"] += 1
        else:
            self._enqueue(data, component)

    def _protected(self, data: bytes) -> None:
        session: pylibsrtp.Session | None = self._dtls._rx_srtp
        if session is None:
            return  # the other side has the keys before us: what it sends now cannot be read
        if is_rtcp(data):
            try:
                self._rtcp(session.unprotect_rtcp(data))
            except pylibsrtp.Error:
                self.drops["not authentic or repeated"] += 1
            return
        if self._opening is None:
            self._opening = Srtp(session)
        opened = self._opening.unprotect(data)
        if opened is None:
            self.drops["not authentic or repeated"] += 1
        else:
            self._rtp(opened)

    def _rtp(self, data: bytes) -> None:
        try:
            packet = parse_rtp(data)
        except MalformedRtp:
            self.drops["malformed RTP"] += 1
            return
        self._heard()
        stream = self._by_ssrc.get(packet.ssrc) or self._claim(packet)
        if stream is None:
            self.drops["unknown stream"] += 1
            return
        stream.packet(packet, self._monotonic())

    def _claim(self, packet: RtpPacket) -> Input | None:
        """Whose stream a new SSRC is: by its media id, or the only one that it can be."""
        stream = self._by_media_id.get(packet.extensions.get(self._media_id_id, b""))
        if stream is None and len(self.inputs) == 1 and not self.inputs[0].announced:
            stream = self.inputs[0]
        if stream is None or len(self._by_ssrc) >= limits.MEDIA_IDS + len(self.inputs):
            return None
        self._by_ssrc[packet.ssrc] = stream
        return stream

    def _deliver(self, slot: int, packet: OpusPacket) -> None:
        try:
            self._on_packet(slot, packet)
        except Exception:
            if not self.drops["failed callback"]:
                log.exception("a packet was not handled; further failures are only counted")
            self.drops["failed callback"] += 1

    def _rtcp(self, data: bytes) -> None:
        try:
            packets = RtcpPacket.parse(data)
        except _MALFORMED:
            self.drops["malformed RTCP"] += 1
            return
        self._heard()
        for packet in packets:
            if isinstance(packet, RtcpSrPacket):
                for stream in self.inputs:
                    stream.sender_report(packet)
            if isinstance(packet, RtcpSrPacket | RtcpRrPacket):
                self._reported(packet.reports)
            elif isinstance(packet, RtcpRtpfbPacket) and packet.fmt == RTCP_RTPFB_NACK:
                self._send_again(packet)

    def _reported(self, reports: list[RtcpReceiverInfo]) -> None:
        for report in reports:
            for output in self.outputs:
                if output.ssrc == report.ssrc:
                    output.reported(report)

    def _send_again(self, request: RtcpRtpfbPacket) -> None:
        output = next((x for x in self.outputs if x.ssrc == request.media_ssrc), None)
        if output is None:
            return
        for sequence in dict.fromkeys(x & 0xFFFF for x in request.lost):
            packet = output.lost(sequence)
            if packet is not None:
                self._path.send_again(packet)
