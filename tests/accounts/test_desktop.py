import asyncio
import threading
import traceback
from typing import Any

import pytest
from keyring.backends import chainer, fail, null
from keyring.errors import KeyringLocked

from tui.accounts.desktop import DesktopKeyring
from tui.accounts.errors import AccountError

SECRET = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"


class Locked:
    """A back end whose desktop asks for a password, until `answer` is called."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.asking = threading.Event()
        self._answered = threading.Event()

    def answer(self) -> None:
        self._answered.set()

    def get_password(self, service: str, username: str) -> str | None:
        self._ask()
        return self.kept.get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self._ask()
        self.kept[username] = password

    def delete_password(self, service: str, username: str) -> None:
        self.kept.pop(username, None)

    def _ask(self) -> None:
        self.asking.set()
        self._answered.wait()


@pytest.fixture
def locked() -> Any:
    backend = Locked()
    yield backend
    backend.answer()


async def joined() -> None:
    """Wait for the thread of a keyring to end."""
    for thread in threading.enumerate():
        if thread.name == "keyring":
            await asyncio.to_thread(thread.join, 5)


async def test_secrets_are_kept_and_forgotten(memory: Any) -> None:
    keyring = DesktopKeyring(memory)
    assert await keyring.get("a") is None
    await keyring.set("a", SECRET)
    assert (await keyring.get("a"), memory.kept) == (SECRET, {"a": SECRET})
    await keyring.delete("a")
    await keyring.delete("a")
    assert memory.kept == {}


# --- a desktop that asks its owner ---------------------------------------------------------------


async def test_the_loop_goes_on_while_the_desktop_asks(locked: Any) -> None:
    told: list[str] = []
    keyring = DesktopKeyring(locked, on_wait=told.append, notice_seconds=0.05)
    asking = asyncio.create_task(keyring.set("a", SECRET))
    turns = 0
    while not told:
        turns += 1
        await asyncio.sleep(0)
    assert turns > 10
    assert not asking.done()
    assert "window" in told[0]
    locked.answer()
    await asking
    assert locked.kept == {"a": SECRET}
    assert len(told) == 1


async def test_a_desktop_that_never_answers_is_given_up(locked: Any) -> None:
    keyring = DesktopKeyring(locked, seconds=0.05, notice_seconds=0.01)
    for attempt in (keyring.get, lambda name: keyring.set(name, SECRET)):
        with pytest.raises(AccountError, match="answer") as caught:
            await attempt("a")
        assert SECRET not in "".join(traceback.format_exception(caught.value))
    threads = [thread for thread in threading.enumerate() if thread.name == "keyring"]
    assert len(threads) == 1, "each attempt would leave one more thread behind"
    assert threads[0].daemon, "it would keep the process from ending"


async def test_what_was_cancelled_is_not_kept_when_the_owner_answers_at_last(locked: Any) -> None:
    keyring = DesktopKeyring(locked)
    asking = asyncio.create_task(keyring.set("a", SECRET))
    await asyncio.to_thread(locked.asking.wait, 5)
    asking.cancel()
    await asyncio.wait([asking])
    assert asking.cancelled()
    with pytest.raises(AccountError, match="look for its window"):
        await keyring.get("a")
    locked.answer()
    await joined()
    assert locked.kept == {}
    assert await keyring.get("a") is None, "it can be asked again"


def test_a_program_ends_while_the_desktop_asks(locked: Any) -> None:
    async def main() -> None:
        await DesktopKeyring(locked, seconds=0.05).get("a")

    with pytest.raises(AccountError):
        asyncio.run(main())
    locked.answer()  # to a loop that is gone
    for thread in threading.enumerate():
        if thread.name == "keyring":
            thread.join(5)


# --- back ends that will not do ------------------------------------------------------------------


def backend(module: str, name: str, *bases: type) -> Any:
    def refuse(*_args: object) -> None:
        raise AssertionError("a secret was given to it")

    methods = dict.fromkeys(("get_password", "set_password", "delete_password"), refuse)
    return type(name, bases, {"__module__": module, "__qualname__": name, **methods})()


@pytest.mark.parametrize(
    ("module", "name", "reason"),
    [
        ("keyring.backends.fail", "Keyring", "no desktop keyring"),
        ("keyring.backends.null", "Keyring", "switched off"),
        ("keyrings.alt.file", "PlaintextKeyring", "does not protect"),
        ("keyrings.alt.file", "EncryptedKeyring", "does not protect"),
        ("keyrings.alt.Google", "DocsKeyring", "does not protect"),
        ("keyrings.cryptfile.cryptfile", "CryptFileKeyring", "on a terminal"),
        ("keyring_by_somebody", "MyPlaintextKeyring", "plain text"),
    ],
)
async def test_what_does_not_protect_is_refused_with_a_cure(
    module: str, name: str, reason: str
) -> None:
    plain = backend(module, name)
    derived = backend("somewhere.else", "Nice", type(plain))
    for refused in (plain, derived):
        keyring = DesktopKeyring(refused)
        for attempt in (lambda name, k=keyring: k.set(name, SECRET), keyring.get, keyring.delete):
            with pytest.raises(AccountError, match=f"{reason}.*encrypted"):
                await attempt("a")


@pytest.mark.parametrize("real", [fail.Keyring, null.Keyring])
async def test_the_real_ones_that_keep_nothing_are_refused(real: Any) -> None:
    with pytest.raises(AccountError, match="encrypted"):
        await DesktopKeyring(real()).set("a", SECRET)


async def test_of_several_the_first_that_protects_is_asked(memory: Any) -> None:
    class Chain(chainer.ChainerBackend):
        backends = (backend("keyrings.alt.file", "PlaintextKeyring"), memory)

    await DesktopKeyring(Chain()).set("a", SECRET)
    assert memory.kept == {"a": SECRET}


async def test_without_a_back_end_the_one_of_the_machine_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("keyring.core._keyring_backend", None)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    with pytest.raises(AccountError, match="switched off"):
        await DesktopKeyring().get("a")


async def test_a_back_end_that_keeps_nothing_is_found_out(memory: Any) -> None:
    memory.set_password = lambda *_: None
    with pytest.raises(AccountError, match="has not kept"):
        await DesktopKeyring(memory).set("a", SECRET)


@pytest.mark.parametrize(
    ("problem", "reason"),
    [(KeyringLocked(SECRET), "locked"), (OSError(SECRET), "OSError"), (TypeError(SECRET), "Type")],
)
async def test_what_a_back_end_raises_is_named_and_not_quoted(
    memory: Any, problem: Exception, reason: str
) -> None:
    def fails(*_args: object) -> None:
        raise problem

    memory.set_password = fails
    with pytest.raises(AccountError, match=reason) as caught:
        await DesktopKeyring(memory).set("a", SECRET)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
