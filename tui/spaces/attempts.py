"""One connection in the making: RESERVE, CONFIRM, OFFER, ANSWER and late candidates.

The asking peer reserves and, once confirmed, offers; the asked one confirms and answers.
"""

import asyncio
from collections.abc import Callable

from tui.config import limits
from tui.rtc.peer import Candidate, Peer
from tui.spaces import codec
from tui.spaces.events import ConnectionType, IceCandidate, Metrics
from tui.spaces.wire import Wire

CONFIRM_SECONDS = 3.0
"""An asked peer that says nothing for so long does not want us."""
CONNECT_SECONDS = 15.0
"""From CONFIRM to a connection that is up."""


class Refused(Exception):
    """The other side does not want, or the attempt is overtaken; the message is the reason."""


class Attempt:
    """The way to one connection; `run` walks it, the other methods bring what the other says."""

    def __init__(
        self,
        other: str,
        connection: ConnectionType,
        *,
        asking: bool,
        wire: Wire,
        new_peer: Callable[["Attempt"], Peer],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.other = other
        self.type = connection
        self.asking = asking
        self._wire = wire
        self._new_peer = new_peer
        self._confirmed: asyncio.Future[None] = loop.create_future()
        self._description: asyncio.Future[str] = loop.create_future()
        self._connected: asyncio.Future[None] = loop.create_future()
        self.peer: Peer | None = None
        self._candidates: list[Candidate] = []

    async def run(self, metrics: Metrics) -> Peer:
        """The connected peer; raises `Refused`, `TimeoutError`, or what broke in its SDP."""
        return await (self._ask(metrics) if self.asking else self._serve(metrics))

    def refuse(self, reason: str) -> None:
        """End it, since the other side does not want or cannot: `run` raises `Refused`."""
        self.fail(Refused(reason))

    def fail(self, error: Exception) -> None:
        """End it, which the other side does not know: `run` raises `error`."""
        for future in (self._confirmed, self._description, self._connected):
            if not future.done():
                future.set_exception(error)
                future.exception()  # not every one of them is being waited for

    def confirm(self) -> None:
        """The other side accepts."""
        if not self._confirmed.done():
            self._confirmed.set_result(None)

    def describe(self, content: str) -> None:
        """The other side's offer or answer, decrypted; raises `UnreadableSdp`."""
        if not self._description.done():
            self._description.set_result(codec.read_description(content))

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

    async def send_candidate(self, candidate: Candidate | None) -> None:
        """Tell the other side a candidate found late; `None` ends gathering."""
        found = IceCandidate()
        if candidate is not None:
            found = IceCandidate(candidate.candidate, candidate.sdpMid, candidate.sdpMLineIndex)
        content = await self._wire.seal(self.other, codec.write_candidates([found]))
        self._wire.say(self._wire.writer.candidate(self._wire.now(), self.other, content))

    async def _ask(self, metrics: Metrics) -> Peer:
        wire, writer = self._wire, self._wire.writer
        wire.say(writer.reserve(wire.now(), self.other, self.type, metrics))
        async with asyncio.timeout(CONFIRM_SECONDS):
            await self._confirmed
        async with asyncio.timeout(CONNECT_SECONDS):
            peer = self._make_peer()
            sdp = await peer.create_offer()
            content = await wire.seal(self.other, codec.write_description(sdp))
            wire.say(writer.offer(wire.now(), self.other, content))
            await peer.accept_answer(await self._description)
            return await self._connect(peer)

    async def _serve(self, metrics: Metrics) -> Peer:
        wire, writer = self._wire, self._wire.writer
        wire.say(writer.confirm(wire.now(), self.other, self.type, metrics))
        async with asyncio.timeout(CONNECT_SECONDS):
            offer = await self._description
            peer = self._make_peer()
            sdp = await peer.accept_offer(offer)
            content = await wire.seal(self.other, codec.write_description(sdp))
            wire.say(writer.answer(wire.now(), self.other, content))
            return await self._connect(peer)

    def _make_peer(self) -> Peer:
        self.peer = self._new_peer(self)
        return self.peer

    async def _connect(self, peer: Peer) -> Peer:
        for candidate in self._candidates:
            peer.add_candidate(candidate)
        await self._connected
        return peer
