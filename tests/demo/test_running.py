import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tui.app import SpacesApp
from tui.controller.intents import JoinSpace
from tui.controller.messages import (
    ViewChanged,
)
from tui.controller.view import (
    View,
)
from tui.demo.lifeline import DemoFailed, log_file
from tui.demo.running import Demo

ROOT = Path(__file__).parents[2]


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Demo]:
    """A small demo that keeps its files where the test can see them."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Demo(2, 1, microphone="none", speaker="null", name="Me") as demo:
        yield demo


def is_gone(pid: int) -> bool:
    """Whether a process has ended, reaped by whoever inherited it or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def files_in(folder: Path) -> list[Path]:
    return list(folder.glob("spaces-demo-*"))


def wait_for(holds: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


async def test_links_lead_into_a_world_with_a_space(demo: Demo) -> None:
    assert not demo.started
    demo.start()
    link = await demo.connect()
    view = View()
    async with asyncio.timeout(20):
        while not view.spaces:
            message = await link.receive()
            if isinstance(message, ViewChanged):
                view.apply(message)
    assert view.me.key == "throwaway"
    assert view.me.name == "Me"
    await link.send(JoinSpace(next(iter(view.spaces))))
    await link.close()
    again = await demo.connect()  # a screen that lost its link finds the same controller
    view = View()
    async with asyncio.timeout(20):
        while view.space is None or len(view.participants) < 3:
            message = await again.receive()
            if isinstance(message, ViewChanged):
                view.apply(message)
    await again.close()


async def test_its_end_leaves_no_process_and_no_file(demo: Demo, tmp_path: Path) -> None:
    demo.start()
    link = await demo.connect()
    pids = demo.pids
    assert len(pids) == 2 and files_in(tmp_path)
    demo.close()
    assert all(is_gone(pid) for pid in pids)
    assert not files_in(tmp_path)
    await link.close()


def test_it_can_end_before_it_has_begun(demo: Demo, tmp_path: Path) -> None:
    demo.start()
    pids = demo.pids
    demo.close()
    assert all(is_gone(pid) for pid in pids)
    assert not files_in(tmp_path)


async def test_a_world_that_has_died_is_told_with_the_place_of_its_log(demo: Demo) -> None:
    demo.start()
    world = demo.pids[0]
    os.kill(world, signal.SIGKILL)
    with pytest.raises(DemoFailed, match=str(log_file("world"))):
        await demo.connect()


async def test_nothing_can_be_attached_to_before_it_was_started(demo: Demo) -> None:
    with pytest.raises(DemoFailed):
        await demo.connect()


def test_a_log_that_cannot_be_written_is_one_clear_error(
    demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    with pytest.raises(DemoFailed, match="file"):
        demo.start()


_PARENT = """
import asyncio, sys
from tui.demo.running import Demo

async def main():
    demo = Demo(2, 1, microphone="none", speaker="null")
    demo.start()
    await demo.connect()
    print(*demo.pids, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_a_killed_parent_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    environ = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", _PARENT], stdout=-1, env=environ) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2 and files_in(tmp_path)
        parent.kill()
    wait_for(lambda: all(is_gone(pid) for pid in pids), 10)
    assert not files_in(tmp_path)


async def test_the_screens_show_it_and_the_user_takes_part(demo: Demo) -> None:
    app = SpacesApp(demo.connect)
    demo.start()
    async with app.run_test(size=(80, 24)) as pilot:

        async def until(holds: Callable[[], object]) -> None:
            deadline = time.monotonic() + 20
            while not holds():
                assert time.monotonic() < deadline, app.desk.view.space
                await pilot.pause(0.05)

        await until(lambda: app.desk.view.spaces)
        await pilot.pause(0.2)
        await pilot.press("enter")
        await until(lambda: len(app.desk.view.participants) >= 3)
        await until(lambda: app.screen.PLACE == "space" and app.desk.view.space.stage == "joined")
        await pilot.press("h")
        await until(lambda: app.desk.view.space.role == "speaker")
