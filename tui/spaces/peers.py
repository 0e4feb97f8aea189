"""The WebRTC peers of one session, from their making until nothing of them is left."""

import asyncio
from collections import Counter
from collections.abc import Callable

from tui.audio.packet import OpusPacket
from tui.rtc.peer import Peer, PeerSettings
from tui.rtc.stock import make_peer
from tui.spaces.attempts import Attempt
from tui.spaces.tasks import Spawn


class Peers:
    """Owns the peers: those of attempts, those that are up, and those that are closing.

    Every call names the peer that it comes from: `packet(other, peer, slot, packet)`,
    `message(other, peer, message)`, `lost(other, peer)`.
    """

    def __init__(
        self,
        settings: PeerSettings,
        *,
        spawn: Spawn,
        packet: Callable[[str, Peer, int, OpusPacket], None],
        message: Callable[[str, Peer, dict[str, object]], None],
        lost: Callable[[str, Peer], None],
    ) -> None:
        self._settings = settings
        self._spawn = spawn
        self._packet = packet
        self._message = message
        self._lost = lost
        self._open: set[Peer] = set()
        self._thrown_away: Counter[str] = Counter()  # by those that have ended

    @property
    def dropped(self) -> Counter[str]:
        """What all of them so far have thrown away, by reason."""
        return sum((Counter(peer.stats().dropped) for peer in self._open), self._thrown_away)

    def new(self, attempt: Attempt) -> Peer:
        """One more, for a connection in the making."""
        other = attempt.other

        def on_state(state: str) -> None:
            if state == "connected":
                attempt.connected()
            elif state in {"failed", "closed"}:
                attempt.fail(ConnectionError(state))
                self._lost(other, peer)

        peer = make_peer(
            self._settings,
            on_packet=lambda slot, packet: self._packet(other, peer, slot, packet),
            on_message=lambda message: self._message(other, peer, message),
            on_state=on_state,
            on_candidate=attempt.found,
        )
        self._open.add(peer)
        return peer

    def close(self, peer: Peer, after: float = 0.0) -> None:
        """End one, some seconds later."""
        self._spawn(self._close(peer, after))

    async def close_all(self) -> None:
        """End all, and wait for it."""
        closing = (self._close(peer) for peer in list(self._open))
        await asyncio.gather(*closing, return_exceptions=True)

    async def _close(self, peer: Peer, after: float = 0.0) -> None:
        await asyncio.sleep(after)
        await peer.close()
        self._open.discard(peer)
        self._thrown_away.update(peer.stats().dropped)
