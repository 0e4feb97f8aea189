"""Log files: private, bounded, and safe to show to others.

A log takes over file descriptor 2 (in the background 1 as well), because native audio libraries
print there without asking.
"""

import logging
import os
import re
import sys
from pathlib import Path

from tui.config import limits

_SECRET = re.compile(r"nsec1[a-z0-9]+", re.IGNORECASE)
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class Redacting(logging.Formatter):
    """Formats a record, tracebacks included, without any nsec that slipped in."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as text."""
        return _SECRET.sub("nsec1...", super().format(record))


def open_log(path: Path) -> int:
    """Open a log for appending, readable by the user alone; returns the file descriptor."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


class LogFile(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes records to file descriptor 2 and keeps the file behind it small.

    When the file is full it becomes `NAME.1`, and the descriptors get a new one. What native code
    prints counts as well, so the owner calls `bound` now and then.
    """

    def __init__(self, path: Path, descriptors: tuple[int, ...] = (2,)) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(Redacting(_FORMAT))
        self._path = path
        self._descriptors = descriptors
        self._reopen()
        self.bound()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        super().emit(record)
        self.bound()

    def bound(self) -> None:
        """Start a new file if this one is full."""
        if os.fstat(self._descriptors[0]).st_size >= limits.LOG_FILE_BYTES:
            self._path.replace(self._path.with_name(self._path.name + ".1"))
            self._reopen()

    def _reopen(self) -> None:
        opened = open_log(self._path)
        for descriptor in self._descriptors:
            os.dup2(opened, descriptor)
        os.close(opened)


def start_logging(handler: logging.Handler, level: int = logging.INFO) -> None:
    """Send our records from `level` up, and the warnings of libraries, to `handler` alone."""
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
    logging.getLogger("tui").setLevel(level)
    logging.captureWarnings(True)


def log_to_stderr() -> None:
    """Show warnings to who runs a command in the foreground."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Redacting("spaces: %(levelname)s: %(message)s"))
    start_logging(handler, logging.WARNING)
