import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import pytest

from tui.config import limits
from tui.nostr.event import Draft, Event
from tui.nostr.keys import LocalSigner
from tui.nostr.pool import Pool
from tui.spaces import events, inbox, scope
from tui.spaces.events import Metrics, Signal, SpaceEvent, SpaceRef
from tui.spaces.inbox import Inbox
from tui.spaces.writer import Writer

Publish = Callable[[LocalSigner, Draft], Awaitable[Event]]
Until = Callable[[Callable[[], object]], Awaitable[None]]


def spawn(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(work)


class Mail:
    """An inbox of the guest, and what came out of it."""

    def __init__(self, space: SpaceRef, me: str, pool: Pool, now: int) -> None:
        self.events: list[SpaceEvent] = []
        self.signals: list[Signal] = []
        self.now = float(now)
        self.inbox = Inbox(
            space,
            me,
            pool,
            on_event=lambda event, _signed: self.events.append(event),
            on_signal=self.signals.append,
            spawn=spawn,
            now=lambda: self.now,
            monotonic=lambda: self.now,
        )

    def has(self, signer: str, kind: type[SpaceEvent]) -> bool:
        return any(type(event) is kind and event.signer == signer for event in self.events)


@pytest.fixture
def now() -> int:
    return int(time.time())


@pytest.fixture
def mail(space: SpaceRef, guest: LocalSigner, pool: Pool, now: int) -> Iterator[Mail]:
    mail = Mail(space, guest.pubkey, pool, now)
    yield mail
    mail.inbox.close()


async def test_past_and_present_of_the_space_are_heard_once(
    mail: Mail, publish: Publish, until: Until, space: SpaceRef, host: LocalSigner,
    stranger: LocalSigner, now: int,
) -> None:  # fmt: skip
    ours, theirs = Writer(space, host.pubkey), Writer(space, stranger.pubkey)
    await publish(host, ours.create(now - 5000, "Tea", Metrics(), "", ()))
    coffee = Writer(SpaceRef(host.pubkey, "coffee"), host.pubkey)
    await publish(host, coffee.create(now - 9000, "Coffee", Metrics(), "", ()))
    await publish(host, ours.promote(now - 5000, stranger.pubkey))
    await publish(host, ours.join(now - 100, "Hana", Metrics()))
    await publish(host, ours.confirm(now - 1000, stranger.pubkey, "mutual", Metrics()))
    mail.inbox.open()
    assert await mail.inbox.hear_past()
    kinds = sorted(type(event).__name__ for event in mail.events)
    assert kinds == ["ConnectionConfirmed", "PeerJoined", "SpaceCreated", "SpeakerPromoted"]
    await publish(stranger, theirs.request_speech(now))
    await until(lambda: mail.has(stranger.pubkey, events.SpeechAsked))
    assert len(mail.events) == 5
    assert mail.signals == []  # what others say to one another is no signal for us


async def test_what_is_for_us_and_fresh_is_a_signal(
    mail: Mail, publish: Publish, until: Until, space: SpaceRef, host: LocalSigner,
    guest: LocalSigner, stranger: LocalSigner, now: int,
) -> None:  # fmt: skip
    mail.inbox.open()
    assert await mail.inbox.hear_past()
    me, ours, mine = guest.pubkey, Writer(space, host.pubkey), Writer(space, guest.pubkey)
    await publish(host, ours.offer(now - inbox.FRESH_SECONDS - 1, me, "old"))
    await publish(host, ours.offer(now + limits.FUTURE_SECONDS + 1, me, "of the future"))
    await publish(host, ours.offer(now, stranger.pubkey, "for another"))
    await publish(guest, mine.offer(now, me, "of ourselves"))
    other = SpaceRef(stranger.pubkey, space.id)
    await publish(host, Writer(other, host.pubkey).offer(now, me, "of another space"))
    await publish(host, ours.offer(now - inbox.FRESH_SECONDS, me, "just in time"))
    await publish(stranger, Writer(space, stranger.pubkey).reserve(now, me, "consumer", Metrics()))
    await until(lambda: len(mail.signals) >= 2)
    mail.now += inbox.FRESH_SECONDS + 1
    await publish(host, ours.offer(now, me, "late"))
    await publish(host, ours.answer(now + 1, me, "later"))
    await until(lambda: len(mail.signals) >= 3)
    offer, reserve, answer = mail.signals
    assert isinstance(offer, events.SdpOffered)
    assert offer.content == "just in time"
    assert isinstance(reserve, events.ConnectionReserved)
    assert reserve.signer == stranger.pubkey
    assert isinstance(answer, events.SdpAnswered)


async def test_the_future_nonsense_and_hands_dated_back_are_dropped_and_counted(
    mail: Mail, publish: Publish, until: Until, space: SpaceRef, host: LocalSigner,
    stranger: LocalSigner, now: int,
) -> None:  # fmt: skip
    mail.inbox.open()
    assert await mail.inbox.hear_past()
    ours, theirs = Writer(space, host.pubkey), Writer(space, stranger.pubkey)
    await publish(host, ours.join(now + limits.FUTURE_SECONDS + 1, "", Metrics()))
    await publish(stranger, theirs.request_speech(now - 46))
    tags = (("s", space.id), ("h", space.host))
    await publish(host, Draft(events.CLOSE_SPACE, "", tags, now))  # of no space of ours
    await publish(host, ours.promote(now + limits.FUTURE_SECONDS, stranger.pubkey))
    await until(lambda: mail.has(host.pubkey, events.SpeakerPromoted))
    assert len(mail.events) == 1
    assert mail.inbox.dropped == {
        "dated in the future": 1,
        "a hand of long ago": 1,
        "no webrtc tag": 1,
    }


async def test_without_a_relay_the_past_is_not_waited_for_forever(
    space: SpaceRef, guest: LocalSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "HISTORY_SECONDS", 0.05)
    async with Pool(["ws://127.0.0.1:9"]) as pool:
        mail = Mail(space, guest.pubkey, pool, now=0)
        mail.inbox.open()
        assert not await mail.inbox.hear_past()


async def test_a_closed_inbox_hears_nothing(
    mail: Mail, publish: Publish, space: SpaceRef, host: LocalSigner, now: int
) -> None:
    mail.inbox.open()
    assert await mail.inbox.hear_past()
    mail.inbox.close()
    await publish(host, Writer(space, host.pubkey).join(now, "", Metrics()))
    assert mail.events == []


# -- in a crowd


async def crowd(
    mail: Mail, publish: Publish, space: SpaceRef, signer: Callable[[int], LocalSigner], now: int
) -> list[LocalSigner]:
    """Some who join, and are heard of."""
    people = [signer(number) for number in range(20, 26)]
    for one in people:
        await publish(one, Writer(space, one.pubkey).join(now, "", Metrics()))
    return people


async def test_in_a_crowd_only_who_is_near_is_heard(
    mail: Mail, publish: Publish, until: Until, space: SpaceRef, host: LocalSigner,
    stranger: LocalSigner, signer: Callable[[int], LocalSigner], now: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(limits, "ROSTER_PEOPLE", 5)
    mail.inbox.open()
    assert await mail.inbox.hear_past()
    mail.inbox.look(people=5, moderates=False, near=[host.pubkey], linked=[host.pubkey])
    assert not mail.inbox.is_narrow
    mail.inbox.look(people=6, moderates=False, near=[host.pubkey], linked=[host.pubkey])
    assert mail.inbox.is_narrow
    theirs, ours = Writer(space, stranger.pubkey), Writer(space, host.pubkey)
    await publish(stranger, theirs.join(now, "", Metrics()))
    await publish(stranger, theirs.request_speech(now))
    await publish(stranger, theirs.confirm(now, signer(20).pubkey, "consumer", Metrics()))
    await publish(host, ours.confirm(now, stranger.pubkey, "consumer", Metrics()))
    await publish(host, ours.promote(now, stranger.pubkey))
    await until(lambda: mail.has(host.pubkey, events.SpeakerPromoted))  # acts are heard by all
    await until(lambda: mail.has(host.pubkey, events.ConnectionConfirmed))
    assert all(event.signer == host.pubkey for event in mail.events)
    mail.inbox.look(people=4, moderates=False, near=[host.pubkey], linked=[host.pubkey])
    assert mail.inbox.is_narrow, "a few less change nothing yet"
    mail.inbox.look(people=3, moderates=False, near=[host.pubkey], linked=[host.pubkey])
    assert not mail.inbox.is_narrow
    await until(lambda: mail.has(stranger.pubkey, events.PeerJoined))


async def test_who_moderates_hears_hands_and_who_shows_the_roster_who_comes(
    mail: Mail, publish: Publish, until: Until, space: SpaceRef, stranger: LocalSigner, now: int
) -> None:
    people = limits.ROSTER_PEOPLE + 1
    mail.inbox.open()
    assert await mail.inbox.hear_past()
    theirs = Writer(space, stranger.pubkey)
    mail.inbox.look(people=people, moderates=True, near=[])
    await publish(stranger, theirs.request_speech(now))
    await until(lambda: mail.has(stranger.pubkey, events.SpeechAsked))
    mail.inbox.look(people=people, moderates=False, near=[])
    mail.events.clear()
    mail.inbox.show_roster(True)
    mail.inbox.look(people=people, moderates=False, near=[])
    await publish(stranger, theirs.confirm(now, "a" * 64, "consumer", Metrics()))
    await publish(stranger, theirs.join(now, "", Metrics()))
    await until(lambda: mail.has(stranger.pubkey, events.PeerJoined))
    assert not mail.has(stranger.pubkey, events.ConnectionConfirmed)


async def test_in_a_crowd_the_join_of_a_stranger_is_looked_up_once(
    mail: Mail, publish: Publish, until: Until, space: SpaceRef,
    signer: Callable[[int], LocalSigner], now: int,
) -> None:  # fmt: skip
    mail.inbox.open()
    assert await mail.inbox.hear_past()
    assert not mail.inbox.want(signer(20).pubkey), "everybody is heard anyway"
    mail.inbox.look(people=limits.ROSTER_PEOPLE + 1, moderates=False, near=[])
    people = await crowd(mail, publish, space, signer, now)
    assert mail.inbox.want(people[0].pubkey)
    assert mail.inbox.want(people[0].pubkey), "it is on its way"
    assert mail.inbox.want(people[1].pubkey)
    await until(lambda: all(mail.has(one.pubkey, events.PeerJoined) for one in people[:2]))
    assert {event.signer for event in mail.events} == {one.pubkey for one in people[:2]}
    assert not mail.inbox.want(people[0].pubkey)
    mail.now += inbox.WANT_AGAIN_SECONDS
    assert mail.inbox.want(people[0].pubkey)


async def test_no_more_than_some_are_looked_up_at_a_time(mail: Mail) -> None:
    mail.inbox.open()
    assert await mail.inbox.hear_past()
    mail.inbox.look(people=limits.ROSTER_PEOPLE + 1, moderates=False, near=[])
    asked = [mail.inbox.want(f"{number:064x}") for number in range(2 * limits.WANTED)]
    assert asked.count(True) == limits.WANTED


async def test_a_space_with_a_long_history_is_heard_in_full_after_the_first_look(
    mail: Mail, publish: Publish, until: Until, space: SpaceRef,
    signer: Callable[[int], LocalSigner], now: int, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Many have come and gone; the few who are left may have joined long before them."""
    monkeypatch.setattr(scope, "FIRST_LOOK", 3)
    monkeypatch.setattr(inbox, "FIRST_LOOK", 3)
    people = await crowd(mail, publish, space, signer, now)
    mail.inbox.open()
    assert await mail.inbox.hear_past()
    assert sum(mail.has(one.pubkey, events.PeerJoined) for one in people) < len(people)
    mail.inbox.look(people=2, moderates=False, near=[])
    await until(lambda: all(mail.has(one.pubkey, events.PeerJoined) for one in people))


async def test_who_is_near_changes_without_asking_relays_all_the_time(
    mail: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    subscribe = Pool.subscribe

    def count(pool: Pool, filters: Any, *args: Any, **more: Any) -> Any:
        asked.append(filters)
        return subscribe(pool, filters, *args, **more)

    monkeypatch.setattr(Pool, "subscribe", count)
    mail.inbox.open()
    assert await mail.inbox.hear_past()
    asked.clear()
    for number in range(100):
        near = [f"{other:064x}" for other in range(number, number + 1_000)]
        mail.inbox.look(people=10_000, moderates=False, near=near)
        mail.now += 1
    assert len(asked) in (10, 11)
    assert all(len(one.authors) <= limits.NEAR for filters in asked for one in filters)
