"""Waiting for a remote signer (NIP-46) to let us in: one at a time, and shown while it lasts."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from tui.controller import intents
from tui.controller.board import Board
from tui.controller.messages import Failed
from tui.controller.refusal import Refusal
from tui.controller.views import Login
from tui.nostr.keys import SignerFailed
from tui.nostr.nip46 import PERMISSIONS, ConnectOffer, InvalidAddress, parse_bunker
from tui.nostr.remote_signer import RemoteSigner

log = logging.getLogger(__name__)

OFFER_RELAYS = 1  # named in an address of ours: with each one its QR code grows


class RemoteLogin:
    """`done` takes the signer that has let us in; it may refuse it."""

    def __init__(
        self,
        board: Board,
        *,
        relays: tuple[str, ...],
        done: Callable[[RemoteSigner], Awaitable[None]],
    ) -> None:
        self._board = board
        self._relays = relays
        self._done = done
        self._waiting: asyncio.Task[None] | None = None
        self._shown = Login()

    def begin(
        self, intent: intents.UseBunker | intents.OfferNostrConnect, tasks: asyncio.TaskGroup
    ) -> None:
        """Wait, as a task of `tasks`; raises `Refusal` for an address that is none."""
        connect: Callable[[], Awaitable[RemoteSigner]]
        if isinstance(intent, intents.OfferNostrConnect):
            offer = ConnectOffer(
                self._relays[:OFFER_RELAYS], name="spaces", permissions=PERMISSIONS
            )
            self._show(Login(address=offer.address()))
            connect = partial(RemoteSigner.accept, offer, on_page=self._show_page)
        else:
            try:
                address = parse_bunker(intent.address)
            except InvalidAddress as error:
                raise Refusal(str(error)) from None
            self._show(Login())
            connect = partial(RemoteSigner.connect, address, on_page=self._show_page)
        self._waiting = tasks.create_task(self._wait(connect))

    async def cancel(self) -> None:
        """Wait no longer."""
        if self._waiting is not None:
            self._waiting.cancel()
            await asyncio.wait([self._waiting])
            self._waiting = None
        self._board.set_login(None)

    async def _wait(self, connect: Callable[[], Awaitable[RemoteSigner]]) -> None:
        try:
            await self._done(await connect())
            self._board.set_login(None)
        except (SignerFailed, Refusal) as error:
            self._fail(str(error))
        except Exception:
            log.exception("the remote signer")
            self._fail("an error of ours; see the controller's log")

    def _fail(self, problem: str) -> None:
        self._board.log("warning", f"the remote signer: {problem}")
        self._board.occurred(Failed(problem, "signer"))
        self._show(Login(problem=problem))

    def _show_page(self, url: str) -> None:
        self._board.log("warning", f"the remote signer wants you to open {url}")
        self._show(msgspec.structs.replace(self._shown, open_url=url))

    def _show(self, login: Login) -> None:
        self._shown = login
        self._board.set_login(login)
