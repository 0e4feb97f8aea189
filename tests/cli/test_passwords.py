import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tui.cli.arguments import parse
from tui.cli.passwords import password_of
from tui.cli.start import first_intent
from tui.cli.status import CommandFailed, ExitStatus
from tui.config import limits
from tui.controller.intents import HostSpace, JoinSpace

Write = Callable[[bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(data: bytes, mode: int = 0o600) -> Path:
        path = tmp_path / "password"
        path.write_bytes(data)
        path.chmod(mode)
        return path

    return write


def test_the_first_line_of_a_private_file_is_the_password(write: Write) -> None:
    path = write(b" open sesame \r\nsecond line\n")
    host = first_intent(parse(["host", "Tea", "--password-file", str(path)]))
    assert isinstance(host, HostSpace)
    assert (host.access, host.password) == ("password", " open sesame ")
    join = first_intent(parse(["join", "R", "--password-file", str(path)]))
    assert isinstance(join, JoinSpace)
    assert join.password == " open sesame "
    assert "sesame" not in f"{host!r}{join!r}"


def test_who_names_no_password_has_none() -> None:
    assert password_of(parse(["join", "R"])) == ""
    assert password_of(parse(["host", "Tea", "--access", "invite"])) == ""


@pytest.mark.parametrize(
    "data", [b"", b"\nx", b"\xff\xfe", b"x" * (limits.SPACE_PASSWORD_CHARS + 1)]
)
def test_what_is_no_password_is_one_clear_error(write: Write, data: bytes) -> None:
    with pytest.raises(CommandFailed) as caught:
        password_of(parse(["join", "R", "--password-file", str(write(data))]))
    assert caught.value.status is ExitStatus.USAGE
    assert "\n" not in str(caught.value)


def test_a_file_that_others_can_read_is_refused(write: Write) -> None:
    path = write(b"open sesame")
    path.chmod(0o640)
    with pytest.raises(CommandFailed, match="chmod 600") as caught:
        password_of(parse(["join", "R", "--password-file", str(path)]))
    assert "sesame" not in str(caught.value)


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "nothing"):
        with pytest.raises(CommandFailed):
            password_of(parse(["join", "R", "--password-file", str(path)]))


def test_an_open_space_has_no_password(write: Write) -> None:
    line = ["host", "Tea", "--access", "open", "--password-file", str(write(b"x"))]
    with pytest.raises(CommandFailed, match="no password"):
        password_of(parse(line))


ASKING = """
import sys
from tui.cli.arguments import parse
from tui.cli.passwords import password_of
from tui.cli.status import CommandFailed
try:
    sys.stdout.write(password_of(parse(sys.argv[1:])))
except CommandFailed as failure:
    sys.exit(str(failure))
"""


def ask(answers: list[str], *arguments: str) -> tuple[int, str, str]:
    """Status, output and what the terminal shows of a process that asks at its own terminal."""
    main, other = pty.openpty()
    script = f"import os; os.setsid(); os.open({os.ttyname(other)!r}, os.O_RDWR)\n{ASKING}"
    process = subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    shown = b""
    for number, answer in enumerate(answers, 1):  # typed ahead it would be thrown away
        while shown.count(b": ") < number:
            shown += os.read(main, 4096)
        os.write(main, f"{answer}\n".encode())
    out, _ = process.communicate(timeout=30)
    os.close(other)
    os.close(main)
    return process.returncode, out, shown.decode()


def test_it_is_asked_for_at_the_terminal_and_not_shown() -> None:
    status, out, shown = ask(["sesame", "sesame"], "host", "Tea", "--access", "password")
    assert (status, out) == (0, "sesame")
    assert "Password of the space" in shown
    assert "sesame" not in shown
    status, out, _ = ask(["sesame"], "join", "R", "--password-file", "-")
    assert (status, out) == (0, "sesame")


def test_two_different_ones_are_refused() -> None:
    status, out, _ = ask(["sesame", "sesami"], "host", "Tea", "--access", "password")
    assert status == 1
    assert "different" in out
    assert "sesam" not in out


def test_without_a_terminal_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ASKING, "host", "Tea", "--access", "password"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        start_new_session=True,
    )
    assert ended.returncode == 1
    assert "--password-file" in ended.stderr
