"""A connection by aiortc's public interface only: for a version of it that our hooks do not fit.

Of `Peer` it keeps the descriptions, the messages and the states. Sound goes out by aiortc's sender,
which takes encoded packets as they are, and comes in by its receiver, which decodes: it is encoded
anew here. That costs ten times the CPU, 80 ms at each node and a little quality; what was lost is
not asked for again. It is used where `selftest.hooks_work` says that the better way is closed.
"""

import asyncio
import contextlib
import fractions
import logging
import time
from collections.abc import Callable, Sequence

import numpy as np
from aioice import Candidate as IceCandidate
from aiortc import RTCIceCandidate, RTCIceServer, RTCPeerConnection, RTCRtpTransceiver
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.stats import RTCStatsReport
from av import AudioFrame
from av.packet import Packet
from av.stream import Stream

from tui.audio.levels import level_of
from tui.audio.opus import Encoder, Samples
from tui.audio.packet import FRAME, RATE, OpusPacket
from tui.config import limits
from tui.rtc.channel import Message
from tui.rtc.description import RemoteDescription, write_description
from tui.rtc.ice import Candidate, offer_loopback
from tui.rtc.links import Sink
from tui.rtc.peer import Peer, PeerSettings
from tui.rtc.quality import PeerStats
from tui.rtc.servers import parse_ice_server

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
SILENCE_SECONDS = 4.0
"""Longer than with our own streams: a sign of life is a message, which is sent again if lost."""
_TIME_BASE = fractions.Fraction(1, RATE)


def make_peer(
    settings: PeerSettings,
    *,
    on_packet: Callable[[int, OpusPacket], None],
    on_message: Callable[[Message], None],
    on_state: Callable[[str], None],
    on_candidate: Callable[[Candidate | None], None],
) -> Peer:
    """A connection of the kind that `settings` ask for."""
    kind = StockPeer if settings.stock else Peer
    return kind(
        settings,
        on_packet=on_packet,
        on_message=on_message,
        on_state=on_state,
        on_candidate=on_candidate,
    )


class StockPeer(Peer):
    """`Peer` without hooks: same interface, less of everything."""

    def __init__(
        self,
        settings: PeerSettings,
        *,
        on_packet: Callable[[int, OpusPacket], None],
        on_message: Callable[[Message], None],
        on_state: Callable[[str], None],
        on_candidate: Callable[[Candidate | None], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(
            settings,
            on_packet=on_packet,
            on_message=on_message,
            on_state=on_state,
            on_candidate=on_candidate,
            monotonic=monotonic,
        )
        self._transceivers: list[RTCRtpTransceiver] = []
        self._sources: list[_Source] = []
        self._outputs: list[_Source] = []
        self._readers: list[asyncio.Task[None]] = []
        self._asking: asyncio.Task[None] | None = None
        self._report = RTCStatsReport()
        self._received = 0
        self._asked = (0, 0.0)

    @property
    def outputs(self) -> Sequence[Sink]:
        """The streams that the other side takes from us; empty until connected."""
        return self._outputs

    def ping(self) -> None:
        """Asks the other side whether it is there, if it has a channel."""
        self._asked = (self._asked[0] + 1, self._monotonic())
        self.send_message({"type": "ping", "n": self._asked[0]})

    def stats(self) -> PeerStats:
        """Counts and quality of this moment; what aiortc does not say is 0."""
        inbound = [x for x in self._report.values() if x.type == "inbound-rtp"]
        reports = [x for x in self._report.values() if x.type == "remote-inbound-rtp"]
        return PeerStats(
            sent=sum(x.sent for x in self._sources),
            received=self._received,
            lost=sum(x.packetsLost for x in inbound),
            retransmitted=0,
            loss=self._losses.share,
            jitter=max((x.jitter for x in inbound), default=0) / RATE,
            fraction_lost=max((x.fractionLost for x in reports), default=0) / 256,
            round_trip=self._round_trip,
            dropped={**self._drops, "not sent": sum(x.dropped for x in self._sources)},
            local_type="",
            remote_type="",
        )

    def _servers(self) -> list[RTCIceServer]:
        servers = [parse_ice_server(x) for x in self._settings.ice_servers]
        return [RTCIceServer(x.url, x.username, x.password) for x in servers]

    def _accept(self, transceiver: RTCRtpTransceiver) -> bool:
        audio: bool = transceiver.kind == "audio"
        transceiver.direction = "sendrecv" if audio else "inactive"
        return audio

    def _take_over(self, transceivers: list[RTCRtpTransceiver]) -> None:
        self._transceivers = transceivers
        self._sources = [_Source() for _ in transceivers]
        for transceiver, source in zip(transceivers, self._sources, strict=True):
            transceiver.sender.replaceTrack(source)
        if self._settings.loopback:
            # Not public, and only needed on a machine without any network.
            with contextlib.suppress(AttributeError):
                offer_loopback(transceivers[0].receiver.transport.transport._connection)

    async def _reach(self, remote: RemoteDescription) -> None:
        """Done when the description is applied: before it, aiortc takes no candidates."""

    async def _apply(self, remote: RemoteDescription, kind: str) -> None:
        await super()._apply(remote, kind)
        assert self._pc is not None
        way = _Candidates(self._pc, remote.first_id)
        await self._trickle.begin(way, remote.candidates, remote.first_id)

    async def _describe(self, first_id: str | None, *, nack: bool) -> str:
        assert self._pc is not None
        await self._pc.setLocalDescription()
        sdp = self._pc.localDescription.sdp
        return write_description(sdp, nack=False, more_candidates=False)

    def _message(self, message: Message) -> None:
        self._heard()
        if message.get("type") == "pong" and message.get("n") == self._asked[0]:
            self._round_trip = self._monotonic() - self._asked[1]
        super()._message(message)

    def _connected(self) -> None:
        if self._closing is None and self.state == "connecting":
            for slot, transceiver in enumerate(self._transceivers):
                if transceiver.currentDirection in ("sendrecv", "sendonly"):
                    self._outputs.append(self._sources[slot])
                if transceiver.currentDirection in ("sendrecv", "recvonly"):
                    listening = self._listen(slot, transceiver.receiver.track)
                    self._readers.append(asyncio.create_task(listening))
        super()._connected()

    async def _listen(self, slot: int, track: MediaStreamTrack) -> None:
        recoder = _Recoder()
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                self._heard()
                self._received += 1
                try:
                    assert isinstance(frame, AudioFrame)
                    for packet in recoder.encode(frame):
                        self._on_packet(slot, packet)
                except Exception:
                    if not self._drops["failed callback"]:
                        log.exception("a frame was not handled; further failures are only counted")
                    self._drops["failed callback"] += 1

    def _look_after(self, now: float) -> None:
        self._beat.look(now, 0)
        self.ping()
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        if self.has_channel and self._beat.quiet_for(now) >= SILENCE_SECONDS:
            self._fail("the other side fell silent")

    def _next_look(self, now: float) -> float:
        self._beat.next_look(now)
        return LOOK_SECONDS

    async def _ask(self) -> None:
        assert self._pc is not None
        self._report = await self._pc.getStats()
        lost = sum(x.packetsLost for x in self._report.values() if x.type == "inbound-rtp")
        self._losses.note(self._monotonic(), self._received, lost)

    def _stop(self) -> None:
        for task in (*self._readers, *([self._asking] if self._asking else [])):
            task.cancel()
        self._readers, self._asking = [], None  # a cancelled task refers to us by its traceback
        self._transceivers = []
        for source in self._sources:
            source.stop()


class _Source(MediaStreamTrack):
    """One stream to the other side; aiortc's sender asks for its packets, and waits for them."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.sent = 0
        self.dropped = 0
        self._packets: asyncio.Queue[OpusPacket] = asyncio.Queue(limits.WAITING_PACKETS)

    def send(self, packet: OpusPacket) -> None:
        """Sends one packet; drops it when there is no connection. Never raises, never waits."""
        if self.readyState != "live" or self._packets.full() or not packet.payload:
            self.dropped += 1
            return
        self._packets.put_nowait(packet)
        self.sent += 1

    async def recv(self) -> "Packet[Stream]":
        """What aiortc sends next, as it was encoded."""
        waiting = await self._packets.get()
        packet = Packet(waiting.payload)
        packet.pts = waiting.timestamp
        packet.time_base = _TIME_BASE
        return packet


class _Recoder:
    """What aiortc decoded, as packets again."""

    def __init__(self) -> None:
        self._encoder = Encoder()
        self._sequence = 0
        self._samples: Samples = np.zeros(0, np.float32)
        self._next = 0

    def encode(self, frame: AudioFrame) -> list[OpusPacket]:
        """The packets that a decoded frame completes."""
        pcm = frame.to_ndarray().reshape(frame.samples, -1).mean(axis=1) / 32_768
        start = frame.pts or 0
        marker = start != self._next + len(self._samples)
        if marker:  # after a pause or a loss
            self._samples, self._next = self._samples[:0], start
        self._samples = np.concatenate((self._samples, pcm.astype(np.float32)))
        packets: list[OpusPacket] = []
        while len(self._samples) >= FRAME:
            piece, self._samples = self._samples[:FRAME], self._samples[FRAME:]
            packets.append(
                OpusPacket(
                    sequence=self._sequence & 0xFFFF,
                    timestamp=self._next & 0xFFFFFFFF,
                    payload=self._encoder.encode(piece),
                    level=level_of(piece),
                    marker=marker and not packets,
                )
            )
            self._sequence += 1
            self._next += FRAME
        return packets


class _Candidates:
    """Where `Trickle` brings checked candidates: to aiortc's public method."""

    def __init__(self, connection: RTCPeerConnection, first_id: str | None) -> None:
        self._connection = connection
        self._first_id = first_id

    async def add_remote_candidate(self, remote_candidate: IceCandidate | None) -> None:
        """Adds one candidate of the other side."""
        if (candidate := remote_candidate) is not None:
            await self._connection.addIceCandidate(
                RTCIceCandidate(
                    component=candidate.component,
                    foundation=candidate.foundation,
                    ip=candidate.host,
                    port=candidate.port,
                    priority=candidate.priority,
                    protocol=candidate.transport,
                    type=candidate.type,
                    sdpMid=self._first_id,
                    sdpMLineIndex=0,
                )
            )
