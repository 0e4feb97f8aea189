"""The screens over a real controller, a real relay and a real second participant."""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from tui.app import SpacesApp
from tui.controller.controller import Controller
from tui.controller.link import Link
from tui.controller.options import ControllerOptions

pytestmark = pytest.mark.timeout(120)


class User:
    """Somebody at the keyboard."""

    def __init__(self, app: SpacesApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    def shown(self) -> str:
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)

    async def sees(self, *words: str) -> None:
        await self.until(lambda: all(word in self.shown() for word in words), str(words))

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        for _ in range(1500):
            if holds():
                return
            await self.pilot.pause(0.02)
        raise AssertionError(f"not seen: {what}\n{self.shown()}")

    async def types(self, text: str) -> None:
        await self.pilot.press(*("space" if letter == " " else letter for letter in text))


@contextlib.asynccontextmanager
async def at_the_keyboard(relay: str) -> AsyncIterator[User]:
    """Ada, who has never started `spaces` before."""
    options = ControllerOptions(
        profile="test",
        relays=(relay,),
        name="Ada",
        microphone="tone:1000",
        speaker="null",
        max_outputs=8,
        ice_servers=(),
    )
    async with Controller(options) as controller:

        async def connect() -> Link:
            return controller.attach()

        app = SpacesApp(connect, first_run=True)
        async with app.run_test(size=(80, 24)) as pilot:
            yield User(app, pilot)


async def test_from_the_first_screen_to_speaking(stage: Any) -> None:
    relay, _ = await stage.relay()
    host = await stage.node(
        "host", "host", "Evening talk", "--id", "talk", "--mic", "tone:440", relays=(relay,)
    )
    await host.until("joined")
    async with at_the_keyboard(relay) as ada:
        await ada.sees("throw-away key")
        await ada.pilot.press("t")
        await ada.sees("Evening talk", "host")
        await ada.pilot.press("enter")
        await ada.sees("LISTENING", "hearing via host")
        joined = await host.until("participant", name="Ada", role="listener", present=True)

        await ada.pilot.press("h")
        await ada.sees("place 1 in the queue")
        await host.until("speech_request", pubkey=joined["pubkey"])
        await host.do("promote_speaker", pubkey=joined["pubkey"])
        await ada.sees("MUTED", "speaker")
        assert stage.sound("host").seconds_of(1000) == 0, "let on stage, still shut"

        await ada.pilot.press("m")
        await ada.sees("MIC OPEN")
        await stage.wait_until(lambda: stage.sound("host").seconds_of(1000) >= 1, "Ada is heard")
        await ada.pilot.press("m")
        await ada.sees("MUTED")
        muted = stage.sound("host").seconds
        await stage.wait_until(lambda: stage.sound("host").seconds > muted + 1.5, "time goes on")
        assert stage.sound("host").seconds_of(1000, since=muted + 0.5) == 0, "muted means silent"

        await ada.pilot.press("m")
        await ada.sees("MIC OPEN")
        await host.do("demote", pubkey=joined["pubkey"])
        await ada.sees("LISTENING")
        await host.do("promote_speaker", pubkey=joined["pubkey"])
        await ada.sees("MUTED", "speaker")

        await ada.pilot.press("l")
        await ada.sees("lobby")
        await host.until("participant", pubkey=joined["pubkey"], present=False)


async def test_hosting_from_the_keyboard(stage: Any) -> None:
    relay, _ = await stage.relay()
    async with at_the_keyboard(relay) as ada:
        await ada.sees("throw-away key")
        await ada.pilot.press("t")
        await ada.sees("lobby", "connected")
        await ada.pilot.press("n")
        await ada.sees("new space")
        await ada.types("Tea at five")
        await ada.pilot.press("f2")
        await ada.sees("Tea at five", "MUTED", "host")

        guest = await stage.node("guest", "join", ada.app.desk.view.space.ref, relays=(relay,))
        hers = await guest.pubkey()
        await guest.until("joined")
        await guest.until("connection", state="connected")
        await guest.do("request_speech")
        await ada.sees("Queue 1")
        await ada.pilot.press("q")
        await ada.sees("guest")
        await ada.pilot.press("a")
        await guest.until("participant", pubkey=hers, role="speaker")
        await ada.sees("Stage 2", "Queue 0")
