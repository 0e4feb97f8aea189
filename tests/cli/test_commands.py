import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tui.cli.status import ExitStatus
from tui.config.paths import Paths
from tui.controller.intents import HostSpace
from tui.controller.messages import Joined, ViewChanged
from tui.controller.options import ControllerOptions
from tui.controller.process import ensure_controller
from tui.controller.view import View
from tui.relay.server import RelayServer

Run = Callable[..., Any]
Start = Callable[..., Awaitable[Any]]
NOBODY = "ws://127.0.0.1:9"


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("fly", ExitStatus.USAGE),
        ("list --relay http://a", ExitStatus.USAGE),
        ("list jazz follows", ExitStatus.USAGE),
        ("host x --headless --mic tone:1", ExitStatus.USAGE),
        ("status --profile a/b", ExitStatus.USAGE),
        (f"list --relay {NOBODY}", ExitStatus.RELAY),
        ("host x --headless --key-file /nowhere", ExitStatus.KEY),
        ("status", ExitStatus.NO_CONTROLLER),
        ("status --json", ExitStatus.NO_CONTROLLER),
        ("stop", ExitStatus.NO_CONTROLLER),
        ("journal", ExitStatus.NO_CONTROLLER),
        ("host x --headless --access password", ExitStatus.USAGE),
        ("join x --headless --password-file /nowhere", ExitStatus.USAGE),
        ("join x --headless --account nobody", ExitStatus.KEY),
        ("join x --headless --account a --key-file b", ExitStatus.USAGE),
        ("relay --listen 203.0.113.1:0", ExitStatus.LISTEN),
        ("relay --listen 127.0.0.1:0 --store /nowhere/x", ExitStatus.LISTEN),
        ("", ExitStatus.TERMINAL),
        ("host x", ExitStatus.TERMINAL),
        ("demo", ExitStatus.TERMINAL),
    ],
)
def test_what_fails_says_so_in_one_line_with_its_status(
    spaces: Run, line: str, status: ExitStatus
) -> None:
    ended = spaces(*line.split())
    assert ended.status == status
    assert ended.line.startswith("spaces")
    assert ended.out == ""


def test_who_has_no_screen_is_pointed_to_headless(spaces: Run) -> None:
    for term in ("dumb", "xterm"):
        assert "--headless" in spaces("join", "x", TERM=term).line


def test_a_bad_settings_file_is_named(spaces: Run) -> None:
    file = Paths().settings
    file.parent.mkdir(parents=True)
    file.write_text("max_outputs = -1")
    ended = spaces("list")
    assert ended.status == ExitStatus.USAGE
    assert f"{file}: max_outputs" in ended.line


def test_a_port_that_is_taken(spaces: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = spaces("relay", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert ended.status == ExitStatus.LISTEN
    assert "cannot listen on 127.0.0.1" in ended.line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_relay_says_where_it_listens_and_ends_quietly(
    spaces: Run, tmp_path: Path, number: int
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tui", "relay", "--listen", "127.0.0.1:0"),
        *("--store", str(tmp_path / "events.sqlite")),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
    assert line.startswith("listening on ws://127.0.0.1:")
    listed = await asyncio.to_thread(spaces, "list", "--relay", line.split()[-1])
    assert (listed.status, listed.out) == (0, "")
    assert "no space is live" in listed.line
    process.send_signal(number)
    out, err = await asyncio.wait_for(process.communicate(), 20)
    assert (process.returncode, out, err) == (0, b"", b"")
    assert (tmp_path / "events.sqlite").exists()


async def test_live_spaces_are_listed(spaces: Run, headless: Start, relay: RelayServer) -> None:
    common = ("--relay", relay.url)
    first = await headless("host", "Friday", "--id", "fri", "--name", "Ada", *common)
    await first.until("joined")
    second = await headless("host", "Gone", *common)
    await second.until("joined")
    await second.write(b'{"do":"close"}\n')
    await second.end()

    listed = await asyncio.to_thread(spaces, "list", *common, "--relay", NOBODY)
    host = (await first.until("ready"))["pubkey"]
    title, line = listed.out.splitlines()
    assert title.split()[0] == "NAME"
    assert line.split()[:2] == ["Friday", "Ada"]
    assert line.endswith(f"{host}:fri")
    assert listed.err == ""

    (line,) = (await asyncio.to_thread(spaces, "list", "--json", *common)).out.splitlines()
    found = json.loads(line)
    assert (found["event"], found["ref"], found["name"]) == ("space", f"{host}:fri", "Friday")
    assert (found["speakers"], found["listeners"], found["state"]) == (1, 0, "live")

    listed = await asyncio.to_thread(spaces, "list", "friday", "host:ada", *common)
    assert len(listed.out.splitlines()) == 2
    listed = await asyncio.to_thread(spaces, "list", "#music", *common)
    assert (listed.status, listed.out) == (0, "")
    assert "none of the 1 spaces" in listed.line
    listed = await asyncio.to_thread(spaces, "list", "is:closed", *common)
    assert "Gone" in listed.out
    await first.end(signal.SIGTERM)


@pytest.mark.usefixtures("stop_controllers")
async def test_status_and_stop_of_a_running_controller(spaces: Run, relay: RelayServer) -> None:
    options = ControllerOptions(
        profile="default",
        relays=(relay.url, NOBODY),
        name="Ada",
        microphone="none",
        speaker="null",
        max_outputs=4,
        ice_servers=(),
        throwaway=True,
    )
    link = await ensure_controller(Paths(), options)
    await link.close()

    told = await asyncio.to_thread(spaces, "status")
    assert told.status == 0
    assert told.out.count("\n") == 1
    assert told.out.startswith("Ada npub1")
    assert "of 2 relays" in told.out
    seen = json.loads((await asyncio.to_thread(spaces, "status", "--json")).out)
    assert (seen["event"], seen["me"]["name"], seen["space"]) == ("status", "Ada", None)
    assert {one["url"] for one in seen["relays"]} == {relay.url, NOBODY}

    other = await asyncio.to_thread(spaces, "status", "--profile", "other")
    assert other.status == ExitStatus.NO_CONTROLLER

    stopped = await asyncio.to_thread(spaces, "stop")
    assert (stopped.status, stopped.out, stopped.err) == (0, "", "")
    assert (await asyncio.to_thread(spaces, "status")).status == ExitStatus.NO_CONTROLLER


@pytest.mark.usefixtures("stop_controllers")
async def test_the_journal_of_the_present_space_is_shown_and_written(
    spaces: Run, relay: RelayServer, tmp_path: Path
) -> None:
    assert (await asyncio.to_thread(spaces, "journal")).status == ExitStatus.NO_CONTROLLER
    options = ControllerOptions(
        profile="default",
        relays=(relay.url,),
        name="Ada",
        microphone="none",
        speaker="null",
        max_outputs=4,
        ice_servers=(),
        throwaway=True,
    )
    link = await ensure_controller(Paths(), options)
    assert (await asyncio.to_thread(spaces, "journal")).status == ExitStatus.REFUSED
    await link.send(HostSpace("Tea"))
    async with asyncio.timeout(10):
        while not isinstance(await link.receive(), Joined):
            pass
        view = View()
        while not view.journal:
            if isinstance(message := await link.receive(), ViewChanged):
                view.apply(message)
    await link.close()

    shown = await asyncio.to_thread(spaces, "journal")
    assert (shown.status, shown.out.count("\n"), shown.err) == (0, 1, "")
    assert "Ada  created" in shown.out
    seen = json.loads((await asyncio.to_thread(spaces, "journal", "--json")).out)
    assert (seen["event"], seen["act"], seen["by_name"]) == ("journal", "created", "Ada")

    path = tmp_path / "acts.jsonl"  # where the command runs
    written = await asyncio.to_thread(spaces, "journal", "--export", "acts.jsonl")
    assert (written.status, written.out) == (0, f"1 signed events in {path}\n")
    assert json.loads(path.read_text())["kind"] == 1000
    again = await asyncio.to_thread(spaces, "journal", "--export", "acts.jsonl")
    assert again.status == ExitStatus.REFUSED
    assert "exists" in again.line


def test_a_runtime_directory_that_is_not_ours_is_refused(spaces: Run, tmp_path: Path) -> None:
    (tmp_path / "spaces").symlink_to("/")
    ended = spaces("status", XDG_RUNTIME_DIR=str(tmp_path))
    assert ended.status == ExitStatus.CONTROLLER
    assert "not a directory of ours" in ended.line


def test_output_that_nobody_reads_is_no_fault(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "tui", "doctor", "--relay", NOBODY]
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False, timeout=30)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (ExitStatus.BROKEN_PIPE, b"")


def test_closed_standard_streams_are_no_fault() -> None:
    command = f'"{sys.executable}" -m tui status <&- >&- 2>&-'
    ended = subprocess.run(["sh", "-c", command], check=False, timeout=30)
    assert ended.returncode == ExitStatus.NO_CONTROLLER


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "0<&- 1>&- 2>&-"])
def test_the_screens_say_that_they_need_a_terminal_also_without_any_stream(closed: str) -> None:
    command = f"exec {sys.executable} -m tui {closed}"
    environ = {**os.environ, "TERM": "xterm"}
    ended = subprocess.run(["sh", "-c", command], env=environ, check=False, timeout=30)
    assert ended.returncode == ExitStatus.TERMINAL
