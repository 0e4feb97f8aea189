import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.accounts.errors import AccountError
from tui.accounts.file import Account, AccountsFile, Contents, Remote
from tui.config import limits

KEYS = [f"{number:064x}" for number in range(100)]
FULL = Contents(
    accounts=(
        Account(KEYS[0], "keyring", "work"),
        Account(KEYS[1], "encrypted"),
        Account(KEYS[2], "keyring", "phone", Remote(KEYS[3], ("wss://a", "wss://b"))),
    ),
    current={"default": KEYS[1]},
    secrets={KEYS[1]: "ncryptsec1..."},
)


@pytest.fixture
def file(folder: Path) -> AccountsFile:
    return AccountsFile(folder)


@pytest.fixture
def path(folder: Path) -> Path:
    return folder / "accounts.json"


def put(path: Path, data: bytes | str, mode: int = 0o600) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    path.chmod(mode)


def test_what_was_written_is_read(file: AccountsFile) -> None:
    file.change(lambda contents: FULL)
    assert file.read() == FULL


def test_nothing_is_made_just_for_looking(file: AccountsFile, folder: Path) -> None:
    assert file.read() == Contents()
    assert not folder.exists()


def test_only_its_owner_can_read_it(file: AccountsFile, path: Path, folder: Path) -> None:
    before = os.umask(0)
    try:
        file.change(lambda contents: FULL)
    finally:
        os.umask(before)
    assert {each.name for each in folder.iterdir()} == {"accounts.json", "accounts.lock"}
    for each in folder.iterdir():
        assert each.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_change_that_fails_leaves_all_as_it_was(
    file: AccountsFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.change(lambda contents: FULL)
    before = path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AccountError, match="No space left"):
        file.change(lambda contents: Contents())
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 2


def test_processes_write_one_after_another(file: AccountsFile, folder: Path) -> None:
    program = (
        "import sys, msgspec; from pathlib import Path\n"
        "from tui.accounts.file import Account, AccountsFile\n"
        "for n in range(10):\n"
        "    new = Account(f'{int(sys.argv[2]) * 10 + n:064x}', 'keyring')\n"
        "    AccountsFile(Path(sys.argv[1])).change(lambda c: msgspec.structs.replace(\n"
        "        c, accounts=(*c.accounts, new)))\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, folder, str(number)])
        for number in range(3)
    ]
    assert [process.wait(30) for process in running] == [0, 0, 0]
    assert sorted(account.pubkey for account in file.read().accounts) == KEYS[:30]


def test_a_lock_that_is_never_released_is_not_waited_for_in_vain(
    file: AccountsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ACCOUNTS_LOCK_SECONDS", 0.05)

    def meanwhile(contents: Contents) -> Contents:
        with pytest.raises(AccountError, match="locked"):
            file.read()
        return contents

    file.change(meanwhile)


def test_a_symbolic_link_stays_one(file: AccountsFile, path: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.json"
    path.parent.mkdir(parents=True)
    path.symlink_to(real)
    file.change(lambda contents: FULL)
    assert path.is_symlink()
    assert file.read() == FULL


# --- hostile or damaged --------------------------------------------------------------------------

GOOD = msgspec.json.decode(msgspec.json.encode(FULL))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\xff\xfe",
        b"[" * 100_000,
        b"null",
        b'"\\ud800"',
        json.dumps(GOOD | {"more": 1}),
        json.dumps(GOOD | {"accounts": GOOD["accounts"] * 2}),
        json.dumps(GOOD | {"accounts": [{"pubkey": "x", "store": "keyring"}]}),
        json.dumps(GOOD | {"accounts": [{"pubkey": KEYS[0], "store": "under the mat"}]}),
        json.dumps(GOOD | {"accounts": [{"pubkey": k, "store": "keyring"} for k in KEYS]}),
        json.dumps(GOOD | {"accounts": [GOOD["accounts"][2] | {"remote": {"signer": "x"}}]}),
        json.dumps(GOOD | {"secrets": {"a": 7}}),
        json.dumps(GOOD) + " " * limits.ACCOUNTS_BYTES,
    ],
    ids=range(13),
)
def test_a_damaged_file_is_set_aside_and_nothing_of_it_is_lost(
    file: AccountsFile, path: Path, data: bytes | str
) -> None:
    for number in (1, 2):
        put(path, data)
        size = path.stat().st_size
        aside = path.with_name(f"accounts.json.damaged-{number}")
        with pytest.raises(AccountError, match=f"damaged and is now {aside}") as caught:
            file.read()
        assert "\n" not in str(caught.value)
        assert aside.stat().st_size == size
        assert file.read() == Contents()
    put(path, data)
    with pytest.raises(AccountError, match="damaged"):
        file.change(lambda contents: FULL)
    assert not path.exists(), "a change must not go on as if there had been nothing"


KNOWN = st.sampled_from(["accounts", "current", "secrets", "pubkey", "store"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(KEYS[:3]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KNOWN, inner),
)


@given(JSON)
def test_whatever_is_in_it_is_accounts_or_one_error(tmp_path_factory: Any, obj: object) -> None:
    folder = tmp_path_factory.mktemp("any")
    put(folder / "accounts.json", json.dumps(obj))
    try:
        AccountsFile(folder).read()
    except AccountError as error:
        assert "damaged" in str(error)


def test_a_file_of_a_newer_version_is_left_alone(file: AccountsFile, path: Path) -> None:
    put(path, json.dumps({"version": 2, "vault": {}}))
    before = path.read_bytes()
    for attempt in (file.read, lambda: file.change(lambda contents: FULL)):
        with pytest.raises(AccountError, match="newer version"):
            attempt()
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602])
def test_a_file_that_others_can_read_or_write_is_refused(
    file: AccountsFile, path: Path, mode: int
) -> None:
    put(path, msgspec.json.encode(FULL), mode)
    with pytest.raises(AccountError, match=f"chmod 600 {path}"):
        file.read()
    assert path.exists()


def test_what_is_no_regular_file_is_refused(file: AccountsFile, path: Path) -> None:
    path.mkdir(parents=True, mode=0o700)
    with pytest.raises(AccountError):
        file.read()
    path.rmdir()
    os.mkfifo(path, 0o600)
    with pytest.raises(AccountError, match="not a regular file"):
        file.read()


def test_labels_are_cleaned(file: AccountsFile, path: Path) -> None:
    label = "\x1b[31mwork\u202e\n" + "x" * 900
    put(
        path,
        json.dumps(GOOD | {"accounts": [{"pubkey": KEYS[0], "store": "keyring", "label": label}]}),
    )
    (account,) = file.read().accounts
    assert account.label.isprintable()
    assert len(account.label) <= limits.LABEL_LENGTH


def test_secrets_show_nowhere() -> None:
    contents = Contents(secrets={KEYS[0]: "nsec1hush"})
    assert "hush" not in repr(contents) + str(list(contents.__rich_repr__()))
