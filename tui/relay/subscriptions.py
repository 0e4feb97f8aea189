"""Subscriptions, and which of them want a new event."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from tui.nostr.event import Event
from tui.nostr.filter import Filter, matcher
from tui.relay.store import indexed_tags

# What, of which kind or of any (-1); tag names have one letter, the names of other conditions more.
_Key = tuple[str, str, int]

_ANY_KIND = -1
_KEYS = 64  # of one condition that are told apart by their kinds, too


class Subscription:
    """One REQ of one client; new events are held until the stored ones have been sent.

    `send` passes on a message without waiting; `overflow` is called when more than `hold_chars`
    would be held.
    """

    def __init__(
        self,
        id_: str,
        filters: tuple[Filter, ...],
        send: Callable[[str], None],
        overflow: Callable[[], None],
        hold_chars: int,
    ) -> None:
        self.id = id_
        self.filters: Final = filters
        self.wants: Final = matcher(filters)
        self.values: Final = count_values(filters)
        self.task: asyncio.Task[None] | None = None  # sends the stored events
        self._head = f'["EVENT",{msgspec.json.encode(id_).decode()},'
        self._send = send
        self._overflow = overflow
        self._room = hold_chars
        self._held: list[tuple[str, str]] | None = []

    def message(self, text: str) -> str:
        """The EVENT message for an event's JSON."""
        return f"{self._head}{text}]"

    def deliver(self, event: Event, text: str) -> None:
        """Pass on a new event with its JSON, or hold it until `release`."""
        if self._held is None:
            self._send(self.message(text))
        elif len(text) <= self._room:
            self._room -= len(text)
            self._held.append((event.id, text))
        else:
            self._overflow()

    def release(self, sent: set[str]) -> None:
        """Pass on what is held, apart from the ids already sent, and from now on everything."""
        held, self._held = self._held or [], None
        for id_, text in held:
            if id_ not in sent:
                self._send(self.message(text))


class SubscriptionIndex:
    """Open subscriptions, each filter filed under the condition that it shares with fewest others.

    All of a crowd ask for the same tag of their space: what else they ask for tells them apart.
    """

    def __init__(self) -> None:
        self._by_key: dict[_Key, set[Subscription]] = {}
        self._filed: dict[Subscription, list[_Key]] = {}

    def add(self, subscription: Subscription) -> None:
        """Find this subscription from now on."""
        keys = self._filed.setdefault(subscription, [])
        for wanted in subscription.filters:
            best = min(_conditions(wanted), key=self._crowd)
            keys += best
            for key in best:
                self._by_key.setdefault(key, set()).add(subscription)

    def _crowd(self, keys: list[_Key]) -> int:
        """How many subscriptions stand under these keys already; the keys cost, too."""
        return len(keys) + sum(len(self._by_key.get(key, ())) for key in keys)

    def remove(self, subscription: Subscription) -> None:
        """Find it no more."""
        for key in self._filed.pop(subscription, ()):
            filed = self._by_key.get(key, set())
            filed.discard(subscription)
            if not filed:
                self._by_key.pop(key, None)

    def matching(self, event: Event) -> list[Subscription]:
        """The subscriptions of which a filter matches, each once."""
        names = {("id", event.id), ("author", event.pubkey), ("", ""), *indexed_tags(event)}
        keys = [(*name, kind) for name in names for kind in (event.kind, _ANY_KIND)]
        candidates = set[Subscription]().union(*(self._by_key.get(key, ()) for key in keys))
        return [found for found in candidates if found.wants(event)]

    def __len__(self) -> int:
        """How many values subscriptions are filed under."""
        return len(self._by_key)


def count_values(filters: tuple[Filter, ...]) -> int:
    """How many values the filters list, at least one each: what they cost to keep."""
    return sum(
        1
        + len(wanted.ids or ())
        + len(wanted.authors or ())
        + len(wanted.kinds or ())
        + sum(map(len, wanted.tags.values()))
        for wanted in filters
    )


def _conditions(wanted: Filter) -> Iterator[list[_Key]]:
    """The keys of each condition of a filter: an event that it matches has one key of each."""
    for name, values in (("id", wanted.ids), ("author", wanted.authors), *wanted.tags.items()):
        if values is not None:
            yield _keys(name, values, wanted.kinds)
    if wanted.ids is None and wanted.authors is None and not wanted.tags:
        yield _keys("", ("",), wanted.kinds)


def _keys(name: str, values: tuple[str, ...], kinds: tuple[int, ...] | None) -> list[_Key]:
    if kinds is None or len(kinds) * len(values) > max(_KEYS, len(values)):
        kinds = (_ANY_KIND,) if name or kinds is None else kinds
    return [(name, value, kind) for value in values for kind in kinds]
