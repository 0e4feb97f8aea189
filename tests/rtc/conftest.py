import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tui.audio.packet import FRAME, OpusPacket
from tui.rtc.peer import Candidate, Peer, PeerSettings

LOOPBACK = PeerSettings(loopback=True)


class Side:
    """One peer, and all that it told."""

    def __init__(self, settings: PeerSettings = LOOPBACK) -> None:
        self.packets: list[tuple[int, OpusPacket]] = []
        self.messages: list[dict[str, object]] = []
        self.states: list[str] = []
        self.candidates: list[Candidate | None] = []
        self.now: Callable[[], float] = time.monotonic
        self.peer = Peer(
            settings,
            on_packet=lambda slot, packet: self.packets.append((slot, packet)),
            on_message=self.messages.append,
            on_state=self.states.append,
            on_candidate=self.candidates.append,
            monotonic=lambda: self.now(),
        )

    @property
    def payloads(self) -> list[bytes]:
        return [packet.payload for _, packet in self.packets]


async def _until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.005)
    except TimeoutError:
        pytest.fail("what was waited for did not happen")


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    return _until


@pytest.fixture
async def side() -> AsyncIterator[Callable[..., Side]]:
    """Makes sides, and closes them all."""
    sides: list[Side] = []

    def make(settings: PeerSettings = LOOPBACK) -> Side:
        sides.append(Side(settings))
        return sides[-1]

    yield make
    await asyncio.gather(*(x.peer.close() for x in sides))


@pytest.fixture
def connect(side: Callable[..., Side]) -> Callable[..., Awaitable[tuple[Side, Side]]]:
    """Connects an offering and an answering side on loopback."""

    async def make(
        offering: PeerSettings = LOOPBACK,
        answering: PeerSettings = LOOPBACK,
        change: Callable[[str], str] = lambda sdp: sdp,
    ) -> tuple[Side, Side]:
        one, two = side(offering), side(answering)
        answer = await two.peer.accept_offer(change(await one.peer.create_offer()))
        await one.peer.accept_answer(change(answer))
        await _until(lambda: one.peer.state == two.peer.state == "connected")
        return one, two

    return make


@pytest.fixture
def packet() -> Callable[..., OpusPacket]:
    """The packet of a number: 20 ms each, a payload of its own."""

    def make(number: int, payload: bytes | None = None, level: int = 30) -> OpusPacket:
        body = payload if payload is not None else number.to_bytes(4, "big") * 15
        return OpusPacket(number & 0xFFFF, number * FRAME & 0xFFFFFFFF, body, level)

    return make


class LossyPath(asyncio.DatagramProtocol):
    """A network between two sides on loopback, which drops the datagrams that `drops` says."""

    def __init__(self, drops: Callable[[bytes], bool]) -> None:
        self.drops = drops
        self.dropped = 0
        self._ends: list[asyncio.DatagramTransport] = []
        self._sides: list[tuple[str, int]] = []

    async def open(self) -> None:
        """Takes two ports: each stands for one side, as the other one sees it."""
        loop = asyncio.get_running_loop()
        for end in range(2):
            transport, _ = await loop.create_datagram_endpoint(
                lambda end=end: _End(self, end),  # type: ignore[misc]
                local_addr=("127.0.0.1", 0),
            )
            self._ends.append(transport)

    def change(self, sdp: str) -> str:
        """Puts our port into the description of a side: of the offer first, then of the answer."""
        kept = re.search(r"a=candidate:.* 127\.0\.0\.1 (\d+) typ host\b", sdp)
        assert kept
        port = self._ends[len(self._sides)].get_extra_info("sockname")[1]
        self._sides.append(("127.0.0.1", int(kept[1])))
        lines = [x for x in sdp.splitlines() if x == kept[0] or not x.startswith("a=candidate:")]
        return "\r\n".join(x.replace(f" {kept[1]} typ", f" {port} typ") for x in lines) + "\r\n"

    def passes(self, data: bytes, end: int) -> None:
        """What one side sent to the other's port goes out of its own, towards the other."""
        if self.drops(data):
            self.dropped += 1
        elif len(self._sides) == 2:
            self._ends[1 - end].sendto(data, self._sides[end])

    def close(self) -> None:
        for end in self._ends:
            end.close()


class _End(asyncio.DatagramProtocol):
    def __init__(self, path: LossyPath, end: int) -> None:
        self._path, self._end = path, end

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._path.passes(data, self._end)


def _is_rtp(data: bytes) -> bool:
    return 127 < data[0] < 192 and not 191 < data[1] < 224


@pytest.fixture
async def lossy_path() -> AsyncIterator[Callable[..., Awaitable[LossyPath]]]:
    """Makes paths that lose every `lose`th RTP packet, but never what is sent again."""
    paths: list[LossyPath] = []

    async def make(lose: int) -> LossyPath:
        seen: set[bytes] = set()

        def drops(data: bytes) -> bool:
            if not _is_rtp(data) or data in seen:
                return False
            seen.add(data)
            return len(seen) % lose == lose // 2

        paths.append(LossyPath(drops))
        await paths[-1].open()
        return paths[-1]

    yield make
    for path in paths:
        path.close()
