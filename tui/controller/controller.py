"""The controller: relays, keys, the lobby and the present space, driven by intents.

This is the spine only: it owns the parts, the tasks and the mailbox, and says which part carries
out which intent.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tui.config import limits
from tui.controller import intents, seat
from tui.controller.board import Board
from tui.controller.drops import Drops
from tui.controller.identity import Identity
from tui.controller.intents import AnyIntent, intent_name
from tui.controller.link import QueueLink
from tui.controller.lobby import LobbyWatch
from tui.controller.messages import Failed, IntentRefused, Ready
from tui.controller.options import ControllerOptions
from tui.controller.refusal import Refusal, require
from tui.controller.relays import Relays
from tui.controller.stay import Stay
from tui.controller.views import AudioView
from tui.nostr.cache import Cache
from tui.nostr.pool import Pool
from tui.people.book import People
from tui.people.nip05 import NameChecker
from tui.rtc.selftest import hooks_work

log = logging.getLogger(__name__)

LEVELS_SECONDS = 0.1  # between two looks at who is loud
LOOK_SECONDS = 0.5  # between two looks at what changed in the lobby, and at what was dropped


class Controller:
    """Everything that must not stop when a screen does. Use as an async context manager."""

    def __init__(
        self,
        options: ControllerOptions,
        *,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self._options = options
        self._board = board = Board(now)
        self._pool = pool = Pool((), now=now, monotonic=monotonic)
        self._identity = Identity(options, board)
        self._relays = Relays(pool, board)
        self._cache = Cache(Path(options.cache) if options.cache else None, now=now)
        checker = NameChecker(monotonic=monotonic) if options.check_names else None
        self._people = People(pool, self._cache, changed=self._renamed, checker=checker, now=now)
        self._lobby = LobbyWatch(
            pool,
            board,
            self._cache,
            self._people,
            verify=lambda: self._identity.signer is not None,
            now=now,
            monotonic=monotonic,
        )
        self._drops = Drops(board, monotonic)
        self._stay = Stay(
            options,
            board=board,
            pool=pool,
            relays=self._relays,
            people=self._people,
            drops=self._drops,
            refuse=self._refuse,
            now=now,
            monotonic=monotonic,
            rng=rng or random.SystemRandom(),
        )
        self._mailbox: asyncio.Queue[AnyIntent] = asyncio.Queue(limits.MAILBOX_INTENTS)
        self._stopped = asyncio.Event()
        self._exits = AsyncExitStack()
        self._tasks = asyncio.TaskGroup()
        self._running: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Start; no relay is contacted before there is a key, and none is waited for."""
        self._board.set_audio(AudioView(self._options.microphone, self._options.speaker))
        for part in (self._cache, self._pool, self._people):
            await self._exits.enter_async_context(part)
        await self._tasks.__aenter__()
        self._lobby.open()
        self._identity.choose_first()
        await self._take_key()
        self._running = [
            self._tasks.create_task(_attempt(self._lobby.seed(), "reading the cache")),
            self._tasks.create_task(self._read_mailbox()),
            self._tasks.create_task(_every(LEVELS_SECONDS, self._stay.tick)),
            self._tasks.create_task(_every(LOOK_SECONDS, self._look)),
        ]
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the space, then end everything."""
        for task in self._running:  # first, so that nobody enters a space while we leave
            task.cancel()
        try:
            await self._leave_for_good()
        finally:
            await self._tasks.__aexit__(None, None, None)
            self._lobby.close()
            self._board.close()
            await self._exits.aclose()

    # -- clients

    def attach(self) -> QueueLink:
        """A link for one more client."""
        signer = self._identity.signer
        greeting = [Ready(signer.pubkey)] if signer else []
        return self._board.attach(self.submit, *greeting)

    def submit(self, intent: AnyIntent) -> None:
        """Take an intent; what comes of it is told to all clients."""
        try:
            self._mailbox.put_nowait(intent)
        except asyncio.QueueFull:
            self._board.occurred(IntentRefused("too many at once", intent_name(intent)))

    async def ended(self) -> None:
        """Return once `Stop` was asked for."""
        await self._stopped.wait()

    async def check_media(self) -> None:
        """Say so if the WebRTC library does not do what we need of it."""
        if not await hooks_work():
            reason = "there is no sound: the WebRTC library is not one that we know how to use"
            self._board.log("error", reason)
            self._board.occurred(Failed(reason, "media"))

    # -- intents

    async def _read_mailbox(self) -> None:
        while True:
            intent = await self._mailbox.get()
            try:
                await self._carry_out(intent)
            except Refusal as refusal:
                self._refuse(intent, refusal)
            except Exception:
                log.exception("intent %s", intent_name(intent))
                self._refuse(intent, Refusal("an error of ours; see the controller's log"))

    def _refuse(self, intent: AnyIntent, refusal: Refusal) -> None:
        name = intent_name(intent)
        self._board.log("warning", f"{name}: {refusal}")
        if refusal.cause:
            self._board.occurred(Failed(str(refusal), refusal.cause))
        else:
            self._board.occurred(IntentRefused(str(refusal), name))

    async def _carry_out(self, intent: AnyIntent) -> None:
        match intent:
            case intents.HostSpace() | intents.JoinSpace():
                signer = self._identity.signer
                if signer is None:
                    raise Refusal("choose a key first")
                await self._stay.enter(intent, signer, self._identity.name, self._tasks)
            case intents.LeaveSpace() if await self._stay.turn_back():
                pass
            case intents.Stop():
                await self._leave_for_good()
                self._stopped.set()
            case intents.AddRelay():
                await self._relays.add(intent.url)
            case intents.SetName():
                self._identity.rename(intent.name)
            case intents.UseThrowawayKey() | intents.UseKey() | intents.UseKeyFile():
                require(not self._stay.busy, "leave the space before you change keys")
                await self._identity.use(intent)
                await self._take_key()
            case _:
                seat.take_part(intent, self._stay.present())

    async def _take_key(self) -> None:
        """Sign with the key that was chosen; only now are relays contacted."""
        signer = self._people.me = self._identity.signer
        if signer is not None:
            for url in self._options.relays:
                await self._relays.add(url)

    async def _leave_for_good(self) -> None:
        await self._stay.end(for_good=self._identity.source == "throwaway")

    # -- what goes on by itself

    def _renamed(self, pubkey: str) -> None:
        self._lobby.renamed(pubkey)
        self._stay.renamed(pubkey)

    def _look(self) -> None:
        self._lobby.tick()
        self._drops.look("lobby", self._lobby.dropped)
        self._drops.look("relays", self._pool.counts)
        self._stay.look()
        self._drops.show()


async def _attempt(work: Coroutine[Any, Any, None], what: str) -> None:
    """Do it; what goes wrong is logged and ends nothing else."""
    try:
        await work
    except Exception:
        log.exception("%s", what)


async def _every(seconds: float, look: Callable[[], None]) -> None:
    """Look again and again; what goes wrong in one look is logged and does not end the next."""
    while True:
        await asyncio.sleep(seconds)
        try:
            look()
        except Exception:
            log.exception("a look at what has changed")
