"""The keys that are kept on this machine: listed, saved, loaded as signers, forgotten."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from tui.accounts.desktop import DesktopKeyring
from tui.accounts.errors import AccountError, AccountPassword
from tui.accounts.file import Account, AccountsFile, Contents, Remote, Store, clean_label
from tui.config import limits
from tui.nostr.keys import InvalidKey, LocalSigner, PasswordNeeded, SecretKey, Signer
from tui.nostr.nip06 import Words
from tui.nostr.nip19 import InvalidBech32, Npub, decode, encode_npub
from tui.nostr.nip46 import RemoteSession
from tui.nostr.nip49 import WrongPassword
from tui.nostr.remote_channel import OpenPage
from tui.nostr.remote_signer import RemoteSigner

__all__ = ["Account", "AccountError", "AccountPassword", "Accounts", "Remote", "Store"]

_PREFIX_CHARS: Final = 9  # of an npub that are enough to name it: npub1 and four more

Kept = SecretKey | Words | RemoteSession
"""What an account is made from. Words are kept where they can be, to be written down later."""


class Accounts:
    """All accounts of a user, in one folder for all profiles. Everything raises AccountError only.

    Files and encryption run in threads; so does the keyring, which may ask its owner first.
    """

    def __init__(self, folder: Path, *, keyring: DesktopKeyring | None = None) -> None:
        self._file = AccountsFile(folder)
        self._keyring = keyring or DesktopKeyring()

    async def list(self) -> tuple[Account, ...]:
        """All of them, in the order in which they came."""
        return (await self._read()).accounts

    async def find(self, text: str) -> Account:
        """The one of that public key (hex or npub, or its beginning) or label."""
        wanted = text.strip()
        accounts = await self.list()
        key = _as_pubkey(wanted)
        found = [account for account in accounts if account.pubkey == key]
        if not found:
            found = [
                account for account in accounts if account.label.casefold() == wanted.casefold()
            ]
        if not found and wanted.startswith("npub1") and len(wanted) >= _PREFIX_CHARS:
            found = [
                account for account in accounts if encode_npub(account.pubkey).startswith(wanted)
            ]
        if not wanted or not found:
            raise AccountError("no such account; `spaces account list` shows them")
        if len(found) > 1:
            raise AccountError("several accounts are called that: name one by its public key")
        return found[0]

    async def current(self, profile: str) -> Account | None:
        """The one that a profile uses, if any."""
        contents = await self._read()
        pubkey = contents.current.get(profile)
        return next((account for account in contents.accounts if account.pubkey == pubkey), None)

    async def use(self, profile: str, account: Account) -> None:
        """Let a profile use this one from now on."""

        def change(contents: Contents) -> Contents:
            _find(contents, account.pubkey)
            current = contents.current | {profile: account.pubkey}
            return msgspec.structs.replace(contents, current=current)

        await self._change(change)

    async def load(
        self, account: Account, password: str = "", *, on_page: OpenPage | None = None
    ) -> Signer:
        """Its signer, which the caller closes; an encrypted one needs the password.

        A remote signer is returned at once, and connects meanwhile; `on_page` is told of a page
        where it wants its owner to approve.
        """
        kept = await self._secret(account, password)
        key = await asyncio.to_thread(kept.key) if isinstance(kept, Words) else kept
        if account.remote is None:
            if key.public != account.pubkey:
                raise AccountError("what was kept is the key of another account")
            return LocalSigner(key)
        try:
            session = RemoteSession(
                key, account.remote.signer, account.remote.relays, account.pubkey
            )
            signer = RemoteSigner(session, on_page=on_page)
        except ValueError as error:
            raise AccountError(f"the remote signer cannot be used: {error}") from None
        signer.open()
        return signer

    async def reveal(self, account: Account, password: str = "") -> SecretKey | Words:
        """Its key, or the words it came from where they are known: for a backup."""
        if account.remote is not None:
            raise AccountError("the key of this account is with its remote signer")
        kept = await self._secret(account, password)
        if (kept.key() if isinstance(kept, Words) else kept).public != account.pubkey:
            raise AccountError("what was kept is the key of another account")
        return kept

    async def check(self, store: Store) -> None:
        """Find out whether a secret could be kept there, before somebody is asked for one."""
        if store == "keyring":
            await self._keyring.get("check")

    async def save(
        self, kept: Kept, *, store: Store, label: str = "", password: str = ""
    ) -> Account:
        """Keep a key or a remote signer; `password` is for the encrypted store.

        A key is never written over: only a remote signer takes the place of one for the same user.
        """
        label = _checked_label(label)
        if isinstance(kept, RemoteSession):
            secret: SecretKey | Words = kept.client
            remote = Remote(kept.signer, kept.relays)
            account = Account(kept.user, store, label, remote)
        else:
            secret = kept
            key = await asyncio.to_thread(kept.key) if isinstance(kept, Words) else kept
            account = Account(key.public, store, label)
        before = await self._read()
        _check_new(before, account)
        sealed = await self._seal(secret, store, password)
        if store == "keyring":
            await self._keyring.set(account.pubkey, sealed)

        def change(contents: Contents) -> Contents:
            _check_new(contents, account)
            others = (one for one in contents.accounts if one.pubkey != account.pubkey)
            secrets = {
                name: text for name, text in contents.secrets.items() if name != account.pubkey
            }
            if store != "keyring":
                secrets[account.pubkey] = sealed
            return msgspec.structs.replace(contents, accounts=(*others, account), secrets=secrets)

        try:
            await self._change(change)
        except AccountError:
            if store == "keyring":
                await self._keyring.delete(account.pubkey)
            raise
        return account

    async def forget(self, account: Account) -> None:
        """Delete an account and its secret."""
        if account.store == "keyring":
            await self._keyring.delete(account.pubkey)

        def change(contents: Contents) -> Contents:
            gone = account.pubkey
            return msgspec.structs.replace(
                contents,
                accounts=tuple(one for one in contents.accounts if one.pubkey != gone),
                current={name: key for name, key in contents.current.items() if key != gone},
                secrets={key: text for key, text in contents.secrets.items() if key != gone},
            )

        await self._change(change)

    # --- inside ----------------------------------------------------------------------------------

    async def _secret(self, account: Account, password: str) -> SecretKey | Words:
        if account.store == "keyring":
            text = await self._keyring.get(account.pubkey)
        else:
            text = (await self._read()).secrets.get(account.pubkey)
        if text is None:
            raise AccountError("the key of this account is no longer there; forget it and add it")
        try:
            if text[:1].isalpha() and " " in text.strip():
                return Words(text)
            return await asyncio.to_thread(SecretKey.parse, text, password)
        except PasswordNeeded as error:
            raise AccountPassword(str(error)) from None
        except InvalidKey:
            raise AccountError("what was kept is no key") from None

    async def _seal(self, secret: SecretKey | Words, store: Store, password: str) -> str:
        """The text that is kept; an encrypted one holds the key only, and no words."""
        if store != "encrypted":
            return secret.show() if isinstance(secret, Words) else secret.to_nsec()
        if len(password) < limits.KEY_PASSWORD_CHARS:
            least = limits.KEY_PASSWORD_CHARS
            raise AccountPassword(
                f"a key is encrypted with a password of {least} or more characters"
            )
        key = await asyncio.to_thread(secret.key) if isinstance(secret, Words) else secret
        try:
            return await asyncio.to_thread(key.to_ncryptsec, password)
        except WrongPassword as error:
            raise AccountPassword(str(error)) from None

    async def _read(self) -> Contents:
        return await asyncio.to_thread(self._file.read)

    async def _change(self, change: Callable[[Contents], Contents]) -> None:
        await asyncio.to_thread(self._file.change, change)


def _find(contents: Contents, pubkey: str) -> Account:
    for account in contents.accounts:
        if account.pubkey == pubkey:
            return account
    raise AccountError("no such account")


def _check_new(contents: Contents, account: Account) -> None:
    for other in contents.accounts:
        if other.pubkey == account.pubkey:
            if other.remote is None or account.remote is None:
                raise AccountError("this key is kept already; forget that account first")
        elif account.label and other.label.casefold() == account.label.casefold():
            raise AccountError("another account has this label")
    if len(contents.accounts) >= limits.ACCOUNTS:
        raise AccountError(f"more than {limits.ACCOUNTS} accounts")


def _checked_label(text: str) -> str:
    if "nsec1" in text.lower() or "ncryptsec1" in text.lower() or _as_pubkey(text.strip()):
        raise AccountError("a label is a name, and no key")
    return clean_label(text)


def _as_pubkey(text: str) -> str:
    """The hex of a public key that was written out, or nothing."""
    try:
        entity = decode(text)
    except InvalidBech32:
        text = text.lower()
        return text if len(text) == 64 and all(c in "0123456789abcdef" for c in text) else ""
    return entity.pubkey if isinstance(entity, Npub) else ""
