"""Real networks: machines that only a relay joins, cut cables, stopped and killed processes."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

Make = Callable[..., Any]

pytestmark = pytest.mark.needs("ip")


class Remote:
    """A peer in another process, maybe in another network."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.states: list[tuple[str, float]] = []
        self.on_candidate: Callable[[Any], Awaitable[object]] | None = None
        self._answers: asyncio.Queue[Any] = asyncio.Queue()
        self._lock = asyncio.Lock()
        self._tasks = {asyncio.create_task(self._read())}

    async def do(self, method: str, *arguments: Any) -> Any:
        assert self.process.stdin is not None
        async with self._lock:
            self.process.stdin.write(json.dumps([method, *arguments]).encode() + b"\n")
            async with asyncio.timeout(20):
                return await self._answers.get()

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            told = json.loads(line)
            if "state" in told:
                self.states.append((told["state"], told["at"]))
            elif "candidate" in told:
                if self.on_candidate is not None:
                    passing = asyncio.ensure_future(self.on_candidate(told["candidate"]))
                    self._tasks.add(passing)  # type: ignore[arg-type]
            else:
                self._answers.put_nowait(told["answer"])

    @property
    def state(self) -> str:
        return self.states[-1][0] if self.states else "new"

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


@pytest.fixture
async def remote() -> AsyncIterator[Make]:
    """Starts peers in processes of their own."""
    made: list[Remote] = []

    async def make(*within: str) -> Remote:
        made.append(
            Remote(
                await asyncio.create_subprocess_exec(
                    *within,
                    *(sys.executable, str(Path(__file__).with_name("alone.py"))),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    cwd=Path(__file__).parents[2],
                    env={"PYTHONPATH": str(Path(__file__).parents[2])},
                    limit=2**20,
                )
            )
        )
        return made[-1]

    yield make
    await asyncio.gather(*(x.stop() for x in made))


@pytest.fixture
def join(until: Make) -> Make:
    async def make(one: Remote, two: Remote, *ice_servers: str) -> None:
        """A new connection between the two, on which both talk."""
        for here, there in ((one, two), (two, one)):
            here.states.clear()
            here.on_candidate = lambda found, there=there: there.do("add_candidate", found)
            await here.do("make", ice_servers)
        answer = await two.do("accept_offer", await one.do("create_offer"))
        await one.do("accept_answer", answer)
        await until(lambda: one.state == two.state == "connected", 15)
        for end in (one, two):
            await end.do("talk")
        await hear_each_other(one, two)

    return make


async def hear_each_other(one: Remote, two: Remote) -> None:
    before = [(await x.do("stats"))["received"] for x in (one, two)]
    async with asyncio.timeout(10):
        for end, count in zip((one, two), before, strict=True):
            while (await end.do("stats"))["received"] < count + 10:
                await asyncio.sleep(0.02)


@pytest.mark.needs("turnserver")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_relay_joins_those_whom_nothing_else_joins(
    network: Any, turn_server: Make, remote: Make, join: Make, transport: str
) -> None:
    between, here, there = [await network.machine() for _ in range(3)]
    await here.isolate()
    await there.isolate()
    url = await turn_server(between)
    one, two = await remote(*here.within), await remote(*there.within)
    await join(one, two, f"{url}?transport={transport}")
    stats = [await x.do("stats") for x in (one, two)]
    assert all(x["relayed"] for x in stats)
    assert all(0 < x["round_trip"] < 1 for x in stats)
    await one.do("close")
    async with asyncio.timeout(5):
        while two.state != "closed":
            await asyncio.sleep(0.02)


async def test_a_cut_ends_the_connection_and_the_next_one_is_like_the_first(
    network: Any, remote: Make, join: Make, until: Make
) -> None:
    here, there = await network.machine(), await network.machine()
    one, two = await remote(*here.within), await remote(*there.within)
    await join(one, two)
    await there.unplug()
    cut = time.monotonic()
    await until(lambda: one.state == two.state == "failed")
    for end in (one, two):
        assert 0.5 < end.states[-1][1] - cut < 2.5
        assert (await end.do("stats"))["problem"] == "the other side fell silent"
    for end in (one, two):
        await end.do("close")
    before = [await x.do("holds") for x in (one, two)]
    await there.plug_in()
    await join(one, two)
    for end in (one, two):
        await end.do("close")
    assert [await x.do("holds") for x in (one, two)] == before


async def test_a_connection_that_carries_one_way_only_is_given_up_by_both(
    network: Any, remote: Make, join: Make, until: Make
) -> None:
    here, there = await network.machine(), await network.machine()
    one, two = await remote(*here.within), await remote(*there.within)
    await join(one, two)
    await here.lose_sight_of(there)  # what it sends goes nowhere; what is sent to it arrives
    await until(lambda: two.state == "failed")
    assert one.state == "connected", "it hears the other side"
    await two.do("close")  # as its owner does
    await until(lambda: one.state == "closed")


async def test_a_killed_process_is_noticed(remote: Make, join: Make, until: Make) -> None:
    one, two = await remote(), await remote()
    await join(one, two)
    two.process.kill()
    killed = time.monotonic()
    await until(lambda: one.state == "failed")
    assert one.states[-1][1] - killed < 2.5


async def test_a_process_that_was_stopped_comes_back_or_learns_that_it_is_too_late(
    remote: Make, join: Make, until: Make
) -> None:
    one, two = await remote(), await remote()
    await join(one, two)
    two.process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(0.7)  # as a machine that was busy
    two.process.send_signal(signal.SIGCONT)
    await hear_each_other(one, two)
    assert one.state == two.state == "connected"

    two.process.send_signal(signal.SIGSTOP)
    await until(lambda: one.state == "failed")
    await one.do("close")
    await asyncio.sleep(1)
    two.process.send_signal(signal.SIGCONT)
    await until(lambda: two.state in ("closed", "failed"))
    await two.do("close")
    await join(one, two)
