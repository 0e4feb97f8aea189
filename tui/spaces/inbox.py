"""What relays say about one space, checked, with a count of what was dropped and why.

How much of a crowd is listened for is in `scope`; who is not heard of can be looked up (`want`).
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress

import msgspec

from tui.config import limits
from tui.nostr.event import Event
from tui.nostr.filter import Filter
from tui.nostr.pool import Pool, Subscription
from tui.spaces import codec, events
from tui.spaces.access import AccessKey
from tui.spaces.events import (
    ConnectionReserved,
    Signal,
    SpaceCreated,
    SpaceEvent,
    SpaceRef,
    SpeechAsked,
)
from tui.spaces.scope import FIRST_LOOK, FRESH_SECONDS, GRAPH, PRESENCE, Scope, scope_of
from tui.spaces.share import ROOM
from tui.spaces.state import HAND_LIFETIME
from tui.spaces.tasks import Spawn
from tui.spaces.throttle import Throttle

HISTORY_SECONDS = 3.0  # relays that take longer to send the past are not waited for
HISTORY_GRACE = 0.2  # after the first relay has sent it, the others get so long
PATIENCE_SECONDS = 10  # who asked us before we came, and longer ago, does not wait any more
SIGNALS = 64  # of one peer to us at once, and then
SIGNAL_SECONDS = 0.25  # one in so many seconds
HANDS = 20  # requests to speak and to mute of one peer at once, and then
HAND_SECONDS = 2.0  # one in so many seconds
NEAR_SECONDS = 10.0  # between two requests that differ in who is near only
WANT_SECONDS = 0.05  # who is wanted within this time is asked for at once
WANT_AGAIN_SECONDS = 10.0  # somebody who was not found is not asked for again sooner


class Inbox:
    """One session's subscriptions: `on_event` hears of the space, `on_signal` what is for us, and
    what we have asked for on an earlier visit.

    `access` opens the JOINs of a space with a password; `relays` are those of the space, all of the
    pool's if empty.
    """

    def __init__(
        self,
        space: SpaceRef,
        me: str,
        pool: Pool,
        *,
        on_event: Callable[[SpaceEvent, Event], None],
        on_signal: Callable[[Signal], None],
        spawn: Spawn,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        access: AccessKey | None = None,
        relays: tuple[str, ...] = (),
    ) -> None:
        self._space = space
        self._me = me
        self._pool = pool
        self._on_event = on_event
        self._on_signal = on_signal
        self._now = now
        self._relays = relays or None
        self._signals = Throttle(SIGNALS, SIGNAL_SECONDS, monotonic)
        self._hands = Throttle(HANDS, HAND_SECONDS, monotonic)
        self._handled: OrderedDict[str, None] = OrderedDict()
        self._spawn = spawn
        self._subscriptions: list[Subscription] = []
        self._scope = Scope(first=True)
        self._crowd: Subscription | None = None
        self._stored = Counter({PRESENCE: 0, GRAPH: 0})  # what has come of a first look
        self._listened_at = 0.0
        self._roster = False
        self._wanted: set[str] = set()
        self._asked = Throttle(1, WANT_AGAIN_SECONDS, monotonic)
        self._monotonic = monotonic
        self._heard: list[asyncio.Event] = []
        self._arrivals: set[str] = set()
        self._past_over = False
        self._open_join = access.open if access is not None else None
        self.unreadable: set[str] = set()
        """Who has sent a JOIN that could not be read with the password."""
        self.dropped: dict[str, int] = {}

    def open(self) -> None:
        """Subscribe; by kinds and two tags at most, since some relays fail on three.

        Who may do what is asked for apart from who is there, so that no crowd keeps it from us.
        """
        here, host = (self._space.id,), (self._space.host,)
        of_space: dict[str, tuple[str, ...]] = {"s": here, "h": host}
        acts = [
            Filter(kinds=(events.CREATE_SPACE,), authors=host),
            Filter(kinds=events.LASTING_KINDS, tags=of_space),
            Filter(kinds=(ROOM,), authors=host, tags={"d": here}),
        ]
        recent = int(self._now()) - FRESH_SECONDS
        to_us: dict[str, tuple[str, ...]] = {"s": here, "p": (self._me,)}
        ours = Filter(
            kinds=(events.RESERVE_CONNECTION,), authors=(self._me,), tags={"s": here}, since=recent
        )
        signals = [Filter(kinds=events.SIGNAL_KINDS, tags=to_us, since=recent), ours]
        self._subscribe(acts, self._receive)
        self._listen(self._scope)
        self._subscribe(signals, self._receive_signal)

    def close(self) -> None:
        """Hear no more."""
        for subscription in (*self._subscriptions, self._crowd):
            if subscription is not None:
                subscription.close()

    # -- how widely

    @property
    def is_narrow(self) -> bool:
        """Whether not all of the crowd is heard."""
        return not self._scope.edges

    def show_roster(self, on: bool) -> None:
        """Somebody looks at who is here: hear everybody come and go, also in a crowd."""
        self._roster = on

    def look(
        self, *, people: int, moderates: bool, near: Iterable[str], linked: Iterable[str] = ()
    ) -> None:
        """Listen as widely as is fit for so many people: call it once a second.

        `near` are those who are to be heard in any case, the most important first; `linked` those
        with whom we are connected, of whose connections we hear.
        """
        if not self._past_over or self._crowd is None:
            return
        scope = scope_of(
            people=people,
            was_narrow=self.is_narrow,
            roster=self._roster,
            moderates=moderates,
            near=tuple(dict.fromkeys((self._me, *near))),
            linked=tuple(dict.fromkeys((self._me, *linked))),
        )
        if self._scope.first and scope == Scope() and max(self._stored.values()) < FIRST_LOOK:
            self._scope = scope  # all has come that there is
        same, before = (
            msgspec.structs.replace(found, near=(), linked=()) for found in (scope, self._scope)
        )
        patient = self._monotonic() - self._listened_at < NEAR_SECONDS
        if scope != self._scope and not (same == before and patient):
            self._listen(scope)

    def want(self, pubkey: str) -> bool:
        """Look up the JOIN of somebody who is not heard of; false if all are, or not again yet."""
        if self._scope.everybody or len(self._wanted) >= limits.WANTED:
            return False
        if pubkey not in self._wanted:
            if not self._asked.allows(pubkey):
                return False
            self._wanted.add(pubkey)
            if len(self._wanted) == 1:
                self._spawn(self._fetch_wanted())
        return True

    async def _fetch_wanted(self) -> None:
        await asyncio.sleep(WANT_SECONDS)
        wanted, self._wanted = tuple(sorted(self._wanted)), set()
        here: dict[str, tuple[str, ...]] = {"s": (self._space.id,)}
        joins = Filter(kinds=events.PRESENCE_KINDS, authors=wanted, tags=here)
        for event in await self._pool.fetch([joins], timeout=HISTORY_SECONDS, relays=self._relays):
            self._receive(event, "")

    def _listen(self, scope: Scope) -> None:
        """Ask relays anew for the crowd; what was asked before ends only then."""
        before, self._scope = self._crowd, scope
        self._listened_at = self._monotonic()
        heard = asyncio.Event()
        filters = scope.filters(self._space, int(self._now()))
        self._crowd = self._pool.subscribe(
            filters,
            self._receive_of_crowd,
            on_eose=lambda _url: heard.set(),
            relays=self._relays,
            page=True,
        )
        if before is None:
            self._heard.append(heard)
        else:
            before.close()

    def _receive_of_crowd(self, event: Event, relay: str) -> None:
        if self._scope.first:
            self._stored[PRESENCE if event.kind in events.PRESENCE_KINDS else GRAPH] += 1
        self._receive(event, relay)

    # -- the past

    async def hear_past(self) -> bool:
        """Wait for the first relay's past, and a moment for the others'; false if none came.

        Signalling of before has come then, too: no answer to an earlier visit is taken for ours.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(HISTORY_SECONDS):
                for heard in self._heard:
                    await heard.wait()
                await asyncio.sleep(
                    HISTORY_GRACE if len(self._relays or self._pool.urls) > 1 else 0
                )
        self._arrivals.clear()
        self._past_over = True
        return self._heard[0].is_set()

    async def ask_for_acts(self, signers: Collection[str]) -> None:
        """Ask relays once more for what these people have done to others."""
        here: dict[str, tuple[str, ...]] = {"s": (self._space.id,)}
        past = Filter(kinds=events.LASTING_KINDS, authors=tuple(sorted(signers)), tags=here)
        for event in await self._pool.fetch([past], relays=self._relays):
            self._receive(event, "")

    def take_arrivals(self) -> set[str]:
        """The relays that came, or came back, since this was last asked."""
        arrivals, self._arrivals = self._arrivals, set()
        return arrivals

    def _subscribe(self, filters: list[Filter], receive: Callable[[Event, str], None]) -> None:
        heard = asyncio.Event()

        def on_eose(url: str) -> None:
            heard.set()
            self._arrivals.add(url)

        subscription = self._pool.subscribe(
            filters, receive, on_eose=on_eose, relays=self._relays, page=True
        )
        self._heard.append(heard)
        self._subscriptions.append(subscription)

    def _receive(self, event: Event, _relay: str) -> None:
        found = self._read(event)
        if found is None:
            return
        if event.kind in events.SPEECH_KINDS and not self._hands.allows(found.signer):
            self.count("too many hands")
        elif isinstance(found, SpeechAsked) and self._now() - found.at > HAND_LIFETIME:
            self.count("a hand of long ago")  # not stored by relays: dated back to be first
        else:
            self._on_event(found, event)

    def _receive_signal(self, event: Event, _relay: str) -> None:
        found = self._read(event)
        if not isinstance(found, Signal) or not self._concerns_us(found):
            return  # two sessions of ours may share a pool
        asked_before = isinstance(found, ConnectionReserved) and not self._past_over
        if self._now() - found.at > (PATIENCE_SECONDS if asked_before else FRESH_SECONDS):
            self.count("signalling of long ago")
        elif found.id in self._handled:
            self.count("signalling played back")
        elif not self._signals.allows(found.signer):
            self.count("too much signalling")
        else:
            self._handled[found.id] = None
            if len(self._handled) > limits.HANDLED_SIGNALS:
                self._handled.popitem(last=False)
            self._on_signal(found)

    def _concerns_us(self, signal: Signal) -> bool:
        if signal.signer == self._me:
            return isinstance(signal, ConnectionReserved) and signal.to != self._me
        return signal.to == self._me

    def _read(self, event: Event) -> SpaceEvent | None:
        try:
            found = codec.decode(event, self._open_join)
        except codec.InvalidSpaceEvent as error:
            if event.kind == events.JOIN_SPACE and self._open_join is not None:
                self._remember_unreadable(event.pubkey)
            self.count(str(error))
            return None
        if found.space != self._space:
            if not isinstance(found, SpaceCreated):  # the host's other spaces come with this one
                self.count("of another space")
            return None
        if found.at > self._now() + limits.FUTURE_SECONDS:
            self.count("dated in the future")
            return None
        return found

    def _remember_unreadable(self, pubkey: str) -> None:
        if len(self.unreadable) < limits.PEOPLE:
            self.unreadable.add(pubkey)

    def count(self, reason: str) -> None:
        """One more was dropped for this reason."""
        if reason not in self.dropped and len(self.dropped) >= limits.DROP_REASONS:
            reason = "other reasons"
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
