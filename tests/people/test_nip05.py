import asyncio
import contextlib
import datetime
import ipaddress
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.people import https
from tui.people.https import Answer, FetchFailed, is_public, read_answer
from tui.people.nip05 import Name, NameChecker, parse_name, vouches_for

BOB, EVE = "b0" * 32, "e0" * 32
HOST = "names.example"

# --- names -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "shown"),
    [
        ("bob@example.com", Name("bob", "example.com"), "bob@example.com"),
        (" Bob@Example.COM ", Name("bob", "example.com"), "bob@example.com"),
        ("_@example.com", Name("_", "example.com"), "example.com"),
        ("example.com", Name("_", "example.com"), "example.com"),
        ("b.o-b_1@a.b-c.example", Name("b.o-b_1", "a.b-c.example"), "b.o-b_1@a.b-c.example"),
        ("bob@xn--bcher-kva.example", Name("bob", "xn--bcher-kva.example"), None),
    ],
)
def test_names(text: str, name: Name, shown: str | None) -> None:
    assert parse_name(text) == name
    assert str(name) == (shown or text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "bob",
        "bob@",
        "@example.com",
        "bob@com",
        "bob@localhost",
        "bob@relay.local",
        "bob@duskgytldkxiuqc6.onion",
        "bob@10.0.0.1",
        "bob@127.1",
        "bob@[::1]",
        "bob@example.com:8080",
        "bob@example.com/x",
        "bob@example.com?x",
        "bob@example.com#x",
        "bob@exa mple.com",
        "bob@example.com.",
        "bob@example..com",
        "bob@-a.example",
        "bob@bücher.example",
        "b&b@example.com",
        "b%20b@example.com",
        "a@b@example.com",
        "bob@example.com\r\nHost: x",
        "bob@" + "a" * 64 + ".example",
        "bob@" + "a." * 130 + "example",
        "b" * 65 + "@example.com",
    ],
)
def test_what_is_no_public_name_is_not_asked_for(text: str) -> None:
    assert parse_name(text) is None


@given(st.text() | st.from_regex(r"[a-zA-Z0-9_.-]{0,5}@[a-z0-9.-]{0,20}"))
def test_a_name_can_stand_in_a_request_as_it_is(text: str) -> None:
    if name := parse_name(text):
        assert (name.local + name.domain).isascii()
        assert not set(name.local + name.domain) & set(" \r\n/?#&%:@[]")
        assert parse_name(str(name)) == name


@pytest.mark.parametrize(
    ("names", "verdict"),
    [
        ({"bob": BOB}, True),
        ({"Bob": BOB}, True),
        ({"bob": EVE}, False),
        ({"eve": BOB}, False),
        ({"bob": BOB.upper()}, False),
        ({"bob": None, "eve": EVE}, False),
        ({"bob": [BOB]}, False),
        ({"eve": 1, "bob": BOB}, True),
        ({}, False),
    ],
)
def test_what_a_domain_says(names: Any, verdict: bool) -> None:
    document = json.dumps({"names": names, "relays": {BOB: ["wss://relay.example"]}})
    assert vouches_for(document.encode(), "bob", BOB) is verdict


@pytest.mark.parametrize(
    "document",
    [b"", b"<html>", b"[]", b"null", b'{"names": []}', b'{"names": "bob"}', b"\xff", b"[" * 99_999],
)
def test_what_is_no_list_of_names_says_nothing(document: bytes) -> None:
    assert vouches_for(document, "bob", BOB) is None


# --- checking --------------------------------------------------------------------------------


class Domains:
    """Answers requests; counts them."""

    def __init__(self) -> None:
        self.names: dict[str, dict[str, str]] = {"example.com": {"bob": BOB, "_": EVE}}
        self.status = 200
        self.asked: list[tuple[str, str]] = []

    async def fetch(self, host: str, target: str) -> Answer:
        self.asked.append((host, target))
        if host not in self.names:
            raise FetchFailed("no such host")
        return Answer(self.status, json.dumps({"names": self.names[host]}).encode())


@pytest.fixture
def domains() -> Domains:
    return Domains()


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def checker(domains: Domains, clock: Clock) -> NameChecker:
    return NameChecker(domains.fetch, monotonic=clock)


async def test_a_domain_is_asked_for_the_one_name(checker: NameChecker, domains: Domains) -> None:
    assert await checker.check("Bob@example.com", BOB) is True
    assert await checker.check("bob@example.com", EVE) is False
    assert await checker.check("_@example.com", EVE) is True
    assert await checker.check("bob@elsewhere.example", BOB) is None
    assert await checker.check("no address", BOB) is False
    assert domains.asked[0] == ("example.com", "/.well-known/nostr.json?name=bob")
    assert len(domains.asked) == 4


@pytest.mark.parametrize(
    ("status", "verdict"), [(301, False), (302, False), (404, False), (500, None), (503, None)]
)
async def test_only_the_domain_itself_can_say_yes(
    checker: NameChecker, domains: Domains, status: int, verdict: bool | None
) -> None:
    domains.status = status
    assert await checker.check("bob@example.com", BOB) is verdict


@pytest.mark.parametrize(
    ("address", "seconds"),
    [
        ("bob@example.com", limits.NIP05_YES_SECONDS),
        ("eve@example.com", limits.NIP05_NO_SECONDS),
        ("bob@elsewhere.example", limits.NIP05_RETRY_SECONDS),
    ],
)
async def test_an_answer_holds_for_its_time(
    checker: NameChecker, domains: Domains, clock: Clock, address: str, seconds: float
) -> None:
    first = await checker.check(address, BOB)
    clock.seconds += seconds - 1
    assert await checker.check(address.upper(), BOB) is first
    assert len(domains.asked) == 1
    clock.seconds += 2
    await checker.check(address, BOB)
    assert len(domains.asked) == 2


async def test_no_domain_is_flooded(checker: NameChecker, domains: Domains, clock: Clock) -> None:
    for number in range(100):
        await checker.check(f"name{number}@host{number}.example.com", BOB)
    assert len(domains.asked) == limits.NIP05_PER_DOMAIN
    assert await checker.check("bob@elsewhere.example", BOB) is None
    assert domains.asked[-1][0] == "elsewhere.example"
    clock.seconds += 61
    assert await checker.check("bob@example.com", BOB) is True  # being too many was no verdict


async def test_requests_are_few_altogether(checker: NameChecker, domains: Domains) -> None:
    for number in range(limits.NIP05_REQUESTS + 20):
        await checker.check("bob@example.com".replace("example", f"d{number}"), BOB)
    assert len(domains.asked) == limits.NIP05_REQUESTS


async def test_memory_is_bounded(
    checker: NameChecker, domains: Domains, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "NIP05_REMEMBERED", 3)
    for name in ("a", "b", "bob", "c", "d"):
        await checker.check(f"{name}@example.com", BOB)
    await checker.check("d@example.com", BOB)
    assert len(domains.asked) == 5
    await checker.check("a@example.com", BOB)
    assert len(domains.asked) == 6


# --- addresses -------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "64:ff9b::1.1.1.1"])
def test_public_addresses(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fec0::1",
        "fd00::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "2002:7f00:1::",
        "2002:c0a8:101::1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::192.168.1.1",
        "64:ff9b:1::1",
        "2001::1",
    ],
)
def test_addresses_of_our_own_network(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


# --- over the wire ---------------------------------------------------------------------------


class Server:
    """A TLS server on loopback that sends these bytes to whoever has sent a request."""

    def __init__(self) -> None:
        self.reply = b""
        self.requests: list[bytes] = []
        self.ends = True
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(self.reply)
            await writer.drain()
            if self.ends:
                writer.close()
            else:
                await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def make_certificate(folder: Path, host: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    return make_certificate(tmp_path, HOST)


@pytest.fixture
async def server(certificate: tuple[Path, Path]) -> AsyncIterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context)
    async with listening:
        server.port = listening.sockets[0].getsockname()[1]
        yield server


Fetch = Callable[..., Awaitable[Answer]]


@pytest.fixture
def fetch(server: Server, certificate: tuple[Path, Path]) -> Fetch:
    """GET as it is, but for the name service, the authority, the port and what may be reached."""
    trusted = ssl.create_default_context(cafile=certificate[0])

    async def resolve(_host: str) -> list[https.IpAddress]:
        return [ipaddress.ip_address("127.0.0.1")]

    async def fetch(host: str, target: str, **options: Any) -> Answer:
        wanted: dict[str, Any] = {
            "port": server.port,
            "tls": trusted,
            "resolve": resolve,
            "may_reach": lambda address: address.is_loopback,
        }
        return await https.get(host, target, **(wanted | options))

    return fetch


def reply(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def test_a_name_is_checked_over_tls(server: Server, fetch: Fetch) -> None:
    server.reply = reply(json.dumps({"names": {"bob": BOB}}).encode())
    checker = NameChecker(fetch)
    assert await checker.check(f"bob@{HOST}", BOB) is True
    assert await checker.check(f"bob@{HOST}", EVE) is False
    first, *headers = server.requests[0].decode().split("\r\n")
    assert first == "GET /.well-known/nostr.json?name=bob HTTP/1.1"
    assert f"Host: {HOST}:{server.port}" in headers


async def test_a_redirect_is_not_followed(server: Server, fetch: Fetch) -> None:
    location = f"Location: https://{HOST}:{server.port}/elsewhere"
    server.reply = reply(b"", location, status="301 Moved Permanently")
    assert await NameChecker(fetch).check(f"bob@{HOST}", BOB) is False
    assert len(server.requests) == 1


async def test_a_body_in_chunks(server: Server, fetch: Fetch) -> None:
    server.reply = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    assert await fetch(HOST, "/") == Answer(200, b"abcde")


async def test_our_own_network_is_not_reached(server: Server, fetch: Fetch) -> None:
    with pytest.raises(FetchFailed, match="no public address"):
        await fetch(HOST, "/", may_reach=is_public)
    assert server.requests == []


async def test_only_checked_addresses_are_used(server: Server, fetch: Fetch) -> None:
    """A name that says something else when it is asked again gains nothing by it."""
    answers = iter([["93.184.216.34", "127.0.0.1"], ["10.0.0.1"]])

    async def resolve(_host: str) -> list[https.IpAddress]:
        return list(map(ipaddress.ip_address, next(answers)))

    server.reply = reply(b"{}")
    assert (await fetch(HOST, "/", resolve=resolve)).status == 200
    assert next(answers) == ["10.0.0.1"]


async def test_a_certificate_for_another_name_is_refused(server: Server, fetch: Fetch) -> None:
    with pytest.raises(FetchFailed):
        await fetch("other.example", "/")
    assert server.requests == []


async def test_a_certificate_of_nobody_we_trust_is_refused(server: Server, fetch: Fetch) -> None:
    with pytest.raises(FetchFailed):
        await fetch(HOST, "/", tls=None)
    assert server.requests == []


async def test_an_answer_without_end_is_cut_off(
    server: Server, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HTTPS_BYTES", 10_000)
    server.reply = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_000_000
    server.ends = False
    with pytest.raises(FetchFailed, match="too large"):
        await fetch(HOST, "/")


async def test_a_server_that_takes_its_time_is_given_up(
    server: Server, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HTTPS_SECONDS", 0.1)
    server.ends = False
    with pytest.raises(FetchFailed, match="in time"):
        await fetch(HOST, "/")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"hello",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 100,
    ],
)
def test_what_is_no_response_is_one_error(data: bytes) -> None:
    with pytest.raises(FetchFailed):
        read_answer(data)


@given(st.binary(max_size=200), st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 "]))
def test_any_bytes_are_a_response_or_one_error(data: bytes, start: bytes) -> None:
    with contextlib.suppress(FetchFailed):
        read_answer(start + data)
