"""The file of the cache: events in SQLite, the newest of each address, shared with other processes.

Synchronous and for one thread; `tui.nostr.cache` runs it beside the event loop. What stands in the
file is checked like anything from outside when it is read. A file that is damaged, or not ours, is
renamed and begun anew; where there is no usable disk, memory serves.
"""

import fcntl
import logging
import os
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from tui.config import limits
from tui.nostr.event import (
    Event,
    InvalidEvent,
    decode_event,
    encode_event,
    event_address,
    expiration,
    signature_ok,
)
from tui.nostr.filter import Filter

_log: Final = logging.getLogger(__name__)
_T = TypeVar("_T")

_PARTS: Final = ("", "-wal", "-shm")  # of a database in WAL mode
_ERRORS: Final = (sqlite3.DatabaseError, UnicodeDecodeError)  # the last: an error that quotes noise
_DAMAGE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

_SCHEMA: Final = (
    """CREATE TABLE events (
    address    TEXT PRIMARY KEY, -- kind:pubkey:d of what a newer event replaces, else its id
    id         TEXT NOT NULL,
    pubkey     TEXT NOT NULL,
    kind       INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    used       INTEGER NOT NULL, -- when it was stored or last asked for, give or take an hour
    size       INTEGER NOT NULL,
    json       TEXT NOT NULL
)""",
    "CREATE INDEX events_by_kind ON events (kind, pubkey, created_at)",
    "CREATE INDEX events_by_use ON events (kind, used, size)",
)
"""A file with any other one is not ours."""

_INSERT: Final = """
INSERT INTO events (address, id, pubkey, kind, created_at, used, size, json)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (address) DO UPDATE SET
    id = excluded.id, created_at = excluded.created_at, used = excluded.used,
    size = excluded.size, json = excluded.json
WHERE excluded.created_at > created_at OR (excluded.created_at = created_at AND excluded.id < id)
"""

_TRIM: Final = """
DELETE FROM events WHERE address IN (
    SELECT address FROM (
        SELECT address, row_number() OVER latest AS place, sum(size) OVER latest AS total
        FROM events WHERE kind = ?
        WINDOW latest AS (ORDER BY used DESC, created_at DESC, address ROWS UNBOUNDED PRECEDING)
    ) WHERE place > ? OR total > ?
)
"""


class _NotOurs(sqlite3.DatabaseError):
    """A database of another program or version."""


class CacheFile:
    """The constructor opens it and does not fail; `add` and `find` raise sqlite3.Error, OSError.

    `now` gives unix seconds. No kind pushes out another: each has its own bounds.
    """

    def __init__(self, path: Path | None, now: Callable[[], float]) -> None:
        self._path = path
        self._now = now
        self._inode: int | None = None
        self._db = self._open()

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def add(self, events: Iterable[Event]) -> None:
        """Keep events; older ones of the same address go, then what was not used for longest."""
        now = self._now()
        rows = [
            row
            for event in events
            if event.created_at <= now + limits.FUTURE_SECONDS and not _has_expired(event, now)
            for row in [_row(event, int(now))]
        ]
        if rows:
            self._on_sound_file(partial(self._insert, rows))

    def find(self, filters: Sequence[Filter]) -> list[Event]:
        """What matches any filter, newest first, ties by lower id."""
        found: dict[str, Event] = {}
        for filter_ in filters:
            found |= self._on_sound_file(partial(self._select, filter_))
        newest = sorted(found.values(), key=lambda event: (-event.created_at, event.id))
        return newest[: limits.CACHE_FOUND]

    # --- statements ------------------------------------------------------------------------------

    def _insert(self, rows: list[tuple[str | int, ...]]) -> None:
        with _transaction(self._db):
            self._db.executemany(_INSERT, rows)
            for kind in {row[3] for row in rows}:
                count, size = self._db.execute(
                    "SELECT count(*), total(size) FROM events WHERE kind = ?", (kind,)
                ).fetchone()
                if count > limits.CACHE_EVENTS or size > limits.CACHE_BYTES:
                    self._db.execute(_TRIM, (kind, limits.CACHE_EVENTS, limits.CACHE_BYTES))

    def _select(self, filter_: Filter) -> dict[str, Event]:
        now = self._now()
        limit = limits.CACHE_FOUND if filter_.limit is None else filter_.limit
        found: dict[str, Event] = {}
        unused: list[int] = []
        broken: list[int] = []
        with closing(self._db.execute(*_query(filter_))) as rows:
            for row, used, json in rows:
                if len(found) >= limit:
                    break
                event = _read(json)
                if event is None:
                    broken.append(row)
                elif filter_.matches(event) and not _has_expired(event, now):
                    found[event.id] = event
                    if used < now - limits.CACHE_USE_SECONDS:
                        unused.append(row)
        if unused or broken:
            with _transaction(self._db):
                self._db.executemany(
                    "UPDATE events SET used = ? WHERE rowid = ?",
                    [(int(now), row) for row in unused],
                )
                self._db.executemany("DELETE FROM events WHERE rowid = ?", [(r,) for r in broken])
        return found

    # --- the file --------------------------------------------------------------------------------

    def _on_sound_file(self, work: Callable[[], _T]) -> _T:
        try:
            return work()
        except _ERRORS as error:
            if not _tells_of_damage(error):
                raise
        self._db.close()
        self._db = self._open(damaged=self._inode)
        return work()

    def _open(self, damaged: int | None = None) -> sqlite3.Connection:
        """The database of the path; `damaged` is the inode of the file that turned out to be."""
        if self._path is not None:
            try:
                with _alone(self._path):
                    return self._open_file(self._path, damaged)
            except (sqlite3.Error, OSError) as error:
                _log.warning("the cache %s cannot be used, nothing is kept: %s", self._path, error)
            self._path = None
        return _connect(":memory:")

    def _open_file(self, path: Path, damaged: int | None) -> sqlite3.Connection:
        _make_private(path)
        if path.stat().st_ino != damaged:  # else another process was faster
            try:
                self._inode = path.stat().st_ino
                return _connect(path)
            except _ERRORS as error:
                if not _tells_of_damage(error):
                    raise
        _log.warning("the cache %s is damaged or not ours; it is now %s", path, _set_aside(path))
        _make_private(path)
        self._inode = path.stat().st_ino
        return _connect(path)


def _connect(path: Path | str) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, timeout=limits.CACHE_LOCK_SECONDS)
    try:
        # Bad text makes a bad row, which is then left out; an error would spoil each read of it.
        db.text_factory = lambda data: data.decode(errors="replace")
        schema = db.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid")
        found = tuple(sql for (sql,) in schema)
        if found and found != _SCHEMA:
            raise _NotOurs("not a cache of this version")
        db.execute("PRAGMA journal_mode = WAL")
        # A commit survives the death of the process, not always that of the machine.
        db.execute("PRAGMA synchronous = NORMAL")
        if not found:
            with _transaction(db):
                for statement in _SCHEMA:
                    db.execute(statement)
    except BaseException:
        db.close()
        raise
    return db


def _tells_of_damage(error: Exception) -> bool:
    # The lowest byte is the cause, the others its details. Errors of the module have no code.
    cause = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return isinstance(error, _NotOurs | UnicodeDecodeError) or cause in _DAMAGE


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """No other process opens this file, or sets it aside, meanwhile."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    lock = os.open(path.with_name(f"{path.name}.lock"), flags, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _make_private(path: Path) -> None:
    """An empty file with mode 0600, or that mode for the one that is there.

    SQLite gives its mode to the files beside it. An open file is not opened here once more: closing
    it would drop the locks that SQLite holds on it in this process.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise OSError("not a regular file") from None
        path.chmod(0o600)


def _set_aside(path: Path) -> Path:
    """Rename a database to a name that is free; raises OSError when too many were set aside."""
    for number in range(1, limits.CACHE_FILES_ASIDE + 1):
        aside = path.with_name(f"{path.name}.aside-{number}")
        if not any(aside.with_name(aside.name + part).exists() for part in _PARTS):
            for part in reversed(_PARTS):
                beside = path.with_name(path.name + part)
                if beside.exists():
                    beside.rename(aside.with_name(aside.name + part))
            return aside
    raise OSError("it is damaged or not ours, and too many others were set aside before")


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # a full disk makes SQLite roll back by itself
            db.execute("ROLLBACK")
        raise


def _query(filter_: Filter) -> tuple[str, list[str | int]]:
    """The rows that a filter may match, and the values of the question marks."""
    conditions, values = ["1"], list[str | int]()
    for column, wanted in (("kind", filter_.kinds), ("pubkey", filter_.authors)):
        if wanted is not None:
            conditions.append(f"{column} IN ({','.join('?' * len(wanted))})")
            values.extend(wanted)
    for condition, bound in (
        ("created_at >= ?", filter_.since),
        ("created_at <= ?", filter_.until),
    ):
        if bound is not None:
            conditions.append(condition)
            values.append(bound)
    used = "coalesce(CAST(used AS INTEGER), 0)"  # a number, whatever a damaged file has there
    sql = f"SELECT rowid, {used}, json FROM events WHERE {' AND '.join(conditions)}"  # noqa: S608 - all that is foreign is bound
    return f"{sql} ORDER BY created_at DESC, id", values


def _row(event: Event, now: int) -> tuple[str | int, ...]:
    address = event_address(event) or event.id
    json = encode_event(event).decode()
    size = len(address) + len(json)
    return address, event.id, event.pubkey, event.kind, event.created_at, now, size, json


def _read(json: object) -> Event | None:
    """A stored event, if it is still what was stored."""
    try:
        event = decode_event(json) if isinstance(json, str) else None
    except InvalidEvent:
        return None
    return event if event is not None and signature_ok(event) else None


def _has_expired(event: Event, now: float) -> bool:
    at = expiration(event)
    return at is not None and at <= now
