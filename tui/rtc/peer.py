"""One WebRTC connection to one pubkey: offer and answer, streams in and out, messages, its end.

A connection is negotiated once, with a fixed number of audio slots in both directions, so that a
promotion needs no new offer. One end of ours offers `slots` audio lines and the data channel
`spaces`; the other takes whatever is offered: a plain browser's one line, with or without channel.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpCodecCapability,
    RTCRtpTransceiver,
    RTCSessionDescription,
)

from tui.audio.packet import OpusPacket
from tui.config import limits
from tui.rtc.beat import ASK_AGAIN_SECONDS, ASK_SECONDS, SILENCE_SECONDS, Beat
from tui.rtc.channel import LABEL, Channel, Message
from tui.rtc.description import (
    InvalidDescription,
    RemoteDescription,
    read_description,
    write_description,
)
from tui.rtc.dismantling import DISMANTLE_SECONDS, dismantle
from tui.rtc.ice import LIVELY_CONSENT_SECONDS, Candidate, Consent, prepare
from tui.rtc.links import Sink
from tui.rtc.media import Media
from tui.rtc.quality import Losses, PeerStats
from tui.rtc.servers import parse_ice_server
from tui.rtc.trickle import Trickle

__all__ = ["Candidate", "InvalidDescription", "Peer", "PeerSettings", "PeerStats", "State"]

log = logging.getLogger(__name__)

State = Literal["new", "connecting", "connected", "failed", "closed"]

CONNECTING_LOOK_SECONDS = 0.5
"""Between two looks at a connection that is being made."""

_OPUS = RTCRtpCodecCapability(mimeType="audio/opus", clockRate=48_000, channels=2)
_FIRST_ID = "0"
"""The media id that aiortc gives to the first line of an offer."""


class PeerSettings(msgspec.Struct, frozen=True):
    """How a connection is made. `loopback` also offers 127.0.0.1: all peers are on this machine."""

    ice_servers: tuple[str, ...] = ()
    """`stun:HOST[:PORT]`, `turn[s]:USER:PASSWORD@HOST[:PORT][?transport=udp|tcp]`."""
    loopback: bool = False
    slots: int = 4
    stock: bool = False
    """By aiortc's own streams, as `stock.StockPeer`: our hooks do not fit the installed one."""

    def __repr__(self) -> str:  # the URLs may carry a password
        return f"PeerSettings({len(self.ice_servers)} servers, {self.loopback=}, {self.slots=})"


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
        self._losses = Losses()
        self._round_trip: float | None = None
        self._consent: Consent | None = None
        self._give_up = 0.0
        self._ticking: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None
        self._last: PeerStats | None = None

    @property
    def outputs(self) -> Sequence[Sink]:
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
        self._take_over([x for x in pc.getTransceivers() if self._accept(x)])
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

    @property
    def quiet_for(self) -> float:
        """Seconds since anything came that proves to be theirs; up to 1 where nobody talks."""
        return self._beat.quiet_for(self._monotonic())

    def ping(self) -> None:
        """Asks the other side whether it is there; an answer ends `quiet_for` in a round trip."""
        if self._consent is not None and self.state == "connected":
            self._consent.ask(self._monotonic())

    def stats(self) -> PeerStats:
        """Counts and quality of this moment."""
        if self._last is not None:
            return self._last
        inputs = self._media.inputs if self._media is not None else []
        outputs = self._media.outputs if self._media is not None else []
        reports = [x.report for x in outputs if x.report is not None]
        pair = self._media.connection._nominated.get(1) if self._media is not None else None
        return PeerStats(
            sent=sum(x.sent for x in outputs),
            received=sum(x.received for x in inputs),
            lost=sum(x.lost for x in inputs),
            retransmitted=sum(x.retransmitted for x in outputs),
            loss=self._losses.share,
            jitter=max((x.jitter for x in inputs), default=0.0),
            fraction_lost=max((x.fraction_lost for x in reports), default=0.0),
            round_trip=self._round_trip,
            dropped={**self._drops, "not sent": sum(x.dropped for x in outputs)},
            local_type=pair.local_candidate.type if pair is not None else "",
            remote_type=pair.remote_candidate.type if pair is not None else "",
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
        self._pc = RTCPeerConnection(
            RTCConfiguration(iceServers=self._servers(), bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        self._pc.on("connectionstatechange", self._connection_changed)
        return self._pc

    def _servers(self) -> list[RTCIceServer]:
        """Those that aiortc asks: none, since we do; None would mean a third party's."""
        return []

    def _accept(self, transceiver: RTCRtpTransceiver) -> bool:
        """Agrees to an audio line with Opus, in both directions; declines video."""
        if transceiver.kind != "audio":
            transceiver.direction = "inactive"
            return False
        transceiver._codecs = [x for x in transceiver._codecs if x.name.lower() == "opus"]
        if not transceiver._codecs:
            raise InvalidDescription("an audio line without Opus")
        transceiver.direction = "sendrecv"
        return True

    def _take_over(self, transceivers: list[RTCRtpTransceiver]) -> None:
        dtls = transceivers[0].receiver.transport
        connection = dtls.transport._connection
        prepare(connection, loopback=self._settings.loopback)
        self._consent = Consent(connection, on_answer=self._answered, monotonic=self._monotonic)
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
        if message.get("type") == "ping":  # we ask by ICE, which costs a tenth; others may ask so
            number = message.get("n")
            self.send_message({"type": "pong", "n": number if isinstance(number, int) else 0})
        elif message.get("type") != "pong":
            self._on_message(message)

    def _heard(self) -> None:
        self._beat.heard(self._monotonic())

    def _answered(self, round_trip: float) -> None:
        self._round_trip = round_trip
        self._heard()

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
            if self._ticking is not None:
                self._ticking.cancel()
            self._set_state("connected")
            self._tick()

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
        self._tick_in(CONNECTING_LOOK_SECONDS)

    def _tick_in(self, seconds: float) -> None:
        if self._closing is None and self.state != "failed":
            self._ticking = asyncio.get_running_loop().call_later(seconds, self._tick)

    def _tick(self) -> None:
        """Once or twice a second: times out, reports, asks, notices silence."""
        now = self._monotonic()
        if self.state == "connected":
            self._look_after(now)
            self._tick_in(self._next_look(now))
            return
        if now > self._give_up:
            self._fail("no path to the other side")
        self._tick_in(CONNECTING_LOOK_SECONDS)

    def _look_after(self, now: float) -> None:
        assert self._media is not None
        assert self._consent is not None
        if self._beat.stalled(now):
            self._consent.forget()
        say = self._beat.look(now, self._media.written) and self.has_channel
        self._media.send_reports(now, say_something=say)
        self._losses.note(
            now,
            sum(x.received for x in self._media.inputs),
            sum(x.lost for x in self._media.inputs),
        )
        quiet = self._beat.quiet_for(now)
        every = LIVELY_CONSENT_SECONDS if quiet < ASK_SECONDS else ASK_AGAIN_SECONDS
        if quiet >= SILENCE_SECONDS and self.has_channel:
            self._fail("the other side fell silent")
        elif not self._consent.tick(now, every=every - 0.01):
            self._fail("the path was lost")

    def _next_look(self, now: float) -> float:
        return self._beat.next_look(now)

    def _stop(self) -> None:
        """Ends what is ours; aiortc's is closed after it."""
        if self._media is not None:
            self._media.stop()
        if self._consent is not None:
            self._consent.close()

    async def _close(self) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
        self._stop()
        await self._trickle.close()
        if self._pc is not None:
            try:
                async with asyncio.timeout(limits.CLOSE_SECONDS):
                    await self._pc.close()
            except TimeoutError:
                log.warning("a TURN server did not answer a goodbye")
            asyncio.get_running_loop().call_later(DISMANTLE_SECONDS, self._dismantle, 50)
        self._set_state("closed")

    def _dismantle(self, turns: int) -> None:
        """Lets go of everything; only counts remain."""
        if turns:  # in a loop that was held up, what should be over may be just about to end
            asyncio.get_running_loop().call_soon(self._dismantle, turns - 1)
            return
        self._last = self.stats()
        dismantle(self._pc, self._media, self._consent, self._channel)
        self._pc = self._media = self._consent = self._channel = None
