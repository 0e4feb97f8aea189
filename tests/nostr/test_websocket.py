import datetime
import ipaddress
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

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
