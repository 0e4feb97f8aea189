"""The journal of a space as a file: new, private, never in place of another."""

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path

from tui.controller.refusal import Refusal, require


async def write_lines(path: str, lines: Iterable[str]) -> tuple[str, int]:
    """Write lines into a new file (mode 0600); its path and their number. Raises `Refusal`."""
    target = _absolute(path)
    data = [line.encode() + b"\n" for line in lines]
    try:
        await asyncio.to_thread(_write_new, target, b"".join(data))
    except FileExistsError:
        raise Refusal(f"{target} exists already; nothing is overwritten") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise Refusal(f"{target} cannot be written: {reason}") from None
    return str(target), len(data)


def _absolute(text: str) -> Path:
    try:
        path = Path(text).expanduser()
    except RuntimeError:  # `~somebody` unknown
        raise Refusal("that is no path") from None
    require(path.is_absolute(), "the path must be absolute: the controller has no folder")
    return path


def _write_new(path: Path, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except OSError:
        path.unlink(missing_ok=True)  # a journal cut short would pass for a whole one
        raise
