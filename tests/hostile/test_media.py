"""Somebody who is not to be heard, or not any more, and who goes on sending."""

import struct
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tui.spaces import events
from tui.spaces.roles import Role

pytestmark = pytest.mark.timeout(120)

Until = Callable[..., Awaitable[None]]

HOST, ROGUE = 440, 1_000  # hertz of their voices
NODES = ("host", "cohost", "ann")


@pytest.fixture
async def stage_with_rogue(world: Any) -> tuple[Any, Any, Any, Any]:
    """Host and co-host, on whose connections a rogue speaks; Ann hears it through one of them."""
    host = await world.host(microphone=f"tone:{HOST}", muted=False, speaker=world.recording("host"))
    cohost = await world.guest(2, role=Role.COHOST, speaker=world.recording("cohost"))
    ann = await world.guest(3, speaker=world.recording("ann"))
    rogue = await world.rogue(role=Role.SPEAKER)
    for other in (host, cohost):
        await rogue.connect(other.me)
    rogue.hum(ROGUE)
    for name in NODES:
        await world.heard(name).goes_on(ROGUE)
    assert ann.session.parent in (host.me, cohost.me)
    return host, cohost, ann, rogue


async def silent_within_a_second(world: Any, act: Callable[[], None]) -> None:
    """What `act` does, and that nobody hears the rogue a second later."""
    began = {name: world.heard(name).now for name in NODES}
    act()
    for name in NODES:
        await world.wait(lambda name=name: world.heard(name).now > began[name] + 3, "time goes on")
    for name in NODES:
        heard = world.heard(name)
        assert heard.seconds_of(ROGUE, began[name] + 1) == 0, f"{name} hears the rogue still"
        if name != "host":
            assert heard.seconds_of(HOST, began[name] + 1) > 1, f"{name} hears the host no more"


async def test_who_is_taken_off_the_stage_is_silent_everywhere(
    world: Any, stage_with_rogue: Any
) -> None:
    host, cohost, _, rogue = stage_with_rogue
    await silent_within_a_second(world, lambda: cohost.session.demote(rogue.me))
    await world.agree(rogue, Role.LISTENER)
    for node in (host, cohost):
        assert node.dropped["no speaking role"] > 50, "it goes on sending"
    assert host.sees(rogue), "as a listener"


async def test_who_is_removed_is_silent_everywhere_and_stays_out(
    world: Any, stage_with_rogue: Any, until: Until
) -> None:
    host, cohost, ann, rogue = stage_with_rogue
    await silent_within_a_second(world, lambda: host.session.remove(rogue.me, "noise"))
    for node in (host, cohost, ann):
        assert node.session.state.is_barred(rogue.me)
        assert not node.sees(rogue)
        assert not node.linked(rogue)
    drops = len(rogue.said(events.DROP_CONNECTION, host.me))
    await rogue.line.flood([rogue.join("I am somebody else")])
    now = int(time.time())
    for later, kind in enumerate(("mutual", "provider", "consumer")):
        # In one second, relays would keep only one of them.
        await rogue.line.flood([rogue.reserve(host.me, kind, at=now + later)])
    await until(lambda: len(rogue.said(events.DROP_CONNECTION, host.me)) >= drops + 3)
    assert not host.sees(rogue)
    assert host.session.link_state(rogue.me) == ""


async def test_a_parent_who_is_removed_is_left_whatever_it_says_to_send(
    world: Any, until: Until
) -> None:
    """The rogue is what Ann hears the space through, and claims to send the host's voice."""
    host = await world.host(microphone=f"tone:{HOST}", muted=False, outputs=2)
    other = await world.guest(3)
    assert other.session.parent == host.me
    rogue = await world.rogue(role=Role.SPEAKER)
    rogue.serves = True
    await rogue.connect(host.me)
    ann = await world.sit(4, speaker=world.recording("ann"))
    await until(lambda: ann.session.parent == rogue.me, "the rogue has more outputs free")
    rogue.hum(ROGUE, [rogue.me, host.me])
    heard = world.heard("ann")
    await heard.goes_on(ROGUE)
    began = heard.now
    host.session.remove(rogue.me, "noise")
    await until(lambda: ann.session.parent == host.me, "Ann listens to the host")
    await heard.goes_on(HOST, 2)
    assert heard.seconds_of(ROGUE, began + 1) == 0
    assert heard.longest_hole(HOST, began + 2.5) < 1


async def test_a_listener_who_sends_is_heard_by_nobody(world: Any, until: Until) -> None:
    host = await world.host(microphone=f"tone:{HOST}", muted=False, speaker=world.recording("host"))
    ann = await world.guest(3, speaker=world.recording("ann"))
    rogue = await world.rogue()
    await rogue.connect(host.me, "consumer")
    rogue.hum(ROGUE, [rogue.me, host.me, ann.me, None])
    await until(lambda: host.dropped.get("no speaking role", 0) > 100)
    await until(lambda: host.dropped.get("not theirs to send", 0) > 100)
    await world.heard("ann").goes_on(HOST)
    assert rogue.received[host.me] > 50, "it may listen"
    for name in ("host", "ann"):
        assert world.heard(name).seconds_of(ROGUE) == 0


async def test_a_speaker_cannot_send_the_voice_of_another(world: Any, until: Until) -> None:
    host = await world.host(microphone=f"tone:{HOST}", muted=False)
    cohost = await world.guest(2, role=Role.COHOST, speaker=world.recording("cohost"))
    rogue = await world.rogue(role=Role.SPEAKER)
    await rogue.connect(cohost.me)
    rogue.hum(ROGUE, [host.me, cohost.me])
    await until(lambda: cohost.dropped.get("not theirs to send", 0) > 50, "what it claims is known")
    began = world.heard("cohost").now + 0.5  # what came before that has been played by then
    await until(lambda: cohost.dropped.get("not theirs to send", 0) > 200)
    await world.heard("cohost").goes_on(HOST)
    assert world.heard("cohost").seconds_of(ROGUE, began) == 0
    assert not cohost.hears(rogue)


GARBAGE = (
    "{",
    "null",
    '{"type": 5}',
    '{"type": "slots"}',
    '{"type": "slots", "origins": "all"}',
    '{"type": "slots", "origins": [1, {}, []]}',
    '{"type": "slots", "origins": [' + ",".join(["null"] * 2_000) + "]}",
    '{"type": "ping", "n": 1e999}',
    "[" * 4_000,
    "x" * 60_000,
    b"\xff\x00" * 500,
    "",
)


async def test_garbage_on_a_connection_disturbs_nobody_else(world: Any, until: Until) -> None:
    host = await world.host(microphone=f"tone:{HOST}", muted=False, speaker=world.recording("host"))
    await world.guest(3, speaker=world.recording("ann"))
    rogue = await world.rogue(role=Role.SPEAKER)
    peer = await rogue.connect(host.me)
    await until(lambda: peer.send_message({"type": "ping", "n": 1}), "the channel is open")
    began = world.heard("ann").now
    for number in range(50):
        for said in GARBAGE:
            rogue.say_raw(host.me, said)
        for ssrc in (rogue.ssrc(host.me), number):
            header = struct.pack("!BBHII", 0x80 | number % 64, 96, rogue.any(16), number, ssrc)
            rogue.send_raw(host.me, header + rogue.noise(number * 14))
        await rogue.breathe()
    await until(lambda: host.dropped.get("bad message", 0) >= 50)
    await until(lambda: host.dropped.get("bad announcement", 0) >= 50)
    await until(lambda: host.dropped.get("unknown message", 0) >= 50)
    print(host.dropped)
    assert host.dropped["unknown stream"] > 10
    await world.heard("ann").goes_on(HOST)
    assert world.heard("ann").longest_hole(HOST, began) < 1
    assert host.dropped.get("errors of ours", 0) == 0
