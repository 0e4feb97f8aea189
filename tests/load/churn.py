"""Whether memory stays flat: connections made, used for a moment and closed, a thousand times.

    python tests/load/churn.py [--cycles 1000] [--every 100] [--collect] [--stock]

Both sides are in this process, real WebRTC between them on loopback. The resident size and the
count of Python objects are printed after every hundred; the last line is the growth per cycle over
the second half, when every cache is warm. Python's cyclic collector is off, unless `--collect`
leaves it as it is: nothing of ours should need it. `--stock` does the same with aiortc as it comes.
"""

import argparse
import asyncio
import ctypes
import gc
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import aioice.ice
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from tui.audio.packet import FRAME, OpusPacket
from tui.rtc.dismantling import DISMANTLE_SECONDS
from tui.rtc.peer import Peer, PeerSettings


def make_peer(on_packet=lambda slot, packet: None) -> Peer:
    return Peer(
        PeerSettings(loopback=True),
        on_packet=on_packet,
        on_message=lambda message: None,
        on_state=lambda state: None,
        on_candidate=lambda candidate: None,
    )


async def ours(number: int) -> None:
    arrived = asyncio.Event()
    one, two = make_peer(), make_peer(lambda slot, packet: arrived.set())
    try:
        answer = await two.accept_offer(await one.create_offer())
        await one.accept_answer(answer)
        async with asyncio.timeout(20):
            while not one.state == two.state == "connected":
                await asyncio.sleep(0.005)
            for place in range(3):
                one.outputs[0].send(OpusPacket(place, place * FRAME, bytes(60), level=20))
            await arrived.wait()
            first, second = (one, two) if number % 2 else (two, one)
            await first.close()
            while second.state != "closed":
                await asyncio.sleep(0.005)
    finally:
        await asyncio.gather(one.close(), two.close())


async def stock(number: int) -> None:
    one, two = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    one.createDataChannel("x")
    for _ in range(4):
        one.addTransceiver("audio")
    try:
        await one.setLocalDescription()
        offer = RTCSessionDescription(one.localDescription.sdp, "offer")
        await two.setRemoteDescription(offer)
        await two.setLocalDescription()
        answer = RTCSessionDescription(two.localDescription.sdp, "answer")
        await one.setRemoteDescription(answer)
        async with asyncio.timeout(20):
            while not one.connectionState == two.connectionState == "connected":
                await asyncio.sleep(0.005)
    finally:
        await asyncio.gather(one.close(), two.close())


LIBC = ctypes.CDLL(None)


def size_kb() -> int:
    """The resident size, after what is free was given back."""
    LIBC.malloc_trim(0)
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


async def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--cycles", type=int, default=1_000)
    arguments.add_argument("--every", type=int, default=100)
    arguments.add_argument("--stock", action="store_true")
    arguments.add_argument("--collect", action="store_true")
    arguments.add_argument("--objects", action="store_true", help="which kinds have grown")
    options = arguments.parse_args()
    if options.stock:
        aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    if not options.collect:
        gc.disable()
    cycle = stock if options.stock else ours
    sizes, kinds = [], Counter()
    for number in range(options.cycles + 1):
        await cycle(number)
        if number % options.every == 0:
            await asyncio.sleep(DISMANTLE_SECONDS + 0.3)
            sizes.append(size_kb())
            now = Counter(type(x).__qualname__ for x in gc.get_objects())
            print(f"{number:5} cycles: {sizes[-1]:7} kB, {now.total():7} objects", flush=True)
            if options.objects and number:
                print("      ", (now - kinds).most_common(12))
            kinds = now
    half = len(sizes) // 2
    cycles = (len(sizes) - 1 - half) * options.every
    print(f"growth of the second half: {(sizes[-1] - sizes[half]) / cycles:.2f} kB a cycle")


if __name__ == "__main__":
    asyncio.run(main())
