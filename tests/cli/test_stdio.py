# ruff: noqa: ASYNC251
import asyncio
import os
import threading
import time
from collections.abc import Iterator

import pytest

from tui.cli.stdio import LineWriter, read_in_thread
from tui.config import limits

Pipe = tuple[int, int]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    reading, writing = os.pipe()
    yield reading, writing
    for descriptor in (reading, writing):
        try:
            os.close(descriptor)
        except OSError:
            continue


def lost(number: int) -> bytes:
    return b"lost %d\n" % number


def never() -> None:
    raise AssertionError("nothing was broken")


async def until_idle(thread_name: str) -> None:
    async with asyncio.timeout(10):
        while any(thread.name == thread_name for thread in threading.enumerate()):
            await asyncio.sleep(0.005)


async def test_lines_come_out_in_their_order(pipe: Pipe) -> None:
    reading, writing = pipe
    out = LineWriter(writing, on_lost=lost, on_broken=never)
    for number in range(100):
        out.put(b"%d\n" % number)
    await out.close()
    assert os.read(reading, 10_000).split() == [b"%d" % number for number in range(100)]


async def test_a_reader_who_stops_costs_no_time_and_the_oldest_lines(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = pipe
    out = LineWriter(writing, on_lost=lost, on_broken=never)
    line = b"x" * 99 + b"\n"
    slowest = 0.0
    for _ in range(20_000):
        before = time.perf_counter()
        out.put(line)
        slowest = max(slowest, time.perf_counter() - before)
    out.put(b"last\n")
    assert len(out._waiting) == limits.WAITING_OCCURRENCES
    # Now somebody reads on.
    closing = asyncio.create_task(out.close())
    seen = b""
    while not seen.endswith(b"last\n"):
        seen += await asyncio.to_thread(os.read, reading, 65536)
    await closing
    missing = [int(one.split()[1]) for one in seen.splitlines() if one.startswith(b"lost")]
    assert missing
    assert seen.count(line) + sum(missing) == 20_000
    assert slowest < 5  # it waited for nobody


async def test_closing_does_not_wait_for_ever(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DRAIN_SECONDS", 0.05)
    _, writing = pipe
    out = LineWriter(writing, on_lost=lost, on_broken=never)
    out.put(b"x" * 1_000_000)
    async with asyncio.timeout(5):
        await out.close()


async def test_a_reader_who_is_gone_is_told_of_once(pipe: Pipe) -> None:
    reading, writing = pipe
    broken = asyncio.Queue[None]()
    out = LineWriter(writing, on_lost=lost, on_broken=lambda: broken.put_nowait(None))
    os.close(reading)
    out.put(b"x\n")
    async with asyncio.timeout(5):
        await broken.get()
    out.put(b"y\n")
    await out.close()
    assert broken.empty()


async def test_input_is_fed_in_the_loop_until_it_ends(pipe: Pipe) -> None:
    reading, writing = pipe
    seen: list[tuple[bytes, int]] = []
    read_in_thread(reading, lambda data: seen.append((data, threading.get_ident())))
    os.write(writing, b"one\n")
    async with asyncio.timeout(5):
        while not seen:
            await asyncio.sleep(0.005)
    assert seen == [(b"one\n", threading.get_ident())]
    os.close(writing)
    await until_idle("stdin")


async def test_a_flood_of_input_waits_for_the_loop(pipe: Pipe) -> None:
    reading, writing = pipe
    os.set_blocking(writing, False)
    fed = 0

    def feed(data: bytes) -> None:
        nonlocal fed
        fed += len(data)

    read_in_thread(reading, feed)
    written = 0
    for _ in range(1000):  # the loop does not turn meanwhile
        try:
            written += os.write(writing, b"x" * 1000)
        except BlockingIOError:
            time.sleep(0.0001)
    assert fed == 0
    assert written < 200_000  # what a pipe holds and one piece more, not all
    os.close(writing)
    await until_idle("stdin")
    assert fed == written


async def test_a_fault_in_the_handler_does_not_end_the_reading(
    pipe: Pipe, caplog: pytest.LogCaptureFixture
) -> None:
    reading, writing = pipe
    seen: list[bytes] = []

    def feed(data: bytes) -> None:
        seen.append(data)
        raise ValueError

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, _context: None)
    read_in_thread(reading, feed)
    for count in (1, 2):
        os.write(writing, b"x")
        async with asyncio.timeout(5):
            while len(seen) < count:
                await asyncio.sleep(0.005)
    os.close(writing)
    await until_idle("stdin")
