"""`spaces account`: the keys that are kept on this machine, and remote signers."""

import asyncio
import shutil
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final

import msgspec

from tui.accounts.desktop import DesktopKeyring
from tui.accounts.store import Account, AccountError, Accounts, Kept, Store
from tui.cli.arguments import Arguments
from tui.cli.prompts import ask_line, confirmed, key_password
from tui.cli.start import Setup, set_up
from tui.cli.status import CommandFailed, ExitStatus
from tui.commands.qr import qr_lines
from tui.nostr.keys import InvalidKey, SecretKey, SignerFailed
from tui.nostr.nip06 import Words
from tui.nostr.nip19 import encode_npub
from tui.nostr.nip46 import PERMISSIONS, ConnectOffer, InvalidAddress, parse_bunker
from tui.nostr.nip49 import PREFIX
from tui.nostr.remote_signer import RemoteSigner

_PLACES: Final[dict[Store, str]] = {
    "keyring": "desktop keyring",
    "encrypted": "encrypted file",
    "insecure-plaintext": "PLAIN TEXT FILE",
}
_BLACK_ON_WHITE: Final = "\x1b[38;5;16;48;5;231m{}\x1b[0m"  # whatever the terminal's own colours


def run(arguments: Arguments) -> int:
    """Do what `arguments.action` names; raises `CommandFailed`."""
    setup = set_up(arguments)
    accounts = Accounts(setup.paths.shared_config, keyring=DesktopKeyring(on_wait=_tell))
    try:
        asyncio.run(_ACTIONS[arguments.action](accounts, setup, arguments))
    except (AccountError, InvalidKey, InvalidAddress, SignerFailed) as error:
        raise CommandFailed(ExitStatus.KEY, str(error)) from None
    return ExitStatus.DONE


async def _list(accounts: Accounts, setup: Setup, arguments: Arguments) -> None:
    kept, current = await accounts.list(), await accounts.current(setup.paths.profile)
    if arguments.json:
        for account in kept:
            print(_as_json(account, current=account == current))
    elif not kept:
        _tell("no key is kept on this machine; `spaces account add` keeps one")
    else:
        width = max(len(account.label) for account in kept)
        for account in kept:
            mark = "*" if account == current else " "
            print(
                f"{mark} {encode_npub(account.pubkey)}  {account.label:{width}}  {_place(account)}"
            )


async def _add(accounts: Accounts, setup: Setup, arguments: Arguments) -> None:
    await _check(accounts, arguments.store)
    made = Words.generate() if arguments.new else None
    kept = made or _read_key()
    account = await _save(accounts, setup, arguments, kept)
    print(f"{encode_npub(account.pubkey)}  {_place(account)}")
    if made is None:
        return
    if sys.stdin.isatty() and sys.stdout.isatty():
        print(f"\nWrite these words down: whoever has them has the key.\n\n  {made.show()}\n")
    if account.store == "encrypted":
        _tell("the key is kept, the words are not; `spaces account backup` shows the encrypted key")
    else:
        _tell("`spaces account backup` shows the words of this key")


async def _use(accounts: Accounts, setup: Setup, arguments: Arguments) -> None:
    account = await accounts.find(arguments.which)
    await accounts.use(setup.paths.profile, account)
    print(f"{encode_npub(account.pubkey)}  {_place(account)}")
    _tell("used from the next start; `spaces stop` ends a controller that runs with another key")


async def _forget(accounts: Accounts, setup: Setup, arguments: Arguments) -> None:
    account = await accounts.find(arguments.which)
    name = account.label or encode_npub(account.pubkey)
    if not arguments.yes and not confirmed(f"Delete {name} from this machine for good?"):
        raise CommandFailed(ExitStatus.USAGE, "nothing was deleted; --yes does it without asking")
    await accounts.forget(account)


async def _backup(accounts: Accounts, setup: Setup, arguments: Arguments) -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise CommandFailed(ExitStatus.USAGE, "a backup is shown on a terminal, and nowhere else")
    profile = setup.paths.profile
    if arguments.which:
        account = await accounts.find(arguments.which)
    elif (current := await accounts.current(profile)) is not None:
        account = current
    else:
        raise AccountError(f"profile {profile} uses no account; name one")
    name = account.label or encode_npub(account.pubkey)
    if not confirmed(f"Show the key of {name} on this screen? Whoever sees it may copy it."):
        raise CommandFailed(ExitStatus.USAGE, "nothing was shown")
    password = key_password("Password: ") if account.store == "encrypted" else ""
    secret = await accounts.reveal(account, password)
    if isinstance(secret, Words):
        print(f"\n  {secret.show()}\n\nThese words are the key (NIP-06).")
        return
    password = password or key_password("New password for the backup: ", twice=True)
    text = await asyncio.to_thread(secret.to_ncryptsec, password)
    print(f"\n{text}\n\nThis is the key, encrypted with that password (NIP-49).")


async def _connect(accounts: Accounts, setup: Setup, arguments: Arguments) -> None:
    await _check(accounts, arguments.store)
    address = ask_line("bunker:// address (or only enter, to show one of ours): ")
    password = _new_password(arguments.store)
    if address:
        signer = await RemoteSigner.connect(parse_bunker(address), on_page=_show_page)
    else:
        offer, code = _offer(setup.settings.relays[0])
        print(offer.address(), flush=True)
        _tell("waiting for a remote signer to scan or open this address")
        for line in code:  # last, so that a small terminal shows all of it
            print(_BLACK_ON_WHITE.format(line), flush=True)
        signer = await RemoteSigner.accept(offer, on_page=_show_page)
    try:
        account = await _save(accounts, setup, arguments, signer.session, password)
    finally:
        await signer.close()
    print(f"{encode_npub(account.pubkey)}  {_place(account)}")


_ACTIONS: Final[dict[str, Callable[[Accounts, Setup, Arguments], Coroutine[Any, Any, None]]]] = {
    "list": _list,
    "add": _add,
    "use": _use,
    "forget": _forget,
    "backup": _backup,
    "connect": _connect,
}


async def _check(accounts: Accounts, store: Store) -> None:
    """Before anything is typed; where there is no keyring, name the option that does without."""
    try:
        await accounts.check(store)
    except AccountError as error:
        raise AccountError(f"{error}: --store encrypted") from None


def _read_key() -> SecretKey | Words:
    text = ask_line("Key (nsec, ncryptsec, hex or words; not shown): ")
    if len(text.split()) > 1:
        return Words(text)
    encrypted = text.lower().startswith(PREFIX)
    return SecretKey.parse(text, key_password("Its password: ") if encrypted else "")


def _new_password(store: Store) -> str:
    return key_password("New password: ", twice=True) if store == "encrypted" else ""


async def _save(
    accounts: Accounts, setup: Setup, arguments: Arguments, kept: Kept, password: str | None = None
) -> Account:
    """Keep it; a profile that uses no account uses this one."""
    store: Store = arguments.store
    if password is None:
        password = _new_password(store)
    account = await accounts.save(kept, store=store, label=arguments.label, password=password)
    if await accounts.current(setup.paths.profile) is None:
        await accounts.use(setup.paths.profile, account)
    return account


def _offer(relay: str) -> tuple[ConnectOffer, list[str]]:
    """An offer and its QR code, if there is room; it asks for all permissions if they fit."""
    whole = ConnectOffer((relay,), name="spaces", permissions=PERMISSIONS)
    if not sys.stdout.isatty():
        return whole, []
    size = shutil.get_terminal_size()
    for offer in (whole, ConnectOffer((relay,), name="spaces")):
        lines = qr_lines(offer.address())
        if len(lines) < size.lines and len(lines[0]) <= size.columns:
            return offer, lines
    _tell("this terminal is too small for a QR code")
    return whole, []


def _place(account: Account) -> str:
    if account.remote is None:
        return _PLACES[account.store]
    return f"remote signer over {' '.join(account.remote.relays)} ({_PLACES[account.store]})"


def _as_json(account: Account, *, current: bool) -> str:
    fields = msgspec.structs.asdict(account) | {
        "npub": encode_npub(account.pubkey),
        "current": current,
    }
    return msgspec.json.encode(fields).decode()


def _show_page(url: str) -> None:
    _tell(f"the remote signer wants you to open: {url}")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
