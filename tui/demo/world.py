"""The demo's world as a process: a relay on loopback and the people who meet there.

Every one of them is a whole participant: a controller with a key, a relay connection, WebRTC peers
and a voice of its own. Only their wishes come from a script.
"""

import argparse
import asyncio
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tui.controller.controller import Controller
from tui.controller.hosting import first_of, tune_for_media
from tui.controller.link import Link, LinkClosed
from tui.controller.messages import (
    ViewChanged,
)
from tui.controller.options import ControllerOptions
from tui.controller.view import (
    View,
)
from tui.demo.cast import SPARE, Person, choose_cast
from tui.demo.lifeline import begin, say_ready, watch_parent
from tui.demo.scene import Sight, look
from tui.demo.script import Script
from tui.demo.voice import write_voice
from tui.nostr.keys import SecretKey
from tui.relay.server import RelayServer

STEP_SECONDS = 0.25  # between two looks at the script
NICENESS = 5  # the user's own sound and screen go first


class Actor:
    """One simulated person, from the controller's start to its end."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.secret = SecretKey.generate()
        self.view = View()
        self.controller: Controller | None = None

    @property
    def pubkey(self) -> str:
        """Who it is."""
        return self.secret.public

    async def play(self, relay: str, microphone: str, outputs: int) -> None:
        """Take part until cancelled."""
        options = ControllerOptions(
            profile="demo",
            relays=(relay,),
            name=self.person.name,
            microphone=microphone,
            speaker="null",
            max_outputs=outputs,
            ice_servers=(),
            secret=self.secret.to_nsec(),
        )
        async with Controller(options) as controller:
            self.controller = controller
            await self._watch(controller.attach())

    async def _watch(self, link: Link) -> None:
        while True:
            try:
                message = await link.receive()
            except LinkClosed:
                return
            if isinstance(message, ViewChanged):
                self.view.apply(message)


class World:
    """The people on one relay; `run` plays the script until cancelled."""

    def __init__(self, people: int, seed: int, relay: str) -> None:
        rng = random.Random(seed)
        self.actors = [Actor(person) for person in choose_cast(people, rng)]
        self._by_pubkey = {actor.pubkey: actor for actor in self.actors}
        self._script = Script(list(self._by_pubkey), people, seed)
        self._relay = relay
        self._outputs = people + SPARE  # whoever is on stage could serve everybody

    async def run(self, folder: Path) -> None:
        """Bring everybody to life, the host first, and play; voices are written to `folder`."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._play())
            for number, actor in enumerate(self.actors):
                rng = random.Random(number)
                pitch = actor.person.pitch
                voice = await asyncio.to_thread(write_voice, folder, str(number), pitch, rng)
                tasks.create_task(actor.play(self._relay, voice, self._outputs))

    async def _play(self) -> None:
        start = time.monotonic()
        while True:
            now = time.monotonic() - start
            for cue in self._script.step(now, self._sights(), self._guests_spaces()):
                controller = self._by_pubkey[cue.who].controller
                if controller is not None:
                    controller.submit(cue.intent)
            await asyncio.sleep(STEP_SECONDS)

    def _sights(self) -> dict[str, Sight]:
        """What everybody sees who has come to life."""
        return {actor.pubkey: look(actor.view) for actor in self.actors if actor.controller}

    def _guests_spaces(self) -> frozenset[str]:
        """The refs of live spaces that are not ours, as the host's lobby shows them."""
        spaces = self.actors[0].view.spaces.values()
        return frozenset(
            space.ref
            for space in spaces
            if space.state == "live" and space.host not in self._by_pubkey
        )


async def _run(people: int, seed: int, folder: Path) -> None:
    ending = watch_parent()
    async with RelayServer() as relay:
        world = World(people, seed, relay.url)
        tune_for_media()
        say_ready(relay=relay.url)
        await first_of(world.run(folder), ending.wait())


def main() -> int:
    """Be the world until stdin ends or SIGTERM comes; one JSON line on stdout names the relay."""
    parser = argparse.ArgumentParser(prog="tui.demo.world", description=__doc__)
    parser.add_argument("--people", type=int, default=8, help="how many are always there")
    parser.add_argument("--seed", type=int, default=1, help="another one, another script")
    parser.add_argument("--folder", type=Path, help="for files; it is removed in the end")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="spaces-demo-"))
    os.nice(NICENESS)
    begin("world")
    try:
        asyncio.run(_run(arguments.people, arguments.seed, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
