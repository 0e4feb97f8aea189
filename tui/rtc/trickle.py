"""Candidates of one connection, both ways, as they come: bounded, checked, nobody waits for them.

RFC 8838. The end of the candidates is not passed on to ICE: it would give up while our own servers
still think; `limits.CONNECT_SECONDS` ends a search that leads nowhere.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Protocol

from aioice import Candidate as IceCandidate
from aioice import Connection

from tui.config import limits
from tui.rtc.ice import Candidate, InvalidCandidate, needs_lookup, parse_candidate
from tui.rtc.servers import IceServer, ask_servers

log = logging.getLogger(__name__)


class Candidates(Protocol):
    """Where candidates of the other side go: what `aioice.Connection` offers."""

    async def add_remote_candidate(self, remote_candidate: IceCandidate | None) -> None:
        """Takes one that was checked."""


class Trickle:
    """Takes candidates from outside, and tells ours that servers find after the description."""

    def __init__(
        self,
        *,
        loopback: bool,
        servers: tuple[IceServer, ...],
        on_candidate: Callable[[Candidate | None], None],
        drops: Counter[str],
    ) -> None:
        self._loopback = loopback
        self._servers = servers
        self._on_candidate = on_candidate
        self._drops = drops
        self._connection: Candidates | None = None
        self._first_id: str | None = None
        self._early: list[Candidate] = []
        self._taken = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, candidate: Candidate) -> None:
        """Takes one from outside, also before the description that it belongs to."""
        if self._connection is None:
            if len(self._early) < limits.REMOTE_CANDIDATES:
                self._early.append(candidate)
            else:
                self._drops["too many candidates"] += 1
            return
        checked = self._check(candidate)
        if checked is not None:
            self._spawn(self._add(self._connection, checked))

    async def begin(
        self, connection: Candidates, described: tuple[str, ...], first_id: str | None
    ) -> None:
        """Takes those of the description, and all that came before it."""
        self._connection, self._first_id = connection, first_id
        early, self._early = self._early, []
        for candidate in [Candidate(x, first_id) for x in described] + early:
            checked = self._check(candidate)
            if checked is None:
                continue
            if needs_lookup(checked):
                self._spawn(self._add(connection, checked))
            else:  # at once, so that the checks begin with it
                await self._add(connection, checked)

    def ask(self, connection: Connection, media_id: str | None) -> None:
        """Asks the servers in the background; ends with `on_candidate(None)`."""
        if self._servers:
            self._spawn(self._ask(connection, media_id))

    async def close(self) -> None:
        """Ends what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _check(self, candidate: Candidate) -> IceCandidate | None:
        text, line = candidate.candidate, candidate.sdpMLineIndex
        if not text:
            return None  # the end of the candidates
        # All lines share the first one's transport; what is gathered for others leads nowhere.
        first = candidate.sdpMid == self._first_id if candidate.sdpMid is not None else not line
        self._taken += 1
        if self._taken > limits.REMOTE_CANDIDATES or not first:
            self._drops["too many candidates" if first else "candidate of another line"] += 1
            return None
        try:
            return parse_candidate(text, loopback=self._loopback)
        except InvalidCandidate as error:
            self._drops[f"candidate: {error}"] += 1
            return None

    async def _add(self, connection: Candidates, candidate: IceCandidate) -> None:
        try:
            await connection.add_remote_candidate(candidate)
        except Exception as error:  # a name server that answers nonsense, a machine without one
            self._drops["candidate not resolved"] += 1
            log.debug("a candidate was not resolved: %r", error)

    async def _ask(self, connection: Connection, media_id: str | None) -> None:
        def found(candidate: IceCandidate) -> None:
            self._on_candidate(Candidate(f"candidate:{candidate.to_sdp()}", media_id, 0))

        await ask_servers(connection, self._servers, found)
        self._on_candidate(None)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
