import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tui.controller.controller import Controller
from tui.controller.intents import (
    CloseSpace,
    HostSpace,
    JoinSpace,
    Mute,
    PromoteSpeaker,
    RequestSpeech,
)
from tui.controller.link import QueueLink
from tui.controller.messages import (
    AnyMessage,
    AudioChanged,
    SpeechRequested,
    ViewChanged,
)
from tui.controller.options import ControllerOptions
from tui.controller.view import (
    View,
)

ROOT = Path(__file__).parents[2]


class World:
    """The world as a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, relay: str, folder: Path) -> None:
        self.process = process
        self.relay = relay
        self.folder = folder

    def listens(self) -> bool:
        url = urlsplit(self.relay)
        with socket.socket() as probe:
            return probe.connect_ex((url.hostname, url.port)) == 0


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    folder = tmp_path / "world"
    folder.mkdir()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tui.demo.world", "--people=3", f"--folder={folder}"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            relay = json.loads(await process.stdout.readline())["relay"]
        yield World(process, relay, folder)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


class User:
    """A real participant; `heard` has the pubkeys whose sound arrived."""

    def __init__(self, controller: Controller) -> None:
        self._link: QueueLink = controller.attach()
        self.view = View()
        self.happened: list[AnyMessage] = []
        self.do = controller.submit

    @property
    def role(self) -> str:
        return self.view.space.role if self.view.space else ""

    @property
    def me(self) -> str:
        return self.view.me.pubkey

    def heard(self) -> set[str]:
        started = [m for m in self.happened if isinstance(m, AudioChanged) and m.state == "started"]
        return {message.origin for message in started} - {self.me}

    async def until(self, holds: Callable[[], object], seconds: float = 25) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not holds():
                    message = await self._link.receive()
                    if isinstance(message, ViewChanged):
                        self.view.apply(message)
                    else:
                        self.happened.append(message)
        except TimeoutError:
            raise AssertionError(f"{self.view.space} {self.view.participants}") from None


@asynccontextmanager
async def user_on(relay: str) -> AsyncIterator[User]:
    options = ControllerOptions(
        profile="test",
        relays=(relay,),
        name="Visitor",
        microphone="tone:440",
        speaker="null",
        max_outputs=8,
        ice_servers=(),
        throwaway=True,
    )
    async with Controller(options) as controller:
        yield User(controller)


async def test_a_user_joins_hears_asks_and_is_let_on_stage(world: World) -> None:
    async with user_on(world.relay) as user:
        await user.until(lambda: user.view.spaces)
        (space,) = user.view.spaces.values()
        user.do(JoinSpace(space.ref))
        await user.until(lambda: len(user.view.participants) >= 4)  # three and the user
        await user.until(user.heard)
        assert user.heard() <= user.view.participants.keys()
        user.do(RequestSpeech())
        await user.until(lambda: user.role == "speaker")
        user.do(Mute(on=False))
        # The others hear it: they let the user finish.
        people = user.view.participants
        await user.until(lambda: people[user.me].speaking)
        await user.until(lambda: not any(p.speaking for p in people.values() if not p.me))
        assert user.view.space is not None
        assert user.view.space.microphone == "open"


async def test_a_user_who_hosts_is_visited_asked_and_talked_to(world: World) -> None:
    async with user_on(world.relay) as user:
        await user.until(lambda: user.view.spaces)
        user.do(HostSpace("Mine"))
        await user.until(lambda: len(user.view.participants) >= 2)
        await user.until(lambda: any(isinstance(m, SpeechRequested) for m in user.happened))
        (asker,) = (m.pubkey for m in user.happened if isinstance(m, SpeechRequested))
        user.do(PromoteSpeaker(asker))
        await user.until(lambda: asker in user.heard())
        user.do(CloseSpace())
        await user.until(lambda: user.view.space is None)
        ref = next(ref for ref, space in user.view.spaces.items() if space.host != user.me)
        user.do(JoinSpace(ref))  # the others' own space goes on
        await user.until(lambda: user.role == "listener" and len(user.view.participants) >= 4)


async def ends_and_leaves_nothing(world: World) -> bool:
    async with asyncio.timeout(10):
        await world.process.wait()
    return not world.listens() and not world.folder.exists()


async def test_it_ends_with_its_parent(world: World) -> None:
    assert world.listens()
    assert world.process.stdin is not None
    world.process.stdin.close()  # what the kernel does for a parent that was killed
    assert await ends_and_leaves_nothing(world)
    assert world.process.returncode == 0


async def test_it_ends_when_told_to(world: World) -> None:
    world.process.send_signal(signal.SIGTERM)
    assert await ends_and_leaves_nothing(world)
    assert world.process.returncode == 0


@pytest.mark.needs("unshare", "ip")
@pytest.mark.skipif("SPACES_LOOPBACK_ONLY" in os.environ, reason="it is what runs there")
def test_the_loopback_interface_is_all_the_network_it_needs() -> None:
    test = f"{__file__}::{test_a_user_joins_hears_asks_and_is_let_on_stage.__name__}"
    pytest_here = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test)
    done = subprocess.run(
        ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *pytest_here],
        env={**os.environ, "SPACES_LOOPBACK_ONLY": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
    )
    if "unshare failed" in done.stderr:
        pytest.skip("this kernel gives us no network namespace")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
