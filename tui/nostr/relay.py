"""One relay: connect, back off, read. Checks no signatures.

Writing never waits, so that a slow relay delays nobody: bytes go to the transport's buffer, and a
relay that does not take them in time is dropped. What is said is `tui.nostr.conversation`'s.
"""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
from websockets.exceptions import ConnectionClosed

from tui.config import limits
from tui.nostr.conversation import Conversation, Listener
from tui.nostr.event import InvalidEvent
from tui.nostr.information import NoInformation, fetch_information
from tui.nostr.messages import InvalidMessage, decode_message
from tui.nostr.status import Published, RelayStatus, State
from tui.nostr.timing import Backoff, Timing
from tui.nostr.websocket import RelaySocket, close_socket, failure, open_socket

__all__ = ["Published", "RelayConnection", "RelayStatus", "State", "Timing"]

log = logging.getLogger(__name__)

_FRAME = 512  # what a frame costs besides its length, in bytes
_USELESS = frozenset({"invalid", "unmatched", "unsolicited", "notice", "challenge"})


class RelayConnection:
    """Keeps one relay connected while `run` runs; `conversation` is what is said to it.

    `counts` collects what was dropped and why; `now` is wall-clock time in seconds.
    """

    def __init__(
        self,
        url: str,
        *,
        listener: Listener,
        on_status: Callable[[RelayStatus], None],
        counts: Counter[str],
        rng: random.Random,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        timing: Timing | None = None,
    ) -> None:
        self.status = RelayStatus(url, "connecting")
        self._on_status = on_status
        self._counts = counts
        self._now = now
        self._monotonic = monotonic
        self._timing = timing or Timing()
        self._backoff = Backoff(rng, self._timing.retry_first, self._timing.retry_longest)
        self._hurry = asyncio.Event()
        self._socket: RelaySocket | None = None
        self._learnt = False  # what the relay says of itself
        self.conversation = Conversation(
            url,
            listener=listener,
            send=self._send,
            show=self._show,
            rng=rng,
            now=now,
            timing=self._timing,
        )

    @property
    def url(self) -> str:
        """The relay's address."""
        return self.status.url

    async def run(self) -> None:
        """Stay connected until cancelled."""
        try:
            while True:
                self._show(state="connecting", retry_at=0.0)
                reason = await self._connection()
                await self._wait(reason)
        finally:
            self._show(state="closed", retry_at=0.0)
            self.conversation.close()

    def retry_now(self) -> None:
        """Wait no longer for the next attempt; nothing where none is waited for."""
        self._hurry.set()

    async def _wait(self, reason: str) -> None:
        pause = self._backoff.pause()
        self._hurry.clear()
        self._show(state="waiting", reason=reason, retry_at=self._now() + pause)
        least = min(pause, limits.RETRY_LEAST_SECONDS)
        await asyncio.sleep(least)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause - least):
                await self._hurry.wait()

    async def _connection(self) -> str:
        """One connection from the first attempt to its end; returns why it ended."""
        timing = self._timing
        try:
            websocket = await open_socket(
                self.url, open_timeout=timing.open, ping=timing.ping, close_timeout=timing.close
            )
        except Exception as error:  # whatever a resolver, proxy or TLS library may raise
            log.info("cannot connect to %s: %r", self.url, error)
            return failure(error)
        opened = self._monotonic()
        learning = asyncio.create_task(self._learn(), name=f"information {self.url}")
        try:
            self._socket = websocket
            self._show(state="connected", reason="", notice="")
            self.conversation.begin()
            await self._read(websocket)
        except ConnectionClosed as error:
            log.info("connection to %s ended: %r", self.url, error)
            return failure(error)
        except Exception:  # one relay's trouble is not the others'
            log.exception("handling what %s sent failed", self.url)
            return "internal error"
        finally:
            self._socket = None
            learning.cancel()
            ending = [learning, *self.conversation.end()]
            if self._monotonic() - opened >= timing.stable:
                self._backoff.reset()
            await close_socket(websocket, timing.close)
            await asyncio.wait(ending)
        self._backoff.exhaust()
        return "sends too much that is not valid"

    async def _read(self, websocket: RelaySocket) -> None:
        """Handle what the relay sends until the connection ends or too much of it is bad."""
        bad = useless = useful = work = 0
        conversation = self.conversation
        while bad < limits.RELAY_BAD_FRAMES and useless < useful + limits.RELAY_USELESS_FRAMES:
            data = await websocket.recv(decode=False)
            conversation.heard = self._now()
            try:
                dropped = conversation.handle(decode_message(data))
            except InvalidMessage as error:
                log.debug("%s sent no message: %s", self.url, error)
                dropped = "malformed"
            except InvalidEvent as error:
                # Not held against the relay: what it stores, others wrote.
                log.debug("%s sent no event: %s", self.url, error)
                dropped = "invalid"
            if not dropped:
                useful += 1
            else:
                self._counts[dropped] += 1
                bad += dropped in ("malformed", "forged")
                useless += dropped in _USELESS
            # recv does not suspend while frames are queued; let everybody else run in between.
            work += len(data) + _FRAME
            if work > limits.RELAY_TURN_BYTES:
                work = 0
                await asyncio.sleep(0)

    async def _learn(self) -> None:
        """Ask, beside the WebSocket, what the relay says of itself; once is enough."""
        if self._learnt:
            return
        try:
            information = await fetch_information(self.url, self._timing.information)
        except NoInformation as error:
            log.debug("%s does not tell of itself: %s", self.url, error)
            return
        self._learnt = True
        self._show(name=information.name, limits=information.limitation)
        self.conversation.obey(information.limitation)

    def _send(self, message: str) -> None:
        if self._socket is not None:
            self._socket.post(message)

    def _show(self, **changes: Any) -> None:
        status = msgspec.structs.replace(self.status, **changes)
        if status != self.status:
            self.status = status
            self._on_status(status)
