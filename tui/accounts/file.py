"""`accounts.json`: which keys are kept on this machine and where; of secrets only those that the
user wanted there, encrypted or plain. Everything here blocks: call it in a thread."""

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from tui.accounts.errors import AccountError
from tui.config import limits
from tui.nostr.event import BAD_JSON, Hex32
from tui.nostr.text import clean_text

Store = Literal["keyring", "encrypted", "insecure-plaintext"]
_VERSION: Final = 1
_Url = Annotated[str, msgspec.Meta(max_length=limits.RELAY_URL_CHARS)]


class Remote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A remote signer (NIP-46): its own public key (hex) and its relays."""

    signer: Hex32
    relays: Annotated[tuple[_Url, ...], msgspec.Meta(min_length=1, max_length=limits.REMOTE_RELAYS)]


class Account(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key that is kept: its public key (hex), a label or nothing, and where its secret is.

    With `remote` the secret is not the key, but what the remote signer knows us by.
    """

    pubkey: Hex32
    store: Store
    label: str = ""
    remote: Remote | None = None


class Contents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file. `current` maps profiles to public keys, `secrets` public keys to what was kept."""

    version: int = _VERSION
    accounts: Annotated[tuple[Account, ...], msgspec.Meta(max_length=limits.ACCOUNTS)] = ()
    current: dict[str, str] = {}
    secrets: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Contents({len(self.accounts)} accounts)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:  # what a crash report shows
        return [("accounts", self.accounts)]


class _Versioned(msgspec.Struct, frozen=True):
    version: int = 0


class AccountsFile:
    """The file in one folder, shared by all processes of a user."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "accounts.json"
        self._lock = folder / "accounts.lock"

    def read(self) -> Contents:
        """What it says; nothing if it is missing. Raises AccountError.

        A file that is none of ours is set aside under another name, so that nothing is lost.
        """
        if not self._path.parent.exists():  # not to make a folder just for looking
            return Contents()
        with self._locked():
            return self._read()

    def change(self, change: Callable[[Contents], Contents]) -> None:
        """Write anew what `change` makes of it, alone among all processes; raises AccountError."""
        with self._locked():
            self._write(change(self._read()))

    def _read(self) -> Contents:
        try:
            data = self._bytes()
        except FileNotFoundError:
            return Contents()
        except OSError as error:
            raise AccountError(f"cannot read {self._path}: {error.strerror}") from None
        if len(data) > limits.ACCOUNTS_BYTES:
            raise self._set_aside()
        try:
            if msgspec.json.decode(data, type=_Versioned).version > _VERSION:
                raise AccountError(f"{self._path} is of a newer version of spaces")
            contents = msgspec.json.decode(data, type=Contents)
        except BAD_JSON:
            raise self._set_aside() from None
        if len({account.pubkey for account in contents.accounts}) < len(contents.accounts):
            raise self._set_aside()
        cleaned = (
            msgspec.structs.replace(account, label=clean_label(account.label))
            for account in contents.accounts
        )
        return msgspec.structs.replace(contents, accounts=tuple(cleaned))

    def _bytes(self) -> bytes:
        descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            info = os.fstat(descriptor)  # of the open file: nobody can exchange it in between
            if not stat.S_ISREG(info.st_mode):
                raise AccountError(f"{self._path} is not a regular file")
            if info.st_uid != os.getuid():
                raise AccountError(f"{self._path} belongs to somebody else")
            if info.st_mode & 0o077:
                raise AccountError(
                    f"others can read or write {self._path}; run: chmod 600 {self._path}"
                )
            return file.read(limits.ACCOUNTS_BYTES + 1)

    def _set_aside(self) -> AccountError:
        for number in range(1, 1_000):
            aside = self._path.with_name(f"{self._path.name}.damaged-{number}")
            if not aside.exists():
                break
        try:
            self._path.rename(aside)
        except OSError as error:
            return AccountError(f"{self._path} is damaged: {error.strerror}")
        return AccountError(
            f"{self._path} was damaged and is now {aside}; no account is left in use"
        )

    def _write(self, contents: Contents) -> None:
        data = msgspec.json.format(msgspec.json.encode(contents), indent=1)
        if len(data) > limits.ACCOUNTS_BYTES or len(contents.accounts) > limits.ACCOUNTS:
            raise AccountError(f"more than {limits.ACCOUNTS} accounts")
        new = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            with contextlib.suppress(FileNotFoundError):
                new.unlink()
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            new.replace(self._path.resolve())  # where a symbolic link points, it stays one
        except OSError as error:
            with contextlib.suppress(OSError):
                new.unlink()
            raise AccountError(f"cannot write {self._path}: {error.strerror}") from None

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise AccountError(f"cannot write in {self._path.parent}: {error.strerror}") from None
        try:
            _take(descriptor, self._path)
            yield
        finally:
            os.close(descriptor)


def clean_label(text: str) -> str:
    """A label as it is kept and shown."""
    return clean_text(text, limits.LABEL_LENGTH)


def _take(descriptor: int, path: Path) -> None:
    deadline = time.monotonic() + limits.ACCOUNTS_LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > deadline:
                raise AccountError(f"another process has {path} locked") from None
            time.sleep(0.01)
        else:
            return
