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
from tui.spaces.writer import Writer

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


# -- whose handshake breaks off


async def on_stage(seat: Any, one: Any, until: Until) -> None:
    """Somebody who is driven by hand is in the space, and on its stage."""
    await one.say(one.writer.join(now(), "", Metrics(max_audio_outputs=3)))
    await until(lambda: seat.session.is_present(one.me))
    seat.session.promote(one.me)
    await until(lambda: seat.session.state.role_of(one.me) is Role.SPEAKER)


async def test_who_crashes_in_the_middle_of_a_handshake_does_not_keep_us_from_asking(
    sit: Sit, until: Until, host: LocalSigner, by_hand: Callable[[int], Any], offering: Peer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(attempts, "SLOW_SECONDS", 0.5)
    seat = await sit(host, create=SpaceCreation("Tea"))
    await until(lambda: seat.diary.joins)
    bob = by_hand(5)
    assert bob.me < host.pubkey  # so that it is he who asks
    await on_stage(seat, bob, until)
    await bob.say(bob.writer.reserve(now(), host.pubkey, "mutual", Metrics()))
    await until(lambda: bob.has_heard(events.ConnectionConfirmed))
    offer = codec.write_description(await offering.create_offer())
    await bob.say(bob.writer.offer(now(), host.pubkey, offer))
    await until(lambda: bob.has_heard(events.SdpAnswered))
    await until(lambda: bob.has_heard(events.ConnectionReserved))


async def test_who_starts_anew_after_having_accepted_is_served(
    sit: Sit, until: Until, host: LocalSigner, by_hand: Callable[[int], Any]
) -> None:
    """We would go on waiting for the answer to an offer that nobody remembers."""
    seat = await sit(host, create=SpaceCreation("Tea"))
    await until(lambda: seat.diary.joins)
    eve = by_hand(9)
    assert eve.me > host.pubkey  # so that it is we who ask
    await on_stage(seat, eve, until)
    await until(lambda: eve.has_heard(events.ConnectionReserved))
    await eve.say(eve.writer.reserve(now() - 1, host.pubkey, "mutual", Metrics()))  # at once
    await eve.say(eve.writer.confirm(now(), host.pubkey, "mutual", Metrics()))
    await until(lambda: eve.has_heard(events.SdpOffered))
    assert not eve.has_heard(events.ConnectionConfirmed)
    await eve.say(eve.writer.reserve(now(), host.pubkey, "mutual", Metrics()))
    await until(lambda: eve.has_heard(events.ConnectionConfirmed))


async def test_a_drop_of_before_does_not_end_what_was_agreed_after_it(
    sit: Sit, until: Until, host: LocalSigner, by_hand: Callable[[int], Any], offering: Peer
) -> None:
    """A slow relay may bring it last."""
    seat = await sit(host, create=SpaceCreation("Tea"))
    await until(lambda: seat.diary.joins)
    ann = by_hand(4)
    await ann.say(ann.writer.join(now() - 9, "Ann", Metrics()))
    await until(lambda: seat.session.is_present(ann.me))
    dropped = ann.writer.drop(now() - 8, host.pubkey, "moved", "nonce")
    await ann.say(ann.writer.reserve(now() - 5, host.pubkey, "consumer", Metrics()))
    await until(lambda: ann.has_heard(events.ConnectionConfirmed))
    offer = codec.write_description(await offering.create_offer())
    await ann.say(ann.writer.offer(now(), host.pubkey, offer))
    await until(lambda: ann.has_heard(events.SdpAnswered))
    await ann.say(dropped)
    await offering.accept_answer(await ann.answer())
    await until(lambda: seat.session.link_state(ann.me) == "connected")
    await ann.say(ann.writer.drop(now() - 4, host.pubkey, "moved", "another"))
    await until(lambda: seat.session.link_state(ann.me) == "")


async def test_several_who_are_promoted_at_once_become_a_full_mesh_and_a_lost_link_is_made_again(
    sit: Sit, until: Until, signer: Callable[[int], LocalSigner]
) -> None:
    first = await sit(signer(1), create=SpaceCreation("Tea"))
    await until(lambda: first.diary.joins)
    others = [await sit(signer(number)) for number in range(2, 6)]
    await until(lambda: all(first.session.is_present(seat.me) for seat in others))
    for seat in others:
        first.session.promote(seat.me)
    stage = [first, *others]

    def is_mesh() -> bool:
        return all(
            one.session._connections.links.get(other.me)
            and one.session._connections.links[other.me].kind == "mutual"
            for one in stage
            for other in stage
            if one is not other
        )

    await until(is_mesh)
    links = others[0].session._connections.links
    lost = links[others[1].me].peer
    await lost.close()
    await until(lambda: is_mesh() and links[others[1].me].peer is not lost)


# -- who listens


class ByHandListener:
    """A listener whose connection is up, and who says on it what the test says."""

    def __init__(self, one: Any, peer: Peer) -> None:
        self.one = one
        self.peer = peer

    @staticmethod
    async def connect(
        seat: Any, one: Any, peer: Peer, until: Until, *, standby: bool = False
    ) -> "ByHandListener":
        await one.say(one.writer.join(now(), "", Metrics(max_audio_outputs=1)))
        await until(lambda: seat.session.is_present(one.me))
        draft = one.writer.reserve(now(), seat.me, "consumer", Metrics(), standby=standby)
        await one.say(draft)
        await until(lambda: one.has_heard(events.ConnectionConfirmed))
        await one.say(
            one.writer.offer(now(), seat.me, codec.write_description(await peer.create_offer()))
        )
        await until(lambda: one.has_heard(events.SdpAnswered))
        await peer.accept_answer(await one.answer())
        await until(lambda: seat.session.link_state(one.me) == "connected")
        await until(lambda: peer.send_message({"type": "ping", "n": 1}))
        return ByHandListener(one, peer)

    def listen(self, on: object) -> None:
        assert self.peer.send_message({"type": "listen", "on": on})

    def reasons(self) -> list[str]:
        return [event.reason for event in self.one.has_heard(events.ConnectionDropped)]


async def test_who_stands_by_takes_no_output_until_it_listens(
    sit: Sit, until: Until, host: LocalSigner, by_hand: Callable[[int], Any], offering: Peer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("tui.spaces.serving.SETTLE_SECONDS", 0.1)
    seat = await sit(host, create=SpaceCreation("Tea"), outputs=1)
    await until(lambda: seat.diary.joins)
    ann = await ByHandListener.connect(seat, by_hand(4), offering, until, standby=True)
    assert [x.standby for x in ann.one.has_heard(events.ConnectionConfirmed)] == [True]
    assert seat.session.state.tree.consumers(seat.me) == 0
    for on, parent in ((True, seat.me), (False, ""), (True, seat.me)):
        ann.listen(on)
        await until(lambda: seat.session.state.tree.parent(ann.one.me) == parent)  # noqa: B023
    said = [x.standby for x in ann.one.has_heard(events.ConnectionConfirmed)]
    assert said == [True, False, True, False]
    assert ann.reasons() == []
    bob = by_hand(5)
    await bob.say(bob.writer.join(now(), "", Metrics()))
    await until(lambda: seat.session.is_present(bob.me))
    await bob.say(bob.writer.reserve(now(), seat.me, "consumer", Metrics()))
    await until(lambda: bob.has_heard(events.ConnectionDropped))  # the only output is taken now
    assert bob.has_heard(events.ConnectionDropped)[0].reason == "no output free"


async def test_who_wants_to_listen_at_a_full_node_is_told_who_else_has_room(
    sit: Sit, until: Until, host: LocalSigner, guest: LocalSigner,
    by_hand: Callable[[int], Any], offering: Peer,
) -> None:  # fmt: skip
    seat = await sit(host, create=SpaceCreation("Tea"), outputs=1)
    await until(lambda: seat.diary.joins)
    ann = await ByHandListener.connect(seat, by_hand(4), offering, until, standby=True)
    served = await sit(guest, outputs=2)
    await until(lambda: served.session.parent == seat.me)
    ann.listen(True)
    await until(lambda: ann.reasons() == ["no output free"])
    (drop,) = ann.one.has_heard(events.ConnectionDropped)
    assert served.me in drop.instead
    await until(lambda: seat.session.link_state(ann.one.me) == "")
    assert seat.session.link_state(served.me) == "connected"


async def test_a_flood_of_wishes_and_words_on_a_connection_does_no_harm(
    sit: Sit, until: Until, host: LocalSigner, by_hand: Callable[[int], Any], offering: Peer
) -> None:
    seat = await sit(host, create=SpaceCreation("Tea"), outputs=1)
    await until(lambda: seat.diary.joins)
    ann = await ByHandListener.connect(seat, by_hand(4), offering, until)
    crowd = [f"{number:064x}" for number in range(50)]
    said: list[dict[str, object]] = [
        {"type": "listen", "on": "yes"},
        {"type": "path", "path": crowd},
        {"type": "path", "path": [seat.me]},
        {"type": "room", "free": 10**9, "below": 10**9, "at": crowd[:4]},
        {"type": "room", "free": 10**9, "below": 10**9, "at": crowd},
        {"type": "room"},
    ]
    for number in range(20):
        for message in ({"type": "listen", "on": bool(number % 2)}, *said):
            await until(lambda: ann.peer.send_message(message))  # noqa: B023
    await until(lambda: seat.session.dropped.get("too many wishes to listen", 0) > 10)
    await until(lambda: seat.session.dropped.get("bad room", 0) >= 40)
    dropped = seat.session.dropped
    assert dropped["not theirs to say"] == 40
    assert "errors of ours" not in dropped
    assert seat.session._connections.neighbours.own_way == ()
    assert len(seat.session._connections.links) == 1


async def test_a_listener_without_a_way_to_the_stage_serves_nobody(
    sit: Sit, until: Until, guest: LocalSigner, publish: Any, host: LocalSigner, space: Any,
    by_hand: Callable[[int], Any],
) -> None:  # fmt: skip
    await publish(host, Writer(space, host.pubkey).create(now(), "Tea", Metrics()))
    seat = await sit(guest)
    await until(lambda: seat.diary.joins)
    ann = by_hand(4)
    await ann.say(ann.writer.join(now(), "", Metrics()))
    await until(lambda: seat.session.is_present(ann.me))
    await ann.say(ann.writer.reserve(now(), guest.pubkey, "consumer", Metrics()))
    await until(lambda: ann.has_heard(events.ConnectionDropped))
    assert ann.has_heard(events.ConnectionDropped)[0].reason == "no way to the stage"
