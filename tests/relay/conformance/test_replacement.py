from typing import Any

import pytest

REPLACEABLE = [0, 3, 10_000, 19_999]
ADDRESSABLE = [30_000, 31_101, 39_999]
D = (("d", "x"),)  # means nothing to kinds that are not addressable


def prefix(reason: str) -> str:
    return reason.partition(":")[0]


@pytest.mark.parametrize("kind", REPLACEABLE + ADDRESSABLE)
async def test_a_newer_event_replaces(client: Any, author: Any, kind: int, now: int) -> None:
    old, new = author.event(kind, "old", D, now - 1), author.event(kind, "new", D, now)
    assert await client.publish(old) == (True, "")
    assert await client.publish(new) == (True, "")
    assert await client.request({"kinds": [kind]}) == [new]
    assert await client.request({"ids": [old.id]}) == []


@pytest.mark.parametrize("kind", REPLACEABLE + ADDRESSABLE)
async def test_an_older_event_changes_nothing(
    client: Any, author: Any, reader: Any, kind: int, now: int, expected: Any
) -> None:
    old, new = author.event(kind, "old", D, now - 1), author.event(kind, "new", D, now)
    await client.publish(new)
    await reader.subscribe({"kinds": [kind, 1], "limit": 1})
    accepted, reason = await client.publish(old)
    assert (accepted, prefix(reason)) == expected((False, "duplicate"))
    assert await client.request({"kinds": [kind]}) == [new]
    marker = author.event(1)
    await client.publish(marker)
    assert await reader.next_event() == marker


@pytest.mark.parametrize("kind", [0, 10_002, 31_101])
@pytest.mark.parametrize("lower_first", [True, False])
async def test_at_a_tie_the_lower_id_stays(
    client: Any, author: Any, kind: int, lower_first: bool, now: int
) -> None:
    events = [author.event(kind, text, D, now) for text in ("a", "b")]
    lower, higher = sorted(events, key=lambda event: event.id)
    for event in (lower, higher) if lower_first else (higher, lower):
        await client.publish(event)
    assert await client.request({"kinds": [kind]}) == [lower]


@pytest.mark.parametrize("kind", [0, 10_002, 31_101])
async def test_every_author_and_kind_has_its_own(
    client: Any, author: Any, new_author: Any, kind: int
) -> None:
    events = [author.event(kind, tags=D), new_author().event(kind, tags=D)]
    events.append(author.event(kind + 3, tags=D))
    for event in events:
        await client.publish(event)
    got = await client.request({"kinds": [kind, kind + 3]})
    assert {event.id for event in got} == {event.id for event in events}


@pytest.mark.parametrize("kind", ADDRESSABLE)
async def test_every_d_value_has_its_own(client: Any, author: Any, kind: int, now: int) -> None:
    a = author.event(kind, tags=(("d", "a"),), at=now)
    b = author.event(kind, tags=(("d", "b"),), at=now - 1)
    newer = author.event(kind, tags=(("t", "x"), ("d", "b"), ("d", "a")), at=now)
    for event in (a, b, newer):
        assert await client.publish(event) == (True, "")
    got = await client.request({"kinds": [kind]})
    assert {event.id for event in got} == {a.id, newer.id}


@pytest.mark.parametrize("tags", [(("d", ""),), (("d", "", "x"), ("d", "y"))], ids=str)
async def test_an_empty_d_is_a_value(
    client: Any, author: Any, tags: tuple[tuple[str, ...], ...], now: int
) -> None:
    await client.publish(author.event(31_101, tags=(("d", ""),), at=now - 1))
    newer = author.event(31_101, "newer", tags, now)
    assert await client.publish(newer) == (True, "")
    assert await client.request({"kinds": [31_101]}) == [newer]


@pytest.mark.parametrize("tags", [(), (("d",),), (("d",), ("d", "y"))], ids=str)
async def test_no_d_is_an_empty_one(
    client: Any, author: Any, tags: tuple[tuple[str, ...], ...], now: int, expected: Any
) -> None:
    old = author.event(31_101, tags=(("d", ""),), at=now - 1)
    newer = author.event(31_101, "newer", tags, now)
    await client.publish(old)
    await client.publish(newer)
    contents = [event.content for event in await client.request({"kinds": [31_101]})]
    assert contents == expected(["newer"])


@pytest.mark.parametrize("kind", [1, 2, 4, 1000, 1311, 9_999, 40_000, 65_535])
async def test_regular_events_stay_side_by_side(client: Any, author: Any, kind: int) -> None:
    events = [author.event(kind, text) for text in ("a", "b")]
    for event in events:
        assert await client.publish(event) == (True, "")
    assert {event.id for event in await client.request({"kinds": [kind]})} == {
        event.id for event in events
    }
