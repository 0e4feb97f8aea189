import asyncio
import contextlib
import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tui.cli.controller import read_view
from tui.cli.screens import Connector, wishes_for
from tui.cli.status import CommandFailed, ExitStatus
from tui.config.paths import Paths
from tui.controller.intents import (
    AddRelay,
    HostSpace,
    SetName,
    Stop,
    UseAccount,
    UseKey,
    UseKeyFile,
    UseThrowawayKey,
)
from tui.controller.messages import (
    SpaceFound,
    ViewChanged,
)
from tui.controller.options import ControllerOptions
from tui.controller.process import ControllerFailed, attach, wait_until_gone
from tui.controller.view import (
    View,
)
from tui.controller.views import (
    AudioView,
    Me,
    RelayView,
)
from tui.relay.server import RelayServer

Run = Callable[..., Any]
PUBKEY = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"
OTHER = "0000000000000000000000000000000000000000000000000000000000000001"
OPTIONS = ControllerOptions(
    profile="default",
    relays=("ws://127.0.0.1:9",),
    name="Ada",
    microphone="none",
    speaker="null",
    max_outputs=4,
    ice_servers=(),
)


def _take_terminal() -> None:
    """In the child: be told when the terminal goes away, as a login shell's commands are."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """A command in a terminal of its own; `shown` is all that it has written."""

    def __init__(self, *arguments: str) -> None:
        self._ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tui", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=_take_terminal,
            env=os.environ | {"TERM": "xterm-256color"},
        )
        os.close(theirs)
        self.shown = b""
        self._closing = threading.Event()
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # Linux says so when the last writer is gone
            while not self._closing.is_set():
                if select.select([self._ours], [], [], 0.05)[0]:
                    self.shown += os.read(self._ours, 65536)

    async def until_shown(self, text: str) -> None:
        async with asyncio.timeout(20):
            while text.encode() not in self.shown:
                assert self.process.poll() is None, self.shown[-2000:]
                await asyncio.sleep(0.01)

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def close(self) -> None:
        """Close the window."""
        if not self._closing.is_set():
            self._closing.set()
            self._reading.join()
            os.close(self._ours)

    async def end(self, number: int | None = None) -> int:
        """Its exit status, after a signal if one is given."""
        if number is not None and self.process.poll() is None:
            self.process.send_signal(number)
        status = await asyncio.to_thread(self.process.wait, 20)
        self.close()
        return status


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(*arguments: str) -> Terminal:
        opened.append(Terminal(*arguments))
        return opened[-1]

    yield start
    for one in opened:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()
        one.close()


@pytest.mark.usefixtures("stop_controllers")
async def test_a_killed_screen_leaves_the_space_and_the_next_one_shows_it(
    terminal: Callable[..., Terminal], spaces: Run, relay: RelayServer
) -> None:
    async def status() -> Any:
        return json.loads((await asyncio.to_thread(spaces, "status", "--json")).out)

    sound = ("--mic", "none", "--speaker", "null")
    first = terminal("host", "Friday", "--relay", relay.url, *sound)
    await first.until_shown("MUTED")
    before = await status()
    assert (before["space"]["name"], before["space"]["stage"]) == ("Friday", "joined")
    assert await first.end(signal.SIGKILL) == -signal.SIGKILL

    after = await status()
    assert (after["me"], after["space"]) == (before["me"], before["space"])

    second = terminal()
    await second.until_shown("MUTED")
    assert b"Friday" in second.shown
    second.press("Q")
    assert await second.end() == 0
    assert (await status())["space"] == before["space"]


@pytest.mark.usefixtures("stop_controllers")
async def test_a_terminal_that_closes_leaves_the_space(
    terminal: Callable[..., Terminal], spaces: Run, relay: RelayServer
) -> None:
    screen = terminal("host", "Friday", "--relay", relay.url, "--mic", "none", "--speaker", "null")
    await screen.until_shown("MUTED")
    screen.close()
    await screen.end()
    assert " in 'Friday' " in (await asyncio.to_thread(spaces, "status")).out


@pytest.mark.usefixtures("stop_controllers")
async def test_a_running_controller_with_another_microphone_is_not_pretended_away(
    terminal: Callable[..., Terminal], relay: RelayServer
) -> None:
    first = terminal("host", "Friday", "--relay", relay.url, "--mic", "none", "--speaker", "null")
    await first.until_shown("MUTED")
    second = terminal("--mic", "tone:440")
    assert await second.end() == ExitStatus.CONTROLLER
    assert b"its microphone cannot change; end it with `spaces stop`" in second.shown
    await first.end(signal.SIGKILL)


@pytest.mark.usefixtures("stop_controllers")
async def test_who_has_no_key_is_asked_and_may_go_away_without_a_trace(
    terminal: Callable[..., Terminal], relay: RelayServer
) -> None:
    screen = terminal("--relay", relay.url, "--mic", "none", "--speaker", "null")
    await screen.until_shown("Try the demo")
    async with asyncio.timeout(20):
        while (link := await attach(Paths())) is None:
            await asyncio.sleep(0.02)
    await link.close()
    screen.press("Q")
    assert await screen.end() == 0
    await wait_until_gone(Paths())


@pytest.mark.usefixtures("stop_controllers")
async def test_the_demo_takes_the_place_of_the_controller_and_ends_with_the_screens() -> None:
    connect = Connector(Paths(), OPTIONS)
    first = await connect()
    await connect.start_demo()
    link = await connect()
    assert (await read_view(link)).me.key == "throwaway"
    await first.close()
    await asyncio.to_thread(connect.close)
    with pytest.raises(ConnectionError):
        async with asyncio.timeout(10):
            while True:
                await link.receive()
    await link.close()
    await wait_until_gone(Paths())


def running(**changes: Any) -> View:
    """What a controller shows that was started with OPTIONS."""
    view = View()
    view.apply(
        msgspec.structs.replace(
            ViewChanged(
                version=1,
                me=Me(PUBKEY, "npub1", "Ada", "file"),
                audio=AudioView("none", "null"),
                relays={"ws://127.0.0.1:9": RelayView("ws://127.0.0.1:9", "waiting")},
            ),
            **changes,
        )
    )
    return view


KEYLESS = Me("", "", "Ada", "none")


def test_a_controller_that_does_as_the_flags_say_is_left_alone() -> None:
    flags = {"relays": OPTIONS.relays, "name": "Ada", "microphone": "none", "speaker": "null"}
    assert wishes_for(running(), flags, OPTIONS) == []
    assert wishes_for(running(me=KEYLESS), {}, OPTIONS) == []


def test_relays_and_name_are_added_to_a_running_controller() -> None:
    options = msgspec.structs.replace(
        OPTIONS, relays=("ws://127.0.0.1:9", "ws://more"), name="Grace"
    )
    wanted = [AddRelay("ws://more"), SetName("Grace")]
    assert wishes_for(running(), {"relays": (), "name": "Grace"}, options) == wanted
    assert wishes_for(running(), {}, options) == []  # settings are not insisted on


@pytest.mark.parametrize("field", ["microphone", "speaker", "max_outputs", "ice_servers"])
def test_what_cannot_change_is_said(field: str) -> None:
    changed = {"microphone": "default", "speaker": "default", "max_outputs": 9, "ice_servers": ()}
    options = msgspec.structs.replace(OPTIONS, **{field: changed[field]})
    with pytest.raises(CommandFailed, match=field.replace("_", " ")) as caught:
        wishes_for(running(), {field: changed[field]}, options)
    assert caught.value.status is ExitStatus.CONTROLLER


def test_a_key_is_given_to_a_controller_without_one(key_file: Path) -> None:
    for given, wish in (
        ({"key_file": str(key_file)}, UseKeyFile(str(key_file))),
        ({"secret": OTHER}, UseKey(OTHER)),
        ({"throwaway": True}, UseThrowawayKey()),
        ({"account": OTHER, "account_password": "x"}, UseAccount(OTHER, "x")),
    ):
        options = msgspec.structs.replace(OPTIONS, **given)
        assert wishes_for(running(me=KEYLESS), {}, options) == [wish]


def test_the_same_key_is_fine_and_another_is_not(key_file: Path) -> None:
    flags = {"key_file": str(key_file)}
    same = msgspec.structs.replace(OPTIONS, key_file=str(key_file))
    assert wishes_for(running(), flags, same) == []
    with pytest.raises(CommandFailed, match="its key cannot change"):
        wishes_for(running(), {}, msgspec.structs.replace(OPTIONS, secret=OTHER))
    kept = msgspec.structs.replace(OPTIONS, account=OTHER)
    assert wishes_for(running(), {}, kept) == [], "the one of the settings is not insisted on"
    with pytest.raises(CommandFailed, match="its key cannot change"):
        wishes_for(running(), {"account": OTHER}, kept)


@pytest.mark.usefixtures("stop_controllers")
async def test_links_lead_to_the_controller_but_never_start_a_second_one() -> None:
    options = msgspec.structs.replace(OPTIONS, throwaway=True)
    connect = Connector(Paths(), options, HostSpace(name="Friday", id="a||b"))
    first = await connect()
    await first.close()  # as a screen does that lost its link
    second = await connect()
    await second.send(Stop())
    await second.close()
    await wait_until_gone(Paths())
    with pytest.raises(ControllerFailed, match="run `spaces` again"):
        await connect()


@pytest.mark.usefixtures("stop_controllers")
async def test_what_was_asked_for_is_asked_once(relay: RelayServer) -> None:
    options = msgspec.structs.replace(OPTIONS, throwaway=True, relays=(relay.url,))
    connect = Connector(Paths(), options, HostSpace(name="Friday"))
    link = await connect()
    again = await connect()
    async with asyncio.timeout(10):
        while not isinstance(await link.receive(), SpaceFound):
            pass
    await again.send(Stop())
    refused = []
    with pytest.raises(ConnectionError):
        while True:
            message = await again.receive()
            refused += [message] if type(message).__name__ == "IntentRefused" else []
    assert refused == []
    await link.close()
    await again.close()
