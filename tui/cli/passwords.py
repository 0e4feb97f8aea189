"""Passwords of spaces: from a private file or typed at the terminal, never from an argument."""

import getpass
import os
import stat

from tui.cli.arguments import Arguments
from tui.cli.status import CommandFailed, ExitStatus
from tui.config import limits

ASK = "-"
"""In place of a file's path: ask at the terminal."""


def password_of(arguments: Arguments) -> str:
    """The password that `host` or `join` is to use, empty for none; raises `CommandFailed`."""
    given: str = arguments.password_file
    if arguments.command == "host":
        access = arguments.access or ("password" if given else "open")
        if access != "password":
            if given:
                raise _unusable(f"--access {access} has no password")
            return ""
        given = given or ASK
    if not given:
        return ""
    password = _ask(twice=arguments.command == "host") if given == ASK else _read(given)
    if not 0 < len(password) <= limits.SPACE_PASSWORD_CHARS:
        raise _unusable(f"a password has 1 to {limits.SPACE_PASSWORD_CHARS} characters")
    return password


def _ask(*, twice: bool) -> str:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))  # else it would be read from stdin
    except OSError:
        raise _unusable("no terminal to ask for the password at; use --password-file") from None
    try:
        password = getpass.getpass("Password of the space: ")
        if twice and getpass.getpass("Again: ") != password:
            raise _unusable("these were two different passwords")
    except EOFError:
        raise _unusable("no password was given") from None
    return password


def _read(path: str) -> str:
    """The first line of a file that only its owner can read."""
    what = f"the password file {path}"
    try:
        # Not blocking: opening a pipe that nobody writes to would never return.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise _unusable(f"cannot read {what}: {reason}") from None
    try:
        info = os.fstat(descriptor)  # of the open file: nobody can exchange it in between
        if not stat.S_ISREG(info.st_mode):
            raise _unusable(f"{what} is not a regular file")
        if info.st_mode & 0o077:
            raise _unusable(f"others can read {what}; run: chmod 600 {path}")
        data = os.read(descriptor, 4 * limits.SPACE_PASSWORD_CHARS + 2)
    except OSError as error:
        raise _unusable(f"cannot read {what}: {error.strerror}") from None
    finally:
        os.close(descriptor)
    try:
        return data.split(b"\n")[0].removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        raise _unusable(f"{what} is not UTF-8 text") from None


def _unusable(reason: str) -> CommandFailed:
    return CommandFailed(ExitStatus.USAGE, reason)
