import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tui.controller.controller import Controller
from tui.controller.intents import HostSpace, Intent, LeaveSpace, Mute
from tui.controller.link import QueueLink
from tui.controller.messages import (
    Failed,
    IntentRefused,
    Joined,
    SpaceClosed,
)
from tui.controller.options import ControllerOptions
from tui.relay.server import RelayServer
from tui.rtc import media

SILENT_RELAY = "ws://127.0.0.1:9"


@pytest.fixture
async def relay() -> AsyncIterator[RelayServer]:
    async with RelayServer() as relay:
        yield relay


@pytest.fixture
async def controller(relay: RelayServer) -> AsyncIterator[Controller]:
    async with AsyncExitStack() as exits:
        controller = Controller(
            ControllerOptions(
                profile="test",
                relays=(relay.url,),
                name="Ada",
                microphone="tone:440",
                speaker="null",
                max_outputs=4,
                ice_servers=(),
                throwaway=True,
            )
        )
        yield await exits.enter_async_context(controller)
        async with asyncio.timeout(10):
            await exits.aclose()


async def heard(link: QueueLink, *kinds: type[Any]) -> Any:
    """The next message of one of these kinds."""
    async with asyncio.timeout(10):
        while not isinstance(message := await link.receive(), kinds):
            pass
    return message


async def test_leaving_in_the_same_breath_as_entering_leaves_nothing_behind(
    controller: Controller,
) -> None:
    link = controller.attach()
    asked: list[Intent] = [HostSpace("Tea"), LeaveSpace(), HostSpace("Cake")]
    for intent in asked:
        await link.send(intent)  # type: ignore[arg-type]
    assert (await heard(link, SpaceClosed)).reason == "left"
    assert isinstance(await heard(link, Joined, IntentRefused), Joined)


async def test_a_microphone_opened_on_the_way_out_does_not_keep_us_in(
    controller: Controller, relay: RelayServer
) -> None:
    link = controller.attach()
    await link.send(HostSpace("Tea"))
    await heard(link, Joined)
    session = controller._stay.session
    assert session is not None
    await link.send(LeaveSpace())
    async with asyncio.timeout(10):
        while session.stage != "left":
            await asyncio.sleep(0)
    await link.send(Mute(False))
    assert (await heard(link, SpaceClosed)).reason == "left"


async def test_who_enters_again_as_soon_as_it_is_over_does_not_keep_the_controller(
    relay: RelayServer,
) -> None:
    options = ControllerOptions(
        profile="test",
        relays=(relay.url,),
        name="Ada",
        microphone="none",
        speaker="null",
        max_outputs=4,
        ice_servers=(),
        throwaway=True,
    )
    async with asyncio.timeout(10):
        async with Controller(options) as controller:
            link = controller.attach()
            await link.send(HostSpace("Tea"))
            await heard(link, Joined)

            async def insist() -> None:
                await heard(link, SpaceClosed)
                await link.send(HostSpace("Tea again"))

            insisting = asyncio.create_task(insist())
        await insisting


async def test_with_a_library_that_our_hooks_do_not_fit_connections_go_the_plain_way(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media.Media, "take_over", lambda self, transceiver, slot: None)
    monkeypatch.setattr("tui.rtc.selftest.DEADLINE_SECONDS", 1.0)
    link = controller.attach()
    checking = asyncio.create_task(controller.check_media())
    await asyncio.sleep(0)
    await link.send(HostSpace("Tea"))  # it waits until that is known
    assert (await heard(link, Failed)).cause == "media"
    await heard(link, Joined)
    await checking
    session = controller._stay.session
    assert session is not None
    assert session._connections._peers._settings.stock
