"""Secrets from a person or a script: typed without echo, or one line of stdin; never arguments."""

import getpass
import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tui.cli.status import CommandFailed, ExitStatus
from tui.config import limits
from tui.nostr.keys import KeyFileError, PasswordNeeded, SecretKey, read_key_file

PASSWORD_VARIABLE: Final = "SPACES_KEY_PASSWORD"  # noqa: S105 - its name, not its value


def ask_line(prompt: str) -> str:
    """A secret: typed without echo at a terminal, else the next line of stdin."""
    if sys.stdin.isatty():
        return _typed(prompt).strip()
    try:
        line = sys.stdin.buffer.readline(limits.REMOTE_ADDRESS_CHARS + 2)
        return line.decode().strip()
    except UnicodeDecodeError:
        raise _unusable("what came on stdin is not text") from None


def key_password(
    prompt: str, environ: Mapping[str, str] = os.environ, *, twice: bool = False
) -> str:
    """The password of a key: from the environment, else typed without echo."""
    if password := environ.get(PASSWORD_VARIABLE, ""):
        return password
    if not sys.stdin.isatty():
        raise CommandFailed(
            ExitStatus.KEY, f"no terminal to ask for the password at: set {PASSWORD_VARIABLE}"
        )
    password = _typed(prompt)
    if twice and _typed("Again: ") != password:
        raise _unusable("these were two different passwords")
    return password


def confirmed(question: str) -> bool:
    """Whether somebody at the terminal says yes; false where there is none."""
    if not sys.stdin.isatty():
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def open_key_file(path: Path, environ: Mapping[str, str] = os.environ) -> SecretKey:
    """The key in a file, whose password is asked for if it has one; raises `CommandFailed`."""
    try:
        try:
            return read_key_file(path)
        except PasswordNeeded:
            return read_key_file(path, key_password(f"Password of {path}: ", environ))
    except (KeyFileError, PasswordNeeded) as error:
        raise CommandFailed(ExitStatus.KEY, str(error)) from None


def _typed(prompt: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)  # it would be shown
            return getpass.getpass(prompt)
    except getpass.GetPassWarning:
        raise _unusable("this terminal would show what is typed") from None
    except (EOFError, UnicodeDecodeError):
        raise _unusable("nothing was typed") from None


def _unusable(reason: str) -> CommandFailed:
    return CommandFailed(ExitStatus.USAGE, reason)
