import random
from typing import Any

import pytest

from tui.nostr.event import Event
from tui.nostr.filter import check_filter


async def stored(client: Any, *events: Event) -> tuple[Event, ...]:
    for event in events:
        assert await client.publish(event) == (True, "")
    return events


def newest_first(events: Any) -> list[Event]:
    return sorted(events, key=lambda event: (-event.created_at, event.id))


async def test_nothing_stored_is_an_end_at_once(client: Any) -> None:
    await client.send("REQ", "a", {})
    assert await client.receive() == ["EOSE", "a"]


async def test_by_id_author_and_kind(client: Any, author: Any, new_author: Any) -> None:
    other = new_author()
    a, b, c = await stored(client, author.event(1), author.event(7), other.event(1))
    assert await client.request({"ids": [a.id]}) == [a]
    assert await client.request({"authors": [other.pubkey]}) == [c]
    assert await client.request({"kinds": [7]}) == [b]
    assert await client.request({"kinds": [1], "authors": [author.pubkey]}) == [a]
    assert await client.request({"kinds": [7], "ids": [a.id]}) == []


async def test_by_tag_of_either_case(client: Any, author: Any, now: int) -> None:
    tags = ((("t", "x"),), (("T", "x"),), (("t", "y", "x"), ("t", "z")), (("tt", "x"),))
    a, b, c, _ = await stored(
        client, *(author.event(tags=each, at=now - i) for i, each in enumerate(tags))
    )
    assert await client.request({"#t": ["x"]}) == [a]
    assert await client.request({"#T": ["x"]}) == [b]
    assert await client.request({"#t": ["z", "x"]}) == [a, c]
    assert await client.request({"#t": ["X"]}) == []


async def test_an_event_that_matches_by_two_values_comes_once(client: Any, author: Any) -> None:
    (a,) = await stored(client, author.event(tags=(("t", "x"), ("t", "y"), ("t", "x"))))
    assert await client.request({"#t": ["x", "y"]}) == [a]


async def test_every_tag_condition_must_hold(client: Any, author: Any, now: int) -> None:
    a, _, _ = await stored(
        client,
        author.event(31101, tags=(("s", "1"), ("h", "2"), ("d", "a"))),
        author.event(31101, tags=(("s", "1"), ("h", "3"), ("d", "b"))),
        author.event(31101, tags=(("s", "4"), ("h", "2"), ("d", "c"))),
    )
    assert await client.request({"kinds": [31101], "#s": ["1"], "#h": ["2"]}) == [a]


async def test_tag_values_match_whole(client: Any, author: Any) -> None:
    await stored(client, author.event(tags=(("t", "nostr"),)))
    assert await client.request({"#t": ["nos"]}) == []
    assert await client.request({"#t": ["nostr "]}) == []


@pytest.mark.parametrize("condition", ["ids", "authors"])
async def test_a_prefix_is_refused(client: Any, author: Any, condition: str, expected: Any) -> None:
    (a,) = await stored(client, author.event())
    value = a.id if condition == "ids" else a.pubkey
    await client.send("REQ", "a", {condition: [value[:16]]})
    assert (await client.receive())[0] == expected("CLOSED")


async def test_since_and_until_include_their_second(client: Any, author: Any, now: int) -> None:
    a, b, c = await stored(client, *(author.event(at=now - age) for age in (0, 1, 2)))
    assert await client.request({"since": now - 1}) == [a, b]
    assert await client.request({"until": now - 1}) == [b, c]
    assert await client.request({"since": now - 1, "until": now - 1}) == [b]
    assert await client.request({"since": now, "until": now - 1}) == []


async def test_the_newest_come_first_and_lower_ids_at_a_tie(
    client: Any, author: Any, now: int
) -> None:
    events = [author.event(content=str(i), at=now - i % 3) for i in range(12)]
    await stored(client, *events)
    assert await client.request({}) == newest_first(events)


async def test_the_limit_keeps_the_newest(client: Any, author: Any, now: int) -> None:
    events = [author.event(content=str(i), at=now - i % 3) for i in range(12)]
    await stored(client, *events)
    assert await client.request({"limit": 5}) == newest_first(events)[:5]
    assert await client.request({"limit": 100}) == newest_first(events)


async def test_a_limit_of_zero_asks_for_new_events_only(
    client: Any, author: Any, reader: Any
) -> None:
    await stored(client, author.event())
    await reader.send("REQ", "live", {"limit": 0})
    assert await reader.receive() == ["EOSE", "live"]
    (new,) = await stored(client, author.event(content="new"))
    assert await reader.next_event() == new


async def test_filters_are_alternatives(client: Any, author: Any, now: int) -> None:
    a, b, c = await stored(
        client,
        author.event(1, at=now),
        author.event(7, at=now - 1),
        author.event(1, tags=(("t", "x"),), at=now - 2),
    )
    assert await client.request({"kinds": [7]}, {"#t": ["x"]}) == [b, c]
    assert await client.request({"kinds": [1]}, {"#t": ["x"]}) == [a, c]


async def test_each_filter_has_its_own_limit(client: Any, author: Any, now: int) -> None:
    events = await stored(
        client, *(author.event((1, 7)[i % 2], content=str(i), at=now - i) for i in range(8))
    )
    got = await client.request({"kinds": [1], "limit": 1}, {"kinds": [7], "limit": 2})
    assert [events.index(event) for event in got] == [0, 1, 3]


async def test_an_empty_list_matches_nothing(client: Any, author: Any, expected: Any) -> None:
    await stored(client, author.event())
    assert len(await client.request({"kinds": []})) == expected(0)


async def test_a_condition_nobody_knows_is_refused(client: Any, author: Any, expected: Any) -> None:
    await stored(client, author.event())
    await client.send("REQ", "a", {"#webrtc": ["spaces"]})
    assert (await client.receive())[0] == expected("CLOSED")


@pytest.mark.parametrize(
    "condition",
    [
        {"kinds": "1"},
        {"kinds": ["1"]},
        {"authors": "x"},
        {"since": "now"},
        {"limit": "1"},
        {"#t": 1},
    ],
    ids=str,
)
async def test_a_filter_of_wrong_shape_is_refused(
    client: Any, author: Any, condition: dict[str, Any], expected: Any
) -> None:
    await client.send("REQ", "a", condition)
    answer = await client.receive()
    assert answer[0] == expected("CLOSED")
    assert await client.publish(author.event()) == (True, "")


async def test_an_empty_subscription_id_is_refused(client: Any, expected: Any) -> None:
    await client.send("REQ", "", {"limit": 1})
    assert (await client.receive())[0] == expected("CLOSED")


async def test_a_subscription_id_that_is_too_long_is_refused(client: Any) -> None:
    await client.send("REQ", "x" * 300, {"limit": 1})
    assert (await client.receive())[0] == "CLOSED"


async def test_a_count_is_of_all_that_matches(client: Any, author: Any) -> None:
    await stored(client, *(author.event((1, 7)[i % 2], content=str(i)) for i in range(5)))
    for wanted, count in [
        ({"kinds": [1]}, 3),
        ({"authors": [author.pubkey]}, 5),
        ({"kinds": [3]}, 0),
    ]:
        await client.send("COUNT", "c", wanted)
        assert await client.receive() == ["COUNT", "c", {"count": count}]


async def test_a_count_of_alternatives_counts_each_event_once(
    client: Any, author: Any, expected: Any
) -> None:
    await stored(client, *(author.event((1, 7)[i % 2], content=str(i)) for i in range(5)))
    await client.send("COUNT", "c", {"kinds": [1]}, {"authors": [author.pubkey]}, {"kinds": [7]})
    assert (await client.receive())[2]["count"] == expected(5)


async def test_a_count_ignores_the_limit(client: Any, author: Any, expected: Any) -> None:
    await stored(client, *(author.event(content=str(i)) for i in range(5)))
    await client.send("COUNT", "c", {"kinds": [1], "limit": 2})
    assert (await client.receive())[2]["count"] == expected(5)


async def test_a_count_that_cannot_be_is_closed(client: Any, expected: Any) -> None:
    await client.send("COUNT", "c", {"kinds": ["one"]})
    assert (await client.receive())[0] == expected("CLOSED")


@pytest.mark.parametrize("seed", range(4))
async def test_any_filter_answers_like_a_scan(
    client: Any, new_author: Any, seed: int, now: int
) -> None:
    rng = random.Random(seed)
    authors = [new_author() for _ in range(3)]
    events = [
        rng.choice(authors).event(
            rng.choice([1, 7, 1000, 1311]),
            content=str(i),
            tags=tuple((rng.choice("spt"), f"{rng.randrange(3):064x}") for _ in range(3)),
            at=now - rng.randrange(6),
        )
        for i in range(40)
    ]
    await stored(client, *events)

    def some(values: list[Any]) -> list[Any]:
        return rng.sample(values, rng.randint(1, 2))

    for _ in range(40):
        conditions = {
            "ids": [event.id for event in rng.sample(events, 20)],
            "authors": some([each.pubkey for each in authors]),
            "kinds": some([1, 7, 1000, 1311, 9]),
            "#s": some([f"{i:064x}" for i in range(4)]),
            "#p": some([f"{i:064x}" for i in range(4)]),
            "since": now - rng.randrange(7),
            "until": now - rng.randrange(7),
            "limit": rng.randint(1, 50),
        }
        asked = {name: conditions[name] for name in rng.sample(list(conditions), 3)}
        wanted = check_filter(asked)
        matching = newest_first(event for event in events if wanted.matches(event))
        assert await client.request(asked) == matching[: asked.get("limit")], asked
