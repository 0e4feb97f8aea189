"""One peer in a process of its own, driven by lines of JSON: to be cut off, stopped and killed.

Read: `[method, argument...]`; written: `{"answer": ...}` to each in turn, and what the peer tells.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from tui.audio.packet import FRAME, OpusPacket
from tui.rtc.peer import Candidate, Peer, PeerSettings


def tell(**told: Any) -> None:
    print(json.dumps(told), flush=True)


class Alone:
    """What the lines call."""

    def __init__(self) -> None:
        self._peer: Peer | None = None
        self._talking: asyncio.Task[None] | None = None
        self._received = 0

    async def make(self, ice_servers: list[str]) -> None:
        """A new peer; the one before it must be closed."""
        self._received = 0
        self._peer = Peer(
            PeerSettings(ice_servers=tuple(ice_servers)),
            on_packet=self._count,
            on_message=lambda message: None,
            on_state=lambda state: tell(state=state, at=time.monotonic()),
            on_candidate=lambda found: tell(candidate=msgspec.to_builtins(found)),
        )

    async def create_offer(self) -> str:
        return await self.peer.create_offer()

    async def accept_offer(self, sdp: str) -> str:
        return await self.peer.accept_offer(sdp)

    async def accept_answer(self, sdp: str) -> None:
        await self.peer.accept_answer(sdp)

    async def add_candidate(self, candidate: dict[str, Any] | None) -> None:
        if candidate is not None:
            self.peer.add_candidate(msgspec.convert(candidate, Candidate))

    async def talk(self) -> None:
        """Sends 50 packets a second from now on."""
        self._talking = asyncio.create_task(self._talk())

    async def stats(self) -> dict[str, Any]:
        """What the peer says of itself, and how many packets have arrived."""
        stats = self.peer.stats()
        told: dict[str, Any] = msgspec.to_builtins(stats)
        told.update(relayed=stats.relayed, received=self._received, state=self.peer.state)
        return {**told, "problem": self.peer.problem, "quiet": self.peer.quiet_for}

    async def close(self) -> None:
        if self._talking is not None:
            self._talking.cancel()
        await self.peer.close()

    async def holds(self) -> list[int]:
        """Tasks and open files of this process."""
        return [len(asyncio.all_tasks()), len(list(Path("/proc/self/fd").iterdir()))]

    @property
    def peer(self) -> Peer:
        assert self._peer is not None
        return self._peer

    def _count(self, slot: int, packet: OpusPacket) -> None:
        self._received += 1

    async def _talk(self) -> None:
        number = 0
        while True:
            for output in self.peer.outputs[:1]:
                output.send(OpusPacket(number & 0xFFFF, number * FRAME, bytes(60), level=20))
                number += 1
            await asyncio.sleep(0.02)


async def main() -> None:
    loop, alone = asyncio.get_running_loop(), Alone()
    lines = asyncio.StreamReader(limit=2**20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        method, *arguments = json.loads(line)
        tell(answer=await getattr(alone, method)(*arguments))


if __name__ == "__main__":
    asyncio.run(main())
