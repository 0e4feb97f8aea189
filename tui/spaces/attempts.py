"""One connection in the making: RESERVE, CONFIRM, OFFER, ANSWER and late candidates.

The asking peer reserves and, once confirmed, offers; the asked one confirms and answers. Times
begin when what they wait for was sent, since a signer may be slow.
"""

import asyncio
from collections.abc import Callable

from tui.config import limits
from tui.rtc.peer import Candidate, Peer
from tui.spaces import codec
from tui.spaces.events import ConnectionType, IceCandidate, Metrics
from tui.spaces.tasks import Spawn
from tui.spaces.wire import Wire

CONFIRM_SECONDS = 3.0
"""An asked peer that says nothing for so long does not want us."""
STALL_SECONDS = 2.0
"""Who was told yes and makes no offer for so long may be gone: we may ask ourselves."""
SLOW_SECONDS = 4.0
"""What takes longer than that may come to nothing: others may be asked beside it."""
OFFER_SECONDS = 8.0
"""From our CONFIRM to the offer; a remote signer needs a second or two for it."""
CONNECT_SECONDS = 15.0
"""From the offer to a connection that is up."""
GATHER_SECONDS = 0.05
"""Candidates found within this time go into one event."""


class Refused(Exception):
    """The other side does not want, or the attempt is overtaken; the message is the reason."""


class Declined(Exception):
    """We do not want any more, which the other side is to be told; the message is the reason."""


class Attempt:
    """The way to one connection; `run` walks it, the other methods bring what the other says.

    `judge` says why an offer is not to be taken any more, or `None`; `patience` is how many times
    the usual time the other side gets for its answer.
    """

    def __init__(
        self,
        other: str,
        connection: ConnectionType,
        *,
        standby: bool = False,
        patience: float = 1.0,
        asking: bool,
        wire: Wire,
        new_peer: Callable[["Attempt"], Peer],
        judge: Callable[["Attempt"], str | None],
        spawn: Spawn,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.other = other
        self.type = connection
        self.standby = standby
        self._patience = patience
        self.asking = asking
        self.agreed_at = 0
        """The date of the other side's RESERVE or CONFIRM, before it of our own RESERVE: what is
        older is about an earlier connection."""
        self._wire = wire
        self._new_peer = new_peer
        self._judge = judge
        self._spawn = spawn
        self._began = self._loop.time()
        self._confirmed: asyncio.Future[None] = self._loop.create_future()
        self._description: asyncio.Future[str] = self._loop.create_future()
        self._connected: asyncio.Future[None] = self._loop.create_future()
        self.peer: Peer | None = None
        self._candidates: list[Candidate] = []
        self._candidate_events = 0
        self._found: list[IceCandidate] = []
        self._introduced = False
        self._telling: asyncio.Task[None] | None = None

    async def run(self, metrics: Metrics) -> Peer:
        """The connected peer; raises `Refused`, `TimeoutError`, or what broke in its SDP."""
        try:
            return await (self._ask(metrics) if self.asking else self._serve(metrics))
        finally:
            if self._telling is not None:
                self._telling.cancel()

    @property
    def waits_for_offer(self) -> bool:
        """Whether we have said yes, and nothing has followed yet."""
        return not self.asking and not self._description.done()

    @property
    def stalls(self) -> bool:
        """Whether it takes so long that it may come to nothing: they may have crashed."""
        patience = STALL_SECONDS if self.waits_for_offer else SLOW_SECONDS * self._patience
        return self._loop.time() - self._began > patience

    @property
    def is_confirmed(self) -> bool:
        """Whether the other side has accepted what we ask."""
        return self._confirmed.done() and self._confirmed.exception() is None

    def refuse(self, reason: str) -> None:
        """End it, since the other side does not want or cannot: `run` raises `Refused`."""
        self.fail(Refused(reason))

    def fail(self, error: Exception) -> None:
        """End it, which the other side does not know: `run` raises `error`."""
        for future in (self._confirmed, self._description, self._connected):
            if not future.done():
                future.set_exception(error)
                future.exception()  # not every one of them is being waited for

    def confirm(self, at: int) -> None:
        """The other side accepts, in an event of that date."""
        if not self._confirmed.done():
            self.agreed_at = at
            self._confirmed.set_result(None)

    def describe(self, content: str) -> None:
        """The other side's offer or answer, decrypted; raises `UnreadableSdp`."""
        if not self._description.done():
            self._description.set_result(codec.read_description(content))

    def takes_candidates(self) -> bool:
        """Whether one more event with candidates is to be looked at; counts it."""
        self._candidate_events += 1
        return self._candidate_events <= limits.CANDIDATE_EVENTS

    def add_candidates(self, content: str) -> None:
        """The other side's candidates, decrypted; raises `UnreadableSdp`."""
        for found in codec.read_candidates(content):
            candidate = Candidate(found.candidate, found.mid, found.line)
            if self.peer is not None:
                self.peer.add_candidate(candidate)
            elif len(self._candidates) < limits.CANDIDATES:
                self._candidates.append(candidate)

    def connected(self) -> None:
        """The peer is up."""
        if not self._connected.done():
            self._connected.set_result(None)

    def found(self, candidate: Candidate | None) -> None:
        """Tell the other side a candidate of ours found late; `None` ends gathering."""
        written = IceCandidate()
        if candidate is not None:
            written = IceCandidate(candidate.candidate, candidate.sdpMid, candidate.sdpMLineIndex)
        self._found.append(written)
        self._tell_found()

    async def _ask(self, metrics: Metrics) -> Peer:
        wire, other = self._wire, self.other
        reserve = wire.writer.reserve(wire.now(), other, self.type, metrics, standby=self.standby)
        self.agreed_at = reserve.created_at
        await wire.send(reserve, instead=f"reserve {other}")
        async with asyncio.timeout(CONFIRM_SECONDS * self._patience):
            await self._confirmed
        async with asyncio.timeout(CONNECT_SECONDS):
            peer = self._make_peer()
            sdp = await peer.create_offer()
            content = await wire.seal(other, codec.write_description(sdp))
            await wire.send(wire.writer.offer(wire.now(), other, content))
            self._introduce()
            await peer.accept_answer(await self._description)
            return await self._connect(peer)

    async def _serve(self, metrics: Metrics) -> Peer:
        wire, other = self._wire, self.other
        confirm = wire.writer.confirm(wire.now(), other, self.type, metrics, standby=self.standby)
        await wire.send(confirm, instead=f"confirm {other}")
        async with asyncio.timeout(OFFER_SECONDS):
            offer = await self._description
        if reason := self._judge(self):
            raise Declined(reason)
        async with asyncio.timeout(CONNECT_SECONDS):
            peer = self._make_peer()
            sdp = await peer.accept_offer(offer)
            content = await wire.seal(other, codec.write_description(sdp))
            await wire.send(wire.writer.answer(wire.now(), other, content))
            self._introduce()
            return await self._connect(peer)

    def _make_peer(self) -> Peer:
        self.peer = self._new_peer(self)
        return self.peer

    async def _connect(self, peer: Peer) -> Peer:
        for candidate in self._candidates:
            peer.add_candidate(candidate)
        await self._connected
        return peer

    def _introduce(self) -> None:
        """Our description is on its way: candidates found meanwhile may follow."""
        self._introduced = True
        self._tell_found()

    def _tell_found(self) -> None:
        busy = self._telling is not None and not self._telling.done()
        if self._introduced and self._found and not busy:
            self._telling = self._spawn(self._tell_candidates())

    async def _tell_candidates(self) -> None:
        """All that were found by now in one event, and again while there are more."""
        wire, most = self._wire, limits.CANDIDATES
        while self._found:
            await asyncio.sleep(GATHER_SECONDS)
            found, self._found = self._found[:most], self._found[most:]
            content = await wire.seal(self.other, codec.write_candidates(found))
            await wire.send(wire.writer.candidate(wire.now(), self.other, content))
