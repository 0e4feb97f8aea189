"""Whether our hooks into aiortc still work: two peers of ours, ten packets each way, on loopback.

Run at start-up, before anybody joins: a new aiortc that moved what `media` replaces would otherwise
connect in silence. There is no second path to fall back to; the caller says that sound is off.
"""

import asyncio
import logging

from tui.audio.packet import FRAME, OpusPacket
from tui.rtc.peer import Candidate, Peer, PeerSettings

log = logging.getLogger(__name__)

PACKETS = 10
DEADLINE_SECONDS = 5.0


async def hooks_work() -> bool:
    """Sends ten packets each way through two real connections; False (and a log line) if not."""
    arrived: tuple[list[OpusPacket], list[OpusPacket]] = ([], [])
    peers = tuple(_peer(x) for x in arrived)
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            answer = await peers[1].accept_offer(await peers[0].create_offer())
            await peers[0].accept_answer(answer)
            await _until_connected(peers)
            sent = [_packet(x) for x in range(PACKETS)]
            for peer in peers:
                for packet in sent:
                    peer.outputs[0].send(packet)
            while min(map(len, arrived)) < PACKETS:
                await asyncio.sleep(0.001)
    except Exception:
        log.exception("the WebRTC library does not do what we need of it")
        return False
    finally:
        await asyncio.gather(*(x.close() for x in peers))
    return all([x.payload for x in got] == [x.payload for x in sent] for got in arrived)


async def _until_connected(peers: tuple[Peer, ...]) -> None:
    while any(x.state != "connected" for x in peers):
        if any(x.state in ("failed", "closed") for x in peers):
            raise ConnectionError("no connection on loopback")
        await asyncio.sleep(0.001)


def _peer(arrived: list[OpusPacket]) -> Peer:
    def nothing(_: dict[str, object] | Candidate | str | None) -> None:
        """What is told beside packets does not matter here."""

    return Peer(
        PeerSettings(loopback=True, slots=1),
        on_packet=lambda _, packet: arrived.append(packet),
        on_message=nothing,
        on_state=nothing,
        on_candidate=nothing,
    )


def _packet(number: int) -> OpusPacket:
    return OpusPacket(number, number * FRAME, bytes((number,)) * 60, level=20)
