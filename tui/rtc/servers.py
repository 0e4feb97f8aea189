"""STUN and TURN: what our address looks like from outside, asked in the background.

aiortc would ask before it makes an offer, and wait 5 s for a server that does not answer. Here the
offer leaves at once, and what the servers say is trickled after it (RFC 8838).
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from urllib.parse import unquote

import msgspec
from aioice import Candidate as IceCandidate
from aioice import Connection, stun
from aioice.ice import StunProtocol, relayed_candidate, server_reflexive_candidate

from tui.config import limits

log = logging.getLogger(__name__)

_URL = re.compile(
    r"(stun|turn|turns):(?:([^:@/?]+):([^@/?]+)@)?([\w.-]{1,253}|\[[0-9A-Fa-f:]+\])(?::(\d{1,5}))?"
    r"(?:\?transport=(udp|tcp))?",
    re.ASCII,
)
_FAILURES = (OSError, TimeoutError, ConnectionError, KeyError, ValueError, stun.TransactionError)


class InvalidIceServer(ValueError):
    """A URL that names no STUN or TURN server."""


class IceServer(msgspec.Struct, frozen=True):
    """One server: `stun:HOST[:PORT]`, `turn[s]:USER:PASSWORD@HOST[:PORT][?transport=udp|tcp]`."""

    scheme: str
    host: str
    port: int
    transport: str = "udp"
    username: str | None = None
    password: str | None = None

    @property
    def url(self) -> str:
        """The same without credentials, as the W3C writes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        query = "" if self.scheme == "stun" else f"?transport={self.transport}"
        return f"{self.scheme}:{host}:{self.port}{query}"

    def __repr__(self) -> str:
        return f"IceServer({self.scheme}:{self.host}:{self.port})"


def parse_ice_server(url: str) -> IceServer:
    """Reads a server's URL (RFC 7064, 7065, with TURN credentials in it)."""
    match = _URL.fullmatch(url)
    if match is None:
        raise InvalidIceServer("not a stun:, turn: or turns: URL")
    scheme, username, password, host, port, transport = match.groups()
    if scheme != "stun" and username is None:
        raise InvalidIceServer("a TURN server needs USER:PASSWORD@ before its host")
    number = int(port) if port else (5349 if scheme == "turns" else 3478)
    if not 0 < number <= 65_535:
        raise InvalidIceServer("a port out of range")
    return IceServer(
        scheme,
        host.strip("[]"),
        number,
        transport or ("tcp" if scheme == "turns" else "udp"),
        unquote(username) if username else None,
        unquote(password) if password else None,
    )


async def ask_servers(
    connection: Connection, servers: tuple[IceServer, ...], found: Callable[[IceCandidate], None]
) -> None:
    """Asks every server, tells each candidate as it is found; returns when all are done."""

    async def ask(answer: Awaitable[IceCandidate]) -> None:
        try:
            async with asyncio.timeout(limits.ICE_SERVER_SECONDS):
                candidate = await answer
        except _FAILURES as error:
            log.info("no candidate from an ICE server: %r", error)
            return
        if not any(_same_address(candidate, x) for x in connection._local_candidates):
            connection._local_candidates.append(candidate)
            found(candidate)

    async with asyncio.TaskGroup() as group:
        for server in servers:
            if server.scheme != "stun":
                group.create_task(ask(_relay(connection, server)))
                continue
            for socket in list(connection._protocols):
                if ":" not in socket.local_candidate.host:
                    group.create_task(ask(_reflect(socket, server)))


async def _reflect(socket: StunProtocol, server: IceServer) -> IceCandidate:
    candidate, _ = await server_reflexive_candidate(socket, (server.host, server.port))
    return candidate


async def _relay(connection: Connection, server: IceServer) -> IceCandidate:
    candidate, socket = await relayed_candidate(
        component=1,
        hide_related_address=False,
        protocol_factory=lambda: StunProtocol(connection),
        turn_server=(server.host, server.port),
        turn_username=server.username,
        turn_password=server.password,
        turn_ssl=server.scheme == "turns",
        turn_transport=server.transport,
    )
    connection._protocols.append(socket)
    # The checks have begun: what the other side offered meanwhile is to be reached this way, too.
    for remote in connection.remote_candidates:
        connection._pair_remote_candidate(remote)
    connection.sort_check_list()
    return candidate


def _same_address(one: IceCandidate, other: IceCandidate) -> bool:
    return (one.host, one.port) == (other.host, other.port)
