"""A peer that knows nothing but the draft, as guest and as host of ours."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import aioice.ice
import pytest
from websockets.asyncio.client import connect

from tests.hostile.world import World
from tests.interop.plain import (
    CONFIRM,
    DEMOTE,
    DROP,
    OFFER,
    PROMOTE,
    REMOVE,
    REQUEST,
    RESERVE,
    Plain,
)
from tui.spaces.roles import Role

pytestmark = pytest.mark.timeout(120)

Enter = Callable[..., Awaitable[Plain]]

OURS, THEIRS = 440, 1_000  # hertz


@pytest.fixture
async def world(stage: Any) -> AsyncIterator[World]:
    relay, _ = await stage.relay()
    async with AsyncExitStack() as exits:
        yield World(relay, stage, exits)


@pytest.fixture
async def plain(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Enter]:
    # A plain connection offers no loopback, which may be all that a machine has.
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: ["127.0.0.1"])
    async with AsyncExitStack() as exits:

        async def enter(host: str = "") -> Plain:
            socket = await exits.enter_async_context(connect(world.relay))
            one = Plain(socket, world.space.id, host, THEIRS)
            exits.push_async_callback(one.close)
            return one

        yield enter


@pytest.mark.parametrize("written", ["", "{}", '{"type": "consumer"}', '{"type": "listener"}'])
async def test_a_plain_guest_hears_us(world: World, plain: Enter, written: str) -> None:
    host = await world.host(microphone=f"tone:{OURS}", muted=False)
    guest = await plain(host.me)
    await guest.join()
    await world.wait(lambda: host.sees(guest), "the guest is in")
    assert host.session.is_plain(guest.me)
    joined = host.session.state.peer(guest.me)
    assert joined is not None
    assert (joined.name, joined.metrics.upload_kbps, joined.metrics.max_audio_outputs) == ("", 0, 2)
    await guest.ask(host.me, written)
    await world.wait(lambda: guest.hears(OURS), "the guest hears the host")
    assert not host.session.dropped.get("unreadable candidate")


async def test_a_plain_guest_asks_to_speak_and_is_heard_until_demoted(
    world: World, plain: Enter
) -> None:
    host = await world.host(microphone=f"tone:{OURS}", muted=False, speaker=world.recording("host"))
    ann = await world.guest(3, speaker=world.recording("ann"))
    guest = await plain(host.me)
    await guest.join()
    await guest.request_speech()
    await world.wait(lambda: guest.me in host.session.queue, "its hand is up")
    host.session.promote(guest.me)
    await world.agree(guest, Role.SPEAKER)
    await world.wait(lambda: guest.on_stage, "it knows")
    await guest.ask(host.me, '{"type": "producer"}')
    await world.heard("host").goes_on(THEIRS)
    await world.heard("ann").goes_on(THEIRS)
    host.session.demote(guest.me)
    await world.agree(guest, Role.LISTENER)
    demoted = {name: world.heard(name).now for name in ("host", "ann")}
    for name, at in demoted.items():
        heard = world.heard(name)
        await world.wait(lambda heard=heard, at=at: heard.now > at + 2, "time goes on")
        assert heard.seconds_of(THEIRS, at + 1) == 0
    assert ann.session.is_plain(guest.me)


async def test_we_are_a_guest_of_a_plain_host(world: World, plain: Enter) -> None:
    host = await plain()
    world.host_elsewhere(host.me)
    await host.create()
    ours = await world.sit(2, speaker=world.recording("ours"), microphone=f"tone:{OURS}")
    await world.wait(lambda: ours.session.parent == host.me, "the host serves us")
    assert ours.session.is_plain(host.me)
    assert [event["content"][0] for event in host.said(OFFER, ours.me)] == ["{"]
    await world.heard("ours").goes_on(THEIRS)

    ours.session.request_speech()
    await world.wait(lambda: host.said(REQUEST, ours.me), "our hand")
    await host.act(PROMOTE, ours.me)
    await world.wait(lambda: ours.session.role is Role.SPEAKER and ours.linked(host), "on stage")
    ours.session.mute(False)
    await world.wait(lambda: host.hears(OURS), "the host hears us")

    await host.act(DEMOTE, ours.me, '{"reason": "time is up"}')
    await world.wait(lambda: ours.session.role is Role.LISTENER, "off the stage")
    await host.act(REMOVE, ours.me, "not even JSON")
    assert await ours.task == "removed"


async def test_who_wants_encryption_refuses_a_plain_guest(world: World, plain: Enter) -> None:
    host = await world.host(plain_signalling=False)
    guest = await plain(host.me)
    await guest.join()
    await world.wait(lambda: host.sees(guest), "the guest is in")
    await guest.ask(host.me, '{"type": "consumer"}')
    await world.wait(lambda: guest.said(DROP, host.me), "it is told")
    (told,) = guest.said(DROP, host.me)
    assert "only encrypted signalling is accepted" in told["content"]
    assert not guest.said(CONFIRM, host.me)
    other = await world.guest(3)
    assert other.session.parent == host.me, "who encrypts is served"


async def test_who_wants_encryption_asks_no_plain_host_and_is_told_why(
    world: World, plain: Enter
) -> None:
    host = await plain()
    world.host_elsewhere(host.me)
    await host.create()
    ours = await world.sit(2, plain_signalling=False)
    await world.wait(lambda: ours.session.stage == "joined", "we are in")
    await world.wait(
        lambda: any("encrypted signalling" in line for line in ours.witness.lines), "it is said"
    )
    assert not host.said(RESERVE, ours.me)
    assert not host.said(OFFER, ours.me)
    assert ours.session.parent == ""
