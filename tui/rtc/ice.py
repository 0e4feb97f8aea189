"""ICE on one connection of aioice: candidates from outside, loopback, and quick consent.

RFC 8445 (ICE), 8838 (trickle), 7675 (consent), 8839 (candidates in SDP).
"""

import asyncio
import ipaddress
import re
from collections.abc import Callable

import msgspec
from aioice import Candidate as IceCandidate
from aioice import Connection, stun
from aioice.ice import CandidatePair
from aioice.mdns import is_mdns_hostname

from tui.config import limits

LOOPBACK = "127.0.0.1"
PACE_SECONDS = 0.02
"""Between the first checks of two paths (RFC 8445, 14.2); aioice's own figure."""
CONSENT_SECONDS = 3.0
"""Of questions without an answer; then the path is given up, whatever else arrives on it."""
LIVELY_CONSENT_SECONDS = 5.0
"""Between two questions while the other side is heard; each costs both sides a signature."""

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


def prepare(connection: Connection, *, loopback: bool) -> None:
    """Makes a fresh connection of aioice quick, and usable on one machine alone."""
    if loopback:
        offer_loopback(connection)
    _go_on_at_once(connection)


def offer_loopback(connection: Connection) -> None:
    """Makes a fresh connection offer 127.0.0.1, which aioice leaves out.

    Replaced is a public method of aioice, on this one instance.
    """
    gather = connection.get_component_candidates

    async def gather_with_loopback(
        component: int, addresses: list[str], timeout: int = 5
    ) -> list[IceCandidate]:
        # First, so that of candidates with equal priority it is checked first.
        return await gather(component, [LOOPBACK, *addresses], timeout)

    connection.get_component_candidates = gather_with_loopback  # type: ignore[method-assign]


def _go_on_at_once(connection: Connection) -> None:
    """Makes a connection go on as soon as a check succeeds.

    aioice sleeps between two checks, and looks for success when it wakes: 20 ms of each join. Its
    pace stays, in a task of its own, which ends when the checks or the connection do.
    """
    check, close = connection._check_periodic, connection.close
    pacing: set[asyncio.Task[None]] = set()

    async def pace() -> None:
        while True:
            if not check():
                return
            await asyncio.sleep(PACE_SECONDS)

    def start_pacing() -> bool:
        if not connection._check_list:  # without any, aioice would take an end for a failure
            return check()
        if not pacing:
            pacing.add(asyncio.create_task(pace()))
        return False

    async def close_at_once() -> None:
        for task in pacing:
            task.cancel()
        await close()

    connection._check_periodic = start_pacing  # type: ignore[method-assign]
    connection.close = close_at_once  # type: ignore[method-assign]


class Consent:
    """Asks the other side whether the path still holds (RFC 7675).

    In place of aioice, which takes half a minute to tell and keeps to itself how long an answer
    took. `on_answer` gets the seconds.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        on_answer: Callable[[float], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._on_answer = on_answer
        self._monotonic = monotonic
        self._asking: set[asyncio.Task[None]] = set()
        self._asked_at = 0.0
        self._unanswered_since: float | None = None
        connection.query_consent = self._run  # type: ignore[method-assign]

    def tick(self, now: float, *, every: float) -> bool:
        """Asks if the last question is `every` seconds old; False once the path is lost.

        It is when a whole `CONSENT_SECONDS` of questions got no answer.
        """
        if now - self._asked_at >= every:
            self.ask(now)
        since = self._unanswered_since
        return since is None or now - since < CONSENT_SECONDS

    def ask(self, now: float) -> None:
        """Asks at once."""
        pair = self._connection._nominated.get(1)
        if pair is None or len(self._asking) >= limits.CONSENT_QUESTIONS:
            return
        self._asked_at = now
        if self._unanswered_since is None:
            self._unanswered_since = now
        task = asyncio.create_task(self._ask(pair, now))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    def forget(self) -> None:
        """Forgets questions without an answer: it was we who slept."""
        self._unanswered_since = None

    def close(self) -> None:
        """Asks no more."""
        for task in self._asking:
            task.cancel()

    async def _run(self) -> None:
        """What aioice starts once it is connected, and cancels when it closes: nothing."""

    async def _ask(self, pair: CandidatePair, asked_at: float) -> None:
        request = self._connection.build_request(pair, nominate=False)
        key = (self._connection.remote_password or "").encode()
        try:
            await pair.protocol.request(
                request, pair.remote_addr, integrity_key=key, retransmissions=1
            )
        except stun.TransactionError:
            return
        self._unanswered_since = None
        self._on_answer(self._monotonic() - asked_at)


def _check_address(host: str, loopback: bool) -> None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise InvalidCandidate("neither an address nor an mDNS name") from None
    if address.is_multicast or address.is_unspecified:
        raise InvalidCandidate("not the address of a host")
    if address.is_loopback and not loopback:
        raise InvalidCandidate("an address on this machine")
