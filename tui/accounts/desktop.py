"""The desktop's keyring, asked in a thread: it may wait for its owner to type a password.

A call that waits cannot be ended from outside, so it has a thread of its own that nobody joins;
while it hangs, no second one is started.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

from tui.accounts.errors import AccountError
from tui.config import limits

SERVICE: Final = "nostr-spaces"
_T = TypeVar("_T")
_CURE: Final = "keep it encrypted with a password instead"

# Back ends by the beginning of their name, and why they will not do. All of keyrings.alt writes
# plain text, or guards it with what has long been weak, and says so itself.
_REFUSED: Final = {
    "keyring.backends.fail.": "there is no desktop keyring here",
    "keyring.backends.null.": "the keyring is switched off",
    "keyrings.alt.": "the keyring of keyrings.alt does not protect what it keeps",
    "keyrings.cryptfile.": "the keyring of keyrings.cryptfile asks for its password on a terminal",
}


class Backend(Protocol):
    """What we need of a back end of the `keyring` package."""

    def get_password(self, service: str, username: str) -> str | None:
        """What is kept under this name."""

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep it."""

    def delete_password(self, service: str, username: str) -> None:
        """Keep it no longer."""


class DesktopKeyring:
    """Secrets by name in the desktop's keyring, or in the back end that is given.

    `on_wait` is told once for each call that takes longer than a moment: as a rule the desktop
    shows a window. Everything raises AccountError, after `seconds` at the latest.
    """

    def __init__(
        self,
        backend: Backend | None = None,
        *,
        on_wait: Callable[[str], None] = lambda _text: None,
        seconds: float = limits.KEYRING_SECONDS,
        notice_seconds: float = limits.KEYRING_NOTICE_SECONDS,
    ) -> None:
        self.on_wait = on_wait
        self._backend = backend
        self._seconds = seconds
        self._notice_seconds = notice_seconds
        self._answered = threading.Event()  # by the last call
        self._answered.set()

    async def get(self, name: str) -> str | None:
        """The secret of that name, or None."""
        return await self._call(lambda found: found.get_password(SERVICE, name))

    async def set(self, name: str, secret: str) -> None:
        """Keep a secret, and see that it was kept. If cancelled, it is not."""

        def keep(found: Backend) -> None:
            found.set_password(SERVICE, name, secret)
            if found.get_password(SERVICE, name) != secret:
                raise AccountError(f"the keyring has not kept the key; {_CURE}")

        await self._call(keep, undo=lambda found: found.delete_password(SERVICE, name))

    async def delete(self, name: str) -> None:
        """Keep a secret no longer, if there is one."""

        def forget(found: Backend) -> None:
            if found.get_password(SERVICE, name) is not None:
                found.delete_password(SERVICE, name)

        await self._call(forget)

    async def _call(
        self, work: Callable[[Backend], _T], undo: Callable[[Backend], None] | None = None
    ) -> _T:
        if not self._answered.is_set():
            raise AccountError("the keyring has not answered yet: look for its window")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[_T] = loop.create_future()
        answered, given_up = threading.Event(), threading.Event()

        def settle(result: _T | None, error: AccountError | None) -> None:
            if done.done():
                return
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(result)  # type: ignore[arg-type]

        def run() -> None:
            result, error = None, None
            try:
                backend = self._found()
                result = work(backend)
                if given_up.is_set() and undo is not None:
                    undo(backend)
            except AccountError as problem:
                error = problem
            except Exception as problem:  # of D-Bus or whatever else is behind it
                error = AccountError(f"{_trouble(problem)}; unlock it, or {_CURE}")
            answered.set()
            with contextlib.suppress(RuntimeError):  # the loop has ended before us
                loop.call_soon_threadsafe(settle, result, error)

        self._answered = answered
        threading.Thread(target=run, name="keyring", daemon=True).start()
        try:
            async with asyncio.timeout(self._seconds):
                await asyncio.wait([done], timeout=self._notice_seconds)
                if not done.done():
                    self.on_wait("waiting for the desktop's keyring: it may have opened a window")
                return await done
        except TimeoutError:
            raise AccountError(f"the keyring does not answer; unlock it, or {_CURE}") from None
        finally:
            given_up.set()

    def _found(self) -> Backend:
        """The first back end that protects what it keeps; in the thread, for it may look around."""
        if self._backend is None:
            import keyring

            self._backend = keyring.get_keyring()
        chained = getattr(self._backend, "backends", None)  # several behind one another
        candidates: list[Any] = list(chained) if chained else [self._backend]
        reasons = [_refusal(type(candidate)) for candidate in candidates]
        if "" not in reasons:
            raise AccountError(f"{reasons[0]}; {_CURE}")
        found: Backend = candidates[reasons.index("")]
        return found


def _refusal(kind: type) -> str:
    """Why a back end of this class, or of one derived from it, will not do; empty if it will."""
    for base in kind.__mro__:
        name = f"{base.__module__}.{base.__qualname__}"
        for beginning, reason in _REFUSED.items():
            if name.startswith(beginning):
                return reason
        if "plaintext" in name.lower():
            return "the keyring writes plain text"
    return ""


def _trouble(problem: Exception) -> str:
    """Its kind only: a library's message might quote what it was given."""
    if type(problem).__name__ == "KeyringLocked":
        return "the keyring is locked"
    return f"the keyring fails ({type(problem).__name__})"
