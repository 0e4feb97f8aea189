"""Participants as a user or a script would start them: processes of the real command."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
import wave
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Json = dict[str, Any]
SPACES = (sys.executable, "-m", "tui")
REPOSITORY = Path(__file__).parents[1]


class Node:
    """One headless participant; `events` is everything it has printed so far."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.process = process
        self.events: list[Json] = []
        self._more = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.events.append(json.loads(line))
            async with self._more:
                self._more.notify_all()
        async with self._more:
            self._more.notify_all()

    async def until(
        self, event: str, *, after: int = 0, seconds: float = 20, **fields: Any
    ) -> Json:
        """The first event of this kind with these fields, printed or yet to come."""

        def found() -> Json | None:
            for seen in self.events[after:]:
                if seen["event"] == event and fields.items() <= seen.items():
                    return seen
            return None

        try:
            async with asyncio.timeout(seconds), self._more:
                while (seen := found()) is None:
                    if self._reader.done():
                        raise AssertionError(f"{self.name} ended without {event} {fields}")
                    await self._more.wait()
                return seen
        except TimeoutError:
            tail = "\n".join(map(str, self.events[-15:]))
            raise AssertionError(f"{self.name}: no {event} {fields}; last:\n{tail}") from None

    async def do(self, intent: str, **fields: Any) -> None:
        """Write one intent."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": intent, **fields}).encode() + b"\n")
        await self.process.stdin.drain()

    async def pubkey(self) -> str:
        return (await self.until("ready"))["pubkey"]

    async def stop(self) -> int:
        """SIGTERM, and its exit status."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        status = await asyncio.wait_for(self.process.wait(), 20)
        await self._reader
        return status


class Sound:
    """What a participant has recorded so far (48 kHz mono)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def samples(self) -> np.ndarray:
        try:
            with wave.open(str(self.path)) as file:
                assert (file.getframerate(), file.getnchannels()) == (48_000, 1)
                data = file.readframes(1 << 30)
        except (FileNotFoundError, EOFError):
            return np.zeros(0, np.float32)
        return np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.float32) / 32768

    def seconds_of(self, hertz: float, *, since: float = 0.0) -> float:
        """How many seconds, in windows of 100 ms, are dominated by this tone."""
        samples = self.samples()[int(since * 48_000) :]
        windows = samples[: len(samples) // 4800 * 4800].reshape(-1, 4800)
        if not len(windows):
            return 0.0
        spectrum = np.abs(np.fft.rfft(windows * np.hanning(4800), axis=1)) ** 2
        frequencies = np.fft.rfftfreq(4800, 1 / 48_000)
        near = np.abs(frequencies - hertz) <= 30
        share = spectrum[:, near].sum(axis=1) / (spectrum.sum(axis=1) + 1e-9)
        loud = np.sqrt((windows**2).mean(axis=1)) > 0.02
        return float(((share > 0.8) & loud).sum()) / 10

    def seconds_with(self, hertz: float, *, since: float) -> float:
        """How many seconds, in windows of 20 ms, hold this tone, whatever else they hold."""
        return float(self._has(hertz, since).sum()) / 50

    def longest_hole(self, hertz: float, *, since: float) -> float:
        """The longest time without this tone, in seconds, to within 20 ms."""
        runs = itertools.groupby(self._has(hertz, since))
        return max((len(list(run)) for there, run in runs if not there), default=0) / 50

    def _has(self, hertz: float, since: float) -> np.ndarray:
        samples = self.samples()[int(since * 48_000) :]
        windows = samples[: len(samples) // 960 * 960].reshape(-1, 960)
        wave = np.exp(-2j * np.pi * hertz * np.arange(960) / 48_000) * np.hanning(960)
        return np.abs(windows @ wave) / 480 > 0.02

    @property
    def seconds(self) -> float:
        return len(self.samples()) / 48_000


async def wait_until(holds: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Wait for a state that nothing announces."""
    try:
        async with asyncio.timeout(seconds):
            while not holds():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"not reached: {what}") from None


class Stage:
    """Starts relays and participants, and ends them whatever happens."""

    def __init__(self, folder: Path, exits: contextlib.AsyncExitStack) -> None:
        self.folder = folder
        self._exits = exits
        self.wait_until = wait_until

    async def start(
        self,
        *arguments: str,
        terminal: int = asyncio.subprocess.PIPE,
        environment: Mapping[str, str] | None = None,
        within: tuple[str, ...] = (),
    ) -> asyncio.subprocess.Process:
        """The real command, from the repository, on pipes or in a terminal.

        `within` is a command that runs it, as one of another network.
        """
        process = await asyncio.create_subprocess_exec(
            *within,
            *SPACES,
            *arguments,
            stdin=terminal,
            stdout=terminal,
            stderr=None if terminal == asyncio.subprocess.PIPE else terminal,
            start_new_session=True,
            env={
                **(environment or os.environ),
                "PYTHONPATH": str(REPOSITORY),
                "TERM": "xterm-256color",
            },
            limit=1 << 20,
        )
        self._exits.push_async_callback(_kill, process)
        return process

    async def relay(
        self, address: str = "127.0.0.1", within: tuple[str, ...] = ()
    ) -> tuple[str, asyncio.subprocess.Process]:
        """An embedded relay in memory, and its process."""
        process = await self.start("relay", "--listen", f"{address}:0", within=within)
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
        assert line.startswith(f"listening on ws://{address}:")
        return line.removeprefix("listening on ").strip(), process

    async def node(
        self,
        name: str,
        *arguments: str,
        relays: tuple[str, ...],
        speaker: str = "",
        environment: Mapping[str, str] | None = None,
        within: tuple[str, ...] = (),
    ) -> Node:
        """A headless participant that records what it hears to NAME.wav, or plays it."""
        urls = [word for url in relays for word in ("--relay", url)]
        output = speaker or f"file:{self.folder / name}.wav"
        process = await self.start(
            *(*arguments, "--headless", "--name", name, "--speaker", output, *urls),
            environment=environment,
            within=within,
        )
        node = Node(name, process)
        self._exits.push_async_callback(node.stop)
        return node

    def sound(self, name: str) -> Sound:
        return Sound(self.folder / f"{name}.wav")


async def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with contextlib.AsyncExitStack() as exits:
        yield Stage(tmp_path, exits)
