"""Who the user is: the key that signs, where it came from, and the name that others see."""

import asyncio
from pathlib import Path

from tui.config import limits
from tui.controller import intents
from tui.controller.board import Board
from tui.controller.messages import Failed, Ready
from tui.controller.options import ControllerOptions
from tui.controller.refusal import Refusal
from tui.controller.views import KeySource, Me
from tui.nostr.keys import InvalidKey, KeyFileError, LocalSigner, SecretKey, Signer, read_key_file
from tui.nostr.nip19 import encode_npub
from tui.nostr.text import clean_text

KeyIntent = intents.UseThrowawayKey | intents.UseKey | intents.UseKeyFile


class Identity:
    """Holds the signer, of which there is none until a key was chosen; shows it as `Me`."""

    def __init__(self, options: ControllerOptions, board: Board) -> None:
        self.signer: Signer | None = None
        self.source: KeySource = "none"
        self.name = clean_text(options.name, limits.NAME_LENGTH)
        self._options = options
        self._board = board

    def choose_first(self) -> None:
        """Take the key that the start names, if it names one."""
        options = self._options
        try:
            if options.secret:
                self._take(SecretKey.parse(options.secret), "environment")
            elif options.key_file:
                self._take(read_key_file(Path(options.key_file)), "file")
            elif options.throwaway:
                self._take(SecretKey.generate(), "throwaway")
        except (InvalidKey, KeyFileError) as error:
            self._board.log("error", str(error))
            self._board.occurred(Failed(str(error), "key"))
        self._show()

    async def use(self, intent: KeyIntent) -> None:
        """Take another key; raises `Refusal`."""
        try:
            match intent:
                case intents.UseThrowawayKey():
                    self._take(SecretKey.generate(), "throwaway")
                case intents.UseKey():
                    self._take(SecretKey.parse(intent.secret), "memory")
                case intents.UseKeyFile():
                    self._take(await asyncio.to_thread(read_key_file, Path(intent.path)), "file")
        except (InvalidKey, KeyFileError) as error:
            raise Refusal(str(error)) from None
        self._show()

    def rename(self, name: str) -> None:
        """Choose the name that others see from the next JOIN on."""
        self.name = clean_text(name, limits.NAME_LENGTH)
        self._show()

    def _take(self, secret: SecretKey, source: KeySource) -> None:
        self.signer = LocalSigner(secret)
        self.source = source
        self._board.occurred(Ready(self.signer.pubkey))

    def _show(self) -> None:
        pubkey = self.signer.pubkey if self.signer else ""
        npub = encode_npub(pubkey) if pubkey else ""
        self._board.set_me(Me(pubkey, npub, self.name, self.source))
