"""What comes from another peer: descriptions, candidates, RTP and RTCP, Opus, messages."""

import asyncio
import contextlib
import struct
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
from aiortc.rtcrtpparameters import (
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpReceiveParameters,
    RTCRtpSendParameters,
)
from aiortc.rtp import RtcpReceiverInfo, RtcpRrPacket

from tests.fuzz.target import KEYS, PART, Run, Target, declared, simple, to_text
from tui.audio.opus import MAX_SAMPLES, Decoder, Encoder, OpusError, duration
from tui.audio.packet import BLOCK, FRAME, OpusPacket
from tui.audio.playout import Playout
from tui.config import limits
from tui.rtc.channel import decode_message
from tui.rtc.description import InvalidDescription, read_description
from tui.rtc.forwarding import Forwarder, LinkKind
from tui.rtc.ice import InvalidCandidate, parse_candidate
from tui.rtc.media import Media
from tui.rtc.peer import Peer, PeerSettings
from tui.rtc.rewriting import Rewriter
from tui.rtc.stamps import STAMP_BYTES, STAMP_URI, StampedPacket

SSRC = 0x01020304
OUR_SSRC = 0x0A0B0C0D
LEVEL_ID, MEDIA_ID, STAMP_ID = 1, 2, 3
PAYLOAD_TYPE = 111
SETTINGS = PeerSettings(loopback=True)


def rtp(sequence: int, payload: bytes, *, extension: bool = True) -> bytes:
    header = struct.pack(
        "!BBHLL", 0x90 if extension else 0x80, PAYLOAD_TYPE, sequence, 960 * sequence, SSRC
    )
    extensions = bytes((0xBE, 0xDE, 0, 2, LEVEL_ID << 4, 0x85, MEDIA_ID << 4, ord("0")))
    extensions += bytes((STAMP_ID << 4 | 2, 7)) + sequence.to_bytes(2, "big")
    return header + (extensions if extension else b"") + payload


def voice() -> list[bytes]:
    encoder, samples = Encoder(), np.sin(np.arange(FRAME, dtype=np.float32) / 20)
    return [encoder.encode(samples.astype(np.float32)) for _ in range(3)]


VOICE = voice()
REPORT = RtcpRrPacket(
    ssrc=SSRC,
    reports=[
        RtcpReceiverInfo(
            ssrc=OUR_SSRC,
            fraction_lost=1,
            packets_lost=1,
            highest_sequence=9,
            jitter=1,
            lsr=1,
            dlsr=1,
        )
    ],
)
NACK = struct.pack("!BBHLLHH", 0x81, 205, 3, SSRC, OUR_SSRC, 5, 3)


@contextlib.contextmanager
def media() -> Iterator[Run]:
    """Datagrams that SRTP has opened: packets come out, what is malformed is counted."""
    with asyncio.Runner() as runner:
        yield lambda data: runner.run(receive(data.split(PART)))


async def receive(datagrams: list[bytes]) -> None:
    plain = SimpleNamespace(unprotect=bytes, unprotect_rtcp=bytes)
    connection: Any = SimpleNamespace(
        data_received=lambda _data, _component: None, _queue=asyncio.Queue(), _nominated={}
    )
    dtls: Any = SimpleNamespace(
        transport=SimpleNamespace(_connection=connection), _rx_srtp=plain, _tx_srtp=None
    )
    packets: list[OpusPacket] = []
    drops: Counter[str] = Counter()
    streams = Media(
        dtls,
        on_packet=lambda _slot, packet: packets.append(packet),
        heard=lambda: None,
        monotonic=lambda: 0.0,
        drops=drops,
    )
    streams.answers_nack = True
    transceiver: Any = SimpleNamespace(
        sender=SimpleNamespace(_ssrc=OUR_SSRC), receiver=SimpleNamespace()
    )
    streams.take_over(transceiver, 0)
    codec = RTCRtpCodecParameters("audio/opus", 48_000, 2, PAYLOAD_TYPE)
    extensions = [
        RTCRtpHeaderExtensionParameters(LEVEL_ID, "urn:ietf:params:rtp-hdrext:ssrc-audio-level"),
        RTCRtpHeaderExtensionParameters(MEDIA_ID, "urn:ietf:params:rtp-hdrext:sdes:mid"),
        RTCRtpHeaderExtensionParameters(STAMP_ID, STAMP_URI),
    ]
    named = {"codecs": [codec], "headerExtensions": extensions, "muxId": "0"}
    await transceiver.sender.send(RTCRtpSendParameters(**named))
    await transceiver.receiver.receive(RTCRtpReceiveParameters(**named))
    for datagram in datagrams:
        connection.data_received(datagram, 1)
    streams.send_reports(0.0, say_something=True)
    assert len(packets) <= len(datagrams)
    for packet in packets:
        assert isinstance(packet, StampedPacket)
        assert 0 < len(packet.payload) <= limits.OPUS_BYTES
        assert 0 <= packet.level <= 127
        assert packet.stamp is None or len(packet.stamp) == STAMP_BYTES
    assert not drops["failed callback"]


def hear(data: bytes) -> None:
    """Any packets of two voices, in any order: the sound stays sound."""
    playout = Playout()
    now = 0.0
    for part in data.split(PART):
        if len(part) > 8:
            sequence, timestamp, origin, step = struct.unpack("!HLBB", part[:8])
            packet = OpusPacket(sequence, timestamp, part[8:])
            playout.push(KEYS[origin % 2], packet, now)
            now += step / 1000
        block = playout.render(now, {})
        assert block.shape == (BLOCK,)
        assert np.isfinite(block).all()
        assert np.abs(block).max() <= 1.0


def heard(*packets: tuple[int, bytes]) -> bytes:
    parts = (struct.pack("!HLBB", n, 960 * n, 0, 20) + payload for n, payload in packets)
    return PART.join(parts)


def decode_opus(data: bytes) -> None:
    assert 0 <= duration(data) <= MAX_SAMPLES
    decoder = Decoder()
    for work in (decoder.decode, lambda payload: decoder.recover(payload, FRAME)):
        with contextlib.suppress(OpusError):
            samples = work(data[: limits.AUDIO_PAYLOAD_BYTES])
            assert len(samples) <= MAX_SAMPLES
            assert np.isfinite(samples).all()
    assert len(decoder.conceal(FRAME)) == FRAME


def rewrite(data: bytes) -> None:
    """Numbers of any packets fit into their fields."""
    rewriter = Rewriter()
    for index in range(0, len(data) - 7, 8):
        sequence, timestamp, source, seconds = struct.unpack("!HLBB", data[index : index + 8])
        packet = OpusPacket(sequence, timestamp, b"x")
        written = rewriter.rewrite(source % 3, packet, float(index + seconds))
        if written is not None:
            assert 0 <= written.sequence <= 0xFFFF
            assert 0 <= written.timestamp <= 0xFFFFFFFF


def say_on_channel(data: bytes) -> None:
    forwarder = Forwarder(KEYS[0], lambda _origin, _packet: None, monotonic=lambda: 0.0)
    link: Any = SimpleNamespace(outputs=[], has_channel=True, send_message=lambda _message: True)
    forwarder.add_link(KEYS[1], link, LinkKind.PROVIDER)
    forwarder.add_link(KEYS[3], link, LinkKind.CONSUMER)
    forwarder.set_speakers(frozenset(KEYS[:3]))
    decode_message(data)
    for part in data.split(PART):
        message = decode_message(
            part.decode("utf-8", "surrogatepass") if part[:1] != b"\xff" else 1
        )
        if message is not None:
            forwarder.handle_message(KEYS[1], message)
            forwarder.handle_message(KEYS[3], message)
            assert forwarder.levels_of_others.keys() <= frozenset(KEYS[:3])
        for slot in range(3):
            forwarder.handle_packet(KEYS[1], slot, OpusPacket(slot, 0, b"x"))


def read_sdp(data: bytes) -> None:
    sdp = to_text(data)
    found = read_description(sdp)
    assert not any(line.startswith("a=candidate:") for line in found.sdp.splitlines())
    assert len(found.candidates) <= limits.REMOTE_CANDIDATES


def read_candidate(data: bytes) -> None:
    found = parse_candidate(to_text(data), loopback=False)
    assert found.host not in ("127.0.0.1", "::1", "0.0.0.0")
    assert 0 < found.port <= 65_535


@contextlib.contextmanager
def offers() -> Iterator[Run]:
    """A whole peer takes an offer, or refuses it."""
    with asyncio.Runner() as runner:

        async def accept(sdp: str) -> None:
            peer = new_peer()
            try:
                with contextlib.suppress(InvalidDescription):
                    async with asyncio.timeout(10):
                        await peer.accept_offer(sdp)
            finally:
                await peer.close()

        yield lambda data: runner.run(accept(to_text(data)))


def new_peer() -> Peer:
    def ignore(*_: object) -> None:
        pass

    return Peer(SETTINGS, on_packet=ignore, on_message=ignore, on_state=ignore, on_candidate=ignore)


TRANSPORT = (
    "a=ice-ufrag:FY0y\r\na=ice-pwd:2pEpV6g4vSoWnWQHTzrAjw\r\na=setup:actpass\r\n"
    f"a=fingerprint:sha-256 {':'.join(['A6'] * 32)}\r\n"
    "a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r\na=end-of-candidates\r\n"
)
OFFER = (
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=spaces\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
    "a=msid-semantic:WMS *\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\n"
    "a=sendrecv\r\na=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=mid:0\r\n"
    "a=extmap:2 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=msid:stream track\r\n"
    "a=rtcp:9 IN IP4 0.0.0.0\r\na=rtcp-mux\r\na=ssrc:2028441963 cname:x\r\n"
    "a=rtpmap:96 opus/48000/2\r\na=rtcp-fb:96 nack\r\na=fmtp:96 minptime=10;useinbandfec=1\r\n"
    f"{TRANSPORT}m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n"
    f"a=mid:1\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n{TRANSPORT}"
)
CANDIDATES = (
    "candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host",
    "candidate:abc 1 UDP 1 2001:db8::1 9 typ srflx raddr 0.0.0.0 rport 0 generation 0",
    "candidate:1 1 udp 1 0ad0e5c6-1c6a.local 9 typ host",
)
SLOTS = msgspec.json.encode({"type": "slots", "origins": [KEYS[1], None, KEYS[2]]})
LEVELS = msgspec.json.encode({"type": "levels", "levels": {KEYS[2]: 30}})

TARGETS = (
    simple("description", declared(read_sdp, InvalidDescription), OFFER),
    Target("offer", offers, (OFFER.encode(),), 15),
    simple("candidate", declared(read_candidate, InvalidCandidate), *CANDIDATES),
    simple(
        "data-channel",
        declared(say_on_channel, UnicodeDecodeError),
        SLOTS,
        LEVELS,
        '{"type":"listen","on":true}',
    ),
    Target(
        "rtp",
        media,
        (
            PART.join(rtp(n, each) for n, each in enumerate(VOICE)),
            PART.join((rtp(65_535, VOICE[0]), rtp(3, VOICE[1], extension=False), rtp(1, b""))),
            PART.join((bytes(REPORT), NACK)),
        ),
    ),
    simple("opus", decode_opus, *VOICE),
    simple("playout", hear, heard(*enumerate(VOICE)), heard((9, VOICE[0]), (2, VOICE[1]))),
    simple("rewriting", rewrite, bytes(range(64)), bytes(24)),
)
