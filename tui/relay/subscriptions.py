"""Subscriptions, and which of them want a new event."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from tui.nostr.event import Event
from tui.nostr.filter import Filter
from tui.relay.store import indexed_tags

_Key = tuple[str, str | int]  # tag names have one letter, the names of other conditions more


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
    """Open subscriptions, each filter filed under the values of its most selective condition."""

    def __init__(self) -> None:
        self._by_key: dict[_Key, set[Subscription]] = {}

    def add(self, subscription: Subscription) -> None:
        """Find this subscription from now on."""
        for key in _filed_under(subscription):
            self._by_key.setdefault(key, set()).add(subscription)

    def remove(self, subscription: Subscription) -> None:
        """Find it no more."""
        for key in _filed_under(subscription):
            filed = self._by_key.get(key, set())
            filed.discard(subscription)
            if not filed:
                self._by_key.pop(key, None)

    def matching(self, event: Event) -> list[Subscription]:
        """The subscriptions of which a filter matches, each once."""
        keys: set[_Key] = {("any", 0), ("id", event.id), ("author", event.pubkey)}
        keys |= {("kind", event.kind), *indexed_tags(event)}
        candidates = set[Subscription]().union(*(self._by_key.get(key, ()) for key in keys))
        return [found for found in candidates if any(f.matches(event) for f in found.filters)]

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


def _filed_under(subscription: Subscription) -> Iterator[_Key]:
    for wanted in subscription.filters:
        if wanted.ids is not None:
            yield from (("id", value) for value in wanted.ids)
        elif wanted.tags:
            name, values = min(wanted.tags.items(), key=lambda item: len(item[1]))
            yield from ((name, value) for value in values)
        elif wanted.authors is not None:
            yield from (("author", value) for value in wanted.authors)
        elif wanted.kinds is not None:
            yield from (("kind", value) for value in wanted.kinds)
        else:
            yield ("any", 0)
