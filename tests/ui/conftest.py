import asyncio
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual import events
from textual.pilot import Pilot

from tui.app import SpacesApp
from tui.controller.intents import AnyIntent, decode_intent
from tui.controller.link import Link, Outbox, QueueLink
from tui.controller.messages import (
    AnyMessage,
    ViewChanged,
    encode_message,
)
from tui.devtools import samples
from tui.screens.base import SpacesScreen
from tui.widgets.painted import Lines
from tui.widgets.row_list import RowList

ROOT = Path(__file__).parents[2]


class Controller:
    """The other end of the link, told what to say; it remembers what was asked of it."""

    def __init__(self) -> None:
        self.intents: list[AnyIntent] = []
        self.outbox = Outbox()
        self.attached = 0
        self.detached = 0
        self.refuse: Exception | None = None

    async def connect(self) -> Link:
        if self.refuse is not None:
            raise self.refuse
        self.outbox = Outbox()
        self.attached += 1
        return QueueLink(self.outbox, self.intents.append, self._detach)

    def _detach(self, _outbox: Outbox) -> None:
        self.detached += 1

    def end(self) -> None:
        self.outbox.close()


class Driver:
    """A Pilot with the patience to wait for what is to be seen."""

    def __init__(self, app: SpacesApp, pilot: Pilot[None], controller: Controller) -> None:
        self.app = app
        self.pilot = pilot
        self.controller = controller

    @property
    def screen(self) -> SpacesScreen:
        screen = self.app.screen
        assert isinstance(screen, SpacesScreen)
        return screen

    @property
    def place(self) -> str:
        return self.screen.PLACE

    @property
    def intents(self) -> list[AnyIntent]:
        return self.controller.intents

    def put(self, message: AnyMessage) -> None:
        self.controller.outbox.put(message)

    def change(self, **fields: Any) -> None:
        """Put a change of these fields of the view."""
        self.put(ViewChanged(version=self.app.desk.view.version + 1, **fields))

    def change_space(self, **fields: Any) -> None:
        """Put the present space with these fields changed."""
        assert self.app.desk.view.space is not None
        self.change(space=msgspec.structs.replace(self.app.desk.view.space, **fields))

    def change_person(self, who: str, **fields: Any) -> None:
        """Put somebody of the samples with these fields changed."""
        key = samples.key_of(who)
        person = msgspec.structs.replace(self.app.desk.view.participants[key], **fields)
        self.change(participants={key: person})

    async def point_at(self, who: str) -> None:
        """Put the cursor of the active list on somebody of the samples."""
        rows = self.app.focused
        assert isinstance(rows, RowList)
        rows.move_to(samples.key_of(who))
        await self.pilot.pause()
        assert self.screen.target == samples.key_of(who)

    async def asked(self, *intents: AnyIntent) -> None:
        """Wait until these were asked for, and nothing else."""
        await self.until(lambda: len(self.intents) >= len(intents))
        await self.pilot.pause()
        assert self.intents == list(intents)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def write(self, text: str) -> None:
        names = {" ": "space", "/": "slash", "?": "question_mark", ":": "colon"}
        for character in text:
            await self.pilot.press(names.get(character, character))

    async def paste(self, text: str) -> None:
        self.app.post_message(events.Paste(text))
        await self.pilot.pause()

    async def until(self, condition: Callable[[], Any], seconds: float = 10.0) -> Any:
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < deadline, f"this is not to be seen:\n{self.text()}"
            await self.pilot.pause(0.01)
        return value

    async def see(self, *words: str) -> None:
        await self.until(lambda: all(word in self.text() for word in words))

    async def see_not(self, word: str) -> None:
        await self.until(lambda: word not in self.text())

    def text(self) -> str:
        """What the screen shows, row by row."""
        lines = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in lines)

    def line(self, name: str) -> str:
        return self.screen.query_one(f"#{name}", Lines).text

    async def resize(self, width: int, height: int) -> None:
        await self.pilot.resize_terminal(width, height)


Start = Callable[..., Any]


@pytest.fixture
def controller() -> Controller:
    return Controller()


@pytest.fixture
def start(controller: Controller) -> Start:
    """Run the app against the scripted controller; begins with `first` as its snapshot."""

    @asynccontextmanager
    async def run(
        first: AnyMessage | None = None, *, size: tuple[int, int] = (80, 24), **options: Any
    ) -> AsyncIterator[Driver]:
        options.setdefault("ascii_only", False)
        options.setdefault("now", lambda: samples.NOW)
        options.setdefault("zone", UTC)
        app = SpacesApp(controller.connect, **options)
        async with app.run_test(size=size) as pilot:
            driver = Driver(app, pilot, controller)
            await driver.until(lambda: controller.attached or controller.refuse)
            if first is not None:
                driver.put(first)
                version = getattr(first, "version", 0)
                await driver.until(lambda: app.desk.view.version == version)
                await driver.until(lambda: app.settled)
            await pilot.pause()
            yield driver

    return run


_CHILD = """
import fcntl
import sys
import termios
from pathlib import Path
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that closing the terminal hangs up
from tui.app import SpacesApp
from tui.controller.link import SocketLink
from tui.devtools import samples
SpacesApp(lambda: SocketLink.connect(Path(sys.argv[1])), now=lambda: samples.NOW).run()
"""


class Terminal:
    """A real terminal with the real application in it, and a scripted controller on a socket."""

    def __init__(self, socket: Path, size: tuple[int, int], environ: dict[str, str]) -> None:
        self.intents: list[AnyIntent] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.served_to_the_end = 0
        self.fd, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        before = termios.tcgetattr(slave)

        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(socket)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            env={**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8", **environ},
            start_new_session=True,
        )
        self.slave = slave
        self.modes_before = before
        self.seen = b""

    async def served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            while line := await reader.readline():
                self.intents.append(decode_intent(line))
        except ConnectionError:
            pass
        finally:
            writer.close()
            self.served_to_the_end += 1

    async def gone(self) -> None:
        """Wait until the ends of all links have been seen."""
        while self.served_to_the_end < len(self.writers):
            await asyncio.sleep(0.01)

    def say(self, message: AnyMessage) -> None:
        self.writers[-1].write(encode_message(message) + b"\n")

    def type(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    async def read(self, quiet: float) -> bytes:
        """What is written until nothing has been for `quiet` seconds."""
        got = b""
        last = time.monotonic()
        while time.monotonic() - last < quiet:
            if select.select([self.fd], [], [], 0)[0]:
                try:
                    got += os.read(self.fd, 65536)
                except OSError:
                    break
                last = time.monotonic()
            else:
                await asyncio.sleep(0.005)
        self.seen += got
        return got

    async def until(self, condition: Callable[[], Any], seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.seen[-2000:]
            await self.read(0.02)

    async def ended(self) -> int:
        await self.until(lambda: self.process.poll() is not None)
        await self.read(0.1)
        return int(self.process.returncode)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        for fd in (self.fd, self.slave):
            try:
                os.close(fd)
            except OSError:
                continue


@pytest.fixture
async def terminal(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Terminal]]]:
    opened: list[Terminal] = []
    servers: list[asyncio.Server] = []

    async def open_terminal(
        size: tuple[int, int] = (80, 24), environ: dict[str, str] | None = None
    ) -> Terminal:
        path = tmp_path / "c.sock"
        made = Terminal(path, size, environ or {})
        opened.append(made)
        servers.append(await asyncio.start_unix_server(made.served, path))
        return made

    yield open_terminal
    for made in opened:
        made.close()
        await made.gone()
    for server in servers:
        server.close()
