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
from tui.controller.devices import look_for_devices
from tui.controller.drops import Drops
from tui.controller.export import write_lines
from tui.controller.hosting import collect_in_pause
from tui.controller.identity import Identity
from tui.controller.intents import AnyIntent, intent_name
from tui.controller.link import QueueLink
from tui.controller.lobby import LobbyWatch
from tui.controller.messages import Failed, IntentRefused, JournalExported, Ready
from tui.controller.options import ControllerOptions
from tui.controller.refusal import Refusal, require
from tui.controller.relays import Relays
from tui.controller.stay import Stay
from tui.controller.views import AudioView
from tui.controller.watching import RoomWatch
from tui.nostr.cache import Cache
from tui.nostr.pool import Pool
from tui.people.book import People
from tui.people.nip05 import NameChecker
from tui.people.own_lists import ListNotWritten
from tui.rtc.selftest import hooks_work
from tui.spaces.events import is_pubkey

log = logging.getLogger(__name__)

LEVELS_SECONDS = 0.1  # between two looks at who is loud
LOOK_SECONDS = 0.5  # between two looks at what changed in the lobby, and at what was dropped


_SLOW = (
    intents.UseThrowawayKey,
    intents.UseKey,
    intents.UseKeyFile,
    intents.UseWords,
    intents.UseAccount,
    intents.SaveKey,
    intents.ForgetAccount,
    intents.Hide,
    intents.WatchRoom,
    intents.ExportJournal,
    intents.ListDevices,
)
"""What waits for disks, keyrings, relays or much arithmetic, and must not hold up a `mute`."""


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
        self._cache = Cache(Path(options.cache) if options.cache else None, now=now)
        checker = NameChecker(monotonic=monotonic) if options.check_names else None
        self._people = people = People(
            pool, self._cache, changed=self._renamed, checker=checker, now=now
        )
        self._identity = Identity(
            options, board, chosen=self._use_signer, locked=lambda: self._stay.busy
        )
        self._relays = Relays(pool, self._cache, board, for_spaces=options.space_relays)
        self._drops = Drops(board, monotonic)
        self._lobby = LobbyWatch(
            pool,
            board,
            self._cache,
            people,
            verify=lambda: self._identity.signer is not None,
            now=now,
            monotonic=monotonic,
        )
        self._watch = RoomWatch(pool, board, self._relays, people, now)
        self._stay = Stay(
            options,
            board=board,
            pool=pool,
            relays=self._relays,
            identity=self._identity,
            people=people,
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
        self._beside: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Start; no relay is contacted before there is a key, and none is waited for."""
        self._board.set_audio(AudioView(self._options.microphone, self._options.speaker))
        for part in (self._cache, self._pool, self._people):
            await self._exits.enter_async_context(part)
        await self._tasks.__aenter__()
        self._lobby.open()
        await self._identity.choose_first()
        self._go_on(self._identity.look_at_kept(), "the kept keys")
        self._go_on(self._lobby.seed(), "the lobby of the last run")
        self._go_on(self._read_mailbox(), "intents")
        self._go_on(_every(LEVELS_SECONDS, self._stay.tick), "levels")
        self._go_on(_every(LOOK_SECONDS, self._look), "the lobby")
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the space, then end everything."""
        for task in list(self._beside):  # first, so that nobody enters a space while we leave
            task.cancel()
        try:
            await self._leave_for_good()
            await self._watch.stop()
            await self._identity.close()
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
        """See whether the WebRTC library does what we need; use less of it, and say so, if not."""
        self._stay.media_checked.clear()
        try:
            self._stay.stock_media = not await hooks_work()
        finally:
            self._stay.media_checked.set()
        if self._stay.stock_media:
            reason = (
                "the WebRTC library is not one that we know: sound goes its plain way,"
                " later and to fewer listeners"
            )
            self._board.log("warning", reason)
            self._board.occurred(Failed(reason, "media"))

    # -- intents

    async def _read_mailbox(self) -> None:
        while True:
            intent = await self._mailbox.get()
            if not isinstance(intent, _SLOW):
                await self._attempt(intent)
            elif len(self._beside) < limits.SIDE_INTENTS:
                self._go_on(self._attempt(intent), intent_name(intent))
                await asyncio.sleep(0)  # let it begin, before anything that builds on it
            else:
                self._refuse(intent, Refusal("too many at once"))

    async def _attempt(self, intent: AnyIntent) -> None:
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
                await self._watch.stop()
                await self._stay.enter(intent, self._tasks)
            case intents.WatchRoom():
                require(not self._stay.busy, "leave the space that you are in first")
                await self._identity.ready()  # without a key no relay is contacted
                await (self._watch.begin(intent.ref) if intent.ref else self._watch.stop())
            case intents.LeaveSpace() if await self._stay.turn_back():
                pass
            case intents.Stop():
                await self._leave_for_good()
                self._stopped.set()
            case intents.AddRelay():
                await self._relays.add(intent.url)
            case intents.RetryRelays():
                self._relays.retry()
            case intents.SetVolume():
                self._stay.set_volume(intent.pubkey, intent.gain)
            case intents.UseMicrophone() | intents.UseSpeaker():
                self._stay.use_device(intent)
            case intents.ListDevices():
                self._board.set_devices(await look_for_devices())
            case intents.Hide():
                await self._hide(intent)
            case intents.ExportJournal():
                path, count = await write_lines(intent.path, self._stay.present().journal.lines())
                self._board.occurred(JournalExported(path, count))
            case _ if not await self._identify(intent):
                seat.take_part(intent, self._stay.present())

    async def _identify(self, intent: AnyIntent) -> bool:
        """Carry out what is about our own key and name; false for any other intent."""
        match intent:
            case intents.SetName():
                self._identity.rename(intent.name)
            case (
                intents.UseThrowawayKey()
                | intents.UseKey()
                | intents.UseKeyFile()
                | intents.UseWords()
                | intents.UseAccount()
            ):
                await self._identity.use(intent)
            case intents.SaveKey():
                await self._identity.keep(intent)
            case intents.ForgetAccount():
                await self._identity.keeper.forget(intent.account)
            case intents.UseBunker() | intents.OfferNostrConnect():
                await self._identity.begin_login(intent, self._tasks)
            case intents.CancelLogin():
                await self._identity.login.cancel()
            case _:
                return False
        return True

    async def _hide(self, intent: intents.Hide) -> None:
        require(is_pubkey(intent.pubkey), "that is no pubkey")
        signer = await self._identity.ready()
        require(intent.pubkey != signer.pubkey, "nobody hides themselves")
        try:
            await self._people.hide(intent.pubkey, intent.on)
        except ListNotWritten as error:
            raise Refusal(f"hidden here only: {error}") from None

    async def _use_signer(self) -> None:
        """A key was chosen; only now are relays contacted."""
        signer = self._pool.signer = self._people.me = self._identity.signer
        if signer is not None:
            for url in self._options.relays:
                await self._relays.add(url)
            self._go_on(self._relays.learn(signer.pubkey), "our relay list")

    async def _leave_for_good(self) -> None:
        await self._stay.end(for_good=self._identity.source == "throwaway")

    # -- what goes on by itself

    def _go_on(self, work: Coroutine[Any, Any, None], what: str) -> None:
        """Do it beside everything else; what goes wrong in it ends nothing but itself."""
        task = self._tasks.create_task(_guard(work, what), name=what)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    def _renamed(self, pubkey: str) -> None:
        try:
            for part in (self._lobby, self._watch, self._stay):
                part.renamed(pubkey)
        except Exception:
            log.exception("what is known of somebody")

    def _look(self) -> None:
        self._lobby.tick()
        self._watch.tick()
        self._stay.look()
        self._drops.look("relays", self._pool.counts)
        self._drops.look("lobby", self._lobby.dropped)
        self._drops.look("room", self._watch.dropped)
        self._drops.show()
        collect_in_pause(talking=self._stay.is_loud)


async def _guard(work: Coroutine[Any, Any, None], what: str) -> None:
    try:
        await work
    except Exception:
        log.exception("%s", what)


async def _every(seconds: float, look: Callable[[], None]) -> None:
    """Look again and again; what goes wrong in one look does not end the next."""
    while True:
        await asyncio.sleep(seconds)
        try:
            look()
        except Exception:
            log.exception("a look at what has changed")
