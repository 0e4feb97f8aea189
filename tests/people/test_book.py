import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tui.config import limits
from tui.nostr.cache import Cache
from tui.nostr.event import Event
from tui.nostr.filter import Filter
from tui.nostr.nip44 import InvalidPayload
from tui.nostr.pool import Pool
from tui.people.book import People
from tui.people.https import Answer
from tui.people.nip05 import NameChecker
from tui.people.own_lists import ListNotWritten

Publish = Callable[[Event], Awaitable[None]]
Until = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PROFILE_BATCH_SECONDS", 0.01)
    monkeypatch.setattr(limits, "PROFILE_RETRY_SECONDS", 0.05)
    monkeypatch.setattr(limits, "PROFILE_SECONDS", 2.0)
    monkeypatch.setattr(limits, "PEOPLE_CHANGED_SECONDS", 0.01)


class Clock:
    """The time of day, which a test can advance."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Home:
    """People with what they stand on, and what they said has changed."""

    def __init__(self, pool: Pool, cache: Cache, clock: Clock, checker: NameChecker | None) -> None:
        self.pool = pool
        self.cache = cache
        self.changed: list[str] = []
        self.people = People(pool, cache, changed=self.changed.append, checker=checker, now=clock)


Start = Callable[..., Awaitable[Home]]


@pytest.fixture
async def start(clock: Clock) -> AsyncIterator[Start]:
    """Starts people on these relays, connected; all of it ends with the test."""
    async with AsyncExitStack() as stack:

        async def start(
            *relays: Any, cache: Cache | None = None, checker: NameChecker | None = None
        ) -> Home:
            pool = await stack.enter_async_context(Pool([relay.url for relay in relays]))
            cache = cache or await stack.enter_async_context(Cache(None, now=clock))
            home = Home(pool, cache, clock, checker)
            await stack.enter_async_context(home.people)
            assert await pool.wait_connected(5, at_least=len(relays))
            return home

        yield start


@pytest.fixture
async def publish(relay: Any) -> AsyncIterator[Publish]:
    """Publishes to the relay as somebody else's client would."""
    async with Pool([relay.url]) as pool:

        async def publish(*events: Event) -> None:
            for event in events:
                assert (await pool.publish(event))[relay.url].ok

        yield publish


@pytest.fixture
async def stored(relay: Any) -> AsyncIterator[Callable[..., Awaitable[list[Event]]]]:
    """What the relay holds."""
    async with Pool([relay.url]) as pool:
        yield lambda **wanted: pool.fetch([Filter(**wanted)])


# --- profiles --------------------------------------------------------------------------------


async def test_who_is_wanted_gets_a_name(
    relay: Any, start: Start, publish: Publish, until: Until, new_person: Any
) -> None:
    bob, eve, nobody = new_person(), new_person(), new_person()
    await publish(await bob.event(0, {"name": "bob"}), await eve.event(0, {"name": "eve"}))
    home = await start(relay)
    home.people.want([bob.pubkey, eve.pubkey, nobody.pubkey, "not a key"])
    await until(lambda: home.people.name_of(bob.pubkey) and home.people.name_of(eve.pubkey))
    await until(lambda: sorted(home.changed) == sorted([bob.pubkey, eve.pubkey]))
    profile = home.people.profile_of(bob.pubkey)
    assert profile is not None and profile.name == "bob"
    assert home.people.name_of(nobody.pubkey) == ""
    assert home.people.profile_of(nobody.pubkey) is None
    assert home.people.verified_of(bob.pubkey) == ""


async def test_names_are_there_before_any_relay_answers(
    silent_relay: Any, start: Start, until: Until, new_person: Any, clock: Clock
) -> None:
    bob = new_person()
    async with Cache(None, now=clock) as cache:
        cache.put(await bob.event(0, {"name": "bob"}))
        home = await start(silent_relay, cache=cache)
        home.people.want([bob.pubkey])
        await until(lambda: home.people.name_of(bob.pubkey) == "bob")


async def test_the_newest_profile_wins_and_is_cached(
    start_relay: Any, start: Start, until: Until, new_person: Any, clock: Clock
) -> None:
    relays = [await start_relay(), await start_relay()]
    bob, now = new_person(), int(time.time())
    old, new = [
        await bob.event(0, {"name": name}, at=now - age) for name, age in (("old", 9), ("new", 5))
    ]
    for relay, event in zip(relays, (new, old), strict=True):
        async with Pool([relay.url]) as pool:
            await pool.publish(event)
    async with Cache(None, now=clock) as cache:
        cache.put(old)
        home = await start(*relays, cache=cache)
        home.people.want([bob.pubkey])
        await until(lambda: home.people.name_of(bob.pubkey) == "new")
        async with asyncio.timeout(5):
            while await cache.get([Filter(kinds=(0,))]) != [new]:
                await asyncio.sleep(0.01)


async def test_a_profile_from_the_future_is_not_believed(
    relay: Any, start: Start, publish: Publish, until: Until, new_person: Any
) -> None:
    bob, eve = new_person(), new_person()
    ahead = int(time.time()) + limits.FUTURE_SECONDS + 100
    await publish(await bob.event(0, {"name": "bob"}, at=ahead), await eve.event(0, {"name": "e"}))
    home = await start(relay)
    home.people.want([bob.pubkey, eve.pubkey])
    await until(lambda: home.people.name_of(eve.pubkey))
    assert home.people.name_of(bob.pubkey) == ""


def answer_nothing(message: Any) -> list[Any]:
    return [["EOSE", message[1]]] if message[0] == "REQ" else []


async def test_who_is_unknown_is_asked_for_again_only_later(
    silent_relay: Any, start: Start, until: Until, new_person: Any, clock: Clock
) -> None:
    silent_relay.answer = answer_nothing
    home = await start(silent_relay)
    bob, eve = new_person().pubkey, new_person().pubkey
    home.people.want([bob])
    await until(lambda: len(silent_relay.requests()) == 1)
    for _ in range(3):
        home.people.want([bob])
    home.people.want([eve])
    await until(lambda: len(silent_relay.requests()) == 2)
    assert silent_relay.requests()[1][2]["authors"] == [eve]
    clock.ahead += limits.PROFILE_MISSING_SECONDS + 1
    home.people.want([bob])
    await until(lambda: len(silent_relay.requests()) == 3)


async def test_a_relay_that_does_not_answer_makes_nobody_unknown(
    silent_relay: Any, start: Start, until: Until, new_person: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PROFILE_SECONDS", 0.05)
    home = await start(silent_relay)
    bob = new_person()
    home.people.want([bob.pubkey])
    await until(lambda: len(silent_relay.requests()) >= 2)
    event = await bob.event(0, {"name": "bob"})

    def answer(message: Any) -> list[Any]:
        found = [["EVENT", message[1], event]] if message[0] == "REQ" else []
        return found + answer_nothing(message)

    silent_relay.answer = answer
    await until(lambda: home.people.name_of(bob.pubkey) == "bob")


async def test_questions_are_few_and_bounded(silent_relay: Any, start: Start, until: Until) -> None:
    silent_relay.answer = answer_nothing
    home = await start(silent_relay)
    everybody = [f"{number:064x}" for number in range(1000)]
    home.people.want(everybody)
    asked: set[str] = set()

    def all_asked() -> bool:
        asked.update(*(request[2]["authors"] for request in silent_relay.requests()))
        return asked == set(everybody)

    await until(all_asked)
    assert len(silent_relay.requests()) == 1000 / limits.PROFILE_BATCH
    requests = silent_relay.requests()
    assert len(requests) == 1000 / limits.PROFILE_BATCH

    def all_closed() -> bool:
        closed = {message[1] for message in silent_relay.received if message[0] == "CLOSE"}
        return {request[1] for request in requests} <= closed

    await until(all_closed)


async def test_who_was_not_wanted_for_longest_is_forgotten(
    relay: Any,
    start: Start,
    publish: Publish,
    until: Until,
    new_person: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "PROFILES", 2)
    first, second, third = (new_person() for _ in range(3))
    home = await start(relay)
    for person, again in ((first, first), (second, first), (third, third)):
        await publish(await person.event(0, {"name": "x"}))
        home.people.want([person.pubkey])
        await until(lambda person=person: home.people.name_of(person.pubkey))
        home.people.want([again.pubkey])
    assert [home.people.name_of(each.pubkey) for each in (first, second, third)] == ["x", "", "x"]


async def test_what_changes_at_once_is_told_once(
    relay: Any,
    start: Start,
    publish: Publish,
    until: Until,
    me: Any,
    new_person: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "PEOPLE_CHANGED_SECONDS", 0.5)
    bob = new_person()
    await publish(await bob.event(0, {"name": "bob"}), await me.event(3, tags=[["p", bob.pubkey]]))
    home = await start(relay)
    home.people.me = me
    home.people.want([bob.pubkey])
    await until(lambda: home.people.name_of(bob.pubkey) and home.people.follows)
    await until(lambda: bob.pubkey in home.changed)
    assert home.changed.count(bob.pubkey) == 1


# --- names of domains ------------------------------------------------------------------------


@pytest.fixture
def domain() -> dict[str, str]:
    """Whom names.example vouches for."""
    return {}


class Gate(asyncio.Event):
    """Open unless a test closes it."""

    def __init__(self) -> None:
        super().__init__()
        self.set()


@pytest.fixture
def gate() -> Gate:
    """Domains answer while it is open."""
    return Gate()


@pytest.fixture
def checker(domain: dict[str, str], gate: Gate) -> NameChecker:
    async def fetch(host: str, _target: str) -> Answer:
        await gate.wait()
        names = domain if host == "names.example" else {}
        return Answer(200, json.dumps({"names": names}).encode())

    return NameChecker(fetch)


async def test_a_name_is_verified_where_that_is_wanted(
    relay: Any,
    start: Start,
    publish: Publish,
    until: Until,
    new_person: Any,
    checker: NameChecker,
    domain: dict[str, str],
) -> None:
    bob, eve, shy = new_person(), new_person(), new_person()
    domain.update(bob=bob.pubkey, shy=shy.pubkey, _=bob.pubkey)
    for person, name in ((bob, "Bob"), (eve, "bob"), (shy, "shy")):
        await publish(await person.event(0, {"nip05": f"{name}@names.example"}))
    home = await start(relay, checker=checker)
    home.people.want([shy.pubkey])
    home.people.want([bob.pubkey, eve.pubkey], verify=True)
    await until(lambda: home.people.verified_of(bob.pubkey) == "bob@names.example")
    assert home.people.verified_of(eve.pubkey) == home.people.verified_of(shy.pubkey) == ""
    home.people.want([shy.pubkey], verify=True)
    await until(lambda: home.people.verified_of(shy.pubkey))


async def test_a_new_name_has_to_be_verified_anew(
    relay: Any,
    start: Start,
    publish: Publish,
    until: Until,
    new_person: Any,
    checker: NameChecker,
    domain: dict[str, str],
    clock: Clock,
    gate: Gate,
) -> None:
    bob, now = new_person(), int(time.time())
    domain.update(bob=bob.pubkey, rob=bob.pubkey)
    await publish(await bob.event(0, {"name": "bob", "nip05": "bob@names.example"}, at=now - 9))
    home = await start(relay, checker=checker)
    home.people.want([bob.pubkey], verify=True)
    await until(lambda: home.people.verified_of(bob.pubkey))
    gate.clear()
    await publish(await bob.event(0, {"name": "rob", "nip05": "rob@names.example"}, at=now - 5))
    clock.ahead += limits.PROFILE_FRESH_SECONDS + 1
    home.people.want([bob.pubkey], verify=True)
    await until(lambda: home.people.name_of(bob.pubkey) == "rob")
    assert home.people.verified_of(bob.pubkey) == ""
    gate.set()
    await until(lambda: home.people.verified_of(bob.pubkey) == "rob@names.example")


async def test_no_domain_is_asked_where_that_is_turned_off(
    relay: Any, start: Start, publish: Publish, until: Until, new_person: Any
) -> None:
    bob = new_person()
    await publish(await bob.event(0, {"name": "bob", "nip05": "bob@names.example"}))
    home = await start(relay)
    home.people.want([bob.pubkey], verify=True)
    await until(lambda: home.people.name_of(bob.pubkey))
    assert home.people.verified_of(bob.pubkey) == ""


# --- own lists -------------------------------------------------------------------------------


async def test_own_lists_are_followed_live(
    relay: Any, start: Start, publish: Publish, until: Until, me: Any, new_person: Any
) -> None:
    bob, eve, mallory = (new_person().pubkey for _ in range(3))
    now = int(time.time())
    secret = await me.encrypt(me.pubkey, json.dumps([["p", eve]]))
    await publish(await me.event(3, tags=[["p", bob]], at=now - 9))
    await publish(await me.event(10_000, secret, [["p", mallory]], at=now - 9))
    home = await start(relay)
    assert home.people.follows == home.people.hidden == frozenset()
    home.people.me = me
    await until(lambda: home.people.follows == {bob} and home.people.hidden == {eve, mallory})
    await until(lambda: sorted(home.changed) == sorted([bob, eve, mallory]))
    home.changed.clear()
    await publish(await me.event(3, tags=[["p", eve]], at=now - 5))
    await publish(await me.event(10_000, "", [["p", mallory]], at=now - 5))
    await until(lambda: home.people.follows == {eve} and home.people.hidden == {mallory})
    await until(lambda: set(home.changed) == {bob, eve})


async def test_own_lists_come_from_the_cache_first(
    silent_relay: Any, start: Start, until: Until, me: Any, clock: Clock
) -> None:
    async with Cache(None, now=clock) as cache:
        cache.put(await me.event(3, tags=[["p", "b0" * 32]]))
        cache.put(await me.event(10_000, tags=[["p", "e0" * 32]]))
        home = await start(silent_relay, cache=cache)
        home.people.me = me
        await until(lambda: home.people.follows == {"b0" * 32})
        await until(lambda: home.people.hidden == {"e0" * 32})


async def test_lists_of_others_are_not_ours(
    silent_relay: Any, start: Start, until: Until, me: Any, new_person: Any
) -> None:
    eve = new_person()
    forged = [
        await eve.event(3, tags=[["p", "b0" * 32]]),
        await eve.event(10_000, tags=[["p", "b0" * 32]]),
    ]
    own = await me.event(3, tags=[["p", "c0" * 32]])

    def answer(message: Any) -> list[Any]:
        found = [["EVENT", message[1], event] for event in (*forged, own)]
        return found if message[0] == "REQ" else []

    silent_relay.answer = answer
    home = await start(silent_relay)
    home.people.me = me
    await until(lambda: home.people.follows == {"c0" * 32})
    assert home.people.hidden == frozenset()


async def test_an_older_list_that_comes_later_changes_nothing(
    silent_relay: Any, start: Start, until: Until, me: Any
) -> None:
    now = int(time.time())
    new, old = [await me.event(3, tags=[["p", f"{n:064x}"]], at=now - n) for n in (1, 9)]
    last = await me.event(10_000, tags=[["p", "e0" * 32]])

    def answer(message: Any) -> list[Any]:
        sent = [["EVENT", message[1], event] for event in (new, old, last)]
        return sent if message[0] == "REQ" else []

    silent_relay.answer = answer
    home = await start(silent_relay)
    home.people.me = me
    await until(lambda: home.people.hidden)
    assert home.people.follows == {f"{1:064x}"}


async def test_another_key_has_other_lists(
    relay: Any, start: Start, publish: Publish, until: Until, me: Any, new_person: Any
) -> None:
    await publish(await me.event(3, tags=[["p", "b0" * 32]]))
    home = await start(relay)
    with pytest.raises(ListNotWritten):
        await home.people.hide("e0" * 32, True)
    home.people.me = me
    assert home.people.hidden == frozenset()
    await until(lambda: home.people.follows)
    home.people.me = new_person()
    assert home.people.follows == frozenset()
    home.people.me = None
    assert home.people.me is None
    home.people.me = me
    await until(lambda: home.people.follows == {"b0" * 32})


# --- hiding ----------------------------------------------------------------------------------


async def test_hiding_somebody_keeps_all_that_was_in_the_list(
    relay: Any, start: Start, publish: Publish, until: Until, me: Any, stored: Any, clock: Clock
) -> None:
    bob, eve = "b0" * 32, "e0" * 32
    tags = (("p", bob, "wss://x"), ("word", "spam"), ("e", "f0" * 32), ("unknown", "a", "b"))
    private = [["p", "a0" * 32], ["t", "politics"], ["odd"]]
    content = await me.encrypt(me.pubkey, json.dumps(private))
    await publish(await me.event(10_000, content, tags, at=int(time.time()) - 5))
    home = await start(relay)
    home.people.me = me
    await home.people.hide(eve, True)
    assert home.people.hidden == {bob, eve, "a0" * 32}
    (event,) = await stored(kinds=(10_000,))
    assert event.tags == tags
    assert json.loads(await me.decrypt(me.pubkey, event.content)) == [*private, ["p", eve]]
    await home.people.hide(bob, False)
    await home.people.hide(eve, False)
    (event,) = await stored(kinds=(10_000,))
    assert event.tags == tags[1:]
    assert json.loads(await me.decrypt(me.pubkey, event.content)) == private
    assert home.people.hidden == {"a0" * 32}


async def test_the_first_list_is_begun(relay: Any, start: Start, me: Any, stored: Any) -> None:
    home = await start(relay)
    home.people.me = me
    await home.people.hide("e0" * 32, True)
    (event,) = await stored(kinds=(10_000,), authors=(me.pubkey,))
    assert event.tags == ()
    assert (await home.cache.get([Filter(kinds=(10_000,))])) == [event]


async def test_two_at_once_are_both_hidden(relay: Any, start: Start, me: Any, stored: Any) -> None:
    home = await start(relay)
    home.people.me = me
    several = [f"{number:064x}" for number in range(5)]
    await asyncio.gather(*(home.people.hide(pubkey, True) for pubkey in several))
    (event,) = await stored(kinds=(10_000,))
    tags = json.loads(await me.decrypt(me.pubkey, event.content))
    assert sorted(tags) == sorted(["p", pubkey] for pubkey in several)
    assert home.people.hidden == set(several)


async def test_the_list_is_read_again_before_it_is_written(
    silent_relay: Any, start: Start, until: Until, me: Any
) -> None:
    """Another client may have written one while our subscription was without its relay."""
    now = int(time.time())
    versions = [
        await me.event(10_000, "", [["p", "b0" * 32]], at=now - 9),
        await me.event(10_000, "", [["p", "a0" * 32]], at=now - 5),
    ]
    published: list[Any] = []

    def answer(message: Any) -> list[Any]:
        if message[0] == "EVENT":
            published.append(message[1])
            return [["OK", message[1]["id"], True, ""]]
        lists = message[0] == "REQ" and 10_000 in message[2]["kinds"]
        found = [["EVENT", message[1], versions.pop(0)]] if lists else []
        return found + answer_nothing(message)

    silent_relay.answer = answer
    home = await start(silent_relay)
    home.people.me = me
    await until(lambda: home.people.hidden == {"b0" * 32})
    await home.people.hide("e0" * 32, True)
    assert home.people.hidden == {"a0" * 32, "e0" * 32}
    assert [event["tags"] for event in published] == [[["p", "a0" * 32]]]


async def test_no_list_is_written_while_no_relay_shows_the_present_one(
    silent_relay: Any, start: Start, me: Any, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(limits, "LIST_READ_SECONDS", 0.1)
    async with Cache(None, now=clock) as cache:
        cache.put(await me.event(10_000, tags=[["p", "b0" * 32]]))
        home = await start(silent_relay, cache=cache)
        home.people.me = me
        with pytest.raises(ListNotWritten, match="no relay shows"):
            await home.people.hide("e0" * 32, True)
        assert "e0" * 32 in home.people.hidden  # here, all the same
        assert not [message for message in silent_relay.received if message[0] == "EVENT"]


async def test_no_first_list_is_begun_while_a_relay_that_may_have_one_is_silent(
    relay: Any,
    silent_relay: Any,
    start: Start,
    me: Any,
    stored: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "LIST_READ_SECONDS", 0.2)
    home = await start(relay, silent_relay)
    home.people.me = me
    with pytest.raises(ListNotWritten, match="does not answer"):
        await home.people.hide("e0" * 32, True)
    assert await stored(kinds=(10_000,)) == []


async def test_a_list_that_no_relay_takes_is_an_error(
    silent_relay: Any, start: Start, me: Any
) -> None:
    def answer(message: Any) -> list[Any]:
        if message[0] == "EVENT":
            return [["OK", message[1]["id"], False, "blocked: not here"]]
        return answer_nothing(message)

    silent_relay.answer = answer
    home = await start(silent_relay)
    home.people.me = me
    with pytest.raises(ListNotWritten, match="not here"):
        await home.people.hide("e0" * 32, True)
    assert home.people.hidden == {"e0" * 32}


async def test_without_a_key_people_are_hidden_for_this_run(start: Start, relay: Any) -> None:
    home = await start(relay)
    with pytest.raises(ListNotWritten, match="no key"):
        await home.people.hide("e0" * 32, True)
    assert home.people.hidden == {"e0" * 32}
    with pytest.raises(ListNotWritten):
        await home.people.hide("e0" * 32, False)
    assert home.people.hidden == frozenset()


async def test_a_private_part_that_the_signer_does_not_open_is_not_lost(
    relay: Any, start: Start, publish: Publish, until: Until, me: Any, stored: Any
) -> None:
    sealed = await me.event(10_000, "A" * 200, [["p", "b0" * 32]])
    await publish(sealed)
    home = await start(relay)
    home.people.me = me
    await until(lambda: home.people.hidden == {"b0" * 32})
    with pytest.raises(ListNotWritten, match="private part"):
        await home.people.hide("e0" * 32, True)
    assert await stored(kinds=(10_000,)) == [sealed]


async def test_a_signer_that_was_away_opens_the_private_part_later(
    relay: Any, start: Start, publish: Publish, until: Until, me: Any, stored: Any
) -> None:
    secret = await me.encrypt(me.pubkey, json.dumps([["p", "a0" * 32]]))
    await publish(await me.event(10_000, secret, [["p", "b0" * 32]]))
    decrypt, away = me.decrypt, [True]

    async def decrypt_if_there(sender: str, payload: str) -> str:
        if away:
            raise InvalidPayload("no answer")
        return await decrypt(sender, payload)

    me.decrypt = decrypt_if_there
    home = await start(relay)
    home.people.me = me
    await until(lambda: home.people.hidden == {"b0" * 32})
    away.clear()
    await home.people.hide("e0" * 32, True)
    assert home.people.hidden == {"a0" * 32, "b0" * 32, "e0" * 32}


async def test_who_is_shown_again_elsewhere_is_shown_here(
    relay: Any, start: Start, publish: Publish, until: Until, me: Any
) -> None:
    home = await start(relay)
    home.people.me = me
    await home.people.hide("e0" * 32, True)
    await publish(await me.event(10_000, at=int(time.time()) + 5))
    await until(lambda: home.people.hidden == frozenset())


async def test_nothing_is_left_behind(
    silent_relay: Any, start: Start, until: Until, me: Any, new_person: Any
) -> None:
    async with Pool([silent_relay.url]) as pool, Cache(None) as cache:
        async with People(pool, cache, changed=lambda _pubkey: None) as people:
            people.me = me
            people.want([new_person().pubkey])
            await until(lambda: len(silent_relay.requests()) >= 2)
            hiding = asyncio.create_task(people.hide(new_person().pubkey, True))
            await until(lambda: len(silent_relay.requests()) >= 3)
            assert [task for task in asyncio.all_tasks() if "/tui/people/" in repr(task)]
            hiding.cancel()
            await asyncio.wait([hiding])
        asked = {message[1] for message in silent_relay.requests()}

        def closed() -> set[str]:
            return {message[1] for message in silent_relay.received if message[0] == "CLOSE"}

        await until(lambda: asked <= closed())
        assert not [task for task in asyncio.all_tasks() if "/tui/people/" in repr(task)]
