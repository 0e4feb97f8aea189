"""What one hop of the listening tree adds to the delay, alone and with a busy screen beside it.

    python tests/load/delay.py [--hops 3] [--seconds 10]

A speaker, so many nodes that forward, and a listener: a process each. Every packet's arrival is
noted by each of them, on the clock that they share; a hop is what passes between a packet's arrival
at one node and at the next, both ends' sockets and the kernel included. Three times: with nothing
beside it; with a process that redraws a screen (30 ms of work out of every 50); and with the same
work in another thread of the first node that forwards, where it holds the interpreter's lock: then
only the hop into that node counts.
"""

import argparse
import asyncio
import itertools
import sys

from chain import SPEAKER, Remote, connect, end, launch

SCREEN = """
import time
while True:
    until = time.monotonic() + 0.03
    while time.monotonic() < until:
        "".join(f"\\x1b[38;5;{x % 256}m{x:6}" for x in range(500)).encode()
    time.sleep(0.02)
"""


def percentile(delays: list[float], share: float) -> float:
    """Milliseconds."""
    return sorted(delays)[min(len(delays) - 1, int(share * len(delays)))] * 1000


async def measure(nodes: list[Remote], seconds: float, what: str, pairs: int = 99) -> None:
    await asyncio.sleep(1)
    for node in nodes:
        await node.do("arrivals")
    await asyncio.sleep(seconds)
    seen = [dict(await node.do("arrivals")) for node in nodes]
    hops = [
        after[number] - before[number]
        for before, after in itertools.islice(itertools.pairwise(seen), pairs)
        for number in before.keys() & after.keys()
    ]
    print(
        f"{what:32} median {percentile(hops, 0.5):6.2f} ms, 99 % {percentile(hops, 0.99):6.2f} ms,"
        f" worst {max(hops) * 1000:6.2f} ms a hop, {len(hops)} packets",
        flush=True,
    )


async def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--hops", type=int, default=3)
    arguments.add_argument("--seconds", type=float, default=10.0)
    options = arguments.parse_args()
    nodes: list[Remote] = []
    screen = None
    try:
        for number in range(options.hops + 1):
            nodes.append(await launch(f"{number:064x}" if number else SPEAKER))
        for provider, consumer in itertools.pairwise(nodes):
            await connect(provider, consumer)
        await nodes[0].do("talk")
        await measure(nodes, options.seconds, "alone")
        screen = await asyncio.create_subprocess_exec(sys.executable, "-c", SCREEN)
        await measure(nodes, options.seconds, "a screen in a process beside it")
        screen.kill()
        await screen.wait()
        await nodes[1].do("busy", 30)
        await measure(nodes, options.seconds, "a busy thread in the node itself", 1)
    finally:
        if screen is not None and screen.returncode is None:
            screen.kill()
            await screen.wait()
        await end(*nodes)


if __name__ == "__main__":
    asyncio.run(main())
