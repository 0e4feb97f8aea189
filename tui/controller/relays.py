"""The relays in use as clients see them, and the ones that join them."""

from collections.abc import Iterable

from tui.controller.board import Board
from tui.controller.refusal import Refusal
from tui.controller.views import RelayView
from tui.nostr.pool import Pool
from tui.nostr.relay import RelayStatus
from tui.nostr.url import InvalidRelayUrl


class Relays:
    """Adds relays to the pool and shows how each one is."""

    def __init__(self, pool: Pool, board: Board) -> None:
        self._pool = pool
        self._board = board
        pool.on_status = self._changed

    async def add(self, url: str) -> None:
        """Use one more; raises `Refusal`."""
        try:
            url = await self._pool.add_relay(url)
        except InvalidRelayUrl as error:
            raise Refusal(str(error)) from None
        self._changed(self._pool.status()[url])

    async def follow_hints(self, urls: Iterable[str]) -> None:
        """Use the relays that a reference names; a bad one is a line in the log."""
        for url in urls:
            try:
                await self.add(url)
            except Refusal as error:
                self._board.log("warning", f"the reference names a bad relay: {error}")

    def _changed(self, status: RelayStatus) -> None:
        self._board.set_relay(RelayView(status.url, status.state, status.reason))
