"""The past of a subscription, page by page. Pure: says what to ask for next.

Relays cap what they send of their store, many at 500 events, and do not say so. So an answer that
may have been cut is followed by a question for what is older: `until` the oldest second seen, that
second included, since only part of it may have come. What comes twice is the pool's to drop. Only
a second that fills a whole page by itself is stepped over; there is no way to ask for its rest.

NIP-01 lets a relay cut each filter's answer by itself, newest first. An event of filters that
overlap does not tell of which of them it is the oldest, so those are paged one after the other.
"""

from collections.abc import Sequence

import msgspec

from tui.config import limits
from tui.nostr.event import Event
from tui.nostr.filter import Filter


class _Past:
    """How far back one filter has been answered."""

    def __init__(self, filter_: Filter) -> None:
        self._filter = filter_
        self._left = filter_.limit
        self._until = filter_.until
        self._repeated = 0  # events of the second asked for again, which have come before
        self._oldest: int | None = None  # of this page
        self._ties = 0  # events of that second in this page
        self._count = 0

    def saw(self, at: int) -> bool:
        """Take note of an event's time; false if the relay does not heed `until`."""
        if self._until is not None and at > self._until:
            return False
        self._count += 1
        if self._oldest is None or at < self._oldest:
            self._oldest, self._ties = at, 1
        elif at == self._oldest:
            self._ties += 1
        return True

    def turn(self) -> None:
        """The page is over: go on below it."""
        if self._left is not None:
            self._left = max(0, self._left - max(0, self._count - self._repeated))
        if self._oldest is not None:
            whole = self._oldest == self._until  # the page held nothing but that second
            self._until = self._oldest - 1 if whole else self._oldest
            self._repeated = 0 if whole else self._ties
        self._oldest, self._ties, self._count = None, 0, 0

    def page(self) -> Filter | None:
        """What to ask for now; None when nothing is left."""
        below = self._until is not None and self._until < (self._filter.since or 0)
        if self._left == 0 or below:
            return None
        limit = None if self._left is None else self._left + self._repeated
        return msgspec.structs.replace(self._filter, until=self._until, limit=limit)


class History:
    """Pages through what one relay has stored for the filters of one subscription."""

    def __init__(self, filters: Sequence[Filter]) -> None:
        self._kinds = _by_kind(filters)
        # The first answer is that to the subscription itself.
        self._pasts = [_Past(filter_) for filter_ in filters]
        self._alone = [] if self._kinds is not None else [*map(_Past, reversed(filters))]
        self._first = True
        self._sound = True
        self._page_events = self._events = self._pages = 0

    def saw(self, event: Event) -> None:
        """An event of the page that was asked for last has come."""
        self._page_events += 1
        if self._kinds is not None:
            at = self._kinds.get(event.kind, 0) if len(self._pasts) > 1 else 0
            self._sound &= self._pasts[at].saw(event.created_at)
        elif not self._first:
            self._sound &= self._pasts[0].saw(event.created_at)

    def next_page(self, least: int) -> list[Filter]:
        """What to ask for now that a page is over; empty when all has come, or as much as we take.

        A page of fewer than `least` events was not cut.
        """
        size, self._page_events = self._page_events, 0
        self._events += size
        self._pages += 1
        spent = self._pages >= limits.PAGES or self._events >= limits.PAGED_EVENTS
        cut = size >= max(1, least)
        first, self._first = self._first, False
        if spent or not self._sound or (first and not cut):
            return []
        for past in self._pasts:
            past.turn()
        if cut and not (first and self._kinds is None) and (page := self._filters()):
            return page
        while self._alone:
            self._pasts = [self._alone.pop()]
            if page := self._filters():
                return page
        return []

    def _filters(self) -> list[Filter]:
        return [page for past in self._pasts if (page := past.page()) is not None]


def _by_kind(filters: Sequence[Filter]) -> dict[int, int] | None:
    """Which filter an event is of, by its kind; None if that does not tell."""
    if len(filters) == 1:
        return {}
    kinds: dict[int, int] = {}
    for index, filter_ in enumerate(filters):
        for kind in filter_.kinds if filter_.kinds is not None else (None,):
            if kind is None or kinds.setdefault(kind, index) != index:
                return None
    return kinds


def filters_after_gap(filters: Sequence[Filter], complete_until: float) -> list[Filter]:
    """What to ask for when everything up to a moment (seconds) has been received.

    The same again, and for a filter with a `limit`, which would miss what came meanwhile, also all
    since then, with `limits.RESUBSCRIBE_OVERLAP` to spare because authors' clocks differ.
    """
    again: list[Filter] = []
    for filter_ in filters:
        if filter_.limit != 0:
            again.append(filter_)
        if filter_.limit is not None:
            again.append(_since(filter_, complete_until))
    return again


def pages_after_gap(filters: Sequence[Filter], complete_until: float) -> list[Filter]:
    """The same for a past that has been paged in: only what came since, all of it."""
    return [_since(filter_, complete_until) for filter_ in filters]


def _since(filter_: Filter, complete_until: float) -> Filter:
    since = max(filter_.since or 0, int(complete_until) - limits.RESUBSCRIBE_OVERLAP, 0)
    return msgspec.structs.replace(filter_, since=since, limit=None)
