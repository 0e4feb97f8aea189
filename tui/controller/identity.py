"""Who the user is: the key that signs, where it came from, and the name that others see."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from tui.config import limits
from tui.controller import intents
from tui.controller.board import Board
from tui.controller.keeper import Keeper
from tui.controller.messages import Failed, Ready
from tui.controller.options import ControllerOptions
from tui.controller.refusal import Refusal, require
from tui.controller.remote_login import RemoteLogin
from tui.controller.views import KeySource, Me
from tui.nostr.keys import (
    InvalidKey,
    KeyFileError,
    LocalSigner,
    PasswordNeeded,
    SecretKey,
    Signer,
    read_key_file,
)
from tui.nostr.nip06 import Words
from tui.nostr.nip19 import encode_npub
from tui.nostr.remote_signer import RemoteSigner
from tui.nostr.text import clean_text

KeyIntent = (
    intents.UseThrowawayKey
    | intents.UseKey
    | intents.UseKeyFile
    | intents.UseWords
    | intents.UseAccount
)


class Identity:
    """Holds the signer, of which there is none until a key was chosen; shows it as `Me`.

    `chosen` is awaited after each choice. `locked` says whether keys may not change now.
    """

    def __init__(
        self,
        options: ControllerOptions,
        board: Board,
        *,
        chosen: Callable[[], Awaitable[None]],
        locked: Callable[[], bool],
    ) -> None:
        self.signer: Signer | None = None
        self.source: KeySource = "none"
        self.name = clean_text(options.name, limits.NAME_LENGTH)
        self.keeper = Keeper(options, board)
        self.login = RemoteLogin(board, relays=options.relays, done=self._take_remote)
        self._options = options
        self._board = board
        self._chosen = chosen
        self._locked = locked
        self._choosing: asyncio.Task[Any] | None = None

    async def choose_first(self) -> None:
        """Take the key that the start names, if it names one; raises `Refusal`."""
        options = self._options
        self._show()
        try:
            if options.secret:
                source: KeySource = "file" if options.key_file else "environment"
                await self._take_key(SecretKey.parse(options.secret), source)
            elif options.key_file:
                await self._take_key(read_key_file(Path(options.key_file)), "file")
            elif options.throwaway:
                await self._take_key(SecretKey.generate(), "throwaway")
        except (InvalidKey, KeyFileError) as error:
            self._fail(str(error))

    async def look_at_kept(self) -> None:
        """Show which keys are kept here and, if there is none yet, take that of the profile."""
        async with self._choice():
            try:
                if found := await self.keeper.first(load=self.signer is None):
                    await self._take(*found)
            except Refusal as refusal:
                self._fail(str(refusal))

    async def ready(self) -> Signer:
        """The signer, once there is no choice under way; raises `Refusal` if there is none."""
        while self._choosing is not None:
            await asyncio.wait([self._choosing])
        if self.signer is None:
            raise Refusal("choose a key first")
        return self.signer

    async def use(self, intent: KeyIntent) -> None:
        """Take another key; raises `Refusal`. A choice that is made later ends this one."""
        require(not self._locked(), "leave the space before you change keys")
        async with self._choice():
            await self.login.cancel()
            try:
                await self._use(intent)
            except PasswordNeeded as error:
                raise Refusal(str(error), "key_password") from None
            except (InvalidKey, KeyFileError) as error:
                raise Refusal(str(error)) from None

    async def _use(self, intent: KeyIntent) -> None:
        match intent:
            case intents.UseThrowawayKey():
                await self._take_key(SecretKey.generate(), "throwaway")
            case intents.UseKey():
                key = await asyncio.to_thread(SecretKey.parse, intent.secret, intent.password)
                await self._take_key(key, "memory")
            case intents.UseKeyFile():
                path = Path(intent.path)
                key = await asyncio.to_thread(read_key_file, path, intent.password)
                await self._take_key(key, "file")
            case intents.UseWords():
                words = Words(intent.words)
                key = await asyncio.to_thread(words.key)
                await self._take(LocalSigner(key), "words")
                self.keeper.present = words
            case intents.UseAccount():
                await self._take(*await self.keeper.load(intent.account, intent.password))

    async def begin_login(
        self, intent: intents.UseBunker | intents.OfferNostrConnect, tasks: asyncio.TaskGroup
    ) -> None:
        """Wait for a remote signer, beside everything else; raises `Refusal`."""
        require(not self._locked(), "leave the space before you change keys")
        async with self._choice():
            await self.login.cancel()
            self.login.begin(intent, tasks)

    async def keep(self, intent: intents.SaveKey) -> None:
        """Keep the present key; raises `Refusal`."""
        await self.ready()
        self.source = await self.keeper.save(intent)
        self._show()

    def rename(self, name: str) -> None:
        """Choose the name that others see from the next JOIN on."""
        self.name = clean_text(name, limits.NAME_LENGTH)
        self._show()

    async def close(self) -> None:
        """Wait for nobody any more, and let the signer go."""
        async with self._choice():
            await self.login.cancel()
            if self.signer is not None:
                await self.signer.close()

    @contextlib.asynccontextmanager
    async def _choice(self) -> AsyncIterator[None]:
        """From here on the present task chooses, and no earlier one."""
        before, self._choosing = self._choosing, asyncio.current_task()
        try:
            if before is not None:
                before.cancel()
                await asyncio.wait([before])
            yield
        finally:
            if self._choosing is asyncio.current_task():
                self._choosing = None

    async def _take_remote(self, signer: RemoteSigner) -> None:
        if self._locked():
            await signer.close()
            raise Refusal("leave the space before you change keys")
        await self._take(signer, "remote")
        self.keeper.present = signer.session

    async def _take_key(self, key: SecretKey, source: KeySource) -> None:
        await self._take(LocalSigner(key), source)
        self.keeper.present = key

    async def _take(self, signer: Signer, source: KeySource) -> None:
        before, self.signer, self.source = self.signer, signer, source
        self.keeper.present = None
        self._board.occurred(Ready(signer.pubkey))
        self._show()
        await self._chosen()
        if before is not None:
            await before.close()

    def _fail(self, problem: str) -> None:
        self._board.log("error", problem)
        self._board.occurred(Failed(problem, "key"))

    def _show(self) -> None:
        pubkey = self.signer.pubkey if self.signer else ""
        npub = encode_npub(pubkey) if pubkey else ""
        self._board.set_me(Me(pubkey, npub, self.name, self.source))
