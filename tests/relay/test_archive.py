import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tui.nostr.event import Event
from tui.nostr.filter import Filter
from tui.relay.archive import Archive
from tui.relay.limits import RelayLimits
from tui.relay.store import Outcome, StoreError

EVERYTHING = [Filter()]


@pytest.fixture
def stored() -> list[Event]:
    """What the archive said it has stored."""
    return []


@pytest.fixture
async def archive(stored: list[Event]) -> AsyncIterator[Archive]:
    async with Archive(None, RelayLimits(), stored.append, now=lambda: 0.0) as archive:
        yield archive


async def test_all_that_wait_are_answered(
    archive: Archive, author: Any, stored: list[Event]
) -> None:
    events = [author.event(content=str(i)) for i in range(1000)]
    outcomes = await asyncio.gather(*map(archive.add, events))
    assert outcomes == [Outcome.STORED] * 1000
    assert stored == events
    assert await archive.count(EVERYTHING) == 1000


async def test_duplicates_in_one_batch_are_stored_and_announced_once(
    archive: Archive, author: Any, stored: list[Event]
) -> None:
    event = author.event()
    outcomes = await asyncio.gather(*(archive.add(event) for _ in range(3)))
    assert outcomes == [Outcome.STORED, Outcome.DUPLICATE, Outcome.DUPLICATE]
    assert stored == [event]


async def test_an_event_is_announced_before_a_query_finds_it(
    archive: Archive, author: Any, stored: list[Event]
) -> None:
    """Else a new subscription would send it as stored and then again as new."""
    adding = [asyncio.create_task(archive.add(author.event(at=i))) for i in range(300)]
    while len(stored) < 300:
        found = await archive.find([Filter(limit=1)])
        assert {each.id for each in found} <= {event.id for event in stored}
    await asyncio.gather(*adding)


async def test_who_gives_up_waiting_disturbs_nobody(
    archive: Archive, author: Any, stored: list[Event]
) -> None:
    events = [author.event(content=str(i)) for i in range(3)]
    adding = [asyncio.create_task(archive.add(event)) for event in events]
    await asyncio.sleep(0)
    adding[1].cancel()
    assert await adding[0] is await adding[2] is Outcome.STORED
    assert stored == events


async def test_a_full_store_fails_events_and_still_answers(author: Any) -> None:
    limits = RelayLimits(store_bytes=200_000)
    stored: list[Event] = []
    async with Archive(None, limits, stored.append, now=lambda: 0.0) as archive:
        outcomes = [await archive.add(author.event(content=str(i) * 50_000)) for i in range(9)]
        assert outcomes[0] is Outcome.STORED
        assert outcomes[-1] is Outcome.FAILED
        assert await archive.count(EVERYTHING) == outcomes.count(Outcome.STORED) == len(stored)


async def test_nothing_is_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    async with Archive(path, RelayLimits(), lambda _: None, now=lambda: 0.0):
        with pytest.raises(StoreError):
            async with Archive(path, RelayLimits(), lambda _: None, now=lambda: 0.0):
                pass
    assert len(asyncio.all_tasks()) == 1
    for thread in threading.enumerate():
        if thread.name.startswith("relay-store"):
            await asyncio.to_thread(thread.join, 5)
            assert not thread.is_alive()
