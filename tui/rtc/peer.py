"""One WebRTC connection to one pubkey: offer and answer, streams in and out, messages, its end.

A connection is negotiated once, with a fixed number of audio slots in both directions, so that a
promotion needs no new offer. One end of ours offers `slots` audio lines and the data channel
`spaces`; the other takes whatever is offered: a plain browser's one line, with or without channel.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Literal

import msgspec
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpCodecCapability,
    RTCRtpTransceiver,
    RTCSessionDescription,
)

from tui.audio.packet import OpusPacket
from tui.config import limits
from tui.rtc.beat import BEAT_SECONDS, PING_SECONDS, Beat
from tui.rtc.channel import LABEL, Channel, Message
from tui.rtc.description import (
    InvalidDescription,
    RemoteDescription,
    read_description,
    write_description,
)
from tui.rtc.ice import Candidate, Consent, offer_loopback
from tui.rtc.media import Media
from tui.rtc.output import Output
from tui.rtc.servers import parse_ice_server
from tui.rtc.trickle import Trickle

__all__ = ["Candidate", "InvalidDescription", "Peer", "PeerSettings", "PeerStats", "State"]

log = logging.getLogger(__name__)

State = Literal["new", "connecting", "connected", "failed", "closed"]

_OPUS = RTCRtpCodecCapability(mimeType="audio/opus", clockRate=48_000, channels=2)
_FIRST_ID = "0"
"""The media id that aiortc gives to the first line of an offer."""


class PeerSettings(msgspec.Struct, frozen=True):
    """How a connection is made. `loopback` also offers 127.0.0.1: all peers are on this machine."""

    ice_servers: tuple[str, ...] = ()
    """`stun:HOST[:PORT]`, `turn[s]:USER:PASSWORD@HOST[:PORT][?transport=udp|tcp]`."""
    loopback: bool = False
    slots: int = 4

    def __repr__(self) -> str:  # the URLs may carry a password
        return f"PeerSettings({len(self.ice_servers)} servers, {self.loopback=}, {self.slots=})"


class PeerStats(msgspec.Struct, frozen=True):
    """Counts since the start, and what the other side reports. Times in seconds."""

    sent: int
    received: int
    lost: int
    """Packets that never reached us."""
    retransmitted: int
    fraction_lost: float
    """Of what we send, as last reported by the other side: the worst of its streams."""
    round_trip: float | None
    dropped: dict[str, int]
    """What was thrown away, by reason."""


class Peer:
    """One connection. Its owner closes it; every callback runs in the event loop."""

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
        self.state: State = "new"
        self.problem: str | None = None
        """Why the connection failed."""
        self._settings = settings
        self._on_packet = on_packet
        self._on_message = on_message
        self._on_state = on_state
        self._monotonic = monotonic
        self._drops: Counter[str] = Counter()
        self._trickle = Trickle(
            loopback=settings.loopback,
            servers=tuple(parse_ice_server(x) for x in settings.ice_servers),
            on_candidate=on_candidate,
            drops=self._drops,
        )
        self._pc: RTCPeerConnection | None = None
        self._media: Media | None = None
        self._channel: Channel | None = None
        self._channels_offered = 0
        self._remote: RemoteDescription | None = None
        self._spoke = False
        self._beat = Beat(monotonic())
        self._pinged = (0, 0.0)
        self._round_trip: float | None = None
        self._consent: Consent | None = None
        self._give_up = 0.0
        self._ticking: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None

    @property
    def outputs(self) -> list[Output]:
        """The streams that the other side takes from us; empty until connected."""
        return self._media.outputs if self._media is not None else []

    @property
    def has_channel(self) -> bool:
        """The other side announces its slots: so says its description, or it did already."""
        return self._spoke or (self._remote is not None and self._remote.has_channel)

    async def create_offer(self) -> str:
        """Our offer, with `slots` audio lines in both directions and the data channel."""
        pc = self._open()
        for _ in range(self._settings.slots):
            pc.addTransceiver("audio").setCodecPreferences([_OPUS])
        self._take_over(pc.getTransceivers())
        self._use(pc.createDataChannel(LABEL))
        return await self._describe(_FIRST_ID, nack=True)

    async def accept_offer(self, sdp: str) -> str:
        """Takes an offer and returns our answer; raises `InvalidDescription`."""
        remote = read_description(sdp)
        pc = self._open()
        pc.on("datachannel", self._channel_offered)
        await self._apply(remote, "offer")
        self._take_over([x for x in pc.getTransceivers() if _accept(x)])
        await self._reach(remote)
        try:
            answer = await self._describe(remote.first_id, nack=remote.answers_nack)
        except Exception as error:  # aiortc sees some of what it cannot take only when it answers
            raise InvalidDescription("an offer that cannot be answered") from error
        self._watch()
        return answer

    async def accept_answer(self, sdp: str) -> None:
        """Takes the answer to our offer; raises `InvalidDescription`."""
        remote = read_description(sdp)
        if self._pc is None or self._remote is not None:
            raise InvalidDescription("an answer without an offer")
        await self._reach(remote)
        await self._apply(remote, "answer")
        self._watch()

    def add_candidate(self, candidate: Candidate) -> None:
        """Takes a trickled candidate, also before the description that it belongs to."""
        self._trickle.add(candidate)

    def send_message(self, message: Message) -> bool:
        """Sends a message on the data channel; False when it cannot be sent now."""
        return self._channel is not None and self._channel.send(message)

    def stats(self) -> PeerStats:
        """Counts and quality of this moment."""
        inputs = self._media.inputs if self._media is not None else []
        reports = [x.report for x in self.outputs if x.report is not None]
        trips = [x.round_trip for x in reports if x.round_trip is not None]
        return PeerStats(
            sent=sum(x.sent for x in self.outputs),
            received=sum(x.received for x in inputs),
            lost=sum(x.lost for x in inputs),
            retransmitted=sum(x.retransmitted for x in self.outputs),
            fraction_lost=max((x.fraction_lost for x in reports), default=0.0),
            round_trip=min(trips, default=self._round_trip),
            dropped={**self._drops, "not sent": sum(x.dropped for x in self.outputs)},
        )

    async def close(self) -> None:
        """Ends the connection and all that belongs to it; the other side learns of it at once."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        # Whoever waits may be cancelled: what is open is closed all the same.
        await asyncio.shield(self._closing)

    def _open(self) -> RTCPeerConnection:
        if self._pc is not None or self._closing is not None:
            raise ConnectionError("a connection is negotiated once")
        # No servers: asking them is ours, and None would mean a third party's.
        self._pc = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        self._pc.on("connectionstatechange", self._connection_changed)
        return self._pc

    def _take_over(self, transceivers: list[RTCRtpTransceiver]) -> None:
        dtls = transceivers[0].receiver.transport
        connection = dtls.transport._connection
        if self._settings.loopback:
            offer_loopback(connection)
        self._consent = Consent(connection, lambda: self._fail("the path was lost"))
        self._media = Media(
            dtls,
            on_packet=self._on_packet,
            heard=self._heard,
            monotonic=self._monotonic,
            drops=self._drops,
        )
        for slot, transceiver in enumerate(transceivers):
            self._media.take_over(transceiver, slot)

    async def _apply(self, remote: RemoteDescription, kind: str) -> None:
        assert self._pc is not None
        try:
            await self._pc.setRemoteDescription(RTCSessionDescription(remote.sdp, kind))
        except Exception as error:  # aiortc reads text with assert, next() and int()
            raise InvalidDescription("a session description that makes no sense") from error
        self._remote = remote

    async def _reach(self, remote: RemoteDescription) -> None:
        assert self._media is not None
        self._media.answers_nack = remote.answers_nack
        await self._trickle.begin(self._media.connection, remote.candidates, remote.first_id)

    async def _describe(self, first_id: str | None, *, nack: bool) -> str:
        assert self._pc is not None
        assert self._media is not None
        await self._pc.setLocalDescription()
        if self._pc.sctp is not None:
            self._media.guard(self._pc.sctp)
        self._trickle.ask(self._media.connection, first_id)
        sdp = self._pc.localDescription.sdp
        return write_description(sdp, nack=nack, more_candidates=bool(self._settings.ice_servers))

    def _use(self, channel: RTCDataChannel) -> None:
        self._channel = Channel(channel, self._message, self._drops)

    def _channel_offered(self, channel: RTCDataChannel) -> None:
        self._channels_offered += 1
        if self._channels_offered > limits.CHANNELS:
            self._fail("the other side opens channels without end")
        elif channel.label == LABEL and self._channel is None:
            self._use(channel)

    def _message(self, message: Message) -> None:
        self._spoke = True
        number = message.get("n")
        if message.get("type") == "ping":
            answer = {"type": "pong", "n": number if isinstance(number, int) else 0}
            self.send_message(answer)
        elif message.get("type") == "pong":
            if number == self._pinged[0]:
                self._round_trip = self._monotonic() - self._pinged[1]
        else:
            self._on_message(message)

    def _heard(self) -> None:
        self._beat.heard()

    def _connection_changed(self) -> None:
        state = self._pc.connectionState if self._pc is not None else "closed"
        if state == "connecting":
            self._set_state("connecting")
        elif state == "connected":
            # aiortc starts the streams right after this event.
            asyncio.get_running_loop().call_soon(self._connected)
        elif state == "failed":
            self._fail("no secure connection to the other side")
        elif state == "closed" and self._closing is None:
            self._closing = asyncio.create_task(self._close())

    def _connected(self) -> None:
        if self._closing is None and self.state == "connecting":
            self._beat = Beat(self._monotonic())
            self._set_state("connected")

    def _fail(self, problem: str) -> None:
        if self.state not in ("failed", "closed"):
            self.problem = problem
            self._set_state("failed")

    def _set_state(self, state: State) -> None:
        if self.state not in (state, "closed"):
            self.state = state
            self._on_state(state)

    def _watch(self) -> None:
        self._give_up = self._monotonic() + limits.CONNECT_SECONDS
        self._tick_later()

    def _tick_later(self) -> None:
        if self._closing is None and self.state != "failed":
            loop = asyncio.get_running_loop()
            self._ticking = loop.call_later(BEAT_SECONDS, self._tick)

    def _tick(self) -> None:
        """Twice a second: times out, reports, pings, notices silence."""
        now = self._monotonic()
        if self.state == "connected":
            self._look_after(now)
        elif now > self._give_up:
            self._fail("no path to the other side")
        self._tick_later()

    def _look_after(self, now: float) -> None:
        assert self._media is not None
        assert self._consent is not None
        self._consent.tick(now, lively=self._beat.lively(now))
        self._media.send_reports(now, say_something=self.has_channel)
        if not self._beat.heard_lately or now - self._pinged[1] >= PING_SECONDS:
            self._pinged = (self._pinged[0] + 1, now)
            self.send_message({"type": "ping", "n": self._pinged[0]})
        if not self._beat.tick(now) and self.has_channel:
            self._fail("the other side fell silent")

    async def _close(self) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
        if self._media is not None:
            self._media.stop()
        await self._trickle.close()
        if self._pc is not None:
            try:
                async with asyncio.timeout(limits.CLOSE_SECONDS):
                    await self._pc.close()
            except TimeoutError:
                log.warning("a TURN server did not answer a goodbye")
        self._set_state("closed")


def _accept(transceiver: RTCRtpTransceiver) -> bool:
    """Agrees to an audio line with Opus, in both directions; declines video."""
    if transceiver.kind != "audio":
        transceiver.direction = "inactive"
        return False
    transceiver._codecs = [x for x in transceiver._codecs if x.name.lower() == "opus"]
    if not transceiver._codecs:
        raise InvalidDescription("an audio line without Opus")
    transceiver.direction = "sendrecv"
    return True
