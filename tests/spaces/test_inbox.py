import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import pytest

from tui.config import limits
from tui.nostr.event import Draft, Event
from tui.nostr.keys import LocalSigner
from tui.nostr.pool import Pool
from tui.spaces import events, inbox
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
