import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tui.nostr.keys import LocalSigner
from tui.rtc.peer import Peer
from tui.spaces import attempts, codec, events
from tui.spaces.events import Metrics
from tui.spaces.roles import Role
from tui.spaces.session import SpaceCreation

Until = Callable[[Callable[[], object]], Awaitable[None]]
Sit = Callable[..., Awaitable[Any]]
ByHand = Callable[[int], Any]

TEA = SpaceCreation("Tea")


def now() -> int:
    return int(time.time())


async def confirmed(seat: Any, one: Any, until: Until, connection: Any = "consumer") -> None:
    """Somebody is in the space, has asked for a connection and was told yes."""
    await one.say(one.writer.join(now(), "", Metrics()))
    await until(lambda: seat.session.is_present(one.me))
    await one.say(one.writer.reserve(now(), seat.me, connection, Metrics()))
    await until(lambda: one.has_heard(events.ConnectionConfirmed))


async def test_of_more_than_can_be_served_those_are_who_make_an_offer_first(
    sit: Sit, until: Until, host: LocalSigner, by_hand: ByHand, offering: Peer
) -> None:
    seat = await sit(host, create=TEA, outputs=1)
    await until(lambda: seat.diary.joins)
    ann, bob = by_hand(4), by_hand(5)
    for one in (ann, bob):
        await confirmed(seat, one, until)
    offer = codec.write_description(await offering.create_offer())
    await bob.say(bob.writer.offer(now(), host.pubkey, offer))
    await until(lambda: bob.has_heard(events.SdpAnswered))
    await ann.say(ann.writer.offer(now(), host.pubkey, offer))
    await until(lambda: ann.has_heard(events.ConnectionDropped))
    (drop,) = ann.has_heard(events.ConnectionDropped)
    assert drop.reason == "no output free"
    await offering.accept_answer(await bob.answer())
    await until(lambda: seat.session.link_state(bob.me) == "connected")


async def test_an_offer_of_who_was_removed_meanwhile_is_not_taken(
    sit: Sit, until: Until, host: LocalSigner, by_hand: ByHand, offering: Peer
) -> None:
    seat = await sit(host, create=TEA)
    await until(lambda: seat.diary.joins)
    ann = by_hand(4)
    await confirmed(seat, ann, until)
    seat.session.remove(ann.me, "spam")
    await until(lambda: ann.has_heard(events.ConnectionDropped))
    assert ann.has_heard(events.ConnectionDropped)[0].reason == "removed: spam"
    offer = codec.write_description(await offering.create_offer())
    await ann.say(ann.writer.offer(now(), host.pubkey, offer))
    await until(lambda: seat.session.dropped.get("signalling of no connection"))
    assert not ann.has_heard(events.SdpAnswered)


async def test_who_said_yes_and_hears_no_offer_asks_itself(
    sit: Sit, until: Until, host: LocalSigner, by_hand: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as to somebody who crashed, whose request a relay has kept."""
    monkeypatch.setattr(attempts, "STALL_SECONDS", 0.5)
    seat = await sit(host, create=TEA)
    await until(lambda: seat.diary.joins)
    bob = by_hand(5)
    assert bob.me < host.pubkey  # so that it is he who asks first
    await bob.say(bob.writer.join(now(), "Bob", Metrics()))
    await until(lambda: seat.session.is_present(bob.me))
    seat.session.promote(bob.me)
    await until(lambda: seat.sees(bob.me, Role.SPEAKER))
    await bob.say(bob.writer.reserve(now(), host.pubkey, "mutual", Metrics()))
    await until(lambda: bob.has_heard(events.ConnectionConfirmed))
    await until(lambda: bob.has_heard(events.ConnectionReserved))
    assert not bob.has_heard(events.ConnectionDropped)


async def test_a_confirmation_is_dated_after_what_it_answers(
    sit: Sit, until: Until, host: LocalSigner, by_hand: ByHand
) -> None:
    """By a clock that is behind, it would count before the DROP that went before the request."""
    seat = await sit(host, create=TEA)
    await until(lambda: seat.diary.joins)
    ann = by_hand(4)
    await ann.say(ann.writer.join(now(), "", Metrics()))
    await until(lambda: seat.session.is_present(ann.me))
    await ann.say(ann.writer.drop(now() + 2, host.pubkey, "", "nonce"))
    await ann.say(ann.writer.reserve(now() + 3, host.pubkey, "consumer", Metrics()))
    await until(lambda: ann.has_heard(events.ConnectionConfirmed))
    assert ann.has_heard(events.ConnectionConfirmed)[0].at > now() + 2
    await until(lambda: [*seat.session.state.edges(time.time())])
