"""One space that we are in: events, connections, microphone and speaker, from JOIN to LEAVE.

`run` owns every task, peer and device of the session; when it returns, nothing of them is left.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Literal

from tui.audio.packet import OpusPacket
from tui.nostr.event import Draft
from tui.nostr.keys import Signer
from tui.nostr.nip19 import short_npub
from tui.nostr.pool import Pool
from tui.rtc.forwarding import Forwarder
from tui.spaces.connections import Connections
from tui.spaces.events import (
    CREATE_SPACE,
    PeerDemoted,
    PeerJoined,
    PeerLeft,
    SpaceEnded,
    SpaceEvent,
    SpaceRef,
    SpeakerPromoted,
)
from tui.spaces.inbox import Inbox
from tui.spaces.observer import Observer
from tui.spaces.planner import Planner
from tui.spaces.roles import Role
from tui.spaces.settings import SessionSettings, SpaceCreation
from tui.spaces.sound import Sound
from tui.spaces.state import SpaceState
from tui.spaces.wire import Wire
from tui.spaces.writer import Writer

__all__ = ["SessionSettings", "SpaceCreation", "SpaceSession"]

JOIN_EVERY = 60.0  # seconds between two JOINs of ours
HAND_EVERY = 15.0  # seconds between two showings of a raised hand
TICK_SECONDS = 0.1  # how often talking and timers are looked at
LOOK_SECONDS = 1.0  # how often absence and missing connections are looked at
CLOCK_SECONDS = 5  # by which our acts may be dated ahead, to count after those they answer
FAREWELL_SECONDS = 2.0  # for relays to take our LEAVE

Stage = Literal["joining", "joined", "left"]


class SpaceSession:
    """Takes part in one space, as host or as anybody else."""

    def __init__(
        self,
        space: SpaceRef,
        *,
        signer: Signer,
        pool: Pool,
        settings: SessionSettings,
        observer: Observer,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self.space = space
        self.me = signer.pubkey
        self.state = SpaceState(space)
        self.stage: Stage = "joining"
        self.muted = settings.muted
        self.hand_up = False
        self.queue: dict[str, int] = {}  # who asks to speak, first come first, and their place
        self._settings = settings
        self._observer = observer
        self._now = now
        self._monotonic = monotonic
        self._writer = Writer(space, self.me)
        self._wire = Wire(
            signer=signer,
            pool=pool,
            state=self.state,
            writer=self._writer,
            now=now,
            refused=lambda url, reason: observer.log("warning", f"{url} refused {reason}"),
        )
        self._tasks = asyncio.TaskGroup()
        self._forwarder = Forwarder(self.me, self._play, monotonic=monotonic)
        self._sound = Sound(
            self.me,
            microphone=settings.microphone,
            speaker=settings.speaker,
            tasks=self._tasks,
            on_spoken=self._forwarder.send_own,
            on_talking=self._talking_changed,
            on_changed=observer.session_changed,
            monotonic=monotonic,
        )
        self._connections = Connections(
            state=self.state,
            forwarder=self._forwarder,
            wire=self._wire,
            metrics=settings.metrics,
            settings=settings.peer,
            tasks=self._tasks,
            changed=self._connection_changed,
            now=now,
            nonce=lambda: f"{rng.getrandbits(64):016x}",
        )
        self._planner = Planner(
            self.me, self.state, self._connections, now=now, monotonic=monotonic
        )
        self._inbox = Inbox(
            space,
            self.me,
            pool,
            on_event=self._receive,
            on_signal=self._connections.handle,
            now=now,
        )
        self._joined_at = self._seen_at = 0
        self._hand_raised = 0
        self._knows_past = False
        self._speaking: frozenset[str] = frozenset()
        self._refusals: set[str] = set()
        self._moderated = False
        self._touched: set[str] = set()
        self._present: set[str] = set()
        self._soon: asyncio.Handle | None = None
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._goodbye: Callable[[int], Draft] | None = None

    # -- reading

    @property
    def role(self) -> Role:
        """Our own role."""
        return self.state.role_of(self.me)

    @property
    def parent(self) -> str:
        """Who sends us the sound; empty while nobody does, and on stage, where everybody does."""
        return self._connections.parent

    @property
    def microphone(self) -> Literal["closed", "muted", "open", "unavailable"]:
        """`closed` without the right to speak, `unavailable` without a device that works."""
        if not self.role.speaks:
            return "closed"
        if self.muted:
            return "muted"
        return "open" if self._sound.has_microphone else "unavailable"

    @property
    def problems(self) -> tuple[str, str, str]:
        """What is wrong with microphone and speaker, and a hint; empty texts while they work."""
        return self._sound.problems

    @property
    def levels(self) -> dict[str, int]:
        """How loud those are who talk now (RFC 6464: 0 loudest, 127 silent)."""
        return self._sound.activity.levels()

    @property
    def dropped(self) -> dict[str, int]:
        """How many events and packets were dropped, by reason."""
        return self._inbox.dropped | dict(self._forwarder.drops)

    def name_of(self, pubkey: str) -> str:
        """What to call somebody."""
        joined = self.state.peer(pubkey)
        return (joined.name if joined else "") or short_npub(pubkey)

    def is_present(self, pubkey: str) -> bool:
        """Whether somebody is here; a connection that is up is as good as a JOIN."""
        return pubkey in self._connections.links or self.state.is_present(pubkey, self._now())

    def is_talking(self, pubkey: str) -> bool:
        """Whether somebody's sound arrives now."""
        return pubkey in self._sound.talking

    def link_state(self, pubkey: str) -> Literal["", "connecting", "connected"]:
        """Our connection to somebody: `connected`, `connecting` or nothing."""
        return self._connections.status(pubkey)

    # -- what the user wants

    def promote(self, pubkey: str) -> None:
        """Let somebody on stage."""
        self._wire.say(self._writer.promote(self._follow(pubkey), pubkey))

    def demote(self, pubkey: str) -> None:
        """Take somebody, or oneself, off the stage; a listener's hand goes down."""
        self._wire.say(self._writer.demote(self._follow(pubkey), pubkey))

    def _follow(self, pubkey: str) -> int:
        """Now, or right after what somebody did or was made whose date is a little ahead of us."""
        now = self._wire.now()
        seen = max(self.state.hand_shown_at(pubkey), self.state.lowered_at(pubkey) + 1)
        return max(now, min(seen, now + CLOCK_SECONDS))

    def request_speech(self) -> None:
        """Put the hand up and keep it up."""
        self.hand_up = True
        # Whatever took the last hand down, by a clock that may be ahead, is not to take down this.
        self._hand_raised = max(self._wire.now(), self.state.lowered_at(self.me) + 1)
        self._wire.say(self._writer.request_speech(self._hand_raised))
        self._observer.session_changed()

    def withdraw_speech(self) -> None:
        """Take the hand down."""
        self.hand_up = False
        self._wire.say(self._writer.request_speech(self._wire.now(), withdrawn=True))
        self._observer.session_changed()

    def mute(self, on: bool) -> None:
        """Shut or open the microphone."""
        self.muted = on
        # On the way out nothing is opened any more: nobody would close it.
        self._sound.set_microphone(may_speak=self.role.speaks and self.stage != "left", muted=on)
        self._observer.session_changed()

    def leave(self) -> None:
        """Leave: `run` says goodbye and returns."""
        self._goodbye = self._writer.leave
        self._end("left")

    def close(self) -> None:
        """Close the space for everybody; for its host."""
        self._goodbye = self._writer.close
        self._end("closed by host")

    # -- running

    async def run(self, create: SpaceCreation | None = None) -> str:
        """Take part until the end, first creating the space if asked to; returns why it ended.

        Raises `InvalidAudioSpec` for a speaker that cannot be.
        """
        async with AsyncExitStack() as devices:
            await self._sound.open(devices)
            async with self._tasks:
                speaking = self._tasks.create_task(self._wire.run())
                living = self._tasks.create_task(self._take_part(create))
                self._inbox.open()
                try:
                    return await self._ended
                finally:
                    living.cancel()
                    self._inbox.close()
                    await self._part()
                    speaking.cancel()

    async def _take_part(self, create: SpaceCreation | None) -> None:
        async with asyncio.TaskGroup() as entering:
            if create is not None:
                now, metrics = self._wire.now(), self._settings.metrics
                creation = (create.name, metrics, create.summary, create.relays)
                entering.create_task(self._enter(self._writer.create(now, *creation)))
            # Only then is it known what an earlier visit of ours has said, which JOIN must follow.
            if not await self._inbox.hear_past():
                self._observer.log("warning", "no relay has sent the past of this space")
            self._knows_past = True
            await self._stay(entering.create_task(self._enter(self._draft_join())))

    async def _stay(self, entering: asyncio.Task[None]) -> None:
        self._settle()
        last_join = last_hand = last_look = self._monotonic()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = self._monotonic()
            self._sound.look()
            if now - last_join > JOIN_EVERY and entering.done():
                last_join = now
                self._wire.say(self._draft_join())
            if self.hand_up and now - last_hand > HAND_EVERY:
                last_hand = now
                self._wire.say(self._writer.request_speech(self._wire.now()))
            if now - last_look > LOOK_SECONDS:
                last_look = now
                self._notice_absence()
                self._settle()

    async def _enter(self, draft: Draft) -> None:
        results = await self._wire.deliver(draft)
        needed = self.stage == "joining" or draft.kind == CREATE_SPACE
        if needed and not any(result.ok for result in results.values()):
            reasons = "; ".join(f"{url}: {result.reason}" for url, result in results.items())
            self._end(f"no relay takes our events: {reasons or 'none is connected'}")

    def _draft_join(self) -> Draft:
        at = max(self._wire.now(), self._seen_at + 1)
        draft = self._writer.join(at, self._settings.name, self._settings.metrics)
        self._joined_at = draft.created_at
        return draft

    async def _part(self) -> None:
        """Say goodbye, then end connections and the microphone."""
        self.stage = "left"
        self._sound.set_microphone(may_speak=False, muted=True)
        if self._goodbye is not None:
            self._wire.say(self._goodbye(self._wire.now()))  # dated after all that was said
        await self._connections.close()
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._wire.flush()
        except TimeoutError:
            self._observer.log("warning", "not every relay has taken our goodbye")

    def _end(self, reason: str) -> None:
        if not self._ended.done():
            self._ended.set_result(reason)

    # -- events and their consequences

    def _receive(self, event: SpaceEvent) -> None:
        self.state.apply(event)
        self._touched.add(event.signer)
        match event:
            case PeerJoined() | PeerLeft() if event.signer == self.me:
                self._seen_at = max(self._seen_at, event.at)
                if isinstance(event, PeerLeft) and 0 < self._joined_at <= event.at:
                    self._wire.say(self._draft_join())  # not we have left, an earlier visit of ours
            case PeerLeft() if not self.state.is_present(event.signer, self._now()):
                self._connections.gone(event.signer)
            case PeerDemoted() | SpeakerPromoted():
                self._touched.add(event.target)
                self._moderated = True
            case SpaceEnded():
                self._moderated = True
        self._settle_soon()

    def _settle_soon(self) -> None:
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_soon(self._settle)

    def _settle(self) -> None:
        """Draw the consequences of what has changed, once for many events."""
        self._soon = None
        if self.state.ended is not None:
            self._end("closed by host")
        if self.stage == "left":
            return
        self._forwarder.set_speakers(self.state.speaking)
        for pubkey in self._speaking - self.state.speaking:
            self._sound.silence(pubkey)
            if pubkey == self.me and self._settings.muted:
                self.muted = True  # whoever is let on stage again opens the microphone again
        self._speaking = self.state.speaking
        self._sound.set_microphone(may_speak=self.role.speaks, muted=self.muted)
        if self._knows_past:
            self._planner.plan()
        if self.stage == "joining" and self.state.is_present(self.me, self._now()):
            self.stage = "joined"
            self._observer.joined()
        if self.role.speaks or self.state.lowered_at(self.me) >= self._hand_raised:
            self.hand_up = False
        self._notice_hands()
        if self._moderated and self._knows_past:
            self._notice_refusals()
        touched, self._touched = self._touched, set()
        for pubkey in touched:
            self._observer.participant_changed(pubkey)
        if touched:
            self._observer.session_changed()

    def _notice_hands(self) -> None:
        hands = self.state.queue(self._now())
        queue = {pubkey: place for place, (_, pubkey) in enumerate(hands, 1)}
        if queue == self.queue:
            return
        self._touched.update(queue, self.queue)
        for pubkey in queue:
            if pubkey not in self.queue and pubkey != self.me:
                self._observer.speech_requested(pubkey)
        self.queue = queue

    def _notice_refusals(self) -> None:
        self._moderated = False
        for event, reason in self.state.refusals:
            if event.id not in self._refusals:
                self._refusals.add(event.id)
                self._observer.log("warning", f"ignored: {self.name_of(event.signer)} {reason}")

    def _notice_absence(self) -> None:
        present = {pubkey for pubkey in self.state.known() if self.is_present(pubkey)}
        self._touched |= present ^ self._present
        self._present = present

    def _connection_changed(self, pubkey: str, state: str) -> None:
        self._observer.connection_changed(pubkey, state)
        self._touched.add(pubkey)
        self._settle_soon()

    def _play(self, origin: str, packet: OpusPacket) -> None:
        self._sound.play(origin, packet)

    def _talking_changed(self, origin: str, change: Literal["started", "stopped"]) -> None:
        if origin != self.me:
            self._observer.audio_changed(origin, change)
        self._observer.participant_changed(origin)
