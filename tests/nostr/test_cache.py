import asyncio
import fcntl
import json
import logging
import random
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.nostr.cache import Cache
from tui.nostr.event import Event, event_id
from tui.nostr.filter import Filter
from tui.nostr.keys import SecretKey

NOW = 1_700_000_000
ALL = [Filter()]

Store = Callable[..., Awaitable[list[Event]]]


class Author:
    def __init__(self) -> None:
        self._secret = SecretKey.generate()
        self.pubkey = self._secret.public

    def event(
        self, kind: int = 0, content: str = "", tags: Any = (), at: int = NOW - 1000
    ) -> Event:
        id_ = event_id(self.pubkey, at, kind, tags, content)
        signature = self._secret.sign(bytes.fromhex(id_)).hex()
        return Event(id_, self.pubkey, at, kind, tags, content, signature)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy disk is no failure; what is slow on purpose sets its own limit."""
    monkeypatch.setattr(limits, "CACHE_READ_SECONDS", 20.0)
    monkeypatch.setattr(limits, "CACHE_CLOSE_SECONDS", 20.0)


@pytest.fixture
def author() -> Author:
    return Author()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.sqlite"


def open_cache(path: Path | None, now: float = NOW) -> Cache:
    return Cache(path, now=lambda: now)


async def run_once(path: Path | None, *events: Event, now: float = NOW) -> list[Event]:
    """Everything in the cache after one run of the program that puts these."""
    async with open_cache(path, now) as cache:
        for event in events:
            cache.put(event)
        found = await cache.get(ALL)
        assert not cache.counts
        return found


async def test_what_was_put_is_there_in_the_next_run(path: Path, author: Author) -> None:
    events = [author.event(kind, at=NOW - kind) for kind in (0, 3, 1000, 10_000)]
    assert await run_once(path, *events) == events
    assert await run_once(path) == events


async def test_other_kinds_are_not_kept(author: Author) -> None:
    assert await run_once(None, author.event(1), author.event(1311), author.event(31_101)) == []


async def test_what_is_put_is_found_by_the_read_that_follows(author: Author) -> None:
    async with open_cache(None) as cache:
        for number in range(300):
            event = author.event(content=str(number), at=NOW - 1000 + number)
            cache.put(event)
            if number % 50 == 0:
                assert await cache.get(ALL) == [event]


PERSON = Author()
VERSIONS = [
    PERSON.event(kind, content, tags, at)
    for kind, tags in ((0, ()), (30_312, (("d", "a"),)), (30_312, (("d", "b"),)))
    for content, at in (("old", NOW - 2), ("new", NOW - 1), ("tie", NOW - 1))
] + [PERSON.event(1000, content) for content in "xy"]


@given(order=st.lists(st.sampled_from(VERSIONS), min_size=1, max_size=20))
def test_the_newest_of_an_address_is_kept_whatever_the_order(order: list[Event]) -> None:
    newest: dict[Any, Event] = {}
    for event in order:
        address = event.id if event.kind == 1000 else (event.kind, event.tags)
        known = newest.setdefault(address, event)
        if (-event.created_at, event.id) < (-known.created_at, known.id):
            newest[address] = event
    expected = sorted(newest.values(), key=lambda event: (-event.created_at, event.id))
    assert asyncio.run(run_once(None, *order)) == expected


async def test_filters_are_honoured(author: Author) -> None:
    other = Author()
    rooms = [
        author.event(30_312, "", (("d", name), ("t", topic)), NOW - age)
        for name, topic, age in (("a", "music", 10), ("b", "news", 20), ("c", "music", 30))
    ]
    profile = other.event(0)
    async with open_cache(None) as cache:
        for event in (*rooms, profile):
            cache.put(event)
        assert await cache.get([Filter(kinds=(0,))]) == [profile]
        assert await cache.get([Filter(authors=(author.pubkey,))]) == rooms
        assert await cache.get([Filter(kinds=(30_312,), limit=2)]) == rooms[:2]
        assert await cache.get([Filter(tags={"t": ("music",)}, limit=2)]) == [rooms[0], rooms[2]]
        assert await cache.get([Filter(since=NOW - 20)]) == rooms[:2]
        assert await cache.get([Filter(until=NOW - 20, kinds=(30_312,))]) == rooms[1:]
        assert await cache.get([Filter(kinds=(0,)), Filter(ids=(rooms[1].id,))]) == [
            rooms[1],
            profile,
        ]
        assert await cache.get([Filter(kinds=()), Filter(authors=())]) == []


async def test_what_has_expired_or_lies_ahead_is_not_kept(path: Path, author: Author) -> None:
    expires = author.event(30_312, tags=(("d", "x"), ("expiration", str(NOW + 10))))
    gone = author.event(30_312, tags=(("d", "y"), ("expiration", str(NOW))))
    ahead = author.event(0, at=NOW + limits.FUTURE_SECONDS + 1)
    assert await run_once(path, expires, gone, ahead) == [expires]
    assert await run_once(path, now=NOW + 11) == []


# --- bounds ----------------------------------------------------------------------------------


async def test_what_was_not_used_for_longest_goes_first(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CACHE_EVENTS", 3)
    people = [Author() for _ in range(4)]
    day = 24 * 3600
    for number, person in enumerate(people[:3]):
        async with open_cache(path, NOW + number * day) as cache:
            cache.put(person.event())
    async with open_cache(path, NOW + 3 * day) as cache:  # the first is looked at again
        assert len(await cache.get([Filter(authors=(people[0].pubkey,))])) == 1
    left = await run_once(path, people[3].event(), now=NOW + 4 * day)
    assert {event.pubkey for event in left} == {people[i].pubkey for i in (0, 2, 3)}


async def test_a_flood_of_one_kind_pushes_out_no_other(
    author: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CACHE_EVENTS", 5)
    profile, follows = author.event(0), author.event(3)
    flood = [author.event(1000, str(number)) for number in range(50)]
    left = await run_once(None, profile, follows, *flood)
    assert {profile.id, follows.id} < {event.id for event in left}
    assert len(left) == 7


async def test_bytes_are_bounded_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CACHE_BYTES", 10_000)
    left = await run_once(None, *(Author().event(0, "x" * 3_000) for _ in range(10)))
    assert len(left) == 2


async def test_events_that_wait_are_bounded(
    path: Path, author: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CACHE_WAITING", 3)
    lock = held(path)
    async with open_cache(path) as cache:
        for number in range(5):
            cache.put(author.event(1000, str(number)))
        lock.close()
        assert cache.counts["overflow"] == 2
        assert len(await cache.get(ALL)) == 3


# --- the file --------------------------------------------------------------------------------


def held(path: Path) -> Any:
    """A lock that stops every cache at this path from opening its file, as a dead disk would."""
    lock = path.with_name(f"{path.name}.lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


async def test_only_the_owner_can_read_it(path: Path, author: Author) -> None:
    path.touch(mode=0o644)
    async with open_cache(path) as cache:
        cache.put(author.event())
        await cache.flush()
        files = [*path.parent.iterdir()]
        assert {file.name for file in files} > {path.name, f"{path.name}-wal"}
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


async def test_nothing_waits_for_a_disk_that_does_not_answer(
    path: Path, author: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CACHE_READ_SECONDS", 0.05)
    monkeypatch.setattr(limits, "CACHE_CLOSE_SECONDS", 0.05)
    before = threading.active_count()
    with held(path):
        started = time.monotonic()
        async with open_cache(path) as cache:
            cache.put(author.event())
            assert await cache.get(ALL) == []
            assert cache.counts == {"slow": 1}
        assert time.monotonic() - started < 1
        assert threading.active_count() == before + 1
    while threading.active_count() > before:  # the disk is back: what was put is written
        await asyncio.sleep(0.002)
    monkeypatch.undo()
    assert len(await run_once(path)) == 1


async def test_a_closed_cache_is_empty_and_its_thread_has_ended(path: Path, author: Author) -> None:
    before = threading.active_count()
    async with open_cache(path) as cache:
        cache.put(author.event())
    cache.put(author.event())
    assert await cache.get(ALL) == []
    assert threading.active_count() == before


def write_text(path: Path) -> None:
    path.write_bytes(b"notes of mine\n")


def write_much_text(path: Path) -> None:
    path.write_bytes(b"notes of mine\n" * 10_000)


def write_foreign_database(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE events (note TEXT)")
        db.execute("INSERT INTO events VALUES ('mine')")
    db.close()


@pytest.mark.parametrize("write", [write_text, write_much_text, write_foreign_database])
async def test_a_foreign_file_is_set_aside_whole(
    path: Path, author: Author, write: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    write(path)
    content = path.read_bytes()
    event = author.event()
    with caplog.at_level(logging.WARNING):
        assert await run_once(path, event) == [event]
    aside = path.with_name("cache.sqlite.aside-1")
    assert aside.read_bytes() == content
    assert str(aside) in caplog.text
    assert await run_once(path) == [event]


async def test_a_foreign_file_never_replaces_another_that_was_set_aside(path: Path) -> None:
    for _ in range(limits.CACHE_FILES_ASIDE + 2):
        path.write_text("mine")
        assert await run_once(path) == []
    files = list(path.parent.glob("cache.sqlite.aside-*"))
    assert len(files) == limits.CACHE_FILES_ASIDE
    assert path.read_text() == "mine"  # no room for it: memory serves


async def test_damage_that_shows_later_is_set_aside_too(
    path: Path, author: Author, caplog: pytest.LogCaptureFixture
) -> None:
    await run_once(path, *(author.event(1000, str(number) * 1000) for number in range(50)))
    data = bytearray(path.read_bytes())
    noise = random.Random(1).randbytes(len(data))
    data[4096:] = noise[4096:]  # the first page, with header and schema, stays
    path.write_bytes(data)
    event = author.event(0)
    with caplog.at_level(logging.WARNING):
        assert await run_once(path, event) == [event]
    assert path.with_name("cache.sqlite.aside-1").read_bytes()[4096:] == data[4096:]
    assert "damaged" in caplog.text


async def test_another_process_may_have_set_it_aside_already(path: Path, author: Author) -> None:
    old, new = author.event(1000, "old" * 2000), author.event(0)
    await run_once(path, old)
    async with open_cache(path) as cache:
        assert await cache.get(ALL) == [old]
        for part in ("", "-wal"):
            path.with_name(path.name + part).write_bytes(b"x" * 20_000)
        path.rename(path.with_name("moved"))
        assert await run_once(path, new) == [new]
        assert await cache.get(ALL) == [new]
    assert not list(path.parent.glob("*.aside-*"))


async def test_where_no_file_can_be_memory_serves(
    path: Path, author: Author, caplog: pytest.LogCaptureFixture
) -> None:
    path.mkdir()
    event = author.event()
    with caplog.at_level(logging.WARNING):
        assert await run_once(path, event) == [event]
    assert "nothing is kept" in caplog.text


async def test_a_link_is_not_followed(path: Path, tmp_path: Path, author: Author) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"")
    path.symlink_to(target)
    assert len(await run_once(path, author.event())) == 1
    assert target.read_bytes() == b""


@pytest.mark.parametrize("field", ["content", "sig", "created_at"])
async def test_what_was_changed_in_the_file_is_not_believed(
    path: Path, author: Author, field: str
) -> None:
    event = author.event(0, "true")
    await run_once(path, event)
    changed = msgspec.to_builtins(event) | {
        field: {"content": "false", "sig": "ab" * 64, "created_at": NOW}[field]
    }
    with sqlite3.connect(path) as db:
        db.execute("UPDATE events SET json = ?", (json.dumps(changed),))
    db.close()
    assert await run_once(path) == []
    assert await run_once(path, event) == [event]


WRITER = """
import asyncio, sys
from pathlib import Path
from tui.nostr.cache import Cache
from tui.nostr.event import Event
from tui.nostr.filter import Filter
import msgspec

async def main():
    events = msgspec.json.decode(sys.stdin.buffer.read(), type=list[Event])
    async with Cache(Path(sys.argv[1])) as cache:
        for event in events:
            cache.put(event)
            await cache.flush()
        found = await cache.get([Filter()])
        assert {event.id for event in events} <= {event.id for event in found}
        assert not cache.counts, cache.counts

asyncio.run(main())
"""


async def test_two_processes_share_a_file(path: Path, author: Author) -> None:
    events = [author.event(1000, str(number)) for number in range(200)]
    processes = [
        subprocess.Popen(  # noqa: ASYNC220
            [sys.executable, "-c", WRITER, str(path)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        for _ in range(2)
    ]
    parts = (events[:100], events[100:])
    results = await asyncio.gather(
        *(
            asyncio.to_thread(process.communicate, msgspec.json.encode(part))
            for process, part in zip(processes, parts, strict=True)
        )
    )
    assert [
        (process.returncode, errors)
        for process, (_, errors) in zip(processes, results, strict=True)
    ] == [(0, b"")] * 2
    assert len(await run_once(path)) == 200
    assert not list(path.parent.glob("*.aside-*"))
