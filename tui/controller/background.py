"""The background process: forks away from who started it, takes the profile's lock, serves links.

Two starts at once both end up at the one controller that got the lock.
"""

import asyncio
import io
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from tui.config import limits
from tui.config.logs import LogFile, start_logging
from tui.config.paths import Paths
from tui.controller.hosting import end_by_force_later, first_of, tune_for_media
from tui.controller.options import ControllerOptions, decode_options
from tui.controller.process import POLL_SECONDS, ControllerFailed, take_lock
from tui.controller.server import LinkServer

_LOG_CHECK_SECONDS = 30.0


def main() -> int:
    """Be the background process: options on stdin, one line of answer on stdout."""
    data = sys.stdin.buffer.read(limits.OPTIONS_BYTES)
    if os.fork():  # nobody has to wait for what goes on, and it can never get a terminal
        return 0
    os.umask(0o077)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    answer = _Answer()
    try:
        options = decode_options(data)
        paths = Paths(options.profile)
        lock = _lock_or_find(paths)
        if lock is not None:
            log = LogFile(paths.controller_log, descriptors=(2, 1))
            start_logging(log)
            _null_stdin()
            asyncio.run(_serve(paths, options, log, answer.give))
            os.close(lock)
    except Exception as error:
        traceback.print_exc()
        answer.give(str(error) or type(error).__name__)
        return 1
    answer.give()
    return 0


async def _serve(
    paths: Paths, options: ControllerOptions, log: LogFile, ready: Callable[[], None]
) -> None:
    from tui.controller.controller import Controller

    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with LinkServer(paths.socket) as server, Controller(options) as controller:
        await server.listen(controller.attach)
        tune_for_media()
        ready()
        checking = asyncio.create_task(controller.check_media())
        await first_of(controller.ended(), stopping.wait(), _bound(log))
        checking.cancel()
        end_by_force_later()
        server.stop_listening()


async def _bound(log: LogFile) -> None:
    while True:
        await asyncio.sleep(_LOG_CHECK_SECONDS)
        log.bound()


class _Answer:
    """The pipe to who started us; it takes one line and is closed."""

    def __init__(self) -> None:
        self._pipe = os.fdopen(os.dup(1), "wb", buffering=0)

    def give(self, problem: str = "") -> None:
        if not self._pipe.closed:
            try:
                self._pipe.write(" ".join(problem.split()).encode(errors="replace") + b"\n")
                self._pipe.close()
            except OSError:
                return  # nobody waits any more


def _lock_or_find(paths: Paths) -> int | None:
    """The profile's lock, or `None` once another controller can be attached to.

    One that is on its way out holds the lock for a moment, but answers no more.
    """
    deadline = time.monotonic() + limits.START_SECONDS
    while True:
        try:
            return take_lock(paths.lock)
        except BlockingIOError:
            if _answers(paths.socket):
                return None
            if time.monotonic() > deadline:
                raise ControllerFailed("another one holds the lock and does not answer") from None
            time.sleep(POLL_SECONDS)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def _null_stdin() -> None:
    with io.FileIO(os.devnull) as null:
        os.dup2(null.fileno(), 0)
