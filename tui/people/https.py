"""One GET over HTTPS from a server that a stranger named: bounded, and never into our own network.

The name is resolved first, the addresses are checked, and the connection goes to an address that
was checked, so that a name cannot lead elsewhere the second time it is asked for. No redirects, no
cookies, no proxy. The exchange is asyncio's, so that one time limit covers all of it; the answer is
taken apart by `http.client`. A library with connection pools and sessions would only be in the way.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from functools import cache
from http.client import HTTPException, HTTPResponse
from io import BytesIO
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final, NamedTuple, cast

from tui.audio.threads import in_thread
from tui.config import limits

IpAddress = IPv4Address | IPv6Address

_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits


class FetchFailed(Exception):
    """No answer that could be used; the text says why."""


class Answer(NamedTuple):
    """What a server answered, whatever its status."""

    status: int
    body: bytes


def is_public(address: IpAddress) -> bool:
    """Whether an address belongs to the public internet, also where IPv6 only wraps IPv4."""
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast
    wrapped = address.ipv4_mapped or address.sixtofour
    if address in _NAT64:
        wrapped = IPv4Address(int(address) & 0xFFFFFFFF)
    if wrapped is not None:
        return is_public(wrapped)
    return address in _GLOBAL_UNICAST and address.is_global


async def resolve(host: str) -> list[IpAddress]:
    """The addresses of a host; raises OSError."""
    found = await in_thread(
        lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM), "resolve"
    )
    # A link-local one carries the interface, `fe80::1%eth0`.
    return [ip_address(str(address[0]).partition("%")[0]) for *_, address in found]


async def get(
    host: str,
    target: str,
    *,
    port: int = 443,
    tls: ssl.SSLContext | None = None,
    resolve: Callable[[str], Awaitable[Iterable[IpAddress]]] = resolve,
    may_reach: Callable[[IpAddress], bool] = is_public,
) -> Answer:
    """GET `https://host/target`, `target` with its slash and query; raises FetchFailed."""
    try:
        async with asyncio.timeout(limits.HTTPS_SECONDS):
            addresses = [address for address in await resolve(host) if may_reach(address)]
            if not addresses:
                raise FetchFailed("no public address")
            # IPv4 first: a broken IPv6 costs the time that is left.
            addresses = sorted(set(addresses), key=lambda address: (address.version, address))
            if tls is None:
                tls = await asyncio.to_thread(_system_tls)  # reads a file of a good 100 kB
            data = await _exchange(host, target, addresses, port, tls)
        return await asyncio.to_thread(read_answer, data)
    except TimeoutError:
        raise FetchFailed("no answer in time") from None
    except (OSError, UnicodeError) as error:
        raise FetchFailed(f"no connection: {error}") from None


def read_answer(data: bytes) -> Answer:
    """An HTTP/1 response that the end of its connection has ended; raises FetchFailed."""
    response = HTTPResponse(cast(socket.socket, _Received(data)), method="GET")
    try:
        response.begin()
        return Answer(response.status, response.read())
    except (HTTPException, ValueError, OSError) as error:
        raise FetchFailed(f"not an HTTP response: {type(error).__name__}") from None


class _Received:
    """The part of a socket that HTTPResponse uses."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> BytesIO:
        return BytesIO(self._data)


@cache
def _system_tls() -> ssl.SSLContext:
    return ssl.create_default_context()


async def _exchange(
    host: str, target: str, addresses: list[IpAddress], port: int, tls: ssl.SSLContext
) -> bytes:
    reader, writer = await _connect(host, addresses[: limits.HTTPS_ADDRESSES], port, tls)
    try:
        authority = host if port == 443 else f"{host}:{port}"
        request = (
            f"GET {target} HTTP/1.1\r\nHost: {authority}\r\nAccept: application/json\r\n"
            "Accept-Encoding: identity\r\nUser-Agent: spaces\r\nConnection: close\r\n\r\n"
        )
        writer.write(request.encode("ascii"))
        data = bytearray()
        while part := await reader.read(limits.HTTPS_BYTES):
            data += part
            if len(data) > limits.HTTPS_BYTES:
                raise FetchFailed("the answer is too large")
        return bytes(data)
    finally:
        writer.transport.abort()  # a polite end of TLS waits for the other side


async def _connect(
    host: str, addresses: list[IpAddress], port: int, tls: ssl.SSLContext
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    failure = OSError("no address")
    for address in addresses:
        try:
            return await asyncio.open_connection(str(address), port, ssl=tls, server_hostname=host)
        except OSError as error:
            failure = error
    raise failure
