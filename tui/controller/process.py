"""Finding, starting and ending the background controller of a profile: the client's side.

The process is started as `python -m tui.controller`; its options go to its stdin, so that no
secret stands in an argument or a variable. It answers on stdout with one line: empty when it can
be attached to, else what went wrong. `background` is the process itself.
"""

import asyncio
import contextlib
import fcntl
import os
import sys
import time
from pathlib import Path

from tui.config import limits
from tui.config.logs import open_log
from tui.config.paths import Paths
from tui.controller.link import SocketLink
from tui.controller.options import ControllerOptions, encode_options

POLL_SECONDS = 0.05


class ControllerFailed(Exception):
    """The background controller did not start or does not end; one line for the user."""


async def attach(paths: Paths) -> SocketLink | None:
    """A link to the profile's controller, if one runs."""
    try:
        return await SocketLink.connect(paths.socket)
    except (FileNotFoundError, ConnectionRefusedError):
        return None


async def ensure_controller(paths: Paths, options: ControllerOptions) -> SocketLink:
    """A link to the profile's controller, started with `options` if none runs.

    Raises `ControllerFailed`, whose text says where the log is.
    """
    link = await attach(paths)
    if link is None:
        await _start(paths, options)
        link = await attach(paths)
    if link is None:
        raise ControllerFailed(f"the controller ended at once; see {paths.controller_log}")
    return link


async def wait_until_gone(paths: Paths) -> None:
    """Return once no controller holds the profile's lock; raises `ControllerFailed`."""
    deadline = time.monotonic() + limits.STOP_SECONDS
    while True:
        with contextlib.suppress(BlockingIOError):
            os.close(take_lock(paths.lock))
            return
        if time.monotonic() > deadline:
            raise ControllerFailed(f"the controller does not end; see {paths.controller_log}")
        await asyncio.sleep(POLL_SECONDS)


def take_lock(path: Path) -> int:
    """Lock the file at `path`, which is never removed; `BlockingIOError` if it is taken."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


async def _start(paths: Paths, options: ControllerOptions) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "SPACES_SECRET_KEY"}
    # The child imports what its parent does, installed or not, and nothing from where it stands.
    environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    log = open_log(paths.controller_log)
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "tui.controller"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env=environ,
            cwd="/",
            start_new_session=True,
        )
    finally:
        os.close(log)
    try:
        async with asyncio.timeout(limits.START_SECONDS):
            answer, _ = await process.communicate(encode_options(options))
    except TimeoutError:
        raise ControllerFailed(
            f"the controller does not answer; see {paths.controller_log}"
        ) from None
    if answer != b"\n":
        reason = answer.decode(errors="replace").strip() or "it ended without a word"
        raise ControllerFailed(f"no controller: {reason}; see {paths.controller_log}")
