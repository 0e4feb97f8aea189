import asyncio
import datetime
import ipaddress
import itertools
import random
import re
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.utils import accept_key

from tui.config import limits
from tui.nostr import websocket
from tui.nostr.filter import Filter
from tui.nostr.information import NoInformation, fetch_information
from tui.nostr.pool import Pool


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and a certificate for 127.0.0.1 that it has signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "relay.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + built.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
async def tls_relay(relay: Any, certificate: Path) -> Any:
    await relay.die()
    relay.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    relay.tls.load_cert_chain(certificate)
    await relay.start()
    return relay


async def test_an_unknown_certificate_is_refused(tls_relay: Any, until: Any) -> None:
    async with Pool([tls_relay.url]) as pool:
        await until(lambda: "certificate is not valid" in pool.status()[tls_relay.url].reason)
    assert tls_relay.accepted == 0


async def test_a_known_certificate_is_taken(
    tls_relay: Any, certificate: Path, sign: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        websocket, "_tls", lambda: ssl.create_default_context(cafile=str(certificate))
    )
    async with Pool([tls_relay.url]) as pool:
        event = await sign()
        assert (await pool.publish(event))[tls_relay.url].ok
        assert await pool.fetch([Filter()]) == [event]


async def test_the_information_comes_the_same_way(
    tls_relay: Any, certificate: Path, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls_relay.information = b'{"name":"a relay"}'
    with pytest.raises(NoInformation, match="CERTIFICATE_VERIFY_FAILED"):
        await fetch_information(tls_relay.url, 5)
    assert tls_relay.asked_for_information == 0
    monkeypatch.setattr(
        websocket, "_tls", lambda: ssl.create_default_context(cafile=str(certificate))
    )
    assert (await fetch_information(tls_relay.url, 5)).name == "a relay"


async def test_both_go_through_a_proxy(
    relay: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay.information = b'{"name":"a relay"}'
    asked: list[bytes] = []

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        there = await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        await asyncio.gather(pass_on(reader, there[1]), pass_on(there[0], writer))

    proxy = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with proxy:
        port = proxy.sockets[0].getsockname()[1]
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        async with Pool(["ws://relay.example.com"]) as pool:  # a name that does not resolve here
            await until(lambda: pool.status()["ws://relay.example.com"].name == "a relay")
    assert [line.split()[:2] for line in asked] == [[b"CONNECT", b"relay.example.com:80"]] * 2


async def test_a_proxy_is_not_used_for_this_machine(
    relay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with Pool([relay.url]) as pool:
        assert await pool.wait_connected(5)


async def test_compression_is_neither_offered_nor_taken(relay: Any) -> None:
    async with Pool([relay.url]) as pool:
        assert await pool.wait_connected(5)
        (connection,) = relay.connections
        assert "Sec-WebSocket-Extensions" not in connection.request.headers
        assert connection.protocol.extensions == []


async def test_a_read_full_of_frames_is_parsed_a_few_a_turn(relay: Any, until: Any) -> None:
    async def flood(connection: Any) -> None:
        await connection.recv()
        relay.burst([[]] * 5_000)

    relay.on_connect = flood
    socket = await websocket.open_socket(relay.url, open_timeout=5, ping=100, close_timeout=1)
    socket.post("go")
    parsed = [0]
    async with asyncio.timeout(5):
        while parsed[-1] < 2_000:
            await asyncio.sleep(0)
            parsed.append(len(socket.recv_messages.frames))
    portions = [after - before for before, after in itertools.pairwise(parsed)]
    assert max(portions) <= limits.RELAY_TURN_FRAMES
    await websocket.close_socket(socket, 1)


class Conversation:
    """Frames as a server may send them, and the messages that they carry."""

    def __init__(self, rng: random.Random) -> None:
        self.messages: list[bytes] = []
        self.frames = b""
        for _ in range(rng.randrange(1, 12)):
            sizes = rng.choices([0, 1, 125, 126, 300, 65_535, 65_536], [3, 3, 3, 3, 3, 1, 1], k=3)
            parts = [rng.randbytes(size) for size in sizes[: rng.choice([1, 1, 1, 2, 3])]]
            opcode = rng.choice([Opcode.TEXT, Opcode.TEXT, Opcode.BINARY])
            for number, part in enumerate(parts):
                last = number == len(parts) - 1
                self.frames += Frame(opcode, part, fin=last).serialize(mask=False)
                opcode = Opcode.CONT
                if rng.random() < 0.3:
                    control = rng.choice([Opcode.PING, Opcode.PONG])
                    self.frames += Frame(control, b"x").serialize(mask=False)
            self.messages.append(b"".join(parts))


async def test_messages_come_whole_and_in_order_however_they_are_cut(relay: Any) -> None:
    socket = await websocket.open_socket(relay.url, open_timeout=5, ping=100, close_timeout=1)
    for seed in range(150):
        rng = random.Random(seed)
        conversation = Conversation(rng)
        data = conversation.frames
        longest = rng.choice([1, 3, 200, 5_000, 200_000])
        receiving = asyncio.create_task(receive(socket, len(conversation.messages)))
        while data:
            size = rng.randint(1, longest) if len(data) < 20_000 else 30_000
            socket.data_received(data[:size])
            data = data[size:]
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            assert await receiving == conversation.messages, seed
    await websocket.close_socket(socket, 1)


async def receive(socket: Any, count: int) -> list[bytes]:
    return [await socket.recv(decode=False) for _ in range(count)]


@pytest.mark.parametrize(
    "frames",
    [
        b"\x81\x82abcd[]",  # masked
        b"\xc1\x02[]",  # compressed, which was not agreed on
        b"\x83\x02[]",  # of an unknown kind
        b"\x80\x02[]",  # continues nothing
        b"\x01\x01[\x81\x02[]",  # begins amid another message
        b"\x09\x02[]",  # a control frame in pieces
        b"\x81\xff" + b"\xff" * 12,
        b"\x81\x7f" + b"\xff" * 8,
    ],
)
async def test_what_is_against_the_protocol_ends_the_connection(relay: Any, frames: bytes) -> None:
    socket = await websocket.open_socket(relay.url, open_timeout=5, ping=100, close_timeout=1)
    socket.data_received(b"\x81\x02[]" + frames + b"\x81\x02{}" * 100)
    assert await socket.recv() == "[]"
    with pytest.raises(ConnectionClosed) as caught:
        await socket.recv()
    assert caught.value.sent is not None
    assert caught.value.sent.code in (1002, 1009)
    await websocket.close_socket(socket, 1)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 50, 1_000])
async def test_messages_right_after_the_handshake(until: Any, size: int) -> None:
    """Some relays say `AUTH` in the same packet that opens the connection."""
    notice = Frame(Opcode.TEXT, b'["NOTICE","hello"]').serialize(mask=False)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = re.search(r"Sec-WebSocket-Key: (\S+)", request)
        if key is None:  # for the information document
            writer.close()
            return
        lines = [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {accept_key(key[1])}",
            "",
            "",
        ]
        data = "\r\n".join(lines).encode() + notice * 20
        for start in range(0, len(data), size):
            writer.write(data[start : start + size])
            await asyncio.sleep(0)
        await reader.read(100)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Pool([url]) as pool:
            await until(lambda: pool.counts["notice"] == 20 - limits.RELAY_NOTICES)
            assert pool.status()[url].notice == "hello"


CLOSE_FRAME = b"\x88\x0c\x03\xf5try\x1b later"


async def test_what_comes_just_before_the_end_is_read(relay: Any, until: Any) -> None:
    async def part(connection: Any) -> None:
        relay.burst([["NOTICE", "full"]] * 500, end=CLOSE_FRAME)
        connection.transport.close()

    relay.on_connect = part
    async with Pool([relay.url]) as pool:
        await until(lambda: pool.status()[relay.url].state == "waiting")
        status = pool.status()[relay.url]
        assert (status.reason, status.notice) == ("closed by the relay (1013: try later)", "full")


async def test_an_end_that_is_seen_early_loses_nothing(relay: Any) -> None:
    socket = await websocket.open_socket(relay.url, open_timeout=5, ping=100, close_timeout=1)
    socket.data_received(b"\x81\x02[]" * 1_000 + CLOSE_FRAME)
    socket.eof_received()
    for _ in range(1_000):
        assert await socket.recv() == "[]"
    with pytest.raises(ConnectionClosed) as caught:
        await socket.recv()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1013
    await websocket.close_socket(socket, 1)


async def test_what_waits_to_be_parsed_is_bounded(relay: Any) -> None:
    async def flood(connection: Any) -> None:
        await connection.recv()
        relay.burst([["NOTICE", "x" * 900_000]] * 10)

    relay.on_connect = flood
    socket = await websocket.open_socket(relay.url, open_timeout=5, ping=100, close_timeout=1)
    socket.post("go")
    receiving = asyncio.create_task(socket.recv())
    longest = 0
    async with asyncio.timeout(10):
        while not receiving.done():
            longest = max(longest, len(socket._unparsed))
            await asyncio.sleep(0)
    # One frame and what asyncio reads at once.
    assert 0 < longest <= limits.RELAY_FRAME_BYTES + 512 * 1024
    await websocket.close_socket(socket, 1)


async def test_frames_that_nobody_takes_are_bounded(relay: Any) -> None:
    async def flood(connection: Any) -> None:
        await connection.recv()
        relay.burst([["NOTICE", "x" * 1_000]] * 10_000)

    relay.on_connect = flood
    socket = await websocket.open_socket(relay.url, open_timeout=5, ping=100, close_timeout=1)
    socket.post("go")
    for _ in range(3_000):
        await asyncio.sleep(0)
    assert 16 < len(socket.recv_messages.frames) < 700  # a high-water mark and two reads of 256 kB
    await websocket.close_socket(socket, 1)


async def test_pings_without_end_from_one_who_does_not_read(
    relay: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def flood(connection: Any) -> None:
        connection.transport.pause_reading()
        while not connection.transport.is_closing():
            connection.transport.write((b"\x89\x7d" + bytes(125)) * 1_000)
            await asyncio.sleep(0)

    monkeypatch.setattr(limits, "RELAY_WRITE_BYTES", 100_000)
    relay.on_connect = flood
    async with Pool([relay.url]) as pool:
        await until(lambda: pool.status()[relay.url].reason == "connection lost")
