from collections.abc import Iterator
from pathlib import Path

import pytest
from keyring.backend import KeyringBackend

from tui.accounts.desktop import DesktopKeyring
from tui.accounts.store import Accounts


class MemoryKeyring(KeyringBackend):
    priority = 0  # never chosen but by a test

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        assert service == "nostr-spaces"
        return self.kept.get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        assert service == "nostr-spaces"
        self.kept[username] = password

    def delete_password(self, service: str, username: str) -> None:
        assert service == "nostr-spaces"
        del self.kept[username]


@pytest.fixture
def memory() -> MemoryKeyring:
    return MemoryKeyring()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "config" / "spaces"


@pytest.fixture
def accounts(folder: Path, memory: MemoryKeyring) -> Iterator[Accounts]:
    yield Accounts(folder, keyring=DesktopKeyring(memory))
