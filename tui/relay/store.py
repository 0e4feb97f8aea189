"""Events in SQLite: what is kept, replaced, deleted and found again (NIP-01, 09, 40, 45).

Synchronous and for one thread at a time; `tui.relay.archive` runs it beside the event loop.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum, auto
from pathlib import Path
from typing import Final, NamedTuple

from tui.nostr.event import Event, encode_event, event_address, expiration
from tui.nostr.filter import Filter
from tui.relay.query import select

_APPLICATION_ID: Final = 0x4E535254  # "NSRT": marks the file as ours, see PRAGMA application_id
_SCHEMA_VERSION: Final = 1
_PAGE_BYTES: Final = 4096
_CHECKPOINT_PAGES: Final = (
    8_000  # 32 MB; the log is copied into the file less often, in larger strokes
)
_BUDGET_STEPS: Final = 10_000  # virtual machine steps between two looks at the clock; about 1 ms
_DELETION: Final = 5  # NIP-09
_FOREVER: Final = 2**63 - 1

_SCHEMA: Final = """
CREATE TABLE events (
    key        INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    pubkey     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    kind       INTEGER NOT NULL,
    address    TEXT UNIQUE,   -- kind:pubkey:d of what a newer event replaces, else NULL
    expires_at INTEGER,       -- NIP-40
    json       TEXT NOT NULL
);
CREATE INDEX events_by_time ON events (created_at DESC, id);
CREATE INDEX events_by_kind ON events (kind, created_at DESC, id);
CREATE INDEX events_by_author ON events (pubkey, kind, created_at DESC, id);
CREATE INDEX events_by_expiry ON events (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE tags (
    name       TEXT NOT NULL,
    value      TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    event      INTEGER NOT NULL REFERENCES events ON DELETE CASCADE,
    PRIMARY KEY (name, value, created_at DESC, event)
) WITHOUT ROWID;
CREATE INDEX tags_by_event ON tags (event);
CREATE TABLE deleted (        -- outlives the deletion request, which may expire
    target     TEXT NOT NULL, -- an event id or an address
    pubkey     TEXT NOT NULL,
    until      INTEGER NOT NULL,
    PRIMARY KEY (target, pubkey)
) WITHOUT ROWID;
"""


class StoreError(Exception):
    """The store cannot be opened, written or read; the text says why."""


class QueryTooLong(Exception):
    """A query exceeded its time budget."""

    def __str__(self) -> str:
        return "the query takes too long; ask for less"


class Outcome(Enum):
    """What became of an event that was added."""

    STORED = auto()
    DUPLICATE = auto()
    OUTDATED = auto()  # a newer event of the same address is stored
    DELETED = auto()  # its author has asked for its deletion
    FAILED = auto()  # the disk is full or broken


class Found(NamedTuple):
    """A stored event that a query found; sorts newest first, ties by lower id."""

    age: int  # minus created_at
    id: str
    key: int


class EventStore:
    """The events of one relay, in a file or (path None) in memory; raises StoreError.

    `max_bytes` bounds the database. `query_seconds` bounds each query by `clock`: processor time
    of the thread, so that a query is not refused because the rest of the process is busy.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        max_bytes: int,
        query_seconds: float,
        clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self._query_seconds = query_seconds
        self._clock = clock
        self._deadline = float("inf")
        try:
            self._db = sqlite3.connect(
                path or ":memory:", isolation_level=None, timeout=0, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise StoreError(f"cannot open the store {path}: {error}") from None
        try:
            self._prepare(max_bytes)
        except (sqlite3.Error, StoreError) as error:
            self._db.close()
            raise StoreError(f"cannot open the store {path}: {error}") from None
        self._db.set_progress_handler(self._out_of_time, _BUDGET_STEPS)

    def _prepare(self, max_bytes: int) -> None:
        # Exclusive: a second relay on the same file would not see our live events; it is refused.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if tables and (application, version) != (_APPLICATION_ID, _SCHEMA_VERSION):
            raise StoreError("the file is not a relay store of this version")
        # With NORMAL a commit survives the death of the process, not always that of the machine.
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        self._db.execute(f"PRAGMA max_page_count = {max_bytes // _PAGE_BYTES}")
        if not tables:
            with self._transaction():
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                self._db.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def add(self, events: Iterable[Event], now: float) -> list[Outcome]:
        """Store events in one transaction, all or none; raises StoreError."""
        try:
            with self._transaction():
                self._purge(now)
                return [self._add(event) for event in events]
        except sqlite3.Error as error:
            raise StoreError(str(error)) from None

    def purge(self, now: float) -> int:
        """Remove expired events and say how many; raises StoreError."""
        try:
            with self._transaction():
                return self._purge(now)
        except sqlite3.Error as error:
            raise StoreError(str(error)) from None

    def find(self, filters: Sequence[Filter], now: float, max_limit: int) -> list[Found]:
        """What matches any filter, newest first, ties by lower id, at most `max_limit` per filter.

        Raises QueryTooLong, StoreError.
        """
        found: set[Found] = set()
        with self._query_budget():
            for filter_ in filters:
                limit = max_limit if filter_.limit is None else min(filter_.limit, max_limit)
                query = select(filter_, now)
                rows = self._db.execute(
                    f"SELECT {query.distinct} -{query.created_at}, e.id, e.key {query.sql}"
                    f" ORDER BY {query.created_at} DESC, e.id LIMIT {limit}",
                    query.values,
                )
                found.update(map(Found._make, rows))
        return sorted(found)

    def count(self, filters: Sequence[Filter], now: float) -> int:
        """How many events match any filter, their limits aside; raises QueryTooLong, StoreError."""
        queries = [select(filter_, now) for filter_ in filters]
        union = " UNION ".join(f"SELECT {query.distinct} e.key {query.sql}" for query in queries)
        values = [value for query in queries for value in query.values]
        with self._query_budget():
            (count,) = self._db.execute(
                f"SELECT count(*) FROM ({union})",  # noqa: S608 - all that is foreign is bound
                values,
            ).fetchone()
        return int(count)

    def read(self, keys: Iterator[int], max_bytes: int) -> list[str]:
        """The JSON of the next events of `keys`, until they reach `max_bytes` together.

        Events that have gone since they were found are left out; raises StoreError.
        """
        texts: list[str] = []
        size = 0
        with self._query_budget():
            for key in keys:
                row = self._db.execute("SELECT json FROM events WHERE key = ?", (key,)).fetchone()
                if row is not None:
                    texts.append(row[0])
                    size += len(row[0])
                    if size >= max_bytes:
                        break
        return texts

    def _purge(self, now: float) -> int:
        return self._db.execute("DELETE FROM events WHERE expires_at <= ?", (int(now),)).rowcount

    def _add(self, event: Event) -> Outcome:
        address = event_address(event)
        stored, deleted = self._db.execute(
            "SELECT EXISTS (SELECT 1 FROM events WHERE id = ?), EXISTS ("
            "SELECT 1 FROM deleted WHERE pubkey = ? AND target IN (?, ?) AND until >= ?)",
            (event.id, event.pubkey, event.id, address, event.created_at),
        ).fetchone()
        if stored:
            return Outcome.DUPLICATE
        if deleted and event.kind != _DELETION:
            return Outcome.DELETED
        if address is not None and not self._replace(event, address):
            return Outcome.OUTDATED
        if event.kind == _DELETION:
            self._delete(event)
        key = self._db.execute(
            "INSERT INTO events (id, pubkey, created_at, kind, address, expires_at, json)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                event.id,
                event.pubkey,
                event.created_at,
                event.kind,
                address,
                expiration(event),
                encode_event(event).decode(),
            ),
        ).lastrowid
        self._db.executemany(
            "INSERT INTO tags (name, value, created_at, event) VALUES (?, ?, ?, ?)",
            [(name, value, event.created_at, key) for name, value in indexed_tags(event)],
        )
        return Outcome.STORED

    def _replace(self, event: Event, address: str) -> bool:
        """Make room for the event at its address, unless what is stored there is to be kept."""
        row = self._db.execute(
            "SELECT key, -created_at, id FROM events WHERE address = ?", (address,)
        ).fetchone()
        if row is None:
            return True
        if row[1:] < (-event.created_at, event.id):
            return False
        self._db.execute("DELETE FROM events WHERE key = ?", row[:1])
        return True

    def _delete(self, request: Event) -> None:
        """Delete what a deletion request names, now and for ever; only what its author signed."""
        targets = [(id_, _FOREVER) for id_ in request.values("e") if ":" not in id_]
        targets += [(at, request.created_at) for at in request.values("a") if ":" in at]
        for target, until in targets:
            self._db.execute(
                "DELETE FROM events WHERE pubkey = ? AND (id = ? OR address = ?)"
                " AND created_at <= ? AND kind != ?",
                (request.pubkey, target, target, until, _DELETION),
            )
            self._db.execute(
                "INSERT INTO deleted (target, pubkey, until) VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET until = max(until, excluded.until)",
                (target, request.pubkey, until),
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a full disk makes SQLite roll back by itself
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _query_budget(self) -> Iterator[None]:
        self._deadline = self._clock() + self._query_seconds
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise QueryTooLong from None
            raise StoreError(str(error)) from None
        except sqlite3.Error as error:
            raise StoreError(str(error)) from None
        finally:
            self._deadline = float("inf")

    def _out_of_time(self) -> bool:
        return self._clock() > self._deadline


def indexed_tags(event: Event) -> set[tuple[str, str]]:
    """Names and values of the tags that filters can ask for: single letters (NIP-01)."""
    return {
        (tag[0], tag[1])
        for tag in event.tags
        if len(tag) > 1 and len(tag[0]) == 1 and tag[0].isalpha() and tag[0].isascii()
    }
