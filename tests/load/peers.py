"""How long a join takes, and how soon the sound is back when a parent dies.

    python tests/load/peers.py [--joins 20] [--deaths 10]

Every node is a process; there is no relay between them, the descriptions go through pipes. A join
is from the making of the offer to the first packet; a re-parenting from the kill -9 of the parent
to the first packet from another. With a warm standby the child asks it as soon as the parent has
stopped in the middle of a word; without, it makes a new connection.
"""

import argparse
import asyncio
import statistics
import time

from chain import SPEAKER, Remote, connect, end, launch


def told(what: str, seconds: list[float]) -> None:
    worst, middle = max(seconds) * 1000, statistics.median(seconds) * 1000
    print(f"{what:36} median {middle:6.1f} ms, worst {worst:6.1f} ms", flush=True)


async def first_arrival(node: Remote, since: float) -> float:
    """When the first packet after `since` came."""
    while True:
        later = [at for _, at in await node.do("arrivals") if at > since]
        if later:
            return float(later[0])
        await asyncio.sleep(0.005)


async def joins(count: int) -> None:
    speaker, child = await launch(SPEAKER), await launch("1" * 64)
    connecting, sounding = [], []
    try:
        await speaker.do("talk")
        for _ in range(count):
            began = time.monotonic()
            await connect(speaker, child)
            connecting.append(time.monotonic() - began)
            sounding.append(await first_arrival(child, began) - began)
            await child.do("close", SPEAKER)
            await asyncio.sleep(0.1)
            await speaker.do("close", child.name)
    finally:
        await end(speaker, child)
    told("join: connected on both sides", connecting)
    told("join: first packet (20 ms each)", sounding)


async def deaths(count: int, *, warm: bool) -> None:
    suspected, sounding = [], []
    speaker = await launch(SPEAKER)
    try:
        await speaker.do("talk")
        for number in range(count):
            names = (f"{3 * number + x:064x}" for x in range(3))
            parent, other, child = [await launch(x) for x in names]
            for provider, consumer in ((speaker, parent), (speaker, other), (parent, child)):
                await connect(provider, consumer)
            if warm:
                await connect(other, child, standby=True)
                await child.do("watch", parent.name, other.name)
            await first_arrival(child, 0)
            await asyncio.sleep(0.5 + number % 7 * 0.013)
            parent.process.kill()
            killed = time.monotonic()
            if not warm:
                while time.monotonic() < killed + 0.2:  # as long as a session waits
                    await asyncio.sleep(0.005)
                await connect(other, child)
            sounding.append(await first_arrival(child, killed + 0.05) - killed)
            if warm:
                suspected.append(await child.do("moved") - killed)
            await end(parent, other, child)
    finally:
        await end(speaker)
    if suspected:
        told("parent killed: standby was asked", suspected)
    told(f"parent killed: sound again, {'warm' if warm else 'cold'}", sounding)


async def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--joins", type=int, default=20)
    arguments.add_argument("--deaths", type=int, default=10)
    options = arguments.parse_args()
    await joins(options.joins)
    await deaths(options.deaths, warm=True)
    await deaths(options.deaths, warm=False)


if __name__ == "__main__":
    asyncio.run(main())
