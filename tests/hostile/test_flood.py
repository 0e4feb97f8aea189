"""Floods of everything, while honest people go on talking, coming and raising hands."""

import itertools
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest

from tests.hostile import floods
from tui.spaces.roles import Role

pytestmark = pytest.mark.timeout(120)

Until = Callable[..., Awaitable[None]]

VOICE = 440  # hertz of the honest speaker
PEOPLE = 150
FLOODED = {
    "asked of us without authority",
    "dated in the future",
    "moderation without authority",
    "no webrtc tag",
    "of another space",
    "p is no pubkey",
    "signalling of no connection",
    "too many messages of one person",
    "too much signalling",
}
"""Some of what everybody has dropped then."""


class Party(NamedTuple):
    """A space with somebody in each role."""

    host: Any
    cohost: Any
    speaker: Any
    ann: Any


@pytest.fixture
async def party(world: Any) -> Party:
    host = await world.host(outputs=4)
    cohost = await world.guest(2, role=Role.COHOST)
    speaker = await world.guest(3, role=Role.SPEAKER, microphone=f"tone:{VOICE}", muted=False)
    ann = await world.guest(4, speaker=world.recording("ann"))
    await until_mesh(world, host, cohost, speaker)
    await world.heard("ann").goes_on(VOICE)
    return Party(host, cohost, speaker, ann)


async def until_mesh(world: Any, *stage: Any) -> None:
    await world.wait(
        lambda: all(a.linked(b) for a, b in itertools.permutations(stage, 2)), "a full mesh"
    )


@pytest.mark.parametrize("relay", ["ours", "independent"], indirect=True)
async def test_a_party_goes_on(world: Any, party: Party, until: Until) -> None:
    host, cohost, speaker, ann = party
    stage = [host.me, cohost.me, speaker.me]
    everybody = [*stage, ann.me]
    mob = world.mob(PEOPLE)
    for flood in ([mob[0].join("N" * 1_000_000)], floods.joins(mob)):
        await (await world.line()).flood(flood)
    async with world.attack(
        floods.hands(mob),
        floods.forged_acts(mob, everybody),
        floods.out_of_time(mob),
        floods.misplaced(mob, host.me),
        floods.broken(mob, host.me),
        floods.requests_without_offers(mob, stage),
        floods.signals(mob, everybody),
        floods.edges(mob, stage),
        floods.chatter(mob, host.me),
    ) as attack:
        bob = await world.sit(5, speaker=world.recording("bob"))
        await until(lambda: bob.session.stage == "joined", "Bob comes in")
        await until(lambda: bob.session.parent, "Bob has found somebody to listen to")
        await world.heard("bob").goes_on(VOICE)
        bob.session.request_speech()
        seats = (host, cohost)
        await until(lambda: all(bob.me in one.session.queue for one in seats), "Bob's hand is up")
        cohost.session.promote(bob.me)
        await world.agree(bob, Role.SPEAKER)
        await until(lambda: bob.linked(host) and bob.linked(speaker), "Bob is on stage")
        await attack.over()
    everyone = (*party, bob)
    await until(lambda: all(seat.dropped.keys() >= FLOODED for seat in party), "all is counted")
    for seat in everyone:
        state = seat.session.state
        assert state.speaking == {*stage, bob.me}
        assert [*state.barred()] == []
        assert state.ended is None
        assert not state.locked
        assert seat.sees(*everyone)
        assert "errors of ours" not in seat.dropped
        assert seat.pool.counts["callback"] == 0
        assert seat.witness.told["log"] < 100, "of hundreds of forged acts"
        for name in (joined.name for joined in map(state.peer, state.known()) if joined):
            assert len(name) <= 80
            assert name.isprintable()
            assert "\u202e" not in name
    assert host.role_of(cohost) is Role.COHOST
    assert not speaker.session.muted
    await world.heard("ann").goes_on(VOICE)


async def test_who_asks_and_never_connects_takes_no_place_from_who_does(
    world: Any, until: Until
) -> None:
    """New people ask for connections all the time, and make nothing of the answer."""
    host = await world.host(outputs=2, microphone=f"tone:{VOICE}", muted=False)
    mob = world.mob(200)
    await (await world.line()).flood(one.join("idle") for one in mob)
    await until(lambda: host.sees(*mob))

    async with world.attack([one.reserve(host.me) for one in mob] * 100, window=4):
        await until(lambda: host.witness.told["connection_changed"] > 50, "they ask")
        for number in (3, 4):
            bob = await world.sit(number, speaker=world.recording(f"bob{number}"))
            await until(lambda bob=bob: bob.session.parent == host.me, "the host serves him")
            await world.heard(f"bob{number}").goes_on(VOICE)
