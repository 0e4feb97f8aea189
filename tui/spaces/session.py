"""One space that we are in, from JOIN to LEAVE: what happens, in which order, and what follows.

`run` owns every task, peer and device of the session; when it returns, nothing of them is left.
What we do to others is in `moderator`, our own voice in `speech`, our JOIN in `visit`, who is here
in `roster`, and what the observer hears of moderation in `notices`.

Who is not let in says no JOIN: the session stays in the stage `joining`, with the reason in
`not_admitted`, for as long as an invitation or the end of a lock may be on its way, then ends.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Literal

from tui.nostr.event import Draft, Event
from tui.nostr.keys import Signer
from tui.nostr.pool import Pool
from tui.spaces.events import (
    CREATE_SPACE,
    Moderation,
    MuteRequested,
    PeerJoined,
    PeerLeft,
    Signal,
    SpaceCreated,
    SpaceEvent,
    SpaceRef,
    SpeechAsked,
    SpeechProposed,
)
from tui.spaces.observer import Observer
from tui.spaces.parts import Parts
from tui.spaces.roles import Role
from tui.spaces.settings import SessionSettings, SpaceCreation
from tui.spaces.speech import Microphone, Proposal

__all__ = ["Proposal", "SessionSettings", "SpaceCreation", "SpaceSession"]

log = logging.getLogger(__name__)

TICK_SECONDS = 0.1  # how often talking and timers are looked at
LOOK_SECONDS = 1.0  # how often absence and missing connections are looked at
SETTLE_SECONDS = 0.03  # consequences of events that come faster are drawn together
FAREWELL_SECONDS = 2.0  # for relays to take our LEAVE

Stage = Literal["joining", "joined", "left"]


class SpaceSession:
    """Takes part in one space, as host or as anybody else.

    With `created` it is known from the start who may be in it, whatever relays have forgotten.
    """

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
        created: SpaceCreated | None = None,
    ) -> None:
        self.space, self.me = space, signer.pubkey
        self.stage: Stage = "joining"
        self._observer = observer
        self._monotonic = monotonic
        self._parts = parts = Parts(
            space,
            self,
            signer=signer,
            pool=pool,
            settings=settings,
            observer=observer,
            now=now,
            monotonic=monotonic,
            rng=rng,
        )
        self.state, self.chat, self.announcer = parts.state, parts.chat, parts.announcer
        self.journal, self.recording = parts.notices.journal, parts.recording
        if created is not None:
            self.state.apply(created)
        self._wire, self._inbox, self._tasks = parts.wire, parts.inbox, parts.tasks
        self.sound, self._connections = parts.sound, parts.connections
        self.uplink, self.quality = parts.connections.uplink, parts.quality
        self._visit, self._speech, self._roster = parts.visit, parts.speech, parts.roster
        self._moderator, self._notices = parts.moderator, parts.notices
        self._knows_past = self._stale = False
        self._soon: asyncio.Handle | None = None
        self._settled_at = 0.0
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._goodbye: Callable[[int], Draft] | None = None
        self._offer_acts()

    def _offer_acts(self) -> None:
        """What the user wants of others and of the stage is for the parts that do it."""
        act, speech, roster, inbox = self._moderator, self._speech, self._roster, self._inbox
        self.promote, self.promote_cohost, self.demote = act.promote, act.promote_cohost, act.demote
        self.deny, self.defer, self.later = act.deny, act.defer, act.later
        self.remove, self.pardon, self.invite = act.remove, act.pardon, act.invite
        self.ask_mute, self.lock, self.undo = act.ask_mute, act.lock, act.undo
        self.request_speech, self.withdraw_speech = speech.request, speech.withdraw
        self.accept_invite, self.decline_invite = speech.accept, speech.decline
        self.is_present, self.hand_since = roster.is_present, roster.hand_since
        self.name_of, self.link_state = self._parts.name_of, self._connections.status
        self.is_talking, self.is_plain = self.sound.is_talking, self._wire.is_plain
        self.is_muted, self.mute, self.show_roster = speech.is_muted, speech.mute, inbox.show_roster

    # -- reading

    @property
    def role(self) -> Role:
        """Our own role."""
        return self.state.role_of(self.me)

    @property
    def not_admitted(self) -> str:
        """Why we are not let in yet; empty if we are."""
        return self._parts.admission.reason

    @property
    def parent(self) -> str:
        """Who sends us the sound; empty while nobody does, and on stage, where everybody does."""
        return self._connections.parent

    @property
    def queue(self) -> dict[str, int]:
        """Who asks to speak, in order, and their place, counted from 1."""
        return self._roster.queue

    @property
    def hand_up(self) -> bool:
        """Whether our own hand is up."""
        return self._speech.hand_up

    @property
    def proposal(self) -> Proposal | None:
        """By whom we are asked whether we want to speak."""
        return self._speech.proposal

    @property
    def undoable(self) -> str:
        """What `undo` would take back now; empty for nothing."""
        return self._moderator.undoable

    @property
    def microphone(self) -> Microphone:
        """What becomes of what we say."""
        return self._speech.microphone

    @property
    def muted(self) -> bool:
        """Whether our microphone is shut, or will be when we may speak."""
        return self._speech.muted

    @property
    def muted_by(self) -> str:
        """The moderator who has shut our microphone, until we open it."""
        return self._speech.muted_by

    @property
    def problems(self) -> tuple[str, str, str]:
        """What is wrong with microphone and speaker, and a hint; empty texts while they work."""
        return self.sound.problems

    @property
    def levels(self) -> dict[str, int]:
        """How loud those are who talk now (RFC 6464: 0 loudest, 127 silent)."""
        return self.sound.activity.levels()

    @property
    def hidden(self) -> frozenset[str]:
        """Whom the user wants neither to hear nor to read."""
        return self.sound.hidden

    @hidden.setter
    def hidden(self, pubkeys: frozenset[str]) -> None:
        self.sound.hidden = self.chat.hidden = pubkeys

    @property
    def dropped(self) -> dict[str, int]:
        """How many events, packets and drafts were dropped, by reason."""
        return self._parts.dropped

    # -- what the user wants

    def leave(self) -> None:
        """Leave: `run` says goodbye and returns."""
        self._goodbye = self._wire.writer.leave
        self._end("left")

    def close(self) -> None:
        """Close the space for everybody; for its host."""
        self._goodbye = self._wire.writer.close
        self._end("closed by host")

    # -- running

    async def run(self, create: SpaceCreation | None = None) -> str:
        """Take part until the end, first creating the space if there is none; why it ended.

        Raises `InvalidAudioSpec` for a speaker that cannot be.
        """
        async with AsyncExitStack() as devices:
            await self.sound.open(devices)
            async with self._tasks:
                if self._parts.access is not None:
                    await self._parts.access.prepare()
                saying = self._tasks.spawn(self._wire.run())
                self._tasks.spawn(self._parts.watch())
                living = self._tasks.spawn(self._live(create))
                self._inbox.open()
                self.chat.open()
                try:
                    return await self._ended
                finally:
                    living.cancel()
                    self._inbox.close()
                    self.chat.close()
                    await self._part()
                    saying.cancel()
                    self._tasks.end()

    async def _live(self, create: SpaceCreation | None) -> None:
        try:
            await self._take_part(create)
        except Exception as error:  # every part of it has its own guard: this is the end
            log.exception("the session broke")
            self._end(f"an error of ours: {error!r}")

    async def _take_part(self, create: SpaceCreation | None) -> None:
        # Only then is it known what an earlier visit of ours has said, and whether we may enter.
        if not await self._inbox.hear_past():
            self._observer.log("warning", "no relay has sent the past of this space")
        self._knows_past = True
        self._notices.begin()
        if create is not None and self.state.created is None:
            self._tasks.spawn(self._enter(self._visit.draft_create(create)))
        self._tasks.guard(self._settle)
        entering: asyncio.Task[None] | None = None
        looked_at = 0.0
        while True:
            if entering is None and not self._parts.admission.reason:
                entering = self._tasks.spawn(self._enter(self._visit.draft()))
            self._tasks.guard(self.sound.look)
            self._tasks.guard(self._moderator.look)
            if self._monotonic() - looked_at > LOOK_SECONDS:
                looked_at = self._monotonic()
                for look in (self._visit.look, self._speech.look, self._roster.look, self._look):
                    self._tasks.guard(look)
            await asyncio.sleep(TICK_SECONDS)

    async def _enter(self, draft: Draft) -> None:
        problem = await self._visit.deliver(draft)
        if problem and (self.stage == "joining" or draft.kind == CREATE_SPACE):
            self._end(problem)

    def _look(self) -> None:
        """Once a second: what time and relays have brought."""
        if self.announcer is not None:
            self.announcer.look()
        if arrivals := self._inbox.take_arrivals():  # a relay that was away has missed us
            if self.announcer is not None:
                self._tasks.spawn(self.announcer.tell_again(self.journal.lasting(), arrivals))
            self._visit.say_again()
            self._speech.show_again()
        if missing := self.state.take_missing():
            self._tasks.spawn(self._inbox.ask_for_acts(missing))
        before, self._stale = self._stale, self.state.is_stale(self._wire.now())
        if before != self._stale:
            self._observer.session_changed()
        self._settle()

    async def _part(self) -> None:
        """Say goodbye, then end connections and the microphone."""
        self.stage = "left"
        self._speech.close()
        self._moderator.finish()
        if self._goodbye == self._wire.writer.close and self.announcer is not None:
            self.announcer.end()
        if self._goodbye is not None:
            self._wire.say(self._goodbye(self._wire.now()))  # dated after all that was said
        await asyncio.gather(self.recording.close(), self._connections.close())
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._wire.flush()
        except TimeoutError:
            self._observer.log("warning", "not every relay has taken our goodbye")

    def _end(self, reason: str) -> None:
        if not self._ended.done():
            self._ended.set_result(reason)

    # -- events and their consequences

    def receive(self, event: SpaceEvent, signed: Event) -> None:
        """See `Ears`."""
        admission, now = self._parts.admission, self._wire.now()
        if isinstance(event, PeerJoined) and admission.is_dated_back(event, now):
            self._inbox.count("a JOIN dated back before the lock")
            return
        self.state.apply(event)
        self._roster.touch(event.signer)
        match event:
            case PeerJoined() | PeerLeft() if event.signer == self.me:
                self._visit.heard(event)
            case PeerLeft() if not self.state.is_present(event.signer, self._wire.now()):
                self._connections.gone(event.signer)
            case SpeechAsked():
                self._moderator.heard(event)
            case SpeechProposed():
                self._speech.asked_to_speak(event)
            case MuteRequested():
                self._roster.touch(*self._speech.asked_to_mute(event))
        if isinstance(event, Moderation):
            self._moderator.seen(event)
        if not isinstance(event, PeerJoined | PeerLeft | SpeechAsked | Signal):
            self._notices.record(signed)
        self._settle_soon()

    def _settle_soon(self) -> None:
        if self._soon is None:
            loop = asyncio.get_running_loop()
            due = self._settled_at + SETTLE_SECONDS
            settle = partial(self._tasks.guard, self._settle)
            late = due <= loop.time()
            self._soon = loop.call_soon(settle) if late else loop.call_at(due, settle)

    def _settle(self) -> None:
        """Draw the consequences of what has changed, once for many events."""
        self._soon, self._settled_at = None, asyncio.get_running_loop().time()
        if self.state.ended is not None:
            self._end("closed by host")
        if self.stage == "left":
            return
        self._look_at_admission()
        self._bring_in_line()
        if self.stage == "joining" and self.state.is_present(self.me, self._wire.now()):
            self.stage = "joined"
            self._observer.joined()
        self._speech.settle()
        self._roster.touch(*self._notices.tell())
        queue_is_current = self._roster.look_at_hands()
        if self._roster.has_news:
            self._roster.tell()
            self._observer.session_changed()
        if self._roster.has_news or not queue_is_current:
            self._settle_soon()

    def _look_at_admission(self) -> None:
        if not self._knows_past:
            return
        before, reason = self.not_admitted, self._parts.admission.look()
        if before != self.not_admitted:
            self._observer.session_changed()
        if not reason:
            return
        if self.stage == "joined":  # put out, or not let in after all: others see us no more
            self._goodbye = self._wire.writer.leave
            reason = reason if not self.state.is_barred(self.me) else self.not_admitted
        self._end(reason)

    def _bring_in_line(self) -> None:
        """Sound and connections follow who may speak and who may be here."""
        self.sound.set_speakers(self.state.speaking)
        self.recording.look()
        for other in self._connections.others:
            if reason := self.state.is_admitted(other):
                self._connections.expel(other, reason)
        if self._knows_past and not self.not_admitted:
            self._parts.planner.plan()

    def touch(self, pubkey: str) -> None:
        """See `Ears`."""
        if pubkey:
            self._roster.touch(pubkey)
        self._observer.session_changed()
        self._settle_soon()

    def connection_changed(self, pubkey: str, state: str) -> None:
        """See `Ears`."""
        self._observer.connection_changed(pubkey, state)
        self._roster.touch(pubkey)
        self._settle_soon()

    def talking_changed(self, origin: str, change: Literal["started", "stopped"]) -> None:
        """See `Ears`."""
        if change == "started":
            self._speech.was_heard(origin)
        if origin != self.me:
            self._observer.audio_changed(origin, change)
        self._observer.participant_changed(origin)
