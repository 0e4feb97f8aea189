import itertools
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tui.nostr.event import Event, event_id, is_addressable, is_replaceable
from tui.nostr.filter import Filter
from tui.relay.store import EventStore, Outcome, QueryTooLong, StoreError

MAX_LIMIT = 20
AUTHORS = ["a" * 64, "b" * 64]
VALUES = ["", "x", "X", "a\0b", "a", "'", '"', "%", "é", "\U0010ffff", "\ud7ff"]


def make(
    kind: int = 1, content: str = "", tags: Any = (), at: int = 100, pubkey: str = AUTHORS[0]
) -> Event:
    id_ = event_id(pubkey, at, kind, tags, content)
    return Event(id_, pubkey, at, kind, tags, content, "0" * 128)


def address(event: Event) -> str | None:
    if is_replaceable(event.kind):
        return f"{event.kind}:{event.pubkey}:"
    if is_addressable(event.kind):
        named = [tag for tag in event.tags if tag[0] == "d"]
        return f"{event.kind}:{event.pubkey}:{named[0][1] if named and named[0][1:] else ''}"
    return None


def make_pool() -> list[Event]:
    """Events that collide often: few authors, kinds, times and addresses."""
    rng = random.Random(7)
    pool = []
    for i in range(120):
        tags: list[tuple[str, ...]] = [
            (rng.choice("tsT"), rng.choice(VALUES)) for _ in range(rng.randrange(4))
        ]
        kind = rng.choice([0, 1, 1, 1311, 10_002, 31_101, 31_101])
        if kind == 31_101:
            tags.append(rng.choice([("d",), ("d", ""), ("d", "x"), ("d", "a:b")]))
        if rng.random() < 0.3:
            tags.append(("expiration", str(rng.randrange(95, 130))))
        pool.append(make(kind, str(i % 40), tuple(tags), rng.randrange(90, 100), AUTHORS[i % 2]))
    for _ in range(40):
        named = rng.sample(pool, 2)  # deletion requests among them
        tags = [("e", named[0].id), ("a", address(named[1]) or f"1:{named[1].pubkey}:")]
        if rng.random() < 0.3:
            tags.append(("expiration", str(rng.randrange(95, 130))))
        pool.append(make(5, "", tuple(tags), rng.randrange(90, 100), rng.choice(AUTHORS)))
    return pool


POOL = make_pool()
events = st.integers(0, len(POOL) - 1).map(lambda index: POOL[index])


def lists(values: list[Any]) -> st.SearchStrategy[tuple[Any, ...] | None]:
    return st.none() | st.lists(st.sampled_from(values), max_size=4).map(tuple)


filters = st.builds(
    Filter,
    ids=st.none() | st.lists(events.map(lambda event: event.id), max_size=30).map(tuple),
    authors=lists([*AUTHORS, "c" * 64]),
    kinds=lists([0, 1, 5, 1311, 10_002, 31_101, 2, -1, 2**70]),
    tags=st.dictionaries(
        st.sampled_from("tsTde"),
        st.lists(st.sampled_from([*VALUES, *(event.id for event in POOL[:3])]), max_size=4).map(
            tuple
        ),
        max_size=2,
    ),
    since=st.none() | st.integers(88, 102),
    until=st.none() | st.integers(88, 102),
    limit=st.none() | st.integers(0, 30),
)


def expires_at(event: Event) -> int:
    return int(event.first("expiration") or 10**9)


class Model:
    """The same store as a list."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.deletions: list[Event] = []

    def add(self, event: Event) -> Outcome:
        if event in self.events:
            return Outcome.DUPLICATE
        if event.kind != 5 and any(self.deletes(request, event) for request in self.deletions):
            return Outcome.DELETED
        rival = next(
            (other for other in self.events if address(other) == address(event) is not None), None
        )
        if rival is not None:
            if (-rival.created_at, rival.id) < (-event.created_at, event.id):
                return Outcome.OUTDATED
            self.events.remove(rival)
        self.events.append(event)
        if event.kind == 5:
            self.deletions.append(event)
            self.events = [
                other for other in self.events if other.kind == 5 or not self.deletes(event, other)
            ]
        return Outcome.STORED

    @staticmethod
    def deletes(request: Event, event: Event) -> bool:
        return request.pubkey == event.pubkey and (
            event.id in request.values("e")
            or (address(event) in request.values("a") and event.created_at <= request.created_at)
        )

    def purge(self, now: float) -> None:
        self.events = self.alive(now)

    def alive(self, now: float) -> list[Event]:
        return [event for event in self.events if expires_at(event) > now]

    def find(self, wanted: list[Filter], now: float) -> list[str]:
        found: dict[str, Event] = {}
        for each in wanted:
            matching = sorted(
                (event for event in self.alive(now) if each.matches(event)), key=newest_first
            )
            limit = MAX_LIMIT if each.limit is None else min(each.limit, MAX_LIMIT)
            found.update((event.id, event) for event in matching[:limit])
        return [event.id for event in sorted(found.values(), key=newest_first)]

    def count(self, wanted: list[Filter], now: float) -> int:
        return sum(any(each.matches(event) for each in wanted) for event in self.alive(now))


def newest_first(event: Event) -> tuple[int, str]:
    return -event.created_at, event.id


class StoreMatchesModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 90.0
        self.model = Model()
        self.store = EventStore(None, max_bytes=10**8, query_seconds=10)

    @rule(batch=st.lists(events, min_size=1, max_size=10))
    def add(self, batch: list[Event]) -> None:
        # The relay refuses what has expired before it gets here.
        batch = [event for event in batch if expires_at(event) > self.now]
        self.model.purge(self.now)
        expected = [self.model.add(event) for event in batch]
        assert self.store.add(batch, self.now) == expected

    @rule(wanted=st.lists(filters, min_size=1, max_size=3))
    def find(self, wanted: list[Filter]) -> None:
        found = self.store.find(wanted, self.now, MAX_LIMIT)
        assert [each.id for each in found] == self.model.find(wanted, self.now)

    @rule(wanted=st.lists(filters, min_size=1, max_size=3))
    def count(self, wanted: list[Filter]) -> None:
        assert self.store.count(wanted, self.now) == self.model.count(wanted, self.now)

    @rule(seconds=st.integers(1, 10))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def purge(self) -> None:
        before = len(self.model.events)
        self.model.purge(self.now)
        assert self.store.purge(self.now) == before - len(self.model.events)

    @invariant()
    def holds_the_same(self) -> None:
        found = self.store.find([Filter()], self.now, 1000)
        expected = sorted(self.model.alive(self.now), key=newest_first)
        assert [each.id for each in found] == [event.id for event in expected]

    def teardown(self) -> None:
        self.store.close()


StoreMatchesModel.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None
)
test_the_store_behaves_like_a_list = StoreMatchesModel.TestCase


@pytest.fixture
def store() -> Iterator[EventStore]:
    store = EventStore(None, max_bytes=10**8, query_seconds=10)
    yield store
    store.close()


def open_file(path: Path, max_bytes: int = 10**8) -> EventStore:
    return EventStore(path, max_bytes=max_bytes, query_seconds=10)


def test_what_is_stored_is_there_after_reopening(tmp_path: Path) -> None:
    store = open_file(tmp_path / "events.db")
    store.add(POOL, 0)
    before = store.find([Filter()], 0, 1000)
    store.close()
    store = open_file(tmp_path / "events.db")
    assert store.find([Filter()], 0, 1000) == before
    store.close()


def test_a_deletion_outlives_its_own_expiration_and_a_restart(tmp_path: Path) -> None:
    event = make()
    store = open_file(tmp_path / "events.db")
    store.add([make(5, tags=(("e", event.id), ("expiration", "50")))], 0)
    assert store.purge(60) == 1
    store.close()
    store = open_file(tmp_path / "events.db")
    assert store.add([event], 60) == [Outcome.DELETED]
    store.close()


def test_events_are_read_in_the_order_asked_for(store: EventStore) -> None:
    stored = [make(content=str(i), at=i) for i in range(5)]
    store.add(stored, 0)
    keys = iter([each.key for each in store.find([Filter()], 0, 10)])
    texts = store.read(keys, 10**6)
    assert [f'"content":"{4 - i}"' in text for i, text in enumerate(texts)] == [True] * 5


def test_reading_stops_at_the_bound_and_goes_on_from_there(store: EventStore) -> None:
    store.add([make(content=str(i) * 1000) for i in range(10)], 0)
    keys = iter([each.key for each in store.find([Filter()], 0, 10)])
    sizes = []
    while texts := store.read(keys, 2500):
        sizes.append(len(texts))
    assert sizes == [2, 2, 2, 2, 2]


def test_what_has_gone_since_it_was_found_is_not_read(store: EventStore) -> None:
    first, second = make(10_002, "old", at=1), make(1)
    store.add([first, second], 0)
    keys = iter([each.key for each in store.find([Filter()], 0, 10)])
    store.add([make(10_002, "new", at=2)], 0)
    (text,) = store.read(keys, 10**6)
    assert second.id in text


def test_a_query_that_takes_too_long_is_ended() -> None:
    ticks = itertools.count()
    store = EventStore(None, max_bytes=10**9, query_seconds=0, clock=lambda: next(ticks))
    store.add([make(content=str(i), tags=(("t", "x"),)) for i in range(2000)], 0)
    with pytest.raises(QueryTooLong):
        store.count([Filter(tags={"t": ("x",), "s": ("x",)})], 0)
    assert store.add([make(content="still writes")], 0) == [Outcome.STORED]
    store.close()


def test_a_full_store_takes_nothing_half_and_still_answers(tmp_path: Path) -> None:
    store = open_file(tmp_path / "events.db", max_bytes=400_000)
    kept = make(content="kept")
    expiring = make(content="y" * 60_000, tags=(("expiration", "200"),))
    store.add([kept, expiring], 100)
    batch = [make(content=str(i) + "x" * 50_000) for i in range(20)]
    with pytest.raises(StoreError, match="full"):
        store.add(batch, 100)
    assert store.count([Filter()], 100) == 2
    assert store.purge(300) == 1
    assert store.add(batch[:1], 300) == [Outcome.STORED]
    store.close()


def test_a_second_relay_cannot_open_the_store(tmp_path: Path) -> None:
    store = open_file(tmp_path / "events.db")
    with pytest.raises(StoreError, match="locked"):
        open_file(tmp_path / "events.db")
    store.close()
    open_file(tmp_path / "events.db").close()


@pytest.mark.parametrize("content", [b"not a database, by any means" * 50, b"SQLite format 3\0"])
def test_what_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"notes\.txt"):
        open_file(path)
    assert path.read_bytes() == content


def test_the_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE mail (text)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not a relay store"):
        open_file(path)
    assert path.read_bytes() == before


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        open_file(tmp_path)
    with pytest.raises(StoreError):
        open_file(tmp_path / "missing" / "events.db")
