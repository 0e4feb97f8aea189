from typing import Any

import nostr_sdk as sdk
import pytest

from tui.config import limits
from tui.nostr.event import Event
from tui.nostr.memory import Memory
from tui.nostr.pool import Pool
from tui.relay.server import RelayServer


def read_back(relay: Any) -> list[str]:
    return [request[1] for request in relay.requests() if request[1].startswith("k")]


async def test_a_kind_that_is_accepted_and_not_kept_is_marked(
    relay: Any, sign: Any, connected: Any, until: Any
) -> None:
    relay.forgotten = {31_101, 1_000}
    async with connected(relay) as pool:
        for kind in (1, 31_101, 1_000):
            assert (await pool.publish(await sign(kind=kind)))[relay.url].ok
        await until(lambda: len(pool.status()[relay.url].forgets) == 2)
        assert set(pool.status()[relay.url].forgets) == {31_101, 1_000}
        await until(lambda: len(relay._subscriptions) == 0)
        assert sorted(read_back(relay)) == ["k1", "k1000", "k31101"]
        assert pool.verified == 0


async def test_each_kind_is_looked_at_once(
    relay: Any, sign: Any, connected: Any, until: Any
) -> None:
    async with connected(relay) as pool:
        for number in range(5):
            await pool.publish(await sign(str(number)))
        await until(lambda: read_back(relay))
        await pool.publish(await sign("again"))
        await pool.publish(await sign(kind=2))
        await until(lambda: "k2" in read_back(relay))
        assert read_back(relay) == ["k1", "k2"]
        assert pool.status()[relay.url].forgets == ()


async def test_what_is_not_stored_or_refused_is_not_looked_for(
    relay: Any, sign: Any, connected: Any, until: Any
) -> None:
    relay.answer_publish = lambda event: ["OK", event.id, event.kind != 7, "blocked: no"]
    async with connected(relay) as pool:
        for kind in (7, 21_102, 1):
            await pool.publish(await sign(kind=kind))
        await until(lambda: read_back(relay))
        assert read_back(relay) == ["k1"]


@pytest.mark.parametrize("kind", [0, 10_002, 31_101])
async def test_a_newer_event_in_its_place_will_do(
    relay: Any, sign: Any, connected: Any, until: Any, kind: int
) -> None:
    async with connected(relay) as pool:
        await pool.publish(await sign("old", kind, (("d", "x"),), 1_000))
        relay.stored = [await sign("new", kind, (("d", "x"),), 2_000)]
        await until(lambda: read_back(relay))
        await pool.publish(await sign(kind=2))
        await until(lambda: "k2" in read_back(relay))
        assert pool.status()[relay.url].forgets == ()


async def test_another_event_does_not_do(relay: Any, sign: Any, connected: Any, until: Any) -> None:
    async with connected(relay) as pool:
        relay.forgotten = {1}
        await pool.publish(await sign("asked for"))
        relay.answers_req = False
        await until(lambda: read_back(relay))
        await relay.say(["EVENT", "k1", await sign("something else")])
        await relay.say(["EOSE", "k1"])
        await until(lambda: pool.status()[relay.url].forgets == (1,))
        assert pool.counts == {"unmatched": 1}


async def test_a_relay_that_will_not_say_is_given_the_benefit_of_the_doubt(
    relay: Any, sign: Any, connected: Any, until: Any
) -> None:
    relay.answers_req = False
    async with connected(relay) as pool:
        await pool.publish(await sign())
        await until(lambda: read_back(relay))
        await relay.say(["CLOSED", "k1", "restricted: no"])
        await relay.say(["EOSE", "k1"])
        await until(lambda: pool.counts["unsolicited"])
        assert pool.status()[relay.url].forgets == ()


async def test_a_lost_connection_proves_nothing(
    relay: Any, sign: Any, connected: Any, until: Any
) -> None:
    relay.answers_req = False
    async with connected(relay) as pool:
        await pool.publish(await sign())
        await until(lambda: read_back(relay))
        relay.answers_req = True
        await relay.die()
        await relay.start()
        assert (await pool.publish(await sign("2")))[relay.url].ok
        await until(lambda: len(read_back(relay)) == 2)
        assert pool.status()[relay.url].forgets == ()


async def test_relays_that_remember(sign: Any, quick: Any, until: Any) -> None:
    theirs = sdk.LocalRelayBuilder().build()
    await theirs.run()
    urls = [str(await theirs.url())]
    async with RelayServer() as ours, Pool([ours.url, *urls], timing=quick) as pool:
        kinds = (0, 1, 1_000, 10_002, 31_101, 31_107)
        events = [await sign(kind=kind, tags=(("d", "x||y"),)) for kind in kinds]
        for event in events:
            assert all(answer.ok for answer in (await pool.publish(event)).values())
        memories = [each.conversation._memory for each in pool._relays.values()]
        await until(lambda: all(memory._known == {*kinds} for memory in memories))
        assert all(status.forgets == () for status in pool.status().values())
    theirs.shutdown()


async def test_what_is_remembered_of_kinds_is_bounded(sign: Any) -> None:
    memory = Memory()
    asked: list[Event] = []
    for kind in range(2 * limits.REMEMBERED_KINDS):
        event = await sign(kind=kind)
        if memory.accepted(event):
            asked.append(event)
    assert len(asked) == limits.REMEMBERED_KINDS
    for event in asked:
        id_, question = memory.question(event)
        assert question.matches(event)
        assert memory.answered(id_, kept=False)
        assert not memory.answered(id_, kept=False)
    assert len(memory.forgets) == limits.REMEMBERED_KINDS
