"""The chat of one room: what was written, what is on its way, and who wrote too much.

Works for any `a` address (NIP-53): spaces of ours, and rooms and streams of others. Kept are the
newest messages in the order `(created_at, id)`, whatever order relays send them in.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

import msgspec

from tui.config import limits
from tui.nostr.event import Draft, Event, InvalidEvent, event_id
from tui.nostr.filter import Filter
from tui.nostr.nip19 import short_npub
from tui.nostr.pool import Pool, Subscription
from tui.nostr.relay import Published
from tui.spaces.events import InvalidSpaceEvent
from tui.spaces.messages import (
    CHAT,
    REACTION,
    ChatMessage,
    clean_emoji,
    clean_message,
    read_message,
    write_message,
    write_reaction,
)
from tui.spaces.tasks import Spawn
from tui.spaces.throttle import Throttle

__all__ = ["Chat", "ChatMessage", "ChatRefused"]

CLOCK_SECONDS = 5  # by which a message may be dated ahead, to come after those it answers
FRESH_SECONDS = 30  # a reaction older than that is history, and is not announced


class ChatRefused(Exception):
    """What cannot be sent, and why; the message is for the user."""


class Chat:
    """Reads the chat of the room with this `a` address, and writes to it where that is possible.

    `deliver` signs and publishes a draft and returns what each relay said; without it, the room is
    read only. `spawn` starts the task that waits for it. `may_show(pubkey)` says whose messages
    may be seen (call `look_again` when its answers change); `hidden` is the user's own list. In a
    space with a password, `seal` and `unseal` (raises ValueError) encrypt what is written.
    """

    def __init__(
        self,
        address: str,
        *,
        pool: Pool,
        now: Callable[[], float],
        me: str = "",
        deliver: Callable[[Draft], Awaitable[dict[str, Published]]] | None = None,
        spawn: Spawn | None = None,
        on_changed: Callable[[frozenset[str]], None],
        on_reacted: Callable[[str, str], None],
        may_show: Callable[[str], bool] = lambda _: True,
        name_of: Callable[[str], str] = short_npub,
        seal: Callable[[str], str] | None = None,
        unseal: Callable[[str], str] | None = None,
        relays: tuple[str, ...] | None = None,
    ) -> None:
        self.address = address
        self.dropped: Counter[str] = Counter()
        self._me = me
        self._pool = pool
        self._now = now
        self._deliver = deliver
        self._spawn = spawn
        self._on_changed = on_changed
        self._on_reacted = on_reacted
        self._may_show = may_show
        self._name_of = name_of
        self._seal = seal
        self._unseal = unseal
        self._relays = relays
        self._hidden: frozenset[str] = frozenset()
        self._kept = {False: _Newest(limits.CHAT_LINES), True: _Newest(limits.CHAT_REACTIONS)}
        self._pace = Throttle(limits.CHAT_ARRIVALS, 1.0, now)
        self._own_pace = Throttle(limits.CHAT_BURST, 1.0, now)
        self._shown: set[str] = set()
        self._said_at = 0
        self._past_heard: set[str] = set()
        self._sending: set[asyncio.Task[None]] = set()
        self._subscription: Subscription | None = None

    # -- reading

    def open(self) -> None:
        """Begin to listen, the last messages first."""
        here: dict[str, tuple[str, ...]] = {"a": (self.address,)}
        self._subscription = self._pool.subscribe(
            [
                Filter(kinds=(CHAT,), tags=here, limit=limits.CHAT_LINES),
                Filter(kinds=(REACTION,), tags=here, limit=limits.CHAT_REACTIONS),
            ],
            self._receive,
            on_eose=self._past_heard.add,
            relays=self._relays,
        )

    def close(self) -> None:
        """Listen no more, and wait for no answer to what was sent."""
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None
        for task in self._sending:
            task.cancel()

    @property
    def lines(self) -> dict[str, ChatMessage]:
        """All that may be seen by id, oldest first."""
        kept = (message for newest in self._kept.values() for message in newest)
        return {message.id: message for message in sorted(kept, key=_order) if self._sees(message)}

    def line(self, message_id: str) -> ChatMessage | None:
        """One message or reaction, if it may be seen."""
        message = self._find(message_id)
        return message if message is not None and self._sees(message) else None

    @property
    def hidden(self) -> frozenset[str]:
        """Whose messages the user does not want to see."""
        return self._hidden

    @hidden.setter
    def hidden(self, pubkeys: frozenset[str]) -> None:
        self._hidden = pubkeys
        self.look_again()

    def look_again(self) -> None:
        """Who may be seen has changed."""
        shown = set(self.lines)
        changed, self._shown = shown ^ self._shown, shown
        if changed:
            self._on_changed(frozenset(changed))

    # -- writing

    def say(self, text: str, reply_to: str = "") -> str:
        """Send a message; returns its id, by which `lines` tells its fate. Raises `ChatRefused`."""
        text = clean_message(text)
        if not text:
            raise ChatRefused("there is nothing to send")
        answered = self.line(reply_to) if reply_to else None
        at, relay = self._next_second(), self._hint()
        return self._send(
            write_message(self.address, at, text, relay=relay, reply_to=answered), text
        )

    def react(self, emoji: str) -> str:
        """Send a reaction, one emoji; returns its id. Raises `ChatRefused`."""
        text = clean_emoji(emoji)
        if not text or not emoji.strip():
            raise ChatRefused("a reaction is one emoji")
        return self._send(
            write_reaction(self.address, self._next_second(), text, relay=self._hint()), text
        )

    def _next_second(self) -> int:
        """After what we have written and read: the order within one second is chance."""
        now = int(self._now())
        newest = max((message.at for kept in self._kept.values() for message in kept), default=0)
        return max(now, self._said_at + 1, min(newest + 1, now + CLOCK_SECONDS))

    def _hint(self) -> str:
        urls = self._pool.urls if self._relays is None else self._relays
        return next(iter(urls), "")

    def _send(self, draft: Draft, text: str) -> str:
        if self._deliver is None or self._spawn is None:
            raise ChatRefused("this room can only be read here")
        if self._seal is not None:
            draft = msgspec.structs.replace(draft, content=self._seal(draft.content))
        try:
            fields = (draft.created_at, draft.kind, draft.tags, draft.content)
            sent = event_id(self._me, *fields)
        except InvalidEvent as error:
            raise ChatRefused(f"this cannot be sent: {error}") from None
        if not self._own_pace.allows(self._me):
            raise ChatRefused("that was too fast: wait a moment")
        self._said_at = draft.created_at
        self._keep(
            ChatMessage(
                id=sent,
                pubkey=self._me,
                text=text,
                at=draft.created_at,
                state="waiting",
                reaction=draft.kind == REACTION,
            )
        )
        task = self._spawn(self._publish(draft, sent, self._deliver))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return sent

    async def _publish(
        self,
        draft: Draft,
        sent: str,
        deliver: Callable[[Draft], Awaitable[dict[str, Published]]],
    ) -> None:
        results = await deliver(draft)
        if any(result.ok for result in results.values()):
            self._settle(sent, "")
            return
        reasons = (f"{url}: {result.reason}" for url, result in results.items())
        self._settle(sent, "; ".join(reasons) or "it was not signed")

    def _settle(self, sent: str, failure: str) -> None:
        message = self._find(sent)
        if message is None or message.state in ("", "sent"):
            return  # gone meanwhile, or a relay has sent it back
        state = "failed" if failure else "sent"
        self._keep(msgspec.structs.replace(message, state=state, reason=failure))

    # -- what comes in

    def _receive(self, event: Event, relay: str) -> None:
        known = self._find(event.id)
        if known is not None:
            self._settle(event.id, "")
            return
        now = self._now()
        if event.created_at > now + limits.FUTURE_SECONDS:
            self.dropped["dated in the future"] += 1
            return
        try:
            message = read_message(event, self.address, name_of=self._name_of, unseal=self._unseal)
        except InvalidSpaceEvent as error:
            self.dropped[str(error)] += 1
            return
        crowd = self._kept[message.reaction].count_near(message)
        # The past may come at once and is judged by its dates; what comes now, also by its coming.
        if crowd >= limits.CHAT_BURST or (
            relay in self._past_heard and not self._pace.allows(message.pubkey)
        ):
            self.dropped["too many messages of one person"] += 1
            return
        if message.pubkey == self._me:  # from another device of ours, or of an earlier visit
            message = msgspec.structs.replace(message, state="sent")
        self._keep(message)
        if message.reaction and now - message.at <= FRESH_SECONDS and self._sees(message):
            self._on_reacted(message.pubkey, message.text)

    def _keep(self, message: ChatMessage) -> None:
        gone = self._kept[message.reaction].put(message)
        if gone is message:
            self.dropped["older than what is kept"] += 1
            return
        changed = {message.id} if self._sees(message) else set()
        self._shown |= changed
        if gone is not None and gone.id in self._shown:
            self._shown.discard(gone.id)
            changed.add(gone.id)
        if changed:
            self._on_changed(frozenset(changed))

    def _find(self, message_id: str) -> ChatMessage | None:
        return self._kept[False].get(message_id) or self._kept[True].get(message_id)

    def _sees(self, message: ChatMessage) -> bool:
        return message.pubkey == self._me or (
            message.pubkey not in self._hidden and self._may_show(message.pubkey)
        )


def _order(message: ChatMessage) -> tuple[int, str]:
    return message.at, message.id


class _Newest:
    """The newest messages, so many at most."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._by_id: dict[str, ChatMessage] = {}

    def __iter__(self) -> Iterator[ChatMessage]:
        return iter(self._by_id.values())

    def get(self, message_id: str) -> ChatMessage | None:
        return self._by_id.get(message_id)

    def put(self, message: ChatMessage) -> ChatMessage | None:
        """Keep one; returns the one that had to go for it, maybe itself."""
        self._by_id[message.id] = message
        if len(self._by_id) <= self._most:
            return None
        return self._by_id.pop(min(self, key=_order).id)

    def count_near(self, message: ChatMessage) -> int:
        """How many its author has written about the same time."""
        slot = message.at // limits.CHAT_BURST
        return sum(
            other.pubkey == message.pubkey and other.at // limits.CHAT_BURST == slot
            for other in self
        )
