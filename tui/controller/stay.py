"""At most one space at a time: the way in, the session, the way out."""

import asyncio
import logging
import random
from collections.abc import Callable

from tui.audio.errors import InvalidAudioSpec
from tui.audio.processing import ProcessingSettings
from tui.audio.specs import parse_microphone, parse_speaker
from tui.config import limits
from tui.controller import intents
from tui.controller.board import Board
from tui.controller.drops import Drops
from tui.controller.entrance import Door, Entrance
from tui.controller.identity import Identity
from tui.controller.intents import AnyIntent
from tui.controller.messages import Failed, SpaceClosed, SpaceScheduled
from tui.controller.options import ControllerOptions
from tui.controller.refusal import Refusal, require
from tui.controller.relays import Relays
from tui.controller.room import Room
from tui.controller.schedule import announce
from tui.controller.views import AudioView
from tui.nostr.keys import Signer
from tui.nostr.nip19 import short_npub
from tui.nostr.pool import Pool
from tui.nostr.url import is_loopback
from tui.people.book import People
from tui.rtc.peer import PeerSettings
from tui.spaces.events import Metrics, SpaceRef, is_pubkey
from tui.spaces.session import SessionSettings, SpaceCreation, SpaceSession

log = logging.getLogger(__name__)

Entering = intents.HostSpace | intents.JoinSpace

UPLOAD_KBPS_PER_OUTPUT = 57  # what one stream to one listener takes, headers included


class Stay:
    """The present space, if there is one; `refuse` hears why one was not entered."""

    def __init__(
        self,
        options: ControllerOptions,
        *,
        board: Board,
        pool: Pool,
        relays: Relays,
        identity: Identity,
        people: People,
        drops: Drops,
        refuse: Callable[[AnyIntent, Refusal], None],
        now: Callable[[], float],
        monotonic: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self.session: SpaceSession | None = None
        self._options = options
        self._board = board
        self._drops = drops
        self._people = people
        self._identity = identity
        self._pool = pool
        self._refuse = refuse
        self._now = now
        self._monotonic = monotonic
        self._rng = rng
        self._entrance = Entrance(pool, relays, board, now=now, rng=rng)
        self._devices = options.microphone, options.speaker
        self._room: Room | None = None
        self._staying: asyncio.Task[None] | None = None
        self.media_checked = asyncio.Event()
        """Not set while the WebRTC library is being looked at; connections wait for that."""
        self.media_checked.set()
        self.stock_media = False
        """Our hooks do not fit the installed library: see `PeerSettings.stock`."""

    @property
    def busy(self) -> bool:
        """Whether we are in a space, or on the way in or out."""
        return self._staying is not None

    @property
    def is_loud(self) -> bool:
        """Whether somebody talks here now."""
        return self.session is not None and bool(self.session.levels)

    def present(self) -> SpaceSession:
        """The session of the present space; raises `Refusal` if there is none."""
        if self.session is None:
            raise Refusal("you are in no space")
        return self.session

    def tick(self) -> None:
        """Show how loud people are; a few times a second."""
        if self._room is not None:
            self._room.tick()

    def renamed(self, pubkey: str) -> None:
        """What we know of somebody has changed: the name, or whether we follow or hide them."""
        if self.session is not None and self._room is not None:
            if self.session.hidden != self._people.hidden:
                self.session.hidden = self._people.hidden
            self._room.renamed(pubkey)

    def look(self) -> None:
        """Take the counts of what the present space has dropped."""
        if self.session is not None:
            self._drops.look("space", self.session.dropped)

    def set_volume(self, pubkey: str, gain: float) -> None:
        """Play somebody louder or less loud; raises `Refusal`."""
        session = self.present()
        require(is_pubkey(pubkey), "that is no pubkey")
        require(pubkey != session.me, "nobody hears themselves here")
        require(0 <= gain <= limits.LOUDEST_GAIN, "a volume is from 0 to 4")
        session.sound.set_volume(pubkey, gain)
        if self._room is not None:
            self._room.participant_changed(pubkey)

    def use_device(self, intent: intents.UseMicrophone | intents.UseSpeaker) -> None:
        """Take another microphone or speaker, now or for the next space; raises `Refusal`."""
        is_microphone = isinstance(intent, intents.UseMicrophone)
        try:
            (parse_microphone if is_microphone else parse_speaker)(intent.device)
        except InvalidAudioSpec as error:
            raise Refusal(str(error)) from None
        microphone, speaker = self._devices
        self._devices = (intent.device, speaker) if is_microphone else (microphone, intent.device)
        if self.session is None or self._room is None:
            self._board.set_audio(AudioView(*self._devices))
            return
        sound = self.session.sound
        (sound.use_microphone if is_microphone else sound.use_speaker)(intent.device)
        self._room.session_changed()

    async def enter(self, intent: Entering, tasks: asyncio.TaskGroup) -> None:
        """Begin to host or join, as a task of `tasks`; the outcome is told whatever happens."""
        if self.busy:
            raise Refusal("leave the space that you are in first")
        self._staying = tasks.create_task(self._stay(intent))
        await asyncio.sleep(0)  # let it begin: cancelled before that, it would never be over

    async def turn_back(self) -> bool:
        """Give up on the way in; false if we are not on it."""
        if self._staying is None or self.session is not None:
            return False
        self._staying.cancel()
        await asyncio.wait([self._staying])
        self._board.occurred(SpaceClosed("left"))
        return True

    async def end(self, *, for_good: bool) -> None:
        """Leave; a host who will never have this key again (`for_good`) closes the space."""
        if await self.turn_back() or self._staying is None:
            return
        session = self.present()
        if session.me == session.space.host and for_good:
            session.close()
        else:
            session.leave()
        await asyncio.wait([self._staying])

    async def _stay(self, intent: Entering) -> None:
        try:
            signer = await self._identity.ready()
            if isinstance(intent, intents.HostSpace):
                door = await self._entrance.host(intent, signer.pubkey)
            else:
                door = await self._entrance.join(intent, signer.pubkey)
            if door.create is not None and door.create.starts:
                await self._announce(door.space, door.create, signer)
                return
            reason = await self._take_seat(door, intent, signer)
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
            self.look()
            self._drops.part_ended("space")
            self.session = self._staying = None
            if self._room is not None:
                self._room.end()
                self._room = None

    async def _announce(self, space: SpaceRef, create: SpaceCreation, signer: Signer) -> None:
        await announce(
            space, create, signer=signer, pool=self._pool, metrics=self._metrics(), now=self._now
        )
        self._board.log("info", f"{create.name} is announced; enter it when it is time")
        self._board.occurred(SpaceScheduled(str(space), create.starts))

    async def _take_seat(self, door: Door, intent: Entering, signer: Signer) -> str:
        options = self._options
        self._room = Room(
            self._board,
            self._people,
            me=signer.pubkey,
            relays=door.relays,
            now=self._now,
            monotonic=self._monotonic,
        )
        await self.media_checked.wait()
        settings = SessionSettings(
            name=self._identity.name or short_npub(signer.pubkey),
            microphone=self._devices[0],
            speaker=self._devices[1],
            metrics=self._metrics(),
            peer=PeerSettings(
                ice_servers=options.ice_servers,
                # On a machine without a network the loopback interface is all there is.
                loopback=all(is_loopback(url) for url in self._pool.urls),
                stock=self.stock_media,
            ),
            muted=intent.muted,
            password=intent.password,
            relays=door.relays,
            plain_signalling=options.plain_signalling,
            processing=ProcessingSettings(
                echo=options.echo_cancelling,
                noise=options.noise_suppression,
                gain=options.automatic_gain,
            ),
        )
        self.session = SpaceSession(
            door.space,
            signer=signer,
            pool=self._pool,
            settings=settings,
            observer=self._room,
            now=self._now,
            monotonic=self._monotonic,
            rng=self._rng,
            created=door.created,
        )
        self.session.hidden = self._people.hidden
        self._room.watch(self.session)
        return await self.session.run(door.create)

    def _metrics(self) -> Metrics:
        outputs = self._options.max_outputs
        return Metrics(upload_kbps=UPLOAD_KBPS_PER_OUTPUT * outputs, max_audio_outputs=outputs)
