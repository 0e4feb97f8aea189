"""The controller: relays, keys, the lobby and the present space, driven by intents."""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from tui.audio.errors import InvalidAudioSpec
from tui.config import limits
from tui.controller import intents
from tui.controller.board import Board
from tui.controller.entrance import Entrance, Refusal, require
from tui.controller.intents import AnyIntent, intent_name
from tui.controller.link import QueueLink
from tui.controller.messages import (
    Failed,
    IntentRefused,
    Ready,
    SpaceClosed,
)
from tui.controller.options import ControllerOptions
from tui.controller.room import Room
from tui.controller.views import (
    AudioView,
    Me,
    RelayView,
)
from tui.nostr.keys import InvalidKey, KeyFileError, LocalSigner, SecretKey, read_key_file
from tui.nostr.nip19 import encode_npub, short_npub
from tui.nostr.pool import Pool
from tui.nostr.relay import RelayStatus
from tui.nostr.text import clean_text
from tui.nostr.url import InvalidRelayUrl, is_loopback
from tui.rtc.peer import PeerSettings
from tui.rtc.selftest import hooks_work
from tui.spaces import codec
from tui.spaces.events import Metrics, SpaceRef
from tui.spaces.lobby import Lobby
from tui.spaces.session import SessionSettings, SpaceCreation, SpaceSession

log = logging.getLogger(__name__)

LEVELS_SECONDS = 0.1  # between two looks at who is loud
LOBBY_SECONDS = 0.5  # between two looks at what changed in the lobby
LOBBY_ALL_SECONDS = 30.0  # between two looks at the whole lobby: people fade without a word
UPLOAD_KBPS_PER_OUTPUT = 57  # what one stream to one listener takes, headers included

KeySource = Literal["none", "throwaway", "file", "environment", "memory"]


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
        self._now = now
        self._monotonic = monotonic
        self._rng = rng or random.SystemRandom()
        self._name = clean_text(options.name, limits.NAME_LENGTH)
        self._signer: LocalSigner | None = None
        self._key_source: KeySource = "none"
        self._board = Board(now)
        self._pool = Pool((), now=now, monotonic=monotonic)
        self._pool.on_status = self._relay_changed
        self._changed_spaces: set[SpaceRef] = set()
        self._lobby = Lobby(self._pool, changed=self._changed_spaces.add, now=now)
        self._entrance = Entrance(self._pool, self._board, self._rng)
        self._session: SpaceSession | None = None
        self._room: Room | None = None
        self._staying: asyncio.Task[None] | None = None
        self._mailbox: asyncio.Queue[AnyIntent] = asyncio.Queue(limits.MAILBOX_INTENTS)
        self._stopped = asyncio.Event()
        self._exits = AsyncExitStack()
        self._tasks = asyncio.TaskGroup()
        self._running: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Start; no relay is contacted before there is a key, and none is waited for."""
        self._board.set_audio(AudioView(self._options.microphone, self._options.speaker))
        await self._exits.enter_async_context(self._pool)
        await self._tasks.__aenter__()
        self._lobby.open()
        self._choose_first_key()
        await self._contact_relays()
        self._running = [
            self._tasks.create_task(self._read_mailbox()),
            self._tasks.create_task(self._watch_levels()),
            self._tasks.create_task(self._watch_lobby()),
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
        greeting = [Ready(self._signer.pubkey)] if self._signer else []
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
                await self._enter(intent)
            case intents.LeaveSpace() if self._session is None and self._staying is not None:
                await self._turn_back(self._staying)
            case intents.LeaveSpace():
                self._present().leave()
            case intents.Stop():
                await self._leave_for_good()
                self._stopped.set()
            case intents.AddRelay():
                await self._add_relay(intent.url)
            case intents.SetName():
                self._name = clean_text(intent.name, limits.NAME_LENGTH)
                self._show_me()
            case intents.UseThrowawayKey() | intents.UseKey() | intents.UseKeyFile():
                await self._use_key(intent)
            case _:
                self._take_part(intent, self._present())

    def _take_part(self, intent: AnyIntent, session: SpaceSession) -> None:
        hosting = session.me == session.space.host
        match intent:
            case intents.CloseSpace():
                require(hosting, "only the host closes a space")
                session.close()
            case intents.RequestSpeech():
                require(not session.role.speaks, "you are on stage already")
                require(session.stage == "joined", "you have not joined yet")
                session.request_speech()
            case intents.LowerHand():
                require(session.hand_up, "your hand is not up")
                session.withdraw_speech()
            case intents.PromoteSpeaker():
                require(hosting, "only the host lets people on stage")
                require(session.is_present(intent.pubkey), "nobody here has this key")
                require(not session.state.role_of(intent.pubkey).speaks, "on stage already")
                session.promote(intent.pubkey)
            case intents.Demote():
                target = intent.pubkey or session.me
                require(codec.is_pubkey(target), "that is no pubkey")
                require(hosting or target == session.me, "only the host takes people off stage")
                require(target != session.space.host, "the host closes the space instead")
                require(hosting or session.role.speaks, "you are not on stage")
                session.demote(target)
            case intents.Mute():
                require(intent.on or session.role.speaks, "you are not on stage")
                session.mute(intent.on)

    def _present(self) -> SpaceSession:
        if self._session is None:
            raise Refusal("you are in no space")
        return self._session

    # -- key and relays

    def _choose_first_key(self) -> None:
        options = self._options
        try:
            if options.secret:
                self._set_key(SecretKey.parse(options.secret), "environment")
            elif options.key_file:
                self._set_key(read_key_file(Path(options.key_file)), "file")
            elif options.throwaway:
                self._set_key(SecretKey.generate(), "throwaway")
        except (InvalidKey, KeyFileError) as error:
            self._board.log("error", str(error))
            self._board.occurred(Failed(str(error), "key"))
        self._show_me()

    async def _use_key(
        self, intent: intents.UseThrowawayKey | intents.UseKey | intents.UseKeyFile
    ) -> None:
        if self._staying is not None:
            raise Refusal("leave the space before you change keys")
        try:
            match intent:
                case intents.UseThrowawayKey():
                    self._set_key(SecretKey.generate(), "throwaway")
                case intents.UseKey():
                    self._set_key(SecretKey.parse(intent.secret), "memory")
                case intents.UseKeyFile():
                    self._set_key(await asyncio.to_thread(read_key_file, Path(intent.path)), "file")
        except (InvalidKey, KeyFileError) as error:
            raise Refusal(str(error)) from None
        self._show_me()
        await self._contact_relays()

    def _set_key(self, secret: SecretKey, source: KeySource) -> None:
        self._signer = LocalSigner(secret)
        self._key_source = source
        self._board.occurred(Ready(self._signer.pubkey))

    def _show_me(self) -> None:
        pubkey = self._signer.pubkey if self._signer else ""
        npub = encode_npub(pubkey) if pubkey else ""
        self._board.set_me(Me(pubkey, npub, self._name, self._key_source))

    async def _contact_relays(self) -> None:
        if self._signer is not None:
            for url in self._options.relays:
                await self._add_relay(url)

    async def _add_relay(self, url: str) -> None:
        try:
            url = await self._pool.add_relay(url)
        except InvalidRelayUrl as error:
            raise Refusal(str(error)) from None
        self._relay_changed(self._pool.status()[url])

    def _relay_changed(self, status: RelayStatus) -> None:
        self._board.set_relay(RelayView(status.url, status.state, status.reason))

    # -- the space

    async def _enter(self, intent: intents.HostSpace | intents.JoinSpace) -> None:
        if self._staying is not None:
            raise Refusal("leave the space that you are in first")
        if self._signer is None:
            raise Refusal("choose a key first")
        self._staying = self._tasks.create_task(self._stay(intent, self._signer))
        await asyncio.sleep(0)  # let it begin: cancelled before that, it would never be over

    async def _stay(
        self, intent: intents.HostSpace | intents.JoinSpace, signer: LocalSigner
    ) -> None:
        """From the way in to the way out; the outcome is told whatever happens."""
        try:
            create = None
            if isinstance(intent, intents.HostSpace):
                space, create = await self._entrance.found(intent, signer.pubkey)
            else:
                space = await self._entrance.find(intent)
            reason = await self._take_seat(space, create, signer, muted=intent.muted)
            self._board.log("info", f"out of the space: {reason}")
            self._board.occurred(SpaceClosed(reason))
        except Refusal as refusal:
            self._refuse(intent, refusal)
        except InvalidAudioSpec as error:
            self._refuse(intent, Refusal(str(error), "audio"))
        except Exception as error:
            log.exception("the session broke")
            self._board.occurred(Failed(f"the session broke: {error!r}", "internal"))
            self._board.occurred(SpaceClosed("an error of ours; see the controller's log"))
        finally:
            self._session = self._staying = None
            if self._room is not None:
                self._room.end()
                self._room = None

    async def _take_seat(
        self, space: SpaceRef, create: SpaceCreation | None, signer: LocalSigner, *, muted: bool
    ) -> str:
        options = self._options
        self._room = Room(
            self._board,
            microphone=options.microphone,
            speaker=options.speaker,
            share=self._entrance.share,
            now=self._now,
        )
        settings = SessionSettings(
            name=self._name or short_npub(signer.pubkey),
            microphone=options.microphone,
            speaker=options.speaker,
            metrics=Metrics(
                upload_kbps=UPLOAD_KBPS_PER_OUTPUT * options.max_outputs,
                max_audio_outputs=options.max_outputs,
            ),
            peer=PeerSettings(
                ice_servers=options.ice_servers,
                # On a machine without a network the loopback interface is all there is.
                loopback=all(is_loopback(url) for url in self._pool.urls),
            ),
            muted=muted,
        )
        self._session = SpaceSession(
            space,
            signer=signer,
            pool=self._pool,
            settings=settings,
            observer=self._room,
            now=self._now,
            monotonic=self._monotonic,
            rng=self._rng,
        )
        self._room.watch(self._session)
        return await self._session.run(create)

    async def _leave_for_good(self) -> None:
        """Leave before the controller ends; a host who can never come back closes the space."""
        staying, session = self._staying, self._session
        if staying is None:
            return
        if session is None:
            await self._turn_back(staying)
            return
        if session.me == session.space.host and self._key_source == "throwaway":
            session.close()
        else:
            session.leave()
        await asyncio.wait([staying])

    async def _turn_back(self, staying: asyncio.Task[None]) -> None:
        """Give up on the way in."""
        staying.cancel()
        await asyncio.wait([staying])
        self._board.occurred(SpaceClosed("left"))

    # -- what goes on by itself

    async def _watch_levels(self) -> None:
        while True:
            await asyncio.sleep(LEVELS_SECONDS)
            if self._room is not None:
                self._room.tick()

    async def _watch_lobby(self) -> None:
        last_all = self._monotonic()
        while True:
            await asyncio.sleep(LOBBY_SECONDS)
            if self._monotonic() - last_all > LOBBY_ALL_SECONDS:
                last_all = self._monotonic()
                self._changed_spaces.update(self._lobby.spaces())
            changed = set(self._changed_spaces)
            self._changed_spaces.clear()
            for space in changed:
                self._board.set_listing(space, self._lobby.listing(space))
            dropped = dict(self._pool.counts)
            if self._session is not None:
                dropped |= self._session.dropped
            self._board.set_dropped(dropped)
