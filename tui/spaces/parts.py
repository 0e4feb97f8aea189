"""What a session is made of, wired together."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Literal, Protocol

from tui.config import limits
from tui.nostr.event import Event
from tui.nostr.keys import Signer
from tui.nostr.nip19 import short_npub
from tui.nostr.pool import Pool
from tui.spaces.access import AccessKey
from tui.spaces.admission import Admission
from tui.spaces.announcer import Announcer
from tui.spaces.chat import Chat
from tui.spaces.connections import Connections
from tui.spaces.events import SpaceEvent, SpaceRef
from tui.spaces.inbox import Inbox
from tui.spaces.measuring import concealed, outputs_used, read_link
from tui.spaces.moderator import Moderator
from tui.spaces.notices import Notices
from tui.spaces.observer import Observer
from tui.spaces.planner import Planner
from tui.spaces.quality import Meter, Place, Quality
from tui.spaces.recording import SpaceRecording
from tui.spaces.roles import Role
from tui.spaces.roster import Roster
from tui.spaces.settings import SessionSettings
from tui.spaces.share import room_address
from tui.spaces.sound import Sound
from tui.spaces.speech import Speech
from tui.spaces.state import SpaceState
from tui.spaces.tasks import Tasks
from tui.spaces.visit import Visit
from tui.spaces.wire import Wire
from tui.spaces.writer import Writer

AROUND_SECONDS = 1.0  # between two looks at how many are here, and what to listen for


class Ears(Protocol):
    """What hears of the parts, and brings one's news to the others."""

    def receive(self, event: SpaceEvent, signed: Event) -> None:
        """Something was said in the space."""

    def touch(self, pubkey: str) -> None:
        """We have done something that changes how somebody looks; empty for nobody."""

    def talking_changed(self, origin: str, change: Literal["started", "stopped"]) -> None:
        """Somebody began or stopped to talk."""

    def connection_changed(self, pubkey: str, state: str) -> None:
        """A connection of ours is another."""


class Parts:
    """All parts of one session. Each knows only those that it is given here."""

    def __init__(
        self,
        space: SpaceRef,
        ears: Ears,
        *,
        signer: Signer,
        pool: Pool,
        settings: SessionSettings,
        observer: Observer,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        rng: random.Random,
    ) -> None:
        me = signer.pubkey
        self._monotonic, self._outputs = monotonic, settings.metrics.max_audio_outputs
        self.meter = Meter()
        self.tasks = Tasks()
        self.access = AccessKey(settings.password, space) if settings.password else None
        self.state = SpaceState(space)
        self.wire = Wire(
            signer=signer,
            pool=pool,
            state=self.state,
            writer=Writer(space, me),
            now=now,
            refused=lambda who, what: observer.log("warning", f"{who} refused {what}"),
            access=self.access,
            plain=settings.plain_signalling,
            relays=settings.relays,
        )
        self.visit = Visit(self.state, self.wire, settings, self.access, monotonic=monotonic)
        self.announcer: Announcer | None = None
        if me == space.host:
            self.announcer = Announcer(wire=self.wire, state=self.state, now=now)
        self.moderator = Moderator(
            self.state,
            self.wire,
            self.announcer,
            changed=ears.touch,
            name_of=self.name_of,
            monotonic=monotonic,
        )
        self.sound = Sound(
            me,
            microphone=settings.microphone,
            speaker=settings.speaker,
            processing=settings.processing,
            on_talking=ears.talking_changed,
            on_changed=observer.session_changed,
            monotonic=monotonic,
        )
        self.recording = SpaceRecording(
            self.state,
            self.wire,
            self.visit,
            self.sound,
            observer,
            spawn=self.tasks.spawn,
            name_of=self.name_of,
            chime=self.sound.chime,
            monotonic=monotonic,
        )
        self.speech = Speech(
            self.state,
            self.wire,
            self.sound,
            observer,
            muted=settings.muted,
            monotonic=monotonic,
        )
        self.chat = Chat(
            room_address(space),
            pool=pool,
            now=now,
            me=me,
            deliver=self.wire.deliver,
            spawn=self.tasks.spawn,
            on_changed=observer.chat_changed,
            on_reacted=observer.reacted,
            may_show=lambda pubkey: not self.state.is_barred(pubkey),
            name_of=self.name_of,
            seal=self.access.seal if self.access else None,
            unseal=self.access.open if self.access else None,
            relays=settings.relays or None,
        )
        self.notices = Notices(
            self.state,
            observer,
            name_of=self.name_of,
            bars_changed=self.chat.look_again,
            monotonic=monotonic,
        )
        self.connections = Connections(
            self.state,
            self.wire,
            self.sound.forwarder,
            metrics=settings.metrics,
            settings=settings.peer,
            spawn=self.tasks.spawn,
            changed=ears.connection_changed,
            avoided=self.notices.avoided,
            replan=lambda: ears.touch(""),
            unknown=self._want,
            monotonic=monotonic,
            nonce=lambda: f"{rng.getrandbits(64):016x}",
        )
        self.inbox = Inbox(
            space,
            me,
            pool,
            on_event=ears.receive,
            on_signal=self.connections.handle,
            spawn=self.tasks.spawn,
            now=now,
            monotonic=monotonic,
            access=self.access,
            relays=settings.relays,
        )
        self.admission = Admission(
            self.state,
            me,
            has_password=self.access is not None,
            unreadable=self.inbox.unreadable,
            monotonic=monotonic,
        )
        self.planner = Planner(me, self.state, self.connections, now=now, monotonic=monotonic)
        self.roster = Roster(
            self.state,
            self.wire,
            self.moderator,
            observer,
            linked=self.connections.links.__contains__,
            monotonic=monotonic,
        )

    def quality(self) -> Quality:
        """How good connections and sound are."""
        connections, state = self.connections, self.state
        others = state.speaking - {self.wire.me}
        now = self.wire.now()
        links = {
            other: read_link(link.peer, link.kind, standby=link.standby)
            for other, link in connections.links.items()
        }
        place = Place(
            depth=connections.depth,
            outputs_used=outputs_used(links.values()),
            outputs_max=self._outputs,
            parent="" if connections.uplink.needs_parent else connections.parent,
            standby=connections.standby,
            alone=not any(state.is_present(other, now) for other in others),
        )
        return self.meter.look(self._monotonic(), links, concealed(self.sound.stats()), place)

    def _want(self, pubkey: str) -> bool:
        return self.inbox.want(pubkey)

    @property
    def people(self) -> int:
        """How many are here: as many as we know of, or as the host says, who hears of everybody."""
        announced = self.state.announced
        return max(len(self.state.tree), announced.people if announced is not None else 0)

    def look_around(self) -> None:
        """Listen as widely as is fit for so many people."""
        stage = sorted(self.state.speaking)
        recorders = self.recording.recorders[: limits.ROOM_RECORDERS]
        self.inbox.look(
            people=self.people,
            moderates=self.state.role_of(self.wire.me) >= Role.COHOST,
            near=(*stage, *recorders, *sorted(self.connections.near)),
            linked=sorted(self.connections.links),
        )

    async def watch(self) -> None:
        """Look at our neighbours in the tree, and now and then around, again and again."""
        looked_at = 0.0
        while True:
            self.tasks.guard(self.connections.tick)
            if self._monotonic() - looked_at > AROUND_SECONDS:
                looked_at = self._monotonic()
                self.tasks.guard(self.look_around)
            await asyncio.sleep(self.connections.pause)

    def name_of(self, pubkey: str) -> str:
        """What to call somebody."""
        joined = self.state.peer(pubkey)
        return (joined.name if joined else "") or short_npub(pubkey)

    @property
    def dropped(self) -> dict[str, int]:
        """How many events, packets and drafts were dropped, by reason."""
        counted = Counter(
            {
                "too much to say": self.wire.lost,
                "not signed": self.wire.unsigned,
                "errors of ours": self.tasks.errors,
            }
        )
        parts = (self.inbox, self.speech, self.chat, self.notices, self.connections, self.recording)
        for part in parts:
            counted.update(part.dropped)
        counted.update(self.sound.forwarder.drops)
        return {reason: count for reason, count in counted.items() if count}
