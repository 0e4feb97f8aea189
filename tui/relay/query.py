"""Filters as SQL over the tables of `tui.relay.store`."""

from collections.abc import Sequence
from typing import NamedTuple

from tui.config import limits
from tui.nostr.filter import Filter


class Query(NamedTuple):
    """The matching, unexpired events `e` of a filter: FROM and WHERE, and the values they take."""

    sql: str
    values: list[str | int | float]
    created_at: str  # the column to sort by: the one of the index that leads
    distinct: str  # an event that matches by two values of a tag comes up twice


def select(filter_: Filter, now: float) -> Query:
    """The query for a filter, its limit aside; what has expired by `now` (seconds) is left out."""
    source, created_at, distinct = "events e", "e.created_at", ""
    conditions = ["(e.expires_at IS NULL OR e.expires_at > ?)"]
    values: list[str | int | float] = [now]

    def require(condition: str, *wanted: str | int, one_of: Sequence[str | int] = ()) -> None:
        conditions.append(condition.format(",".join("?" * len(one_of))))
        values.extend((*wanted, *one_of))

    tags = sorted(filter_.tags.items(), key=lambda item: len(item[1]))
    if tags and filter_.ids is None:
        # Tags select best. CROSS JOIN makes SQLite start there; by itself it starts with kinds.
        name, wanted = tags.pop(0)
        source, created_at = "tags t CROSS JOIN events e ON e.key = t.event", "t.created_at"
        distinct = "DISTINCT" if len(wanted) > 1 else ""
        require("t.name = ? AND t.value IN ({})", name, one_of=wanted)
    for name, wanted in tags:
        tag = "SELECT 1 FROM tags WHERE event = e.key AND name = ? AND value IN ({})"
        require(f"EXISTS ({tag})", name, one_of=wanted)
    if filter_.ids is not None:
        require("e.id IN ({})", one_of=filter_.ids)
    if filter_.authors is not None:
        require("e.pubkey IN ({})", one_of=filter_.authors)
    if filter_.kinds is not None:
        require("e.kind IN ({})", one_of=[k for k in filter_.kinds if 0 <= k <= limits.EVENT_KIND])
    if filter_.since is not None:
        require(f"{created_at} >= ?", filter_.since)
    if filter_.until is not None:
        require(f"{created_at} <= ?", filter_.until)
    return Query(f"FROM {source} WHERE {' AND '.join(conditions)}", values, created_at, distinct)
