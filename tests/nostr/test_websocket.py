import asyncio
import datetime
import ipaddress
import itertools
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.exceptions import ConnectionClosed

from tui.config import limits
from tui.nostr import websocket
from tui.nostr.filter import Filter
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


async def test_a_read_full_of_frames_is_parsed_a_portion_a_turn(relay: Any, until: Any) -> None:
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
    assert max(portions) <= limits.RELAY_PARSE_BYTES // 4 + 1
    await websocket.close_socket(socket, 1)


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
    assert 0 < longest <= 512 * 1024  # asyncio reads up to 256 kB at once
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
