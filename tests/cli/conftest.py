import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tui.relay.server import RelayServer

Json = dict[str, Any]
SPACES = (sys.executable, "-m", "tui")
CHECKOUT = Path(__file__).parents[2]


class Result:
    """How a command ended."""

    def __init__(self, process: "subprocess.CompletedProcess[str]") -> None:
        self.status = process.returncode
        self.out = process.stdout
        self.err = process.stderr

    @property
    def line(self) -> str:
        """The one line on stderr; fails if it is not one."""
        assert self.err.count("\n") == 1, self.err
        assert "Traceback" not in self.err
        return self.err


class Headless:
    """A headless participant; `events` is what it has printed so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: list[Json] = []
        self._printed = asyncio.Condition()
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            async with self._printed:
                self.events.append(json.loads(line))
                self._printed.notify_all()
        async with self._printed:
            self._printed.notify_all()

    async def until(self, event: str, **fields: Any) -> Json:
        """The first line of this kind with these fields."""
        async with asyncio.timeout(20), self._printed:
            while True:
                for seen in self.events:
                    if seen["event"] == event and fields.items() <= seen.items():
                        return seen
                assert not self.reading.done(), f"no {event} {fields} in {self.events}"
                await self._printed.wait()

    async def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        await self.process.stdin.drain()

    async def end(self, number: int | None = None) -> int:
        """Its exit status, after a signal if one is given."""
        if number is not None:
            self.process.send_signal(number)
        status = await asyncio.wait_for(self.process.wait(), 20)
        if self.process.stdout is not None:
            await self.reading
        return status

    async def complaint(self) -> str:
        """What it wrote to stderr; it must have ended."""
        assert self.process.stderr is not None
        return (await self.process.stderr.read()).decode()


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(CHECKOUT))
    for name in [name for name in os.environ if name.startswith("SPACES_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def spaces(tmp_path: Path) -> Callable[..., Result]:
    """Run a command to its end, somewhere else than in the checkout."""

    def run(*arguments: str, stdin: str = "", **environ: str) -> Result:
        return Result(
            subprocess.run(
                [*SPACES, *arguments],
                input=stdin,
                capture_output=True,
                text=True,
                timeout=30,
                cwd=tmp_path,
                env=os.environ | environ,
                check=False,
            )
        )

    return run


@pytest.fixture
async def relay() -> AsyncIterator[RelayServer]:
    async with RelayServer() as server:
        yield server


@pytest.fixture
async def headless(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Headless]]]:
    """Start headless participants without a sound card; whatever still runs is killed."""
    started: list[Headless] = []

    async def start(*arguments: str, **streams: Any) -> Headless:
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), asyncio.subprocess.PIPE)
        process = await asyncio.create_subprocess_exec(
            *SPACES,
            *arguments,
            *(() if arguments[0] == "headless" else ("--headless",)),
            *("--mic", "none", "--speaker", "null"),
            cwd=tmp_path,
            **(pipes | streams),
        )
        started.append(Headless(process))
        return started[-1]

    yield start
    for one in started:
        if one.process.returncode is None:
            one.process.kill()
            await one.process.wait()
        one.reading.cancel()
        await asyncio.gather(one.reading, return_exceptions=True)


@pytest.fixture
def stop_controllers(spaces: Callable[..., Result]) -> Iterator[None]:
    """Whatever a test leaves in the background ends with it."""
    yield
    assert spaces("stop").status in (0, 6)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text("67dea2ed018072d675f5415ecfaed7d2597555e202d85b3d65ea4e58d2d92ffa\n")
    path.chmod(0o600)
    return path
