import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from tui.nostr.filter import Filter
from tui.nostr.keys import LocalSigner
from tui.nostr.pool import Pool
from tui.rtc.peer import Peer
from tui.spaces import attempts, codec, events, planner
from tui.spaces.events import Metrics
from tui.spaces.roles import Role
from tui.spaces.session import SpaceCreation

Until = Callable[[Callable[[], object]], Awaitable[None]]
Sit = Callable[..., Awaitable[Any]]


def now() -> int:
    return int(time.time())


async def test_a_request_that_comes_before_its_askers_join_waits_for_it(
    sit: Sit, until: Until, host: LocalSigner, by_hand: Callable[[int], Any]
) -> None:
    """Even of an asker whose clock is late; a relay may well bring the two in another order."""
    seat = await sit(host, create=SpaceCreation("Tea"))
    await until(lambda: seat.diary.joins)
    ann = by_hand(4)
    await ann.say(ann.writer.reserve(now() - 20, host.pubkey, "consumer", Metrics()))
    await ann.say(ann.writer.leave(now() - 20))  # something for the host to think about
    await until(lambda: ann.me in seat.diary.participants)
    await ann.say(ann.writer.join(now() - 10, "Ann", Metrics()))
    await until(lambda: ann.has_heard(events.ConnectionConfirmed))
    assert not ann.has_heard(events.ConnectionDropped)


async def test_a_request_of_somebody_who_never_joins_is_dropped(
    sit: Sit, until: Until, host: LocalSigner, by_hand: Callable[[int], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("tui.spaces.requests.CONFIRM_SECONDS", 0.1)
    seat = await sit(host, create=SpaceCreation("Tea"))
    await until(lambda: seat.diary.joins)
    ann = by_hand(4)
    await ann.say(ann.writer.reserve(now(), host.pubkey, "consumer", Metrics()))
    await until(lambda: ann.has_heard(events.ConnectionDropped))
    assert not ann.has_heard(events.ConnectionConfirmed)


async def test_an_unreadable_candidate_does_not_end_the_connection_in_the_making(
    sit: Sit, until: Until, host: LocalSigner, by_hand: Callable[[int], Any], offering: Peer
) -> None:
    seat = await sit(host, create=SpaceCreation("Tea"))
    await until(lambda: seat.diary.joins)
    ann = by_hand(4)
    await ann.say(ann.writer.join(now(), "Ann", Metrics()))
    await ann.say(ann.writer.reserve(now(), host.pubkey, "consumer", Metrics()))
    await until(lambda: ann.has_heard(events.ConnectionConfirmed))
    for content in ('{"ice": null}', "{}", "no secret", '{"ice":' + "[" * 5000):
        await ann.say(ann.writer.candidate(now(), host.pubkey, content))
    await until(lambda: seat.session.dropped.get("unreadable candidate") == 4)
    offer = codec.write_description(await offering.create_offer())
    await ann.say(ann.writer.offer(now(), host.pubkey, offer))
    await until(lambda: ann.has_heard(events.SdpAnswered))
    await offering.accept_answer(await ann.answer())
    await until(lambda: seat.session.link_state(ann.me) == "connected")


def has_heard_drops(listener: Any, count: int) -> bool:
    return len(listener.has_heard(events.ConnectionDropped)) == count


async def test_an_unreadable_offer_ends_the_attempt_and_its_sender_is_told(
    sit: Sit, until: Until, host: LocalSigner, by_hand: Callable[[int], Any]
) -> None:
    seat = await sit(host, create=SpaceCreation("Tea"))
    await until(lambda: seat.diary.joins)
    ann = by_hand(4)
    await ann.say(ann.writer.join(now(), "Ann", Metrics()))
    for count, bad in enumerate(('{"sdp": 5}', '{"sdp": "v=0 nonsense"}', "no secret"), start=1):
        seat.diary.connections.clear()
        await ann.say(ann.writer.reserve(now(), host.pubkey, "consumer", Metrics()))
        await until(lambda: (ann.me, "connecting") in seat.diary.connections)
        await ann.say(ann.writer.offer(now(), host.pubkey, bad))
        await until(lambda: (ann.me, "failed") in seat.diary.connections)
        assert seat.session.link_state(ann.me) == ""
        await until(partial(has_heard_drops, ann, count))


async def test_whoever_serves_a_speaker_does_not_ask_the_same_speaker_meanwhile(
    sit: Sit, until: Until, host: LocalSigner, by_hand: Callable[[int], Any], offering: Peer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """On a slow path the asker needs more than the time after which the other side asks too."""
    seat = await sit(host, create=SpaceCreation("Tea"))
    await until(lambda: seat.diary.joins)
    bob = by_hand(5)
    assert bob.me < host.pubkey  # so that it is he who asks
    await bob.say(bob.writer.join(now(), "Bob", Metrics()))
    await until(lambda: seat.session.is_present(bob.me))
    seat.session.promote(bob.me)
    await until(lambda: seat.session.state.role_of(bob.me) is Role.SPEAKER)
    await bob.say(bob.writer.reserve(now(), host.pubkey, "mutual", Metrics()))
    await until(lambda: bob.has_heard(events.ConnectionConfirmed))
    monkeypatch.setattr(planner, "MESH_GRACE", -1.0)
    await bob.say(bob.writer.request_speech(now()))  # something to think about
    await until(lambda: seat.session.state.hand_shown_at(bob.me))
    offer = codec.write_description(await offering.create_offer())
    await bob.say(bob.writer.offer(now(), host.pubkey, offer))
    await until(lambda: bob.has_heard(events.SdpAnswered))
    await offering.accept_answer(await bob.answer())
    await until(lambda: seat.session.link_state(bob.me) == "connected")
    assert not bob.has_heard(events.ConnectionReserved)
    assert not bob.has_heard(events.ConnectionDropped)


async def test_an_attempt_that_leads_nowhere_does_not_end_the_connection_that_is_up(
    sit: Sit, until: Until, host: LocalSigner, guest: LocalSigner, pool: Pool,
    by_hand: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """As when a relay plays back a request of an earlier visit."""
    first = await sit(host, create=SpaceCreation("Tea"))
    await until(lambda: first.diary.joins)
    second = await sit(guest)
    await until(lambda: first.session.link_state(guest.pubkey) == "connected")
    first.diary.connections.clear()
    monkeypatch.setattr(attempts, "OFFER_SECONDS", 0.2)
    replayed = by_hand(2)
    assert replayed.me == guest.pubkey
    await replayed.say(replayed.writer.reserve(now() + 2, host.pubkey, "consumer", Metrics()))
    outcomes = [(guest.pubkey, "connecting"), (guest.pubkey, "connected")]
    await until(lambda: first.diary.connections == outcomes)
    assert second.session.link_state(host.pubkey) == "connected"
    dropped = Filter(kinds=(events.DROP_CONNECTION,), authors=(host.pubkey,))
    assert await pool.fetch([dropped]) == []
