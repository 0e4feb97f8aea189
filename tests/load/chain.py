"""One node of a listening tree in a process of its own, for `delay.py` and `peers.py`.

Driven by lines of JSON, `[method, argument...]`; each is answered by one line. Times are those of
CLOCK_MONOTONIC, which all processes of a machine share.
"""

import asyncio
import json
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tui.audio.packet import FRAME, OpusPacket
from tui.controller.hosting import tune_for_media
from tui.rtc.forwarding import Forwarder, LinkKind
from tui.rtc.peer import Peer, PeerSettings
from tui.spaces.watch import QUIET_SECONDS

SPEAKER = "5" * 64
NUMBER = struct.Struct("!Q")
LOOK_SECONDS = 0.05


class Node:
    """What the lines call."""

    def __init__(self) -> None:
        self._arrived: list[tuple[int, float]] = []
        self._own = ""
        self._peers: dict[str, Peer] = {}
        self._connected: dict[str, asyncio.Event] = {}
        self._busy = threading.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._moved: float | None = None

    async def start(self, own: str) -> None:
        """Who this is; the speaker's pubkey speaks."""
        self._own = own
        self._forwarder = Forwarder(own, self._play)
        self._forwarder.set_speakers(frozenset({SPEAKER}))
        tune_for_media()

    async def offer(self, other: str, kind: str, standby: bool = False) -> str:
        return await self._make(other, kind, standby).create_offer()

    async def accept_offer(self, other: str, kind: str, sdp: str, standby: bool = False) -> str:
        return await self._make(other, kind, standby).accept_offer(sdp)

    async def accept_answer(self, other: str, sdp: str) -> None:
        await self._peers[other].accept_answer(sdp)

    async def connected(self, other: str) -> float:
        """Waits for the connection; returns the moment."""
        async with asyncio.timeout(20):
            await self._connected[other].wait()
        return time.monotonic()

    async def talk(self) -> None:
        """Sends 50 packets a second from now on, as the speaker."""
        self._tasks.append(asyncio.create_task(self._talk()))

    async def watch(self, parent: str, standby: str) -> None:
        """Moves to the standby when the parent stops in the middle of a word, as a session does."""
        self._moved = None
        self._tasks.append(asyncio.create_task(self._watch(parent, standby)))

    async def moved(self) -> float | None:
        """When the standby was told to send."""
        return self._moved

    async def busy(self, milliseconds: int) -> None:
        """From now on another thread works for so long out of every 50 ms; 0 ends it."""
        self._busy.clear()
        if milliseconds:
            self._busy.set()
            work = threading.Thread(target=self._work, args=(milliseconds / 1000,), daemon=True)
            work.start()

    async def arrivals(self) -> list[tuple[int, float]]:
        """Number and moment of each packet since the last call."""
        arrived, self._arrived = self._arrived, []
        return arrived

    async def close(self, other: str) -> None:
        self._forwarder.remove_link(other)
        await self._peers.pop(other).close()

    def _make(self, other: str, kind: str, standby: bool) -> Peer:
        connected = self._connected[other] = asyncio.Event()

        def changed(state: str) -> None:
            if state == "connected":
                self._forwarder.add_link(other, peer, LinkKind(kind), standby=standby)
                connected.set()

        peer = self._peers[other] = Peer(
            PeerSettings(loopback=True),
            on_packet=lambda slot, packet: self._forwarder.handle_packet(other, slot, packet),
            on_message=lambda message: self._forwarder.handle_message(other, message),
            on_state=changed,
            on_candidate=lambda candidate: None,
        )
        return peer

    def _play(self, origin: str, packet: OpusPacket) -> None:
        self._arrived.append((NUMBER.unpack_from(packet.payload)[0], time.monotonic()))

    async def _talk(self) -> None:
        number, due = 0, time.monotonic()
        while True:
            # The level goes down to the listener: somebody talks, and may be missed.
            payload = NUMBER.pack(number) + bytes(72)
            self._arrived.append((number, time.monotonic()))
            packet = OpusPacket(number & 0xFFFF, number * FRAME, payload, level=20)
            self._forwarder.send_own(packet)
            number, due = number + 1, due + 0.02
            await asyncio.sleep(max(0, due - time.monotonic()))

    async def _watch(self, parent: str, standby: str) -> None:
        while self._moved is None:
            await asyncio.sleep(LOOK_SECONDS)
            quiet = self._peers[parent].quiet_for >= QUIET_SECONDS
            if quiet and self._forwarder.expects(parent):
                self._peers[standby].send_message({"type": "listen", "on": True})
                self._forwarder.prefer(standby)
                self._peers[parent].ping()
                self._moved = time.monotonic()

    def _work(self, seconds: float) -> None:
        while self._busy.is_set():
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                sum(range(1_000))
            time.sleep(max(0.0, 0.05 - seconds))


class Remote:
    """A node as its caller sees it."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.process = process

    async def do(self, method: str, *arguments: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([method, *arguments]).encode() + b"\n")
        async with asyncio.timeout(60):
            line = await self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended")
        return json.loads(line)


async def launch(name: str) -> Remote:
    """Starts a node."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    node = Remote(name, process)
    await node.do("start", name)
    return node


async def connect(provider: Remote, consumer: Remote, *, standby: bool = False) -> None:
    """The consumer asks, as in a space; both are connected when this returns."""
    sdp = await consumer.do("offer", provider.name, "provider")
    answer = await provider.do("accept_offer", consumer.name, "consumer", sdp, standby)
    await consumer.do("accept_answer", provider.name, answer)
    await asyncio.gather(
        provider.do("connected", consumer.name), consumer.do("connected", provider.name)
    )


async def end(*nodes: Remote) -> None:
    """Ends nodes."""
    for node in nodes:
        if node.process.returncode is None:
            node.process.kill()
        await node.process.wait()


async def main() -> None:
    loop, node = asyncio.get_running_loop(), Node()
    lines = asyncio.StreamReader(limit=2**20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        method, *arguments = json.loads(line)
        print(json.dumps(await getattr(node, method)(*arguments)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
