"""Whether our hooks into aiortc still work: two peers of ours, ten packets each way, on loopback.

Run at start-up, before anybody joins: a new aiortc that moved what `media` replaces would otherwise
connect in silence. Where they do not, connections are made by `stock.StockPeer`, with a warning.
"""

import asyncio
import logging

from tui.audio.packet import FRAME, OpusPacket
from tui.rtc.peer import Candidate, Peer, PeerSettings

log = logging.getLogger(__name__)

PACKETS = 10
DEADLINE_SECONDS = 3.0


async def hooks_work() -> bool:
    """Sends ten packets each way through two real connections; False (and a log line) if not."""
    news = asyncio.Event()
    arrived: tuple[list[OpusPacket], list[OpusPacket]] = ([], [])
    peers = tuple(_peer(x, news) for x in arrived)
    sent = [_packet(x) for x in range(PACKETS)]
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            answer = await peers[1].accept_offer(await peers[0].create_offer())
            await peers[0].accept_answer(answer)
            while any(x.state != "connected" for x in peers):
                await _next(news, peers)
            for peer in peers:
                for packet in sent:
                    peer.outputs[0].send(packet)
            while min(map(len, arrived)) < PACKETS:
                await _next(news, peers)
    except Exception:
        log.exception("the WebRTC library does not do what we need of it")
        return False
    finally:
        await asyncio.gather(*(x.close() for x in peers))
    return all([x.payload for x in got] == [x.payload for x in sent] for got in arrived)


async def _next(news: asyncio.Event, peers: tuple[Peer, ...]) -> None:
    await news.wait()
    news.clear()
    for peer in peers:
        if peer.state in ("failed", "closed"):
            raise ConnectionError(peer.problem)


def _peer(arrived: list[OpusPacket], news: asyncio.Event) -> Peer:
    def keep(_: int, packet: OpusPacket) -> None:
        arrived.append(packet)
        news.set()

    def ignore(_: dict[str, object] | Candidate | None) -> None:
        """Messages and candidates do not matter here."""

    return Peer(
        PeerSettings(loopback=True, slots=1),
        on_packet=keep,
        on_message=ignore,
        on_state=lambda _: news.set(),
        on_candidate=ignore,
    )


def _packet(number: int) -> OpusPacket:
    return OpusPacket(number, number * FRAME, bytes((number,)) * 60, level=20)
