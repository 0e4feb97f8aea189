"""Child processes that end with their parent, however it ends.

The parent holds the writing end of the child's stdin. When that closes, by intent or because the
kernel cleans up after a kill, the child ends.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from tui.config.logs import LogFile, open_log, start_logging
from tui.config.paths import Paths

END_SECONDS = 4  # from the parent's end until the kernel ends a child that has not done so itself
KILL_SECONDS = END_SECONDS + 1.0  # until the parent does that, if it still lives
ANSWER_BYTES = 4096  # of the one line that a child says


class DemoFailed(Exception):
    """The demo did not start or has ended; one line for the user."""


class Child:
    """The parent's side of `python -m tui.demo.NAME`; raises `DemoFailed`."""

    def __init__(self, name: str, *arguments: str) -> None:
        # It imports what its parent does, installed or not, and nothing from where it stands.
        environ = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path)))
        environ.pop("SPACES_SECRET_KEY", None)
        self._answer: dict[str, Any] | None = None
        try:
            self._log = log_file(name)
            descriptor = open_log(self._log)
        except OSError as error:
            raise DemoFailed(f"{error.filename} cannot be written: {error.strerror}") from None
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-P", "-m", f"tui.demo.{name}", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=descriptor,
                env=environ,
                cwd="/",
                start_new_session=True,  # the terminal's signals are for the screens alone
            )
        finally:
            os.close(descriptor)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def tell(self, line: bytes) -> None:
        """Write one line to the child's stdin; raises `DemoFailed`."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise self._failed() from None

    async def ready(self) -> dict[str, Any]:
        """What the child said when it was ready; raises `DemoFailed` if it has ended."""
        if self._process.poll() is not None:
            raise self._failed()
        if self._answer is None:
            self._answer = json.loads(await self._read_line())
        return self._answer

    def close(self) -> None:
        """End the child and wait until it is gone."""
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        with contextlib.suppress(OSError):  # it has ended already
            process.stdin.close()
        try:
            process.wait(KILL_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    async def _read_line(self) -> bytes:
        stdout = self._process.stdout
        assert stdout is not None
        loop = asyncio.get_running_loop()
        said = b""
        while not said.endswith(b"\n"):
            readable = asyncio.Event()
            loop.add_reader(stdout, readable.set)
            try:
                await readable.wait()
            finally:
                loop.remove_reader(stdout)
            piece = os.read(stdout.fileno(), ANSWER_BYTES)
            said += piece
            if not piece or len(said) > ANSWER_BYTES:
                raise self._failed()
        return said

    def _failed(self) -> DemoFailed:
        return DemoFailed(f"the demo has ended unexpectedly; see {self._log}")


def say_ready(**answer: object) -> None:
    """The child's side of `Child.ready`; nothing else is printed."""
    os.write(1, json.dumps(answer).encode() + b"\n")


def log_file(name: str) -> Path:
    """Where a child's log is; its directory is made."""
    return Paths("demo").state / f"{name}.log"


def begin(name: str) -> None:
    """Make this process a child: private files, and file descriptor 2 is its log."""
    os.umask(0o077)
    start_logging(LogFile(log_file(name)))


def hear() -> bytes:
    """The child's side of `Child.tell`, before `watch_parent`: one line; empty if none comes."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 1)  # no more than the line: the rest is for `watch_parent`
        if not piece:
            return b""
        line += piece
    return line


def watch_parent() -> asyncio.Event:
    """An event that comes when the parent is gone, or SIGTERM. To be called once, after `hear`."""
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()

    def end() -> None:
        signal.alarm(END_SECONDS)  # whatever hangs then, the kernel ends it
        loop.call_soon_threadsafe(ending.set)

    def wait_for_end() -> None:
        while os.read(0, ANSWER_BYTES):
            pass
        end()

    loop.add_signal_handler(signal.SIGTERM, end)
    threading.Thread(target=wait_for_end, name="lifeline", daemon=True).start()
    return ending
