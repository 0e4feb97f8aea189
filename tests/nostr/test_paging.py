import time
from collections.abc import Awaitable, Callable
from typing import Any

from tui.nostr.filter import Filter

ALL = [Filter()]
Start = Callable[[], Awaitable[Any]]


async def test_with_page_the_whole_past_comes_and_then_what_is_new(
    relay: Any, sign: Any, until: Any, connected: Any, inbox_of: Any
) -> None:
    relay.cap = 60
    for number in range(200):
        await relay.store(await sign(str(number), created_at=1_000 + number // 20))
    async with connected(relay) as pool:
        inbox, cut = inbox_of(pool, page=True), inbox_of(pool)
        await until(lambda: inbox.eose and cut.eose)
        assert (len(inbox.events), len(cut.events)) == (200, 60)
        assert inbox.eose == [relay.url]
        await relay.store(await sign("live"))
        await until(lambda: len(inbox.events) == 201)
        assert len(relay._subscriptions) == 2  # none is left behind by the pages
        assert pool.counts["unsolicited"] == 0


async def test_live_events_come_while_the_past_is_paged_in(
    relay: Any, sign: Any, until: Any, connected: Any, inbox_of: Any
) -> None:
    relay.cap = 60
    for number in range(100):
        await relay.store(await sign(str(number), created_at=number))
    async with connected(relay) as pool:
        inbox = inbox_of(pool, page=True)
        await until(relay.requests)
        relay.answers_req = False
        await until(lambda: len(relay.requests()) == 2)
        assert not inbox.eose
        live = await sign("live")
        await relay.store(live)
        await until(lambda: live in inbox.events)
        await relay.say(["EOSE", relay.requests()[1][1]])
        await until(lambda: inbox.eose)


async def test_after_a_reconnect_only_the_gap_is_paged_in(
    relay: Any, sign: Any, until: Any, connected: Any, inbox_of: Any
) -> None:
    relay.cap = 60
    for number in range(200):
        await relay.store(await sign(str(number), created_at=1_000 + number))
    async with connected(relay) as pool:
        inbox = inbox_of(pool, page=True)
        await until(lambda: inbox.eose)
        await relay.die()
        await until(lambda: pool.status()[relay.url].state != "connected")
        now = int(time.time())
        missed = [await sign(f"missed {number}", created_at=now - number) for number in range(150)]
        relay.stored += missed
        before = len(relay.requests())
        await relay.start()
        await until(lambda: len(inbox.eose) == 2)
        assert {event.id for event in missed} <= {event.id for event in inbox.events}
        assert len(inbox.events) == 350
        assert all("since" in request[2] for request in relay.requests()[before:])


async def test_a_connection_lost_amid_the_past_begins_anew(
    relay: Any, sign: Any, until: Any, connected: Any, inbox_of: Any
) -> None:
    relay.cap = 60
    for number in range(200):
        await relay.store(await sign(str(number), created_at=1_000 + number))
    async with connected(relay) as pool:
        inbox = inbox_of(pool, page=True)
        await until(lambda: len(relay.requests()) == 1)
        relay.answers_req = False
        await until(lambda: len(relay.requests()) == 2)
        await relay.die()
        relay.answers_req = True
        await relay.start()
        await until(lambda: inbox.eose)
        assert len(inbox.events) == 200


async def test_a_relay_that_does_not_heed_until_is_left_with_what_it_sent(
    relay: Any, sign: Any, until: Any, connected: Any, inbox_of: Any
) -> None:
    relay.cap, relay.heeds_until = 60, False
    for number in range(100):
        await relay.store(await sign(str(number), created_at=number))
    async with connected(relay) as pool:
        inbox = inbox_of(pool, page=True)
        await until(lambda: inbox.eose)
        assert len(inbox.events) == 60
        assert len(relay.requests()) == 2


async def test_a_relay_that_refuses_a_page_goes_on_with_new_events(
    relay: Any, sign: Any, until: Any, connected: Any, inbox_of: Any
) -> None:
    relay.cap = 60
    for number in range(100):
        await relay.store(await sign(str(number), created_at=number))
    async with connected(relay) as pool:
        inbox = inbox_of(pool, page=True)
        await until(relay.requests)
        relay.answers_req = False
        await until(lambda: len(relay.requests()) == 2)
        await relay.say(["CLOSED", relay.requests()[1][1], "rate-limited: slow down"])
        await until(lambda: len(relay.requests()) == 3)  # once more, after a pause
        assert relay.requests()[1] == relay.requests()[2]
        await relay.say(["CLOSED", relay.requests()[1][1], "invalid: no until"])
        await until(lambda: inbox.eose)
        assert inbox.closed == []
        live = await sign("live")
        await relay.store(live)
        await until(lambda: live in inbox.events)


async def test_closing_while_the_past_is_paged_in(
    relay: Any, sign: Any, until: Any, connected: Any, inbox_of: Any
) -> None:
    relay.cap = 60
    for number in range(100):
        await relay.store(await sign(str(number), created_at=number))
    async with connected(relay) as pool:
        inbox = inbox_of(pool, page=True)
        await until(relay.requests)
        relay.answers_req = False
        await until(lambda: len(relay.requests()) == 2)
        inbox.subscription.close()
        page_id = relay.requests()[1][1]
        await until(lambda: ["CLOSE", page_id] in relay.received)
        assert ["CLOSE", inbox.id] in relay.received
