"""Which key a command signs with, as it goes into the options of a controller."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from tui.cli.arguments import Arguments
from tui.cli.status import CommandFailed, ExitStatus
from tui.config.paths import Paths
from tui.config.schema import Settings
from tui.controller.options import ControllerOptions

if TYPE_CHECKING:
    from tui.accounts.store import Account

SECRET_VARIABLE = "SPACES_SECRET_KEY"  # noqa: S105 - its name, not its value


class KeyOptions(TypedDict):
    """The options of a controller that are about keys."""

    accounts: str
    key_file: str
    secret: str
    account: str
    account_password: str
    throwaway: bool


def key_options(
    arguments: Arguments,
    paths: Paths,
    settings: Settings,
    environ: Mapping[str, str] = os.environ,
    *,
    throwaway: bool,
    kept: bool = False,
) -> KeyOptions:
    """The key that is named, checked; a password it needs is asked for. Raises `CommandFailed`.

    On the command line `--key-file` or `--account`, then `SPACES_SECRET_KEY`, then the settings,
    then with `kept` the account that the profile uses, then with `throwaway` a new one.
    """
    flags = arguments.flags
    if "key_file" in flags and "account" in flags:
        raise CommandFailed(ExitStatus.USAGE, "--key-file and --account: choose one")
    found: KeyOptions = {
        "accounts": str(paths.shared_config),
        "key_file": "",
        "secret": "",
        "account": "",
        "account_password": "",
        "throwaway": False,
    }
    secret = environ.get(SECRET_VARIABLE, "")
    named = "key_file" in flags or "account" in flags
    if secret and not named:
        found["secret"] = _opened(secret, environ)
    elif settings.key_file and "account" not in flags:
        path = Path(settings.key_file).expanduser().absolute()
        found["key_file"], found["secret"] = str(path), _opened_file(path, environ)
    elif settings.account or kept:
        found["account"], found["account_password"] = _account(paths, settings.account, environ)
    if not (found["secret"] or found["key_file"] or found["account"]):
        found["throwaway"] = throwaway
    return found


def public_key(options: ControllerOptions) -> str:
    """The public key (hex) of the secret that is given; raises `CommandFailed`."""
    from tui.nostr.keys import KeyFileError, SecretKey, read_key_file

    try:
        if options.secret:
            return SecretKey.parse(options.secret).public
        return read_key_file(Path(options.key_file)).public
    except KeyFileError as error:
        raise CommandFailed(ExitStatus.KEY, str(error)) from None


def has_open_account(paths: Paths) -> bool:
    """Whether the profile uses a kept key that needs no password of ours."""
    from tui.accounts.errors import AccountError
    from tui.accounts.file import AccountsFile  # all else about accounts takes longer to load

    try:
        kept = AccountsFile(paths.shared_config).read()
    except AccountError:
        return False
    current = kept.current.get(paths.profile)
    return any(one.pubkey == current and one.store != "encrypted" for one in kept.accounts)


def _opened(secret: str, environ: Mapping[str, str]) -> str:
    """The key in the environment, without its password."""
    from tui.cli.prompts import key_password
    from tui.nostr.keys import InvalidKey, PasswordNeeded, SecretKey

    try:
        try:
            SecretKey.parse(secret)
        except PasswordNeeded:
            password = key_password(f"Password of {SECRET_VARIABLE}: ", environ)
            return SecretKey.parse(secret, password).to_nsec()
    except InvalidKey as error:
        raise CommandFailed(ExitStatus.KEY, f"{SECRET_VARIABLE}: {error}") from None
    return secret


def _opened_file(path: Path, environ: Mapping[str, str]) -> str:
    """What a file holds that has a password; empty for one that any reader of it can use."""
    from tui.cli.prompts import open_key_file
    from tui.nostr.keys import KeyFileError, PasswordNeeded, read_key_file

    try:
        read_key_file(path)
    except PasswordNeeded:
        return open_key_file(path, environ).to_nsec()
    except KeyFileError as error:
        raise CommandFailed(ExitStatus.KEY, str(error)) from None
    return ""


def _account(paths: Paths, name: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """Pubkey and password of a kept key; empty texts where the profile uses none."""
    from tui.cli.prompts import key_password

    account = _find(paths, name)
    if account is None:
        return "", ""
    if account.store != "encrypted":
        return account.pubkey, ""
    called = account.label or "the kept key"
    return account.pubkey, key_password(f"Password of {called}: ", environ)


def _find(paths: Paths, name: str) -> "Account | None":
    from tui.accounts.store import AccountError, Accounts

    accounts = Accounts(paths.shared_config)
    try:
        return asyncio.run(accounts.find(name) if name else accounts.current(paths.profile))
    except AccountError as error:
        raise CommandFailed(ExitStatus.KEY, str(error)) from None
