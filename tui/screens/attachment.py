"""The way to the controller: attach, receive, send, and attach again when the link is gone."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec

from tui.config import limits
from tui.controller.intents import AnyIntent
from tui.controller.link import Link, LinkClosed
from tui.controller.messages import (
    AnyMessage,
)


class Attachment:
    """Owns the link. `on_message` gets every message, `on_trouble` why there is no link ("" = up).

    What is asked before the first link stands is kept and sent then; what is asked while a link is
    lost is not, for a stale wish that comes true minutes later is worse than none.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Link]],
        on_message: Callable[[AnyMessage], None],
        on_trouble: Callable[[str], None],
    ) -> None:
        self._connect = connect
        self._on_message = on_message
        self._on_trouble = on_trouble
        self._link: Link | None = None
        self._early: deque[AnyIntent] | None = deque()
        self._wishes: asyncio.Queue[AnyIntent] = asyncio.Queue(limits.WAITING_INTENTS)
        self._again = asyncio.Event()

    def send(self, intent: AnyIntent) -> bool:
        """Hand an intent over without waiting; False if it cannot be."""
        if self._early is not None and len(self._early) < limits.WAITING_INTENTS:
            self._early.append(intent)
            return True
        if self._link is None or self._wishes.full():
            return False
        self._wishes.put_nowait(intent)
        return True

    def attach_again(self) -> None:
        """Let the present link go and connect anew at once: there is another controller now."""
        self._again.set()

    async def run(self) -> None:
        """Stay attached until cancelled; then detach."""
        first, longest = limits.RECONNECT_SECONDS
        wait = first
        while True:
            try:
                link = await self._connect()
            except Exception as error:  # whatever it was, the user reads it
                trouble = str(error) or type(error).__name__
            else:
                attached_at = time.monotonic()
                trouble = await self._use(link)
                if time.monotonic() - attached_at > longest:
                    wait = first
            if not self._again.is_set():
                self._on_trouble(trouble)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._again.wait(), wait * random.uniform(0.8, 1.2))
                wait = min(2 * wait, longest)
            self._again.clear()

    async def _use(self, link: Link) -> str:
        """Receive and send until the link ends; returns why it did."""
        self._link = link
        self._on_trouble("")
        jobs = [
            asyncio.create_task(self._receive(link)),
            asyncio.create_task(self._submit(link)),
            asyncio.create_task(self._again.wait()),
        ]
        try:
            await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            ended = next((job.result() for job in jobs[:2] if job.done()), "")
            return str(ended)
        finally:
            self._link = None
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            while not self._wishes.empty():
                self._wishes.get_nowait()
            await link.close()

    async def _receive(self, link: Link) -> str:
        while True:
            try:
                self._on_message(await link.receive())
                await asyncio.sleep(0)  # a burst of messages must not hold up keys and drawing
            except LinkClosed as error:
                return str(error)
            except msgspec.DecodeError:
                continue  # a newer controller may say what this screen does not know

    async def _submit(self, link: Link) -> str:
        early, self._early = self._early or (), None
        try:
            for intent in early:
                await link.send(intent)
            while True:
                await link.send(await self._wishes.get())
        except LinkClosed as error:
            return str(error)
