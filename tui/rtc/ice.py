"""ICE on one connection of aioice: candidates from outside, loopback, and quick consent.

RFC 8445 (ICE), 8838 (trickle), 7675 (consent), 8839 (candidates in SDP).
"""

import asyncio
import ipaddress
import random
import re
from collections.abc import Callable

import msgspec
from aioice import Candidate as IceCandidate
from aioice import Connection, stun
from aioice.mdns import is_mdns_hostname

from tui.config import limits

LOOPBACK = "127.0.0.1"
CONSENT_SECONDS = 1.0
CONSENT_FAILURES = 3
"""Consent checks without an answer, one a second, until the path is given up."""
LIVELY_CONSENT_SECONDS = 5.0
"""Between two checks while the other side is heard anyway; each costs both sides a signature."""

_CANDIDATE = re.compile(
    r"(?:a=)?(?:candidate:)?([\w+/]{1,32}) 1 udp (\d{1,10}) ([\w.:-]{1,253}) (\d{1,5})"
    r" typ (host|srflx|relay)(?: .*)?",
    re.IGNORECASE | re.ASCII,
)
_MDNS_NAME = re.compile(r"[\w-]{1,63}\.local", re.ASCII)


class Candidate(msgspec.Struct, frozen=True):
    """One ICE candidate as it is signalled: RTCIceCandidateInit of the W3C."""

    candidate: str
    sdpMid: str | None = None  # noqa: N815 - the W3C's names, as they stand in the JSON
    sdpMLineIndex: int | None = None  # noqa: N815


class InvalidCandidate(ValueError):
    """A candidate that we cannot or will not use."""


def parse_candidate(text: str, *, loopback: bool) -> IceCandidate:
    """Checks a candidate line from outside; raises `InvalidCandidate`.

    Only UDP, of host, srflx or relay type; addresses on this machine only if `loopback` allows.
    """
    match = _CANDIDATE.fullmatch(text) if len(text) <= limits.CANDIDATE_CHARS else None
    if match is None:
        raise InvalidCandidate("not a UDP candidate")
    foundation, priority, host, port, kind = match.groups()
    if not 0 < int(port) <= 65_535 or int(priority) >= 2**32:
        raise InvalidCandidate("a number out of range")
    if not _MDNS_NAME.fullmatch(host):
        _check_address(host, loopback)
    return IceCandidate(foundation, 1, "udp", int(priority), host, int(port), kind.lower())


def needs_lookup(candidate: IceCandidate) -> bool:
    """Whether the address is an mDNS name, which takes up to a second to resolve."""
    return bool(is_mdns_hostname(candidate.host))


def tune(
    connection: Connection,
    *,
    loopback: bool,
    lively: Callable[[], bool],
    on_lost: Callable[[], None],
) -> None:
    """Makes a fresh connection offer loopback if asked to, and notice a dead path in 4 s.

    `lively` says whether the other side was heard just now; `on_lost` is called before a dead path
    is closed. What is replaced, on this one instance, are public methods of aioice.
    """
    if loopback:
        gather = connection.get_component_candidates

        async def gather_with_loopback(
            component: int, addresses: list[str], timeout: int = 5
        ) -> list[IceCandidate]:
            # First, so that of candidates with equal priority it is checked first.
            return await gather(component, [LOOPBACK, *addresses], timeout)

        connection.get_component_candidates = gather_with_loopback  # type: ignore[method-assign]

    async def query_consent() -> None:
        if not connection._closing:  # else closed while it connected; aioice starts this anyhow
            await _keep_consent(connection, lively)
            on_lost()
            # close() waits for this task, which is itself: it must not find it.
            connection._query_consent_task = None
            await connection.close()

    connection.query_consent = query_consent  # type: ignore[method-assign]


def _check_address(host: str, loopback: bool) -> None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise InvalidCandidate("neither an address nor an mDNS name") from None
    if address.is_multicast or address.is_unspecified:
        raise InvalidCandidate("not the address of a host")
    if address.is_loopback and not loopback:
        raise InvalidCandidate("an address on this machine")


async def _keep_consent(connection: Connection, lively: Callable[[], bool]) -> None:
    """Checks the path again and again; returns when it is dead."""
    failures = 0
    waited = 0.0
    while failures < CONSENT_FAILURES:
        pause = CONSENT_SECONDS * (0.8 + 0.4 * random.random())
        await asyncio.sleep(pause)
        waited += pause
        if lively() and waited < LIVELY_CONSENT_SECONDS:
            continue
        waited = 0.0
        for pair in list(connection._nominated.values()):
            request = connection.build_request(pair, nominate=False)
            key = (connection.remote_password or "").encode()
            try:
                await pair.protocol.request(
                    request, pair.remote_addr, integrity_key=key, retransmissions=0
                )
                failures = 0
            except stun.TransactionError:
                failures += 1
