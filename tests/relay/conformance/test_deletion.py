from typing import Any

import pytest


def prefix(reason: str) -> str:
    return reason.partition(":")[0]


async def test_its_author_deletes_an_event_for_ever(client: Any, author: Any) -> None:
    event, other = author.event(), author.event(content="other")
    await client.publish(event)
    await client.publish(other)
    request = author.event(5, tags=(("e", event.id), ("k", "1")))
    assert await client.publish(request) == (True, "")
    assert await client.request({"kinds": [1]}) == [other]
    accepted, reason = await client.publish(event)
    assert (accepted, prefix(reason)) == (False, "blocked")
    assert await client.request({"kinds": [1]}) == [other]


async def test_the_request_itself_is_served(client: Any, author: Any) -> None:
    event = author.event()
    await client.publish(event)
    request = author.event(5, "by accident", tags=(("e", event.id),))
    await client.publish(request)
    assert await client.request({"kinds": [5], "#e": [event.id]}) == [request]


async def test_an_event_deleted_before_it_came_stays_away(
    client: Any, author: Any, expected: Any
) -> None:
    event = author.event()
    await client.publish(author.event(5, tags=(("e", event.id),)))
    await client.publish(event)
    assert len(await client.request({"kinds": [1]})) == expected(0)


async def test_the_event_of_somebody_else_stays(
    client: Any, author: Any, new_author: Any, expected: Any
) -> None:
    event = author.event()
    await client.publish(event)
    request = new_author().event(5, tags=(("e", event.id),))
    assert (await client.publish(request))[0] == expected(True)
    assert await client.request({"kinds": [1]}) == [event]


async def test_somebody_else_cannot_bar_an_event_to_come(
    client: Any, author: Any, new_author: Any
) -> None:
    event = author.event()
    await client.publish(new_author().event(5, tags=(("e", event.id),)))
    assert await client.publish(event) == (True, "")


async def test_one_request_names_many(client: Any, author: Any, new_author: Any) -> None:
    mine = [author.event(content=str(i)) for i in range(3)]
    for event in mine:
        await client.publish(event)
    await client.publish(author.event(5, tags=tuple(("e", event.id) for event in mine[:2])))
    assert await client.request({"kinds": [1]}) == mine[2:]


@pytest.mark.parametrize("kind", [10_002, 31_101])
async def test_an_address_is_deleted_up_to_the_request(
    client: Any, author: Any, kind: int, now: int, expected: Any
) -> None:
    tags = (("d", "x" if kind == 31_101 else ""),)
    address = f"{kind}:{author.pubkey}:{tags[0][1]}"
    event = author.event(kind, tags=tags, at=now - 10)
    await client.publish(event)
    request = author.event(5, tags=(("a", address),), at=now - 5)
    assert await client.publish(request) == (True, "")
    assert await client.request({"kinds": [kind]}) == []
    for barred in (event, author.event(kind, "between", tags, now - 6)):
        accepted, reason = await client.publish(barred)
        assert (accepted, prefix(reason)) == expected((False, "blocked"))
    newer = author.event(kind, "newer", tags, now - 4)
    assert await client.publish(newer) == (True, "")
    assert await client.request({"kinds": [kind]}) == [newer]


async def test_an_address_may_hold_colons(
    client: Any, author: Any, now: int, expected: Any
) -> None:
    event = author.event(31_101, tags=(("d", "a:b"),), at=now - 1)
    await client.publish(event)
    address = f"31101:{author.pubkey}:a:b"
    assert await client.publish(author.event(5, tags=(("a", address),))) == (True, "")
    assert len(await client.request({"kinds": [31_101]})) == expected(0)


async def test_a_newer_event_outlives_the_deletion_of_its_address(
    client: Any, author: Any, now: int
) -> None:
    event = author.event(31_101, tags=(("d", "a"),), at=now)
    await client.publish(event)
    address = f"31101:{author.pubkey}:a"
    await client.publish(author.event(5, tags=(("a", address),), at=now - 1))
    assert await client.request({"kinds": [31_101]}) == [event]


async def test_the_address_of_somebody_else_stays(
    client: Any, author: Any, new_author: Any, expected: Any
) -> None:
    event = author.event(31_101, tags=(("d", "a"),))
    await client.publish(event)
    request = new_author().event(5, tags=(("a", f"31101:{author.pubkey}:a"),))
    assert (await client.publish(request))[0] == expected(True)
    assert await client.request({"kinds": [31_101]}) == [event]


async def test_a_deletion_cannot_be_deleted(client: Any, author: Any, expected: Any) -> None:
    event = author.event()
    await client.publish(event)
    request = author.event(5, tags=(("e", event.id),))
    await client.publish(request)
    await client.publish(author.event(5, tags=(("e", request.id),)))
    assert not (await client.publish(event))[0]
    assert len(await client.request({"ids": [request.id]})) == expected(1)


async def test_a_deletion_cannot_be_barred(client: Any, author: Any) -> None:
    event = author.event()
    request = author.event(5, tags=(("e", event.id),))
    await client.publish(author.event(5, tags=(("e", request.id),)))
    await client.publish(event)
    assert await client.publish(request) == (True, "")
    assert await client.request({"kinds": [1]}) == []


@pytest.mark.parametrize(
    "tag",
    [("e",), ("e", ""), ("e", "x"), ("a", "31101"), ("a", "x:y:z"), ("a", ":::"), ("p", "x")],
    ids=str,
)
async def test_nonsense_deletes_nothing(client: Any, author: Any, tag: tuple[str, ...]) -> None:
    event = author.event(31_101, tags=(("d", ""),))
    await client.publish(event)
    assert await client.publish(author.event(5, tags=(tag,))) == (True, "")
    assert await client.request({"kinds": [31_101]}) == [event]
