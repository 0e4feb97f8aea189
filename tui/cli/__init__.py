"""The command `spaces`: reads its arguments, then loads what the command needs and no more."""

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Sequence

from tui.cli.arguments import Arguments, parse
from tui.cli.status import CommandFailed, ExitStatus

__all__ = ["main"]

_COMMANDS = {
    "account": ("tui.cli.account", "run"),
    "screens": ("tui.cli.screens", "run"),
    "host": ("tui.cli.screens", "run"),
    "join": ("tui.cli.screens", "run"),
    "headless": ("tui.cli.headless", "run"),
    "demo": ("tui.cli.demo", "run"),
    "journal": ("tui.cli.journal", "run"),
    "list": ("tui.cli.lobby", "run"),
    "record-audio": ("tui.cli.record", "run"),
    "relay": ("tui.cli.relay", "run"),
    "status": ("tui.cli.controller", "status"),
    "stop": ("tui.cli.controller", "stop"),
    "doctor": ("tui.cli.doctor", "run"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status, after one line on stderr if it failed."""
    _fill_standard_descriptors()
    arguments = parse(argv)
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except CommandFailed as failure:
        print(f"spaces: {failure}", file=sys.stderr)
        return failure.status
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for the flush when Python ends
        return ExitStatus.BROKEN_PIPE
    return status


def _run(arguments: Arguments) -> int:
    headless = getattr(arguments, "headless", False)
    module, function = _COMMANDS["headless" if headless else arguments.command or "screens"]
    command: Callable[[Arguments], int] = getattr(importlib.import_module(module), function)
    return command(arguments)


def _fill_standard_descriptors() -> None:
    """A descriptor that was closed when we started must not be given to a socket of ours."""
    for descriptor in range(3):
        with contextlib.suppress(OSError):
            os.fstat(descriptor)
            continue
        os.open(os.devnull, os.O_RDWR)  # takes the lowest free one
    # Python has none where the descriptor was closed.
    sys.stdin = sys.stdin or os.fdopen(0)
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")
