"""How many listeners one core can feed: our forwarding against aiortc's MediaRelay, in one run.

    python tests/load/outputs.py [--ours 100] [--stock 8] [--seconds 10]

One process forwards a single voice; a second one speaks and listens, so that only forwarding is
counted. CPU is that of the forwarding process, receiver reports and beats included, for streams
of 50 packets a second that really went out: on a busy machine MediaRelay falls behind.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import aioice.ice
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaBlackhole, MediaRelay
from aiortc.mediastreams import AudioStreamTrack

from tui.audio.packet import FRAME, OpusPacket
from tui.rtc.forwarding import Forwarder, LinkKind
from tui.rtc.peer import Peer, PeerSettings

SPEAKER, OWN = "5" * 64, "0" * 64
Answer = Callable[[str, str], Awaitable[str]]


def make_peer(on_packet=lambda slot, packet: None, on_message=lambda message: None) -> Peer:
    return Peer(
        PeerSettings(loopback=True),
        on_packet=on_packet,
        on_message=on_message,
        on_state=lambda state: None,
        on_candidate=lambda candidate: None,
    )


def stock() -> RTCPeerConnection:
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


async def connected(connection: Peer | RTCPeerConnection) -> None:
    async with asyncio.timeout(20):
        while _state(connection) != "connected":
            await asyncio.sleep(0.01)


def _state(connection: Peer | RTCPeerConnection) -> str:
    return connection.state if isinstance(connection, Peer) else connection.connectionState


# The other process: answers every offer, as a listener or as the one who speaks.


async def speak(peer: Peer) -> None:
    await connected(peer)
    number, due = 0, time.monotonic()
    while True:
        packet = OpusPacket(number & 0xFFFF, number * FRAME, bytes(80), level=30)
        peer.outputs[0].send(packet)
        number, due = number + 1, due + 0.02
        await asyncio.sleep(max(0, due - time.monotonic()))


async def other_process() -> None:
    loop, received, keep = asyncio.get_running_loop(), [0], []
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    def count(slot: int, packet: OpusPacket) -> None:
        received[0] += 1

    async def answer(kind: str, sdp: str) -> str:
        if kind.startswith("ours"):
            peer = make_peer(count)
            keep.append(peer)
            reply = await peer.accept_offer(sdp)
            if kind == "ours speaker":
                keep.append(asyncio.create_task(speak(peer)))
            return reply
        connection = stock()
        keep.append(connection)
        await connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        if kind == "stock speaker":
            connection.addTrack(AudioStreamTrack())
        else:
            sink = MediaBlackhole()
            for receiver in connection.getReceivers():
                sink.addTrack(receiver.track)
            await sink.start()
            keep.append(sink)
        await connection.setLocalDescription()
        return connection.localDescription.sdp

    while line := await reader.readline():
        request = json.loads(line)
        if request["kind"] == "count":
            print(json.dumps(received[0]), flush=True)
        else:
            print(json.dumps(await answer(request["kind"], request["sdp"])), flush=True)


# This process: forwards.


async def cpu(seconds: float) -> float:
    """CPU seconds of this process in a second."""
    began, used = time.monotonic(), time.process_time()
    await asyncio.sleep(seconds)
    return (time.process_time() - used) / (time.monotonic() - began)


async def ours(count: int, seconds: float, ask: Answer) -> float:
    forwarder = Forwarder(OWN, lambda origin, packet: None)
    forwarder.set_speakers(frozenset({SPEAKER}))
    links = []

    async def link(pubkey: str, kind: LinkKind, role: str) -> None:
        peer = make_peer(
            lambda slot, packet: forwarder.handle_packet(pubkey, slot, packet),
            lambda message: forwarder.handle_message(pubkey, message),
        )
        await peer.accept_answer(await ask(role, await peer.create_offer()))
        await connected(peer)
        forwarder.add_link(pubkey, peer, kind)
        links.append(peer)

    for number in range(count):
        await link(f"{number:064x}", LinkKind.CONSUMER, "ours listener")
    await asyncio.sleep(2)
    idle = await cpu(seconds / 2)
    await link(SPEAKER, LinkKind.CONSUMER, "ours speaker")
    await asyncio.sleep(1)
    before = int(await ask("count", ""))
    busy = await cpu(seconds)
    arrived = (int(await ask("count", "")) - before) / seconds / 50 / count
    stats = links[0].stats()
    print(f"ours: {count} listeners, idle {idle / count * 1000:.2f} ms/s each, {arrived:.1%} heard")
    print(f"      first listener: {stats}")
    await asyncio.gather(*(x.close() for x in links))
    return busy / count / arrived


async def relay(count: int, seconds: float, ask: Answer) -> float:
    source, medium, tracks = stock(), MediaRelay(), []
    source.on("track", tracks.append)
    source.addTransceiver("audio", direction="recvonly")

    async def negotiate(connection: RTCPeerConnection, kind: str) -> None:
        await connection.setLocalDescription()
        reply = await ask(kind, connection.localDescription.sdp)
        await connection.setRemoteDescription(RTCSessionDescription(reply, "answer"))
        await connected(connection)

    await negotiate(source, "stock speaker")
    connections = [source]
    for _ in range(count):
        connection = stock()
        connection.addTrack(medium.subscribe(tracks[0]))
        await negotiate(connection, "stock listener")
        connections.append(connection)
    await asyncio.sleep(2)
    before = await sent(connections)
    busy = await cpu(seconds)
    share = (await sent(connections) - before) / seconds / 50 / count
    print(f"MediaRelay: {count} listeners, {share:.1%} sent")
    for connection in connections:
        await connection.close()
    return busy / count / share


async def sent(connections: list[RTCPeerConnection]) -> int:
    """Packets that all of them have sent so far."""
    reports = [await y.getStats() for x in connections for y in x.getSenders()]
    found = (each for report in reports for each in report.values())
    return sum(x.packetsSent for x in found if x.type == "outbound-rtp")


def _take_core(which: int, pid: int) -> None:
    """Keeps the two processes from running on one core in turns."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(pid, {which % (os.cpu_count() or 1)})


async def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--ours", type=int, default=100)
    arguments.add_argument("--stock", type=int, default=8)
    arguments.add_argument("--seconds", type=float, default=10.0)
    arguments.add_argument("--other-process", action="store_true", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.other_process:
        await other_process()
        return
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        "--other-process",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**20,
    )

    _take_core(0, os.getpid())
    _take_core(-1, child.pid)

    async def ask(kind: str, sdp: str) -> str:
        child.stdin.write(json.dumps({"kind": kind, "sdp": sdp}).encode() + b"\n")
        return json.loads(await child.stdout.readline())

    try:
        one = await ours(options.ours, options.seconds, ask)
        other = await relay(options.stock, options.seconds, ask)
    finally:
        child.terminate()
        await child.wait()
    print(f"ours:       {one * 1000:.2f} ms/s an output, {1 / one:.0f} outputs a core")
    print(f"MediaRelay: {other * 1000:.2f} ms/s an output, {1 / other:.0f} outputs a core")
    print(f"{other / one:.0f} times")


if __name__ == "__main__":
    asyncio.run(main())
