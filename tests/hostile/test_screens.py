"""The screens of a host whose space is flooded."""

import itertools
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.hostile import floods
from tui.app import SpacesApp
from tui.controller.controller import Controller
from tui.controller.link import Link
from tui.controller.options import ControllerOptions

pytestmark = pytest.mark.timeout(120)

ANSWERS_SECONDS = 5.0
"""From a key to what it shows, with the controller, three people and the attackers in one
process."""


class Ada:
    """At the keyboard."""

    def __init__(self, app: SpacesApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot
        self.slowest = 0.0

    def shown(self) -> str:
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)

    async def until(self, holds: Callable[[], object], seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, self.shown()
            await self.pilot.pause(0.01)

    async def sees(self, *words: str) -> None:
        await self.until(lambda: all(word in self.shown() for word in words))

    async def presses(self, key: str, *words: str) -> None:
        """A key, and what it shows."""
        began = time.monotonic()
        await self.pilot.press(key)
        await self.sees(*words)
        self.slowest = max(self.slowest, time.monotonic() - began)


@pytest.fixture
async def ada(relay: str) -> AsyncIterator[Ada]:
    options = ControllerOptions(
        profile="test",
        relays=(relay,),
        name="Ada",
        microphone="none",
        speaker="null",
        max_outputs=4,
        ice_servers=(),
    )
    async with Controller(options) as controller:

        async def connect() -> Link:
            return controller.attach()

        app = SpacesApp(connect, first_run=True)
        async with app.run_test(size=(100, 30)) as pilot:
            yield Ada(app, pilot)


async def test_a_flooded_screen_answers_keys_and_shows_what_was_dropped(
    ada: Ada, world: Any
) -> None:
    await ada.sees("throw-away key")
    await ada.presses("t", "lobby", "connected")
    await ada.presses("n", "new space")
    await ada.pilot.press("T", "e", "a", "f2")
    await ada.sees("Tea", "Stage 1")
    space = ada.app.desk.view.space
    world.host_elsewhere(space.host, space.id)
    his, mobs = space.host, [world.mob(100) for _ in range(3)]
    many = itertools.chain.from_iterable
    async with world.attack(
        many([*floods.joins(mob), *floods.hands(mob)] for mob in mobs),
        many(floods.forged_acts(mob, [his]) for mob in mobs),
        many(floods.out_of_time(mob) for mob in mobs),
        many(floods.misplaced(mob, his) for mob in mobs),
        many(floods.broken(mob, his) for mob in mobs),
        many(floods.requests_without_offers(mob, [his]) for mob in mobs),
        many(floods.signals(mob, [his]) for mob in mobs),
        many(floods.chatter(mob, his) for mob in mobs),
    ) as attack:
        await ada.until(lambda: len(ada.app.desk.view.participants) > 10)
        ada.slowest, keys = 0.0, 0
        while attack.goes_on:
            await ada.presses("question_mark", "Open or close your microphone.")
            await ada.presses("escape", "Tea")
            keys += 2
        assert keys, "it was over before a key was answered"
        await attack.over()
    assert ada.slowest < ANSWERS_SECONDS
    await ada.presses("g", "dropped:", "space: moderation without authority")
    view = ada.app.desk.view
    assert view.dropped["space: of another space"] > 50
    assert view.dropped["space: dated in the future"] > 50
    for shown in (ada.shown(), *(person.name for person in view.participants.values())):
        assert not set(shown) & {"\x1b", "\x07", "\u202e", "\u2066"}
    await ada.presses("escape", "Tea", "Stage 1")
    assert view.space.role == "host"
    assert {person.role for person in view.participants.values()} == {"host", "listener"}
    assert not view.barred
    # What matters is still found: somebody honest raises a hand and is let on stage.
    bob = await world.sit(5)
    await ada.until(lambda: bob.me in ada.app.desk.view.participants)
    bob.session.request_speech()
    await ada.until(lambda: ada.app.desk.view.participants[bob.me].queue)
