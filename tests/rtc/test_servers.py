import asyncio
import hashlib
import struct
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from tui.rtc.peer import Candidate, PeerSettings
from tui.rtc.servers import IceServer, InvalidIceServer, parse_ice_server

Make = Callable[..., Any]
MAPPED = ("203.0.113.9", 40_000)
USER, PASSWORD, REALM = "user", "pass word", "test"
KEY = hashlib.md5(f"{USER}:{REALM}:{PASSWORD}".encode()).digest()


class Server(asyncio.DatagramProtocol):
    """A STUN and TURN server on loopback, as small as it can be (RFC 8489, 8656)."""

    def __init__(self) -> None:
        self.relays: dict[tuple[str, int], Relay] = {}
        self.relayed = 0
        self._serving: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if 0x40 <= data[0] <= 0x7F:
            channel, length = struct.unpack("!HH", data[:4])
            self.relayed += 1
            self.relays[addr].send(channel, data[4 : 4 + length])
            return
        request = stun.parse_message(data)
        if request.message_method == stun.Method.BINDING:
            self._answer(request, addr, {"XOR-MAPPED-ADDRESS": MAPPED})
        elif not request.check_message_integrity(KEY):
            needs = {"ERROR-CODE": (401, "Unauthorized"), "NONCE": b"nonce", "REALM": REALM}
            self._answer(request, addr, needs, stun.Class.ERROR)
        else:
            self._serving.add(asyncio.create_task(self._serve(request, addr)))

    async def _serve(self, request: stun.Message, addr: tuple[str, int]) -> None:
        attributes: dict[str, object] = {}
        if request.message_method == stun.Method.ALLOCATE:
            loop = asyncio.get_running_loop()
            transport, relay = await loop.create_datagram_endpoint(
                lambda: Relay(self.transport, addr), local_addr=("127.0.0.1", 0)
            )
            self.relays[addr] = relay
            attributes = {
                "LIFETIME": 600,
                "XOR-MAPPED-ADDRESS": addr,
                "XOR-RELAYED-ADDRESS": transport.get_extra_info("sockname"),
            }
        elif request.message_method == stun.Method.CHANNEL_BIND:
            channel = request.attributes["CHANNEL-NUMBER"]
            self.relays[addr].bind(channel, request.attributes["XOR-PEER-ADDRESS"])
        else:
            attributes = {"LIFETIME": request.attributes["LIFETIME"]}
            if not request.attributes["LIFETIME"]:
                self.relays.pop(addr).transport.close()
        self._answer(request, addr, attributes)

    def _answer(
        self,
        request: stun.Message,
        addr: tuple[str, int],
        attributes: dict[str, Any],
        kind: stun.Class = stun.Class.RESPONSE,
    ) -> None:
        answer = stun.Message(
            message_method=request.message_method,
            message_class=kind,
            transaction_id=request.transaction_id,
            attributes=attributes,
        )
        if kind == stun.Class.RESPONSE and request.message_method != stun.Method.BINDING:
            answer.add_message_integrity(KEY)
        self.transport.sendto(bytes(answer), addr)


class Relay(asyncio.DatagramProtocol):
    """One relayed address; tells apart who sends by the channel that the client bound."""

    def __init__(self, towards: asyncio.DatagramTransport, client: tuple[str, int]) -> None:
        self._towards, self._client = towards, client
        self._peers: dict[int, tuple[str, int]] = {}

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def bind(self, channel: int, peer: tuple[str, int]) -> None:
        self._peers[channel] = peer

    def send(self, channel: int, data: bytes) -> None:
        self.transport.sendto(data, self._peers[channel])

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for channel, peer in self._peers.items():
            if peer == addr:
                framed = struct.pack("!HH", channel, len(data)) + data
                self._towards.sendto(framed, self._client)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
    yield protocol
    transport.close()
    for relay in protocol.relays.values():
        relay.transport.close()


def asking(*urls: str) -> PeerSettings:
    return PeerSettings(loopback=True, ice_servers=urls)


async def test_what_a_stun_server_says_is_trickled(side: Make, until: Make, server: Server) -> None:
    one = side(asking(f"stun:127.0.0.1:{server.port}"))
    offer = await one.peer.create_offer()
    assert "end-of-candidates" not in offer
    assert "srflx" not in offer
    await until(lambda: one.candidates[-1:] == [None])
    first = one.candidates[0]
    assert first is not None
    assert f" {MAPPED[0]} {MAPPED[1]} typ srflx raddr " in first.candidate
    assert first.candidate.startswith("candidate:")
    assert (first.sdpMid, first.sdpMLineIndex) == ("0", 0)
    assert len(one.candidates) == 2, "one address, told once"


async def test_without_servers_nothing_is_trickled(side: Make) -> None:
    one = side()
    assert "a=end-of-candidates" in await one.peer.create_offer()
    assert one.candidates == []


async def test_a_server_that_does_not_answer_delays_nothing(
    side: Make, until: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.rtc.servers.limits.ICE_SERVER_SECONDS", 0.3)
    silent = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
    )
    port = silent[0].get_extra_info("sockname")[1]
    settings = asking(f"stun:127.0.0.1:{port}", f"turn:a:b@127.0.0.1:{port}")
    one, two = side(settings), side()
    began = time.monotonic()
    answer = await two.peer.accept_offer(await one.peer.create_offer())
    await one.peer.accept_answer(answer)
    await until(lambda: one.peer.state == two.peer.state == "connected")
    assert time.monotonic() - began < 2.0, "aiortc would wait for five seconds"
    await until(lambda: one.candidates == [None])
    silent[0].close()


async def test_closing_ends_the_questions(side: Make) -> None:
    one = side(asking("turn:a:b@127.0.0.1:9", "stun:127.0.0.1:9"))
    await one.peer.create_offer()
    before = len(asyncio.all_tasks())
    await one.peer.close()
    assert len(asyncio.all_tasks()) < before
    assert one.candidates == []


async def test_sound_passes_where_only_a_relay_does(
    side: Make, until: Make, packet: Make, server: Server
) -> None:
    url = f"turn:{USER}:pass%20word@127.0.0.1:{server.port}"
    one, two = side(asking(url)), side()
    offer = await one.peer.create_offer()
    await until(lambda: one.candidates[-1:] == [None])
    relayed = [x for x in one.candidates if x is not None and "typ relay" in x.candidate]
    assert len(relayed) == 1
    answer = await two.peer.accept_offer(_without_candidates(offer))
    # One of them is reached at its relay only, and reaches the other through it only.
    two.peer.add_candidate(relayed[0])
    await one.peer.accept_answer(_without_candidates(answer))
    _hide_host_sockets(one)
    _trickle(one, answer)
    await until(lambda: one.peer.state == two.peer.state == "connected")
    one.peer.outputs[0].send(packet(1))
    two.peer.outputs[0].send(packet(2))
    await until(lambda: one.packets and two.packets)
    assert server.relayed
    await one.peer.close()
    await until(lambda: not server.relays)


def _without_candidates(sdp: str) -> str:
    return "\r\n".join(x for x in sdp.splitlines() if "candidate" not in x) + "\r\n"


def _hide_host_sockets(side: Any) -> None:
    """Leaves only the relay: what the machine itself sends goes nowhere."""
    for protocol in side.peer._media.connection._protocols:
        if protocol.local_candidate.type == "host":
            protocol.send_stun = lambda message, addr: None


def _trickle(side: Any, sdp: str) -> None:
    for line in sdp.splitlines():
        if line.startswith("a=candidate:") and " 127.0.0.1 " in line:
            side.peer.add_candidate(Candidate(line[2:], "0", 0))


def test_the_urls_that_others_write() -> None:
    assert parse_ice_server("stun:stun.example.org") == IceServer("stun", "stun.example.org", 3478)
    assert parse_ice_server("turn:me:a%40b@192.0.2.1:99?transport=tcp") == IceServer(
        "turn", "192.0.2.1", 99, "tcp", "me", "a@b"
    )
    assert parse_ice_server("turns:me:x@[2001:db8::1]") == IceServer(
        "turns", "2001:db8::1", 5349, "tcp", "me", "x"
    )


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(parse_ice_server("turn:me:secret@192.0.2.1"))


@pytest.mark.parametrize(
    "url",
    ["", "stun:", "http://example.org", "turn:192.0.2.1", "stun:a:0", "stun:a:65536", "stun:a b"],
)
def test_what_is_no_server(url: str) -> None:
    with pytest.raises(InvalidIceServer):
        parse_ice_server(url)


@given(st.text(max_size=100))
def test_any_text_is_read_or_refused(url: str) -> None:
    try:
        assert 0 < parse_ice_server(url).port < 65_536
    except InvalidIceServer:
        return
