import asyncio
import contextlib
import fcntl
import json
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tui.accounts.store import Accounts
from tui.cli.prompts import open_key_file
from tui.cli.status import CommandFailed
from tui.config.paths import Paths
from tui.nostr.keys import SecretKey
from tui.nostr.nip06 import Words
from tui.nostr.nip19 import encode_npub

KEY = SecretKey(bytes(31) + b"\x07")
NPUB = encode_npub(KEY.public)
TWELVE = "leader monkey parrot ring guide accident before fence cannon height naive bean"
PASSWORD = "correct horse"
PLAIN = ("--store", "insecure-plaintext")

# A keyring for the processes of a test, in a file; where it asks, it never answers.
KEYRING = """
import json, pathlib, time
from keyring.backend import KeyringBackend

class Keyring(KeyringBackend):
    priority = 1
    path = pathlib.Path(__file__).with_name("kept.json")

    def _kept(self):
        if self.path.with_name("locked").exists():
            time.sleep(1_000)
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    def get_password(self, service, username):
        return self._kept().get(username)

    def set_password(self, service, username, password):
        self.path.write_text(json.dumps(self._kept() | {username: password}))

    def delete_password(self, service, username):
        kept = self._kept()
        del kept[username]
        self.path.write_text(json.dumps(kept))
"""


@pytest.fixture
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a keyring that every command of the test finds."""
    folder = tmp_path / "desktop"
    folder.mkdir()
    (folder / "desktop_of_the_test.py").write_text(KEYRING)
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{os.environ['PYTHONPATH']}")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "desktop_of_the_test.Keyring")
    return folder


@pytest.fixture
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")


class Terminal:
    """A command at a terminal; `shown` is all that it has displayed."""

    def __init__(self, *arguments: str, rows: int = 24, columns: int = 80) -> None:
        self._ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.shown = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", _AT_TERMINAL, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env=os.environ | {"TERM": "xterm-256color"},
        )
        os.close(theirs)

    def until(self, text: str) -> None:
        deadline = time.monotonic() + 20
        while text not in self.shown:
            assert self._read(deadline), f"no {text!r} in {self.shown!r}"

    def enter(self, text: str) -> None:
        os.write(self._ours, text.encode() + b"\n")

    def end(self) -> int:
        deadline = time.monotonic() + 20
        while self._read(deadline):
            pass
        return self.process.wait(20)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def _read(self, deadline: float) -> bool:
        if not select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return False
        with contextlib.suppress(OSError):  # the other end is closed
            if data := os.read(self._ours, 65_536):
                self.shown += data.decode(errors="replace").replace("\r\n", "\n")
                return True
        return False


_AT_TERMINAL = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from tui.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    with contextlib.ExitStack() as stack:

        def start(*arguments: str, **size: int) -> Terminal:
            started = Terminal(*arguments, **size)
            stack.callback(started.close)
            return started

        yield start


# --- from a script -------------------------------------------------------------------------------


def test_a_key_is_added_listed_used_and_forgotten(spaces: Any, keyring: Path) -> None:
    assert spaces("account", "list").line.startswith("no key is kept")
    added = spaces("account", "add", "--label", "work", stdin=f"{KEY.to_nsec()}\n")
    assert (added.status, added.out) == (0, f"{NPUB}  desktop keyring\n")
    other = spaces("account", "add", "--new", "--label", "spare")
    assert other.status == 0
    second = other.out.split()[0]
    listed = spaces("account", "list").out.splitlines()
    assert listed == [f"* {NPUB}  work   desktop keyring", f"  {second}  spare  desktop keyring"]
    assert spaces("account", "use", "spare").status == 0
    assert [one["current"] for one in _listed(spaces)] == [False, True]
    assert spaces("account", "use", NPUB[:12], "--profile", "radio").status == 0
    assert [one["current"] for one in _listed(spaces, "--profile", "radio")] == [True, False]
    refused = spaces("account", "forget", "work")
    assert refused.status == 2
    assert "--yes" in refused.line
    assert spaces("account", "forget", "work", "--yes").status == 0
    assert [one["npub"] for one in _listed(spaces)] == [second]
    assert KEY.public not in (keyring / "kept.json").read_text()


def _listed(spaces: Any, *arguments: str) -> list[Any]:
    lines = spaces("account", "list", "--json", *arguments).out.splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize(
    "text",
    [
        KEY.to_nsec(),
        f"nostr:{KEY.to_nsec()}",
        "07".rjust(64, "0"),
        pytest.param(KEY.to_ncryptsec(PASSWORD, 1), id="encrypted"),
        TWELVE,
        f"  {TWELVE.upper()}  ",
    ],
)
def test_a_key_comes_in_any_form(spaces: Any, text: str) -> None:
    added = spaces("account", "add", *PLAIN, stdin=text, SPACES_KEY_PASSWORD=PASSWORD)
    assert added.status == 0, added.err
    key = Words(text).key() if len(text.split()) > 1 else KEY
    (account,) = _listed(spaces)
    assert (account["pubkey"], account["store"]) == (key.public, "insecure-plaintext")
    assert "PLAIN TEXT FILE" in spaces("account", "list").out
    assert key.to_nsec() not in added.out + added.err


def test_the_plain_store_has_to_be_named(spaces: Any, no_keyring: None, tmp_path: Path) -> None:
    nsec = KEY.to_nsec()
    refused = spaces("account", "add", stdin=nsec)
    assert refused.status == 5
    assert "no desktop keyring" in refused.line and "--store encrypted" in refused.line
    assert "encrypted" in refused.line
    assert not list(Path(os.environ["HOME"]).rglob("accounts.json"))
    assert spaces("account", "add", "--insecure-plaintext", stdin=nsec).status == 0
    (file,) = Path(os.environ["HOME"]).rglob("accounts.json")
    assert file.stat().st_mode & 0o777 == 0o600


def test_an_encrypted_key_takes_its_password_from_the_environment(spaces: Any) -> None:
    store = ("--store", "encrypted")
    added = spaces("account", "add", *store, stdin=KEY.to_nsec(), SPACES_KEY_PASSWORD=PASSWORD)
    assert added.status == 0, added.err
    text = next(Path(os.environ["HOME"]).rglob("accounts.json")).read_text()
    (ncryptsec,) = re.findall(r"ncryptsec1\w+", text)
    assert SecretKey.parse(ncryptsec, PASSWORD).public == KEY.public
    for environ, reason in (({}, "SPACES_KEY_PASSWORD"), ({"SPACES_KEY_PASSWORD": "x"}, "8")):
        refused = spaces("account", "add", *store, "--new", **environ)
        assert refused.status == 5
        assert reason in refused.line


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "nsec"),
        ("junk", "nsec"),
        (KEY.to_nsec()[:-1] + "q", "not an nsec"),
        (TWELVE.replace("parrot", "perrot"), "word 3"),
        pytest.param(KEY.to_ncryptsec("another", 1), "password is wrong", id="another password"),
        ("x" * 100_000, "nsec"),
    ],
)
def test_what_is_no_key_is_refused_and_not_quoted(spaces: Any, text: str, reason: str) -> None:
    refused = spaces("account", "add", *PLAIN, stdin=text, SPACES_KEY_PASSWORD=PASSWORD)
    assert refused.status == 5
    assert reason in refused.line
    assert not text or text.split(maxsplit=1)[0] not in refused.line
    assert "perrot" not in refused.line


def test_a_secret_among_the_arguments_is_not_repeated(spaces: Any) -> None:
    for secret in (KEY.to_nsec(), KEY.to_ncryptsec(PASSWORD, 1), f"bunker://{KEY.public}?secret=x"):
        for line in (("account", "add", secret), ("account", "connect", secret), (secret,)):
            refused = spaces(*line)
            assert refused.status == 2
            assert secret not in refused.err + refused.out


def test_a_damaged_file_is_one_clear_error_and_is_not_lost(spaces: Any) -> None:
    folder = Paths("default").shared_config
    folder.mkdir(parents=True)
    (folder / "accounts.json").write_text("{")
    (folder / "accounts.json").chmod(0o600)
    refused = spaces("account", "list")
    assert refused.status == 5
    assert "damaged" in refused.line
    assert (folder / "accounts.json.damaged-1").read_text() == "{"
    assert spaces("account", "list").status == 0


def test_a_backup_is_shown_on_a_terminal_only(spaces: Any) -> None:
    spaces("account", "add", *PLAIN, stdin=TWELVE)
    refused = spaces("account", "backup", stdin="y\n")
    assert refused.status == 2
    assert "terminal" in refused.line
    assert refused.out == ""


# --- at a terminal -------------------------------------------------------------------------------


def test_a_key_that_is_typed_is_not_shown(terminal: Any, spaces: Any) -> None:
    screen = terminal("account", "add", *PLAIN)
    screen.until("not shown")
    screen.enter(KEY.to_nsec())
    assert screen.end() == 0
    assert NPUB in screen.shown
    assert KEY.to_nsec() not in screen.shown
    assert _listed(spaces)[0]["pubkey"] == KEY.public


def test_a_new_password_is_typed_twice_and_not_shown(terminal: Any) -> None:
    for again, status in (("correct hose", 2), (PASSWORD, 0)):
        screen = terminal("account", "add", "--store", "encrypted")
        screen.until("not shown")
        screen.enter(KEY.to_nsec())
        screen.until("New password: ")
        screen.enter(PASSWORD)
        screen.until("Again: ")
        screen.enter(again)
        assert screen.end() == status
        assert PASSWORD not in screen.shown


def test_new_words_are_shown_once_and_again_as_a_backup(terminal: Any, spaces: Any) -> None:
    screen = terminal("account", "add", "--new", *PLAIN)
    assert screen.end() == 0
    words = re.search(r"  ((?:[a-z]+ ){11}[a-z]+)\n", screen.shown)
    assert words
    (account,) = _listed(spaces)
    assert Words(words[1]).key().public == account["pubkey"]
    again = terminal("account", "backup")
    again.until("[y/N]")
    assert words[1] not in again.shown
    again.enter("y")
    assert again.end() == 0
    assert words[1] in again.shown


def test_who_does_not_say_yes_is_shown_nothing(terminal: Any, spaces: Any) -> None:
    spaces("account", "add", *PLAIN, stdin=TWELVE)
    for answer in ("", "n", "no"):
        screen = terminal("account", "backup")
        screen.until("[y/N]")
        screen.enter(answer)
        assert screen.end() == 2
        assert "leader" not in screen.shown


@pytest.mark.parametrize("store", ["encrypted", "insecure-plaintext"])
def test_the_backup_of_a_key_without_words_is_encrypted(
    terminal: Any, spaces: Any, store: str
) -> None:
    spaces("account", "add", "--store", store, stdin=KEY.to_nsec(), SPACES_KEY_PASSWORD=PASSWORD)
    screen = terminal("account", "backup", NPUB)
    screen.until("[y/N]")
    screen.enter("y")
    for _ in range(1 if store == "encrypted" else 2):
        screen.until("assword" if "gain" not in screen.shown else "gain")
        screen.enter(PASSWORD)
        if store != "encrypted":
            screen.until("Again: ")
    assert screen.end() == 0
    (ncryptsec,) = re.findall(r"ncryptsec1\w+", screen.shown)
    assert SecretKey.parse(ncryptsec, PASSWORD).public == KEY.public
    assert PASSWORD not in screen.shown


def test_forgetting_asks_first(terminal: Any, spaces: Any) -> None:
    spaces("account", "add", *PLAIN, stdin=KEY.to_nsec())
    for answer, left in (("n", 1), ("yes", 0)):
        screen = terminal("account", "forget", NPUB)
        screen.until("[y/N]")
        screen.enter(answer)
        assert screen.end() == (2 if left else 0)
        assert len(_listed(spaces)) == left


def test_a_keyring_that_asks_is_announced_and_can_be_left(terminal: Any, keyring: Path) -> None:
    (keyring / "locked").touch()
    screen = terminal("account", "add")
    screen.until("waiting for the desktop's keyring")
    os.write(screen._ours, b"\x03")
    assert screen.end() == 130
    assert "Traceback" not in screen.shown


# --- remote signers ------------------------------------------------------------------------------


async def run(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tui", *arguments,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(20):
        out, err = await process.communicate(stdin.encode())
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def _sign_with_the_account(user: str) -> None:
    accounts = Accounts(Paths("default").shared_config)
    account = await accounts.current("default")
    assert account is not None
    signer = await accounts.load(account)
    try:
        assert signer.pubkey == user
        from tui.nostr.event import Draft

        assert (await signer.sign(Draft(1, "hello", (), 5))).pubkey == user
    finally:
        await signer.close()


async def test_a_bunker_is_connected_and_remembered(their_signer: Any) -> None:
    status, out, err = await run(
        "account", "connect", "--label", "phone", *PLAIN, stdin=f"{their_signer.address}\n"
    )
    assert status == 0, err
    assert out.startswith(encode_npub(their_signer.user))
    assert "remote signer over ws://127.0.0.1" in out
    assert "open sesame" not in out + err
    await _sign_with_the_account(their_signer.user)
    assert [request["method"] for request in their_signer.requests] == [
        "connect", "get_public_key", "sign_event",
    ]  # fmt: skip


async def test_an_offer_is_printed_for_a_signer_to_answer(
    their_signer: Any, signer_relay: Any
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tui", "account", "connect", "--relay", signer_relay.url, *PLAIN,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(20):
        address = (await process.stdout.readline()).decode().strip()
        assert address.startswith("nostrconnect://")
        ending = asyncio.create_task(process.wait())
        while not ending.done():
            await their_signer.scan(address)
            await asyncio.wait([ending], timeout=0.1)
    assert await ending == 0
    await _sign_with_the_account(their_signer.user)


@pytest.mark.parametrize(
    ("rows", "code", "perms"), [(24, 23, False), (40, 27, True), (20, 0, True)]
)
async def test_at_a_terminal_the_offer_is_a_code_to_scan(
    terminal: Any, their_signer: Any, signer_relay: Any, rows: int, code: int, perms: bool
) -> None:
    screen = terminal("account", "connect", "--relay", signer_relay.url, *PLAIN, rows=rows)
    await asyncio.to_thread(screen.until, "bunker://")
    screen.enter("")
    await asyncio.to_thread(screen.until, "waiting for a remote signer")
    (address,) = re.findall(r"nostrconnect://\S+", screen.shown)
    assert ("perms=" in address) == perms
    ending = asyncio.create_task(asyncio.to_thread(screen.end))
    while not ending.done():
        await their_signer.scan(address)
        await asyncio.wait([ending], timeout=0.1)
    assert await ending == 0
    lines = screen.shown.split("\n")
    drawn = [line for line in lines if line.startswith("\x1b[38;5;16;48;5;231m")]
    assert len(drawn) == code < rows
    assert all(line.endswith("\x1b[0m") for line in drawn)
    assert bool(code) != ("too small" in screen.shown)
    if drawn:  # nothing is printed after it that would push it off the screen until it has served
        start = lines.index(drawn[0])
        assert lines[start : start + code] == drawn
        assert lines[start + code].startswith(encode_npub(their_signer.user))


@pytest.mark.parametrize(
    ("stdin", "reason"),
    [("https://example.com\n", "bunker://"), (f"bunker://{KEY.public}?secret=hush\n", "no relay")],
)
async def test_what_is_no_bunker_is_refused_and_not_quoted(stdin: str, reason: str) -> None:
    status, out, err = await run("account", "connect", *PLAIN, stdin=stdin)
    assert (status, out) == (5, "")
    assert reason in err
    assert "hush" not in err
    assert err.count("\n") == 1


# --- a key file with a password ------------------------------------------------------------------


def test_an_encrypted_key_file_is_opened_with_its_password(tmp_path: Path, spaces: Any) -> None:
    path = tmp_path / "key"
    path.write_text(KEY.to_ncryptsec(PASSWORD, 1))
    path.chmod(0o600)
    assert open_key_file(path, {"SPACES_KEY_PASSWORD": PASSWORD}).public == KEY.public
    with pytest.raises(CommandFailed, match="password is wrong") as caught:
        open_key_file(path, {"SPACES_KEY_PASSWORD": "another one"})
    assert "another one" not in str(caught.value)
