import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tui.audio.packet import OpusPacket
from tui.config import limits
from tui.nostr.event import Draft
from tui.nostr.keys import LocalSigner
from tui.spaces import codec, events, inbox, requests
from tui.spaces.events import Metrics, SpaceEvent, SpaceRef
from tui.spaces.roles import Role
from tui.spaces.session import SpaceCreation, SpaceSession
from tui.spaces.sound import Sound
from tui.spaces.writer import Writer

Until = Callable[[Callable[[], object]], Awaitable[None]]
Sit = Callable[..., Awaitable[Any]]
ByHand = Callable[[int], Any]

TEA = SpaceCreation("Tea")
QUIET_SECONDS = 1.0  # in which a voice that has no right to speak any more is silent


def now() -> int:
    return int(time.time())


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], float]:
    """When somebody's sound was last given to somebody's loudspeaker."""
    last: dict[tuple[str, str], float] = defaultdict(float)
    play = Sound._play

    def listen(self: Sound, origin: str, packet: OpusPacket) -> None:
        last[self._me, origin] = time.monotonic()
        play(self, origin, packet)

    monkeypatch.setattr(Sound, "_play", listen)
    return last


def ignore_moderation(session: SpaceSession) -> None:
    """A client that does not want to know what is done to it, and goes on as before."""
    apply = session.state.apply

    def take(event: SpaceEvent) -> None:
        off = isinstance(event, events.PeerDemoted | events.PeerRemoved)
        if not (off and event.target == session.me):  # type: ignore[union-attr]
            apply(event)

    session.state.apply = take  # type: ignore[method-assign]


@pytest.mark.parametrize("act", ["demote", "remove"])
async def test_a_voice_is_silent_at_every_node_although_its_client_goes_on_sending(
    act: str, sit: Sit, until: Until, signer: Callable[[int], LocalSigner],
    heard: dict[tuple[str, str], float],
) -> None:  # fmt: skip
    host = await sit(signer(1), create=TEA, outputs=0)
    await until(lambda: host.diary.joins)
    node = await sit(signer(2), microphone="tone:880", muted=False)
    hostile = await sit(signer(3), microphone="tone:440", muted=False, outputs=0)
    ignore_moderation(hostile.session)
    for seat in (node, hostile):
        await until(lambda: host.session.is_present(seat.me))  # noqa: B023
        host.session.promote(seat.me)
    everybody = [host, node]
    await until(lambda: all(s.session.link_state(hostile.me) == "connected" for s in everybody))
    # Who listens behind another node, and has no connection with the hostile one.
    listener = await sit(signer(4))
    await until(lambda: listener.session.parent == node.me)
    everybody.append(listener)
    await until(lambda: all(heard[s.me, hostile.me] for s in everybody))
    assert listener.session.link_state(hostile.me) == ""

    getattr(host.session, act)(hostile.me)
    acted = time.monotonic()
    await until(lambda: time.monotonic() > acted + QUIET_SECONDS + 0.5)
    for seat in everybody:
        assert heard[seat.me, hostile.me] < acted + QUIET_SECONDS
        assert not seat.session.is_talking(hostile.me)
    assert heard[listener.me, node.me] > acted + QUIET_SECONDS  # the others go on
    assert hostile.session.microphone == "open"
    if act == "remove":
        assert all(s.session.link_state(hostile.me) == "" for s in everybody)
        assert hostile.session.parent == ""


async def test_who_was_removed_connects_to_nobody_and_hears_nothing(
    sit: Sit, until: Until, signer: Callable[[int], LocalSigner],
    heard: dict[tuple[str, str], float], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("tui.spaces.refusals.RETRY_SECONDS", 0.1)
    host = await sit(signer(1), create=TEA, microphone="tone:440", muted=False)
    await until(lambda: host.diary.joins)
    hostile = await sit(signer(2))
    ignore_moderation(hostile.session)
    await until(lambda: heard[hostile.me, host.me])
    host.session.remove(hostile.me)
    await until(lambda: host.session.link_state(hostile.me) == "")
    before, made = len(hostile.diary.connections), len(host.diary.connections)
    # It asks again and again, and is told why not.
    await until(lambda: hostile.diary.connections[before:].count((host.me, "failed")) >= 3)
    assert host.diary.connections[made:] == []
    assert hostile.session.parent == ""
    silent = time.monotonic()
    await until(lambda: time.monotonic() > silent + 0.2)
    assert heard[hostile.me, host.me] < silent


async def test_requests_without_offers_keep_no_output_from_an_honest_listener(
    sit: Sit, until: Until, guest: LocalSigner, by_hand: ByHand, host: LocalSigner
) -> None:
    seat = await sit(host, create=TEA, outputs=1)
    await until(lambda: seat.diary.joins)
    squatters = [by_hand(number) for number in (4, 5, 6)]
    for squatter in squatters:
        await squatter.say(squatter.writer.join(now(), "", Metrics()))
        await until(lambda: seat.session.is_present(squatter.me))  # noqa: B023
        await squatter.say(squatter.writer.reserve(now(), host.pubkey, "consumer", Metrics()))
        await until(lambda: squatter.has_heard(events.ConnectionConfirmed))  # noqa: B023
    second = await sit(guest)
    await until(lambda: second.session.parent == host.pubkey)
    assert not any(one.has_heard(events.ConnectionDropped) for one in squatters)
    first = squatters[0]
    for _ in range(requests.REQUESTS + 3):
        await first.say(first.writer.reserve(now(), host.pubkey, "consumer", Metrics()))
    await until(lambda: seat.session.dropped.get("too many requests to connect"))
    assert second.session.parent == host.pubkey


async def test_of_many_who_ask_and_make_no_offer_the_oldest_makes_room(
    sit: Sit, until: Until, host: LocalSigner, by_hand: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WAITING_OFFERS", 2)
    seat = await sit(host, create=TEA, outputs=10)
    await until(lambda: seat.diary.joins)
    people = [by_hand(number) for number in (4, 5, 6)]
    for one in people:
        await one.say(one.writer.join(now(), "", Metrics()))
        await until(lambda: seat.session.is_present(one.me))  # noqa: B023
        await one.say(one.writer.reserve(now(), host.pubkey, "consumer", Metrics()))
        await until(lambda: one.has_heard(events.ConnectionConfirmed))  # noqa: B023
    await until(lambda: people[0].has_heard(events.ConnectionDropped))
    told = people[0].has_heard(events.ConnectionDropped)[0]
    assert told.reason == "others ask, too"
    assert not people[2].has_heard(events.ConnectionDropped)


async def test_an_offer_that_nobody_asked_for_is_answered_by_a_drop(
    sit: Sit, until: Until, host: LocalSigner, by_hand: ByHand
) -> None:
    seat = await sit(host, create=TEA)
    await until(lambda: seat.diary.joins)
    ann = by_hand(4)
    await ann.say(ann.writer.offer(now(), host.pubkey, codec.write_description("v=0")))
    await until(lambda: seat.session.dropped.get("signalling of no connection") == 1)
    assert not ann.has_heard(events.ConnectionDropped)  # a stranger
    await ann.say(ann.writer.join(now(), "", Metrics()))
    await until(lambda: seat.session.is_present(ann.me))
    await ann.say(ann.writer.offer(now(), host.pubkey, codec.write_description("v=0 again")))
    await until(lambda: ann.has_heard(events.ConnectionDropped))


async def test_floods_are_counted_and_the_space_goes_on(
    sit: Sit, until: Until, host: LocalSigner, guest: LocalSigner, by_hand: ByHand,
    space: SpaceRef,
) -> None:  # fmt: skip
    first = await sit(host, create=TEA, microphone="tone:440", muted=False)
    await until(lambda: first.diary.joins)
    second = await sit(guest)
    await until(lambda: second.session.is_talking(host.pubkey))
    ann = by_hand(4)
    await ann.say(ann.writer.join(now(), "", Metrics()))
    await ann.say(ann.writer.reserve(now(), host.pubkey, "consumer", Metrics()))
    await until(lambda: ann.has_heard(events.ConnectionConfirmed))

    def common(**changes: str) -> tuple[tuple[str, str], ...]:
        return tuple(({"s": space.id, "h": space.host, "webrtc": "spaces"} | changes).items())

    flood = [ann.writer.candidate(now(), host.pubkey, f'{{"ice": {n}}}') for n in range(120)]
    flood += [Draft(events.REQUEST_SPEECH, "", common(x=str(n)), now()) for n in range(40)]
    flood += [ann.writer.promote(now(), ann.me), ann.writer.remove(now(), guest.pubkey)]
    flood += [
        Writer(SpaceRef(ann.me, space.id), ann.me).reserve(now(), host.pubkey, "mutual", Metrics()),
        Draft(events.JOIN_SPACE, "{}", (*common(), ("d", "later")), now() + 100),
        Draft(events.SDP_OFFER, "{}", (*common(), ("p", host.pubkey)), now() - 70),
        Draft(events.CLOSE_SPACE, "", common(), now()),
        Draft(events.LEAVE_SPACE, "", common(webrtc="calls"), now()),
    ]
    for draft in flood:
        await ann.say(draft)
    await until(
        lambda: (
            {
                "too much signalling",
                "too many candidates",
                "unreadable candidate",
                "too many hands",
                "of another space",
                "dated in the future",
                "no webrtc tag",
            }
            <= first.session.dropped.keys()
        )
    )
    assert first.session.dropped["unreadable candidate"] == limits.CANDIDATE_EVENTS
    await until(lambda: len(first.session.journal.entries) >= 4)
    assert {entry.refused != "" for entry in first.session.journal.entries if entry.by == ann.me}
    assert first.session.role is Role.HOST
    assert first.session.state.ended is None
    assert not first.session.state.is_barred(guest.pubkey)
    assert second.session.is_talking(host.pubkey)


async def test_signalling_played_back_is_no_signalling(
    sit: Sit, until: Until, host: LocalSigner, by_hand: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool under a flood forgets what it has brought."""
    seat = await sit(host, create=TEA)
    await until(lambda: seat.diary.joins)
    ann = by_hand(4)
    await ann.say(ann.writer.join(now(), "", Metrics()))
    drop = await ann.say(ann.writer.drop(now(), host.pubkey, "bye", "nonce"))
    await until(lambda: drop.id in seat.session._inbox._handled)
    seat.session._inbox._receive_signal(drop, "ws://relay")
    assert seat.session.dropped["signalling played back"] == 1
    monkeypatch.setattr(inbox, "FRESH_SECONDS", -1)
    seat.session._inbox._receive_signal(drop, "ws://relay")
    assert seat.session.dropped["signalling of long ago"] == 1
