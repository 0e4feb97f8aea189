import asyncio
import contextlib
import itertools
import json
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tui.config import limits
from tui.nostr.event import encode_event
from tui.relay.information import information_document
from tui.relay.limits import RelayLimits
from tui.relay.server import RelayServer
from tui.relay.store import StoreError

StartRelay = Callable[..., Awaitable[RelayServer]]


@pytest.fixture
async def start_relay() -> AsyncIterator[StartRelay]:
    """Starts relays with these limits; they end with the test."""
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> RelayServer:
            names = RelayLimits.__struct_fields__
            limits = RelayLimits(**{name: options.pop(name) for name in names if name in options})
            return await stack.enter_async_context(RelayServer(limits=limits, **options))

        yield start


def list_files(path: Path) -> list[Path]:
    return list(path.iterdir())


async def stall(client: Any) -> None:
    """Stop reading, with as little room as possible in the kernel."""
    client.socket.transport.pause_reading()


async def dropped(client: Any, running: Callable[[], bool]) -> None:
    """Wait until the relay has ended the connection; what is in the kernel may still arrive."""
    client.socket.transport.resume_reading()
    with contextlib.suppress(ConnectionClosed):
        while running():
            await client.receive()


# Limits


async def test_the_document_states_the_limits() -> None:
    limits = RelayLimits(max_subscriptions=7, max_limit=8, max_content_length=9)
    document = json.loads(information_document(limits))
    for name, value in document["limitation"].items():
        assert getattr(limits, name, value) == value
    assert {"max_message_length", "max_subscriptions", "created_at_upper_limit"} <= set(
        document["limitation"]
    )
    assert document["limitation"]["max_subscriptions"] == 7


async def test_longer_messages_end_the_connection(
    start_relay: StartRelay, dial: Any, author: Any, stop_watch: Any
) -> None:
    relay = await start_relay(max_message_length=2000)
    client = await dial(relay.url)
    event = author.event()
    text = f'["EVENT",{encode_event(event).decode()}]'
    await client.socket.send(text.ljust(2000))
    assert (await client.receive())[:3] == ["OK", event.id, True]
    await client.socket.send(text.ljust(2001))
    await dropped(client, stop_watch)
    assert client.socket.close_code == 1009


async def test_subscriptions_of_a_connection_are_limited(
    start_relay: StartRelay, dial: Any
) -> None:
    relay = await start_relay(max_subscriptions=2)
    client, other = await dial(relay.url), await dial(relay.url)
    await client.subscribe({}, id_="a")
    await client.subscribe({}, id_="b")
    await client.send("REQ", "c", {})
    assert (await client.receive())[:2] == ["CLOSED", "c"]
    await client.subscribe({}, id_="b")
    await client.send("CLOSE", "a")
    await client.subscribe({}, id_="c")
    await other.subscribe({}, id_="a")


async def test_a_refused_request_ends_the_subscription_of_its_id(
    start_relay: StartRelay, dial: Any, author: Any
) -> None:
    client = await dial((await start_relay()).url)
    await client.subscribe({}, id_="a")
    await client.send("REQ", "a", {"kinds": "all"})
    assert (await client.receive())[:2] == ["CLOSED", "a"]
    await client.send("EVENT", json.loads(encode_event(author.event())))
    assert (await client.receive())[0] == "OK"


@pytest.mark.parametrize(
    ("limit", "good", "bad"),
    [
        ({"max_filters": 2}, ["a", {}, {}], ["a", {}, {}, {}]),
        ({"max_subid_length": 3}, ["abc", {}], ["abcd", {}]),
        ({"filter_values": 4}, ["a", {"kinds": [1, 2, 3]}], ["a", {"kinds": [1, 2, 3, 4]}]),
        ({"filter_values": 4}, ["a", {"#t": ["x"]}, {"ids": []}], ["a", {"#t": ["x"] * 3}, {}]),
    ],
    ids=str,
)
@pytest.mark.parametrize("verb", ["REQ", "COUNT"])
async def test_requests_are_limited(
    start_relay: StartRelay, dial: Any, verb: str, limit: Any, good: Any, bad: Any
) -> None:
    client = await dial((await start_relay(**limit)).url)
    await client.send(verb, *bad)
    name, id_, reason = await client.receive()
    assert (name, id_, reason.split(":")[0]) == ("CLOSED", bad[0], "invalid")
    await client.send(verb, *good)
    assert (await client.receive())[0] == {"REQ": "EOSE", "COUNT": "COUNT"}[verb]


async def test_values_of_all_subscriptions_are_limited(start_relay: StartRelay, dial: Any) -> None:
    client = await dial((await start_relay(filter_values=10)).url)
    await client.subscribe({"kinds": [1, 2, 3, 4, 5]}, id_="a")
    await client.send("REQ", "b", {"kinds": [1, 2, 3, 4, 5]})
    assert (await client.receive())[2].startswith("rate-limited: ")
    await client.send("CLOSE", "a")
    await client.subscribe({"kinds": [1, 2, 3, 4, 5]}, id_="b")


async def test_stored_events_of_a_filter_are_limited(
    start_relay: StartRelay, dial: Any, author: Any, now: int
) -> None:
    client = await dial((await start_relay(max_limit=3)).url)
    events = [author.event((1, 7)[i % 2], at=now - i) for i in range(10)]
    for event in events:
        await client.publish(event)
    assert await client.request({}) == events[:3]
    assert await client.request({"limit": 5}) == events[:3]
    assert await client.request({"limit": 2}) == events[:2]
    assert await client.request({"kinds": [1]}, {"kinds": [7]}) == events[:6]
    assert await client.request({"until": now - 3}) == events[3:6]


@pytest.mark.parametrize(
    ("limit", "good", "bad"),
    [
        ({"max_event_tags": 2}, {"tags": (("t",),) * 2}, {"tags": (("t",),) * 3}),
        ({"max_content_length": 3}, {"content": "äöü"}, {"content": "äöüß"}),
        ({"created_at_upper_limit": 60}, {"at": 1060}, {"at": 1061}),
        ({}, {"tags": (("expiration", "1001"),)}, {"tags": (("expiration", "1000"),)}),
    ],
    ids=str,
)
async def test_events_are_limited(
    start_relay: StartRelay, dial: Any, author: Any, limit: Any, good: Any, bad: Any
) -> None:
    relay = await start_relay(now=lambda: 1000.0, **limit)
    client = await dial(relay.url)
    accepted, reason = await client.publish(author.event(**({"at": 1000} | bad)))
    assert (accepted, reason.split(":")[0]) == (False, "invalid")
    assert relay.counts["refused event"] == 1
    assert await client.publish(author.event(**({"at": 1000} | good))) == (True, "")


async def test_the_rate_of_a_connection_is_limited(
    start_relay: StartRelay, dial: Any, author: Any
) -> None:
    relay = await start_relay(message_burst=3, messages_per_second=0.0001)
    client, other = await dial(relay.url), await dial(relay.url)
    assert await client.publish(author.event(content="1")) == (True, "")
    await client.subscribe({"kinds": [7]}, id_="a")
    await client.send("COUNT", "c", {})
    assert (await client.receive())[0] == "COUNT"
    assert await client.publish(author.event(content="2")) == (False, "rate-limited: slow down")
    for verb in ("REQ", "COUNT"):
        await client.send(verb, "b", {})
        assert await client.receive() == ["CLOSED", "b", "rate-limited: slow down"]
    assert await other.publish(author.event(7)) == (True, "")
    await client.next_event("a")


async def test_connections_are_limited(
    start_relay: StartRelay, dial: Any, author: Any, stop_watch: Any
) -> None:
    relay = await start_relay(max_connections=2)
    first, second = await dial(relay.url), await dial(relay.url)
    with pytest.raises(InvalidStatus) as refused:
        await dial(relay.url)
    assert refused.value.response.status_code == 503
    await first.socket.close()
    third = None
    while third is None and stop_watch():
        with contextlib.suppress(InvalidStatus):
            third = await dial(relay.url)
    for client in (second, third):
        assert await client.publish(author.event(content=str(id(client)))) == (True, "")


async def test_many_connections_at_once_do_not_slip_through(
    start_relay: StartRelay, dial: Any
) -> None:
    relay = await start_relay(max_connections=5)
    results = await asyncio.gather(*(dial(relay.url) for _ in range(30)), return_exceptions=True)
    assert sum(not isinstance(result, Exception) for result in results) == 5


async def test_who_sends_no_handshake_is_no_obstacle(
    start_relay: StartRelay, dial: Any, author: Any
) -> None:
    relay = await start_relay()
    address = urlsplit(relay.url)
    with contextlib.ExitStack() as stack:
        for data in (b"", b"GET / HT", b"\0" * 100, b"GET / HTTP/1.1\r\n\r\n", b"POST /\r\n\r\n"):
            raw = socket.create_connection((address.hostname, address.port))
            stack.enter_context(raw)
            raw.sendall(data)
        client = await dial(relay.url)
        assert await client.publish(author.event()) == (True, "")


# Readers and writers of different speed


async def test_a_slow_reader_is_dropped_and_nobody_waits(
    start_relay: StartRelay,
    dial: Any,
    author: Any,
    stop_watch: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # At once, not when the next sweep comes by.
    monkeypatch.setattr(limits, "RELAY_SWEEP_SECONDS", 3600.0)
    relay = await start_relay(send_buffer_bytes=100_000)
    publisher, slow, quick = [await dial(relay.url) for _ in range(3)]
    await slow.subscribe({})
    await quick.subscribe({})
    await stall(slow)
    count = 0
    while relay.counts["slow reader"] == 0 and stop_watch():
        event = author.event(20_000, content=str(count) + "x" * 60_000)
        count += 1
        assert await publisher.publish(event) == (True, "")
        assert await quick.next_event() == event
    await dropped(slow, stop_watch)
    assert relay.counts == {"slow reader": 1}


async def test_a_slow_reader_of_stored_events_holds_up_nobody_and_gets_all(
    start_relay: StartRelay, dial: Any, author: Any, now: int
) -> None:
    relay = await start_relay(send_buffer_bytes=10**6)
    publisher, slow = await dial(relay.url), await dial(relay.url, max_queue=1)
    stored = [author.event(content=str(i) + "x" * 60_000, at=now - i) for i in range(200)]
    for event in stored:
        await publisher.publish(event)
    await stall(slow)
    await slow.send("REQ", "live", {})
    new = [author.event(content=f"new {i}", at=now + i) for i in range(5)]
    for event in new:
        assert await publisher.publish(event) == (True, "")
    assert len(await publisher.request({"limit": 10})) == 10
    slow.socket.transport.resume_reading()
    messages = await slow.until("EOSE")
    received = [message[2]["id"] for message in messages[:-1]]
    # New events that the query found already come with the stored ones; each comes once.
    received += [(await slow.next_event()).id for _ in range(205 - len(received))]
    assert sorted(received) == sorted(event.id for event in [*stored, *new])
    assert relay.counts == {}


async def test_closing_ends_the_stored_events_of_a_subscription(
    start_relay: StartRelay, dial: Any, author: Any
) -> None:
    relay = await start_relay()
    client = await dial(relay.url, max_queue=1)
    for i in range(300):
        await client.publish(author.event(content=str(i) + "x" * 60_000))
    await stall(client)
    await client.send("REQ", "long", {})
    await client.send("CLOSE", "long")
    await client.send("REQ", "short", {"limit": 1})
    client.socket.transport.resume_reading()
    messages = await client.until("EOSE", "short")
    assert len(messages) < 300


async def test_a_client_that_never_reads_its_pongs_is_dropped(
    start_relay: StartRelay, dial: Any, stop_watch: Any
) -> None:
    relay = await start_relay(send_buffer_bytes=10_000)
    client = await dial(relay.url)
    await stall(client)

    with contextlib.suppress(ConnectionClosed):
        for number in itertools.count():
            await client.socket.ping(f"{number:0125d}")
            assert stop_watch()
    assert relay.counts == {"slow reader": 1}


async def test_a_flood_of_one_client_leaves_the_loop_to_others(
    start_relay: StartRelay, dial: Any, author: Any, new_author: Any
) -> None:
    relay = await start_relay(message_burst=10**9)
    flooder, client = await dial(relay.url), await dial(relay.url)
    forged = json.loads(encode_event(author.event())) | {"sig": "0" * 128}
    text = json.dumps(["EVENT", forged])

    async def flood() -> None:
        while True:
            await flooder.socket.send(text)

    async def read() -> None:
        async for _ in flooder.socket:
            pass

    async with asyncio.TaskGroup() as tasks:
        flooding = [tasks.create_task(flood()), tasks.create_task(read())]
        for i in range(20):
            assert await client.publish(new_author().event(content=str(i))) == (True, "")
        for task in flooding:
            task.cancel()
    assert relay.counts["refused event"] > 20


async def test_messages_that_arrive_together_are_not_handled_at_one_go(
    start_relay: StartRelay, dial: Any, stop_watch: Any
) -> None:
    relay = await start_relay()
    client = await dial(relay.url, max_queue=None)
    protocol, handled = client.socket.protocol, [0]
    for _ in range(1000):
        protocol.send_text(b"?")
    client.socket.transport.write(b"".join(protocol.data_to_send()))
    while handled[-1] < 1000 and stop_watch():
        await asyncio.sleep(0)
        handled.append(relay.counts["unreadable message"])
    assert max(after - before for before, after in itertools.pairwise(handled)) <= 2


async def test_subscribing_while_others_publish_loses_and_doubles_nothing(
    start_relay: StartRelay, dial: Any, author: Any, now: int
) -> None:
    relay = await start_relay()
    publishers = [await dial(relay.url) for _ in range(4)]
    readers = [await dial(relay.url) for _ in range(12)]
    events = [author.event(content=str(i), at=now - i % 7) for i in range(200)]

    async def publish(number: int) -> None:
        for event in events[number::4]:
            assert await publishers[number].publish(event) == (True, "")

    async def read(number: int) -> list[str]:
        # The later a reader starts, the more comes to it as stored and the less as new.
        for _ in range(number * 2):
            await readers[number].request({"limit": 1})
        await readers[number].send("REQ", "all", {"kinds": [1]})
        messages: list[Any] = []
        while len(messages) < len(events):
            messages.append((await readers[number].until("EVENT", "all"))[-1])
        return [message[2]["id"] for message in messages]

    async with asyncio.TaskGroup() as tasks:
        reading = [tasks.create_task(read(number)) for number in range(len(readers))]
        for number in range(4):
            tasks.create_task(publish(number))
    for reader, each in zip(readers, reading, strict=True):
        assert set(each.result()) == {event.id for event in events}
        await reader.send("REQ", "fence", {"limit": 0})
        assert not any(message[0] == "EVENT" for message in await reader.until("EOSE", "fence"))


async def test_what_was_sent_before_hanging_up_is_stored(
    start_relay: StartRelay, dial: Any, author: Any, stop_watch: Any
) -> None:
    relay = await start_relay()
    events = [author.event(content=str(i)) for i in range(50)]
    leaving, staying = await dial(relay.url), await dial(relay.url)
    await staying.subscribe({})
    for event in events:
        await leaving.send("EVENT", json.loads(encode_event(event)))
    await leaving.socket.close()
    assert [await staying.next_event() for _ in events] == events
    assert len(await staying.request({})) == 50


# The store behind it


async def test_ephemeral_events_never_touch_the_disk(
    start_relay: StartRelay, dial: Any, author: Any, tmp_path: Path
) -> None:
    relay = await start_relay(store=tmp_path / "events.db")
    client = await dial(relay.url)
    await client.publish(author.event(21_102, content="fleeting words"))
    await client.publish(author.event(1, content="lasting words"))
    files = b"".join(path.read_bytes() for path in list_files(tmp_path))
    assert b"lasting words" in files
    assert b"fleeting words" not in files


async def test_what_expires_is_no_longer_served_or_counted(
    start_relay: StartRelay, dial: Any, author: Any
) -> None:
    clock = [1000.0]
    relay = await start_relay(now=lambda: clock[0])
    client = await dial(relay.url)
    event = author.event(tags=(("expiration", "1010"),), at=1000)
    await client.publish(event)
    clock[0] = 1009.9
    assert await client.request({}) == [event]
    clock[0] = 1010.0
    assert await client.request({}) == []
    await client.send("COUNT", "c", {})
    assert (await client.receive())[2] == {"count": 0}
    assert (await client.publish(event))[0] is False


async def test_a_full_store_is_an_error_for_events_and_nothing_else(
    start_relay: StartRelay, dial: Any, author: Any, stop_watch: Any
) -> None:
    relay = await start_relay(store_bytes=300_000)
    client = await dial(relay.url)
    accepted, reason, count = True, "", 0
    await client.subscribe({"kinds": [20_000]})
    while accepted and stop_watch():
        accepted, reason = await client.publish(author.event(content=str(count) + "x" * 50_000))
        count += 1
    assert reason.startswith("error: ")
    assert len(await client.request({"kinds": [1]})) == count - 1
    event = author.event(20_000)
    await client.send("EVENT", json.loads(encode_event(event)))
    assert await client.next_event() == event


async def test_a_query_beyond_its_time_is_closed_with_an_error(
    start_relay: StartRelay, dial: Any, author: Any
) -> None:
    relay = await start_relay(query_seconds=0.0)
    client = await dial(relay.url)
    tags = tuple(("t", str(i)) for i in range(500))
    for i in range(10):
        await client.publish(author.event(content=str(i), tags=tags))
    wanted = {"#t": [str(i) for i in range(500)]}
    for verb in ("COUNT", "REQ"):
        await client.send(verb, "a", wanted)
        name, _, reason = await client.receive()
        assert (name, reason.split(":")[0]) == ("CLOSED", "error")


# Starting and ending


async def test_it_listens_on_loopback_only(start_relay: StartRelay) -> None:
    address = urlsplit((await start_relay()).url)
    assert address.hostname == "127.0.0.1"
    # Another loopback address would answer if it listened on all.
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.2", address.port)


async def test_it_listens_where_it_is_told(start_relay: StartRelay, dial: Any) -> None:
    relay = await start_relay(host="::1")
    assert relay.url.startswith("ws://[::1]:")
    await (await dial(relay.url)).subscribe({})


async def test_an_address_in_use_is_an_error_that_leaves_nothing_behind(
    start_relay: StartRelay, tmp_path: Path
) -> None:
    relay = await start_relay()
    tasks = asyncio.all_tasks()
    taken = RelayServer(port=urlsplit(relay.url).port or 0, store=tmp_path / "events.db")
    with pytest.raises(OSError, match="in use"):
        await taken.__aenter__()
    assert asyncio.all_tasks() == tasks
    await start_relay(store=tmp_path / "events.db")


async def test_two_relays_on_one_store_are_an_error(
    start_relay: StartRelay, tmp_path: Path
) -> None:
    await start_relay(store=tmp_path / "events.db")
    with pytest.raises(StoreError, match="locked"):
        await start_relay(store=tmp_path / "events.db")


async def test_ending_closes_all_and_leaves_nothing_behind(dial: Any, author: Any) -> None:
    async with RelayServer() as relay:
        idle, stalled, subscribed = [await dial(relay.url) for _ in range(3)]
        for i in range(100):
            await idle.publish(author.event(content=str(i) + "x" * 60_000))
        await stall(stalled)
        await stalled.send("REQ", "a", {})
        await subscribed.subscribe({"limit": 0})
        tasks = asyncio.all_tasks()
        url = relay.url
    for client in (idle, subscribed):
        with pytest.raises(ConnectionClosed):
            await client.receive()
        assert client.socket.close_code == 1001
    with pytest.raises(ConnectionRefusedError):
        await dial(url)
    assert asyncio.all_tasks() < tasks
    for thread in threading.enumerate():
        if thread.name.startswith("relay-store"):
            await asyncio.to_thread(thread.join, 5)
            assert not thread.is_alive()
