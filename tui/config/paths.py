"""Where a profile keeps its files: the XDG base directories, checked before they are trusted."""

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from tui.config import limits

DEFAULT_PROFILE = "default"
SOCKET_NAME = "controller.sock"
_PROFILE = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)


class InvalidProfile(ValueError):
    """A profile name that could not be a directory of ours."""


class UnsafeDirectory(OSError):
    """A directory that others could have prepared or could change."""


class Paths:
    """The files of one profile. Directories are made, with mode 0700, where they are first used.

    The settings are read only: their directory is never made here.
    """

    def __init__(
        self,
        profile: str = DEFAULT_PROFILE,
        environ: Mapping[str, str] = os.environ,
        shared: Path = Path("/tmp"),  # noqa: S108 - made with care below
    ) -> None:
        if not _PROFILE.fullmatch(profile):
            raise InvalidProfile("a profile name is 1 to 32 letters, digits, '_' or '-'")
        self.profile = profile
        self._environ = environ
        self._shared = shared

    @cached_property
    def runtime(self) -> Path:
        """Socket and lock; short enough for a socket's address, else raises `UnsafeDirectory`."""
        given = self._environ.get("XDG_RUNTIME_DIR", "")
        if _is_private_enough(given):
            wanted = Path(given) / "spaces" / self.profile
            if _fits(wanted):
                return private_directory(private_directory(wanted.parent) / self.profile)
            # Two long directories must not end in one: their names are told apart by a hash.
            name = f"{self.profile}-{hashlib.sha256(os.fsencode(wanted)).hexdigest()[:8]}"
        else:
            name = self.profile
        base = private_directory(self._shared / f"spaces-{os.getuid()}")
        return private_directory(base / name)

    @cached_property
    def state(self) -> Path:
        """Logs."""
        directory = self._base("XDG_STATE_HOME", ".local/state")
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return directory

    @property
    def config(self) -> Path:
        """Settings and themes."""
        return self._base("XDG_CONFIG_HOME", ".config")

    @property
    def cache(self) -> Path:
        """What relays said before; whoever opens the file makes its directory."""
        return self._base("XDG_CACHE_HOME", ".cache") / "events.sqlite"

    @property
    def shared_config(self) -> Path:
        """What all profiles have in common: the accounts. The directory may be missing."""
        return self.config.parent

    @property
    def socket(self) -> Path:
        """Where the controller listens."""
        return self.runtime / SOCKET_NAME

    @property
    def lock(self) -> Path:
        """Locked for as long as the controller lives."""
        return self.runtime / "controller.lock"

    @property
    def controller_log(self) -> Path:
        """What the background process has to say."""
        return self.state / "controller.log"

    @property
    def ui_log(self) -> Path:
        """What the screens have to say."""
        return self.state / "ui.log"

    @property
    def settings(self) -> Path:
        """The profile's settings file; it may be missing."""
        return self.config / "settings.toml"

    @property
    def themes(self) -> Path:
        """The profile's own themes; the directory may be missing."""
        return self.config / "themes"

    def _base(self, variable: str, default: str) -> Path:
        given = self._environ.get(variable, "")
        # The base directory specification: a relative path is to be ignored.
        base = Path(given) if given.startswith("/") else self._home / default
        return base / "spaces" / self.profile

    @property
    def _home(self) -> Path:
        return Path(self._environ.get("HOME") or Path.home())


def private_directory(path: Path) -> Path:
    """Make `path` (its parent exists), or check that it is ours alone; `UnsafeDirectory` if not."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise UnsafeDirectory(f"{path} cannot be made: {error.strerror}") from None
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise UnsafeDirectory(f"{path} is not a directory of ours; set XDG_RUNTIME_DIR to one")
    if found.st_mode & 0o077:
        raise UnsafeDirectory(f"{path} is open to others; chmod 700 it")
    return path


def _is_private_enough(given: str) -> bool:
    """Whether only this user can put anything into an XDG_RUNTIME_DIR."""
    if not given.startswith("/"):
        return False
    try:
        found = Path(given).stat()
    except OSError:
        return False
    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid == os.getuid()
        and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )


def _fits(directory: Path) -> bool:
    return len(os.fsencode(directory / SOCKET_NAME)) <= limits.SOCKET_PATH_BYTES
