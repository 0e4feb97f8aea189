"""The keys that are kept on this machine, as clients see them."""

from pathlib import Path
from typing import Literal

from tui.accounts.desktop import DesktopKeyring
from tui.accounts.store import Account, AccountError, AccountPassword, Accounts, Kept
from tui.controller import intents, views
from tui.controller.board import Board
from tui.controller.options import ControllerOptions
from tui.controller.refusal import Refusal, require
from tui.nostr.keys import Signer
from tui.nostr.nip19 import encode_npub

Loaded = tuple[Signer, views.KeySource]


class Keeper:
    """Keeps, loads and forgets keys for one profile; `present` is what `save` would keep.

    Everything raises `Refusal`; its cause is `key_password` when the password is missing or wrong.
    """

    def __init__(self, options: ControllerOptions, board: Board) -> None:
        self.present: Kept | None = None
        self._options = options
        self._board = board
        self._shown: set[str] = set()
        self._accounts: Accounts | None = None
        if options.accounts:
            keyring = DesktopKeyring(on_wait=lambda text: board.log("info", text))
            self._accounts = Accounts(Path(options.accounts), keyring=keyring)

    async def first(self, *, load: bool) -> Loaded | None:
        """Show what is kept; with `load` also the key of the start or of this profile, if any."""
        if self._accounts is None:
            return None
        options = self._options
        try:
            await self._show(self._accounts)
            if load and options.account:
                found = await self._accounts.find(options.account)
                return await self._load(self._accounts, found, options.account_password)
            current = await self._accounts.current(options.profile) if load else None
            return await self._load(self._accounts, current, "") if current else None
        except AccountPassword as error:
            if options.account:
                raise _refusal(error) from None
            self._board.log("info", f"the key that is kept here is not used yet: {error}")
            return None
        except AccountError as error:
            raise _refusal(error) from None

    async def load(self, name: str, password: str) -> Loaded:
        """The signer of a kept key, by its label or pubkey, which this profile uses from now on."""
        accounts = self._open()
        try:
            account = await accounts.find(name)
            loaded = await self._load(accounts, account, password)
            await accounts.use(self._options.profile, account)
            await self._show(accounts)
        except AccountError as error:
            raise _refusal(error) from None
        return loaded

    async def save(self, intent: intents.SaveKey) -> views.KeySource:
        """Keep the present key; this profile uses it from the next start on."""
        accounts = self._open()
        if self.present is None:
            raise Refusal("there is no key to keep, or it is kept already")
        require(
            not intent.password or intent.store == "encrypted", "only `encrypted` has a password"
        )
        try:
            account = await accounts.save(
                self.present, store=intent.store, label=intent.label, password=intent.password
            )
            await accounts.use(self._options.profile, account)
            await self._show(accounts)
        except AccountError as error:
            raise _refusal(error) from None
        self.present = None
        return _store(account)

    async def forget(self, name: str) -> None:
        """Delete a kept key; one that signs now goes on until the end."""
        accounts = self._open()
        try:
            await accounts.forget(await accounts.find(name))
            await self._show(accounts)
        except AccountError as error:
            raise _refusal(error) from None

    def _open(self) -> Accounts:
        if self._accounts is None:
            raise Refusal("no keys are kept here")
        return self._accounts

    async def _load(self, accounts: Accounts, account: Account, password: str) -> Loaded:
        def show_page(url: str) -> None:
            self._board.log("warning", f"the remote signer wants you to open {url}")
            self._board.set_login(views.Login(open_url=url))

        return await accounts.load(account, password, on_page=show_page), _store(account)

    async def _show(self, accounts: Accounts) -> None:
        current = await accounts.current(self._options.profile)
        kept = {account.pubkey: account for account in await accounts.list()}
        for pubkey in self._shown - kept.keys():
            self._board.set_account(pubkey, None)
        for pubkey, account in kept.items():
            view = views.Account(
                pubkey=pubkey,
                npub=encode_npub(pubkey),
                label=account.label,
                store=_store(account),
                current=account == current,
            )
            self._board.set_account(pubkey, view)
        self._shown = set(kept)


def _store(account: Account) -> Literal["keyring", "encrypted", "insecure-plaintext", "remote"]:
    return "remote" if account.remote is not None else account.store


def _refusal(error: AccountError) -> Refusal:
    return Refusal(str(error), "key_password" if isinstance(error, AccountPassword) else "")
