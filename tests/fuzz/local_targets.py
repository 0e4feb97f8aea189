"""What comes from this machine: the control link, settings, themes, accounts, queries."""

import contextlib
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tests.fuzz.nostr_targets import sign
from tests.fuzz.target import KEYS, NOW, Run, Target, declared, simple, to_text
from tui.accounts.errors import AccountError
from tui.accounts.file import Account, AccountsFile, Contents
from tui.config import limits
from tui.config.schema import InvalidSetting, load_settings
from tui.config.themes import load_themes, shipped_themes
from tui.controller import intents, messages
from tui.controller.intents import InvalidIntent, decode_intent, encode_intent
from tui.controller.messages import ViewChanged, encode_message
from tui.controller.search import Search
from tui.controller.view import View
from tui.controller.views import Me, SpaceSummary
from tui.nostr.cache_file import CacheFile
from tui.nostr.filter import Filter
from tui.nostr.url import relay_url


def read_intent(data: bytes) -> None:
    intent = decode_intent(data)
    assert decode_intent(encode_intent(intent)) == intent


def read_message(data: bytes) -> None:
    message = messages.decode_message(data)
    assert messages.decode_message(encode_message(message)) == message
    if isinstance(message, ViewChanged):
        view = View()
        view.apply(message)
        again = View()
        again.apply(view.snapshot())


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@contextlib.contextmanager
def settings() -> Iterator[Run]:
    with folder() as inside:
        file = inside / "settings.toml"

        def run(data: bytes) -> None:
            file.write_bytes(data)
            environ = {"SPACES_RELAYS": to_text(data).replace("\0", "")}
            for variables in ({}, environ):
                with contextlib.suppress(InvalidSetting):
                    found = load_settings(file, variables, {}, relay_url)
                    assert 1 <= len(found.relays) <= limits.RELAYS

        yield run


@contextlib.contextmanager
def themes() -> Iterator[Run]:
    with folder() as inside:

        def run(data: bytes) -> None:
            (inside / "mine.toml").write_bytes(data)
            found, notices = load_themes([inside])
            assert "mine" in found or notices
            assert "dark" in found

        yield run


@contextlib.contextmanager
def accounts() -> Iterator[Run]:
    with folder() as inside:
        file = AccountsFile(inside)
        path = inside / "accounts.json"

        def run(data: bytes) -> None:
            path.touch(mode=0o600)
            path.write_bytes(data)
            try:
                contents = file.read()
            except AccountError:
                kept = [each for each in inside.iterdir() if each.read_bytes() == data]
                assert kept  # nothing of the user's is lost
                for each in inside.glob("accounts.json*"):
                    each.unlink()
            else:
                file.change(lambda _old: contents)
                assert file.read() == contents

        yield run


PROFILE = sign(0, "{}")


@contextlib.contextmanager
def cache() -> Iterator[Run]:
    """A file in the cache's place is read, or set aside as it was."""
    with folder() as inside:
        path = inside / "events.sqlite"

        def run(data: bytes) -> None:
            for each in inside.iterdir():
                each.unlink()
            path.write_bytes(data)
            file = CacheFile(path, lambda: float(NOW))
            with contextlib.suppress(sqlite3.Error):
                assert {event.kind for event in file.find([Filter()])} <= {0}
                file.add([PROFILE])
                assert file.find([Filter(ids=(PROFILE.id,))]) == [PROFILE]
            file.close()
            for aside in inside.glob("*.aside-?"):
                assert aside.read_bytes()[100:] == data[100:]  # without what SQLite counts itself

        yield run


def cache_seed() -> bytes:
    with folder() as inside:
        file = CacheFile(inside / "cache", lambda: float(NOW))
        file.add([PROFILE])
        file.close()
        return (inside / "cache").read_bytes()


SUMMARY = SpaceSummary(
    "ref", KEYS[0], "Bob", "space", "Rust at night", 0, topics=("rust",), language="en"
)


def search(data: bytes) -> None:
    assert Search(to_text(data)).matches(SUMMARY) in (True, False)


ACCOUNTS = Contents(
    accounts=(Account(KEYS[0], "encrypted", "me"), Account(KEYS[1], "keyring")),
    current={"default": KEYS[0]},
    secrets={KEYS[0]: "ncryptsec1"},
)
INTENTS = (
    intents.HostSpace("night", topics=("rust",), access="invite"),
    intents.JoinSpace("space", muted=False),
    intents.Invite(KEYS[0], "speak?"),
    intents.Lock(True),
)
VIEW = ViewChanged(version=1, me=Me(KEYS[0], "npub1", "me"))
SETTINGS = 'relays = ["wss://relay.example"]\nname = "me"\nmax_outputs = 8\ncheck_names = true\n'

TARGETS = (
    simple("intent", declared(read_intent, InvalidIntent), *map(encode_intent, INTENTS)),
    simple(
        "link-message",
        declared(read_message, msgspec.DecodeError, UnicodeDecodeError),
        *map(encode_message, (VIEW, messages.ChatReceived(KEYS[0], "hi"), messages.Joined())),
    ),
    Target("settings", settings, (SETTINGS.encode(),)),
    Target(
        "theme", themes, tuple(path.read_bytes() for path in sorted(shipped_themes().iterdir())[:2])
    ),
    Target("cache", cache, (cache_seed(), b"notes of mine\n"), 60),
    Target("accounts", accounts, (msgspec.json.encode(ACCOUNTS), b'{"version":2}'), 60),
    simple("search", search, "rust #rust lang:en host:bob -follows open", "-#x ---", "night"),
)
