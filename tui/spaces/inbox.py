"""What relays say about one space, checked, with a count of what was dropped and why."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection
from contextlib import suppress

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
from tui.spaces.share import ROOM
from tui.spaces.state import HAND_LIFETIME
from tui.spaces.throttle import Throttle

HISTORY_SECONDS = 3.0  # relays that take longer to send the past are not waited for
HISTORY_GRACE = 0.2  # after the first relay has sent it, the others get so long
FRESH_SECONDS = 60  # signalling older than that is a replay from a relay's store
PATIENCE_SECONDS = 10  # who asked us before we came, and longer ago, does not wait any more
PRESENCE_SECONDS = 3600  # JOINs without an end of their own count as long as a connection lives
SIGNALS = 64  # of one peer to us at once, and then
SIGNAL_SECONDS = 0.25  # one in so many seconds
HANDS = 20  # requests to speak and to mute of one peer at once, and then
HAND_SECONDS = 2.0  # one in so many seconds


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
        self._subscriptions: list[Subscription] = []
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
        now, here = int(self._now()), (self._space.id,)
        host = (self._space.host,)
        of_space: dict[str, tuple[str, ...]] = {"s": here, "h": host}
        acts = [
            Filter(kinds=(events.CREATE_SPACE,), authors=host),
            Filter(kinds=events.LASTING_KINDS, tags=of_space),
            Filter(kinds=events.SPEECH_KINDS, tags=of_space, since=now - FRESH_SECONDS),
            Filter(kinds=(ROOM,), authors=host, tags={"d": here}),
        ]
        crowd = [
            Filter(kinds=events.PRESENCE_KINDS, tags=of_space, since=now - PRESENCE_SECONDS),
            Filter(kinds=events.GRAPH_KINDS, tags=of_space, since=now - events.CONNECTION_LIFETIME),
        ]
        recent = now - FRESH_SECONDS
        to_us: dict[str, tuple[str, ...]] = {"s": here, "p": (self._me,)}
        ours = Filter(
            kinds=(events.RESERVE_CONNECTION,), authors=(self._me,), tags={"s": here}, since=recent
        )
        signals = [Filter(kinds=events.SIGNAL_KINDS, tags=to_us, since=recent), ours]
        self._subscribe(acts, self._receive)
        self._subscribe(crowd, self._receive)
        self._subscribe(signals, self._receive_signal)

    def close(self) -> None:
        """Hear no more."""
        for subscription in self._subscriptions:
            subscription.close()

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
