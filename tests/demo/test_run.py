import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Terminal:
    """A pseudo-terminal with `spaces demo` in it; `shown` is all that was written to it."""

    def __init__(self, folder: Path) -> None:
        self._master, self._slave = pty.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self._slave)
        self.shown = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tui", "demo", "--people=1", "--speaker=null", "--mic=none"],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env={**os.environ, "TERM": "xterm-256color", "TMPDIR": str(folder)},
            cwd=ROOT,
            start_new_session=True,
        )

    @property
    def attributes(self) -> list[object]:
        return termios.tcgetattr(self._slave)

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def until(self, holds: Callable[[], object], seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, self.shown[-2000:]
            if select.select([self._master], [], [], 0.05)[0]:
                self.shown += os.read(self._master, 65536)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)
        os.close(self._slave)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.close()


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="asks Linux for the children")
def test_quitting_leaves_no_process_no_file_and_a_clean_terminal(
    terminal: Terminal, tmp_path: Path
) -> None:
    terminal.until(lambda: b"long table" in terminal.shown)
    children = children_of(terminal.process.pid)
    assert len(children) == 2
    terminal.press(b"\r")
    terminal.until(lambda: b"]2;listening" in terminal.shown)  # the window's title
    terminal.press(b"Q")
    terminal.until(lambda: terminal.process.poll() is not None)
    assert terminal.process.returncode == 0
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    assert not list(tmp_path.glob("spaces-demo-*"))
    terminal.until(lambda: b"\x1b[?1049l" in terminal.shown)  # the alternate screen is left
    assert b"`spaces` returns" not in terminal.shown  # the space is gone with the demo
    assert terminal.shown.count(b"\x1b[?25h") and terminal.attributes == terminal.before
