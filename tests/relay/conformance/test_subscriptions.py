from typing import Any

from tui.nostr.event import encode_event

# That something is not sent is shown by what is sent next: relays keep the order of events.


async def test_new_events_follow_the_stored_ones(client: Any, author: Any, reader: Any) -> None:
    old, new = author.event(content="old"), author.event(content="new")
    await client.publish(old)
    await reader.send("REQ", "a", {"kinds": [1]})
    assert [message[0] for message in await reader.until("EOSE")] == ["EVENT", "EOSE"]
    await client.publish(new)
    assert await reader.next_event("a") == new


async def test_a_publisher_hears_itself_and_its_answer(client: Any, author: Any) -> None:
    event = author.event()
    await client.subscribe({"kinds": [1]})
    await client.socket.send(f'["EVENT",{encode_event(event).decode()}]')
    messages = [await client.receive(), await client.receive()]
    assert sorted(message[0] for message in messages) == ["EVENT", "OK"]


async def test_only_what_matches_is_sent(
    client: Any, author: Any, new_author: Any, reader: Any, now: int
) -> None:
    wanted = {"kinds": [1], "authors": [author.pubkey], "#t": ["x"], "since": now}
    await reader.subscribe(wanted)
    tags = (("t", "x"),)
    marker = author.event(tags=tags, at=now)
    for event in [
        author.event(7, tags=tags),
        new_author().event(tags=tags),
        author.event(tags=(("t", "y"),)),
        author.event(tags=(("T", "x"),)),
        author.event(tags=tags, at=now - 1),
        marker,
    ]:
        await client.publish(event)
    assert await reader.next_event() == marker


async def test_the_limit_does_not_bound_new_events(client: Any, author: Any, reader: Any) -> None:
    await reader.subscribe({"limit": 1})
    for i in range(3):
        event = author.event(content=str(i))
        await client.publish(event)
        assert await reader.next_event() == event


async def test_an_event_comes_once_per_subscription(client: Any, author: Any, reader: Any) -> None:
    await reader.subscribe({"kinds": [1]}, {"authors": [author.pubkey]}, id_="both")
    await reader.subscribe({"kinds": [1]}, id_="one")
    await client.publish(author.event(content="first"))
    received = [(await reader.receive())[:2] for _ in range(2)]
    assert sorted(received) == [["EVENT", "both"], ["EVENT", "one"]]
    marker = author.event(content="second")
    await client.publish(marker)
    assert marker.id in [(await reader.receive())[2]["id"] for _ in range(2)]


async def test_a_duplicate_is_not_sent_again(client: Any, author: Any, reader: Any) -> None:
    event, marker = author.event(), author.event(content="marker")
    await reader.subscribe({"kinds": [1]})
    for each in (event, event, marker):
        await client.publish(each)
    assert [await reader.next_event(), await reader.next_event()] == [event, marker]


async def test_after_close_nothing_is_sent(client: Any, author: Any, reader: Any) -> None:
    await reader.subscribe({"kinds": [1]}, id_="a")
    await reader.subscribe({"kinds": [1]}, id_="b")
    await reader.send("CLOSE", "a")
    await reader.request({"limit": 1})  # the CLOSE has been read
    await client.publish(author.event())
    await client.publish(author.event(content="marker"))
    assert [(await reader.receive())[1] for _ in range(2)] == ["b", "b"]


async def test_closing_what_is_not_open_is_ignored(client: Any, author: Any) -> None:
    await client.send("CLOSE", "nothing")
    assert await client.publish(author.event()) == (True, "")


async def test_the_same_id_replaces_a_subscription(client: Any, author: Any, reader: Any) -> None:
    await reader.subscribe({"kinds": [1]})
    await reader.subscribe({"kinds": [7]})
    marker = author.event(7)
    await client.publish(author.event(1))
    await client.publish(marker)
    assert await reader.next_event() == marker


async def test_ids_belong_to_a_connection(client: Any, author: Any, reader: Any) -> None:
    await client.subscribe({"kinds": [7]})
    await reader.subscribe({"kinds": [1]})
    await client.send("CLOSE", "live")
    event = author.event()
    await client.publish(event)
    assert await reader.next_event() == event


async def test_ephemeral_events_are_passed_on_and_not_stored(
    client: Any, author: Any, reader: Any
) -> None:
    await reader.subscribe({"kinds": [20_000, 21_102, 29_999]})
    for kind in (20_000, 21_102, 29_999):
        event = author.event(kind)
        assert await client.publish(event) == (True, "")
        assert await reader.next_event() == event
        assert await client.request({"ids": [event.id]}) == []


async def test_a_forged_event_reaches_nobody(client: Any, author: Any, reader: Any) -> None:
    await reader.subscribe({"kinds": [1, 21_102]})
    for kind in (1, 21_102):
        forged = author.event(kind)
        obj = {name: getattr(forged, name) for name in forged.__struct_fields__}
        accepted, _ = await client.publish(obj | {"sig": "0" * 128})
        assert not accepted
    marker = author.event(content="marker")
    await client.publish(marker)
    assert await reader.next_event() == marker
