import asyncio
import os
import signal
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tui.config import limits
from tui.config.paths import Paths
from tui.controller import process
from tui.controller.intents import SetName, Stop
from tui.controller.link import LinkClosed, SocketLink
from tui.controller.messages import (
    Ready,
    ViewChanged,
)
from tui.controller.options import ControllerOptions
from tui.controller.process import ControllerFailed, attach, ensure_controller, wait_until_gone
from tui.controller.view import (
    View,
)

SECRET = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"  # the one of NIP-19
PUBKEY = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"

OPTIONS = ControllerOptions(
    profile="test",
    relays=("ws://127.0.0.1:9",),  # nobody listens there, and nothing here needs anybody to
    name="Ada",
    microphone="none",
    speaker="null",
    max_outputs=4,
    ice_servers=(),
)

Start = Callable[..., Awaitable[SocketLink]]


def pid_of(link: SocketLink) -> int:
    """The process at the other end of a link."""
    peer = link._writer.get_extra_info("socket")
    pid, _, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(pid)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def controllers() -> int:
    """How many run with this test's directories."""
    ours = f"XDG_RUNTIME_DIR={os.environ['XDG_RUNTIME_DIR']}".encode()
    found = 0
    for one in Path("/proc").glob("[0-9]*"):
        try:
            named = b"tui.controller" in (one / "cmdline").read_bytes()
            found += named and ours in (one / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it has just ended
    return found


async def view_of(link: SocketLink) -> View:
    view = View()
    async with asyncio.timeout(10):
        while not view.me.name:
            message = await link.receive()
            if isinstance(message, ViewChanged):
                view.apply(message)
    return view


@pytest.fixture
def paths() -> Paths:
    return Paths("test")


@pytest.fixture
async def start(paths: Paths) -> AsyncIterator[Start]:
    """Start or find the controller; whatever was started ends with the test."""
    links: list[SocketLink] = []
    pids: set[int] = set()

    async def ensure(**changes: Any) -> SocketLink:
        link = await ensure_controller(paths, msgspec.structs.replace(OPTIONS, **changes))
        links.append(link)
        pids.add(pid_of(link))
        return link

    yield ensure
    for link in links:
        await link.close()
    for pid in filter(runs, pids):
        os.kill(pid, signal.SIGKILL)
    await until(lambda: not any(map(runs, pids)))


async def test_it_is_started_on_need_and_found_again(start: Start) -> None:
    first = await start()
    again = await start(name="not asked any more")
    assert pid_of(first) == pid_of(again) != os.getpid()
    assert (await view_of(again)).me.name == "Ada"


async def test_it_outlives_its_clients_and_hangups(
    start: Start,
) -> None:
    # What runs these tests may ignore it, and children inherit that.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    link = await start()
    signal.signal(signal.SIGHUP, before)
    pid = pid_of(link)
    assert os.getsid(pid) != os.getsid(0)
    assert os.getpgid(pid) != os.getpgid(0)
    assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
    os.kill(pid, signal.SIGHUP)
    await link.close()
    again = await start()
    assert pid_of(again) == pid
    await view_of(again)
    await again.send(SetName("Grace"))
    async with asyncio.timeout(10):
        while True:  # one that dies would break the link instead
            message = await again.receive()
            if isinstance(message, ViewChanged) and message.me and message.me.name == "Grace":
                break


async def test_a_client_that_starts_it_and_is_killed_leaves_it_running(start: Start) -> None:
    """`start` in a child of ours, so that there is somebody to kill."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:  # pragma: no cover - nothing of pytest may happen in here
        try:
            link = asyncio.new_event_loop().run_until_complete(
                ensure_controller(Paths("test"), OPTIONS)
            )
            os.write(writing, str(pid_of(link)).encode())
            signal.pause()
        finally:
            os._exit(1)
    os.close(writing)
    pid = int(await asyncio.to_thread(os.read, reading, 20))
    os.close(reading)
    os.kill(child, signal.SIGKILL)
    await asyncio.to_thread(os.waitpid, child, 0)
    assert pid_of(await start()) == pid


async def test_two_starts_at_once_end_at_one_controller(start: Start) -> None:
    links = await asyncio.gather(*(start(name=f"number {n}") for n in range(4)))
    assert len({pid_of(link) for link in links}) == 1
    assert len({(await view_of(link)).me.name for link in links}) == 1
    await until(lambda: controllers() == 1)


async def test_stop_ends_it_and_leaves_no_socket(start: Start, paths: Paths) -> None:
    link = await start()
    pid = pid_of(link)
    await link.send(Stop())
    with pytest.raises(LinkClosed):
        async with asyncio.timeout(10):
            while True:
                await link.receive()
    await wait_until_gone(paths)
    await until(lambda: not runs(pid))
    assert not paths.socket.exists()
    assert await attach(paths) is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_as_properly(start: Start, paths: Paths, number: int) -> None:
    pid = pid_of(await start())
    os.kill(pid, number)
    await until(lambda: not runs(pid))
    assert not paths.socket.exists()
    assert "Traceback" not in paths.controller_log.read_text()


async def test_a_new_one_starts_after_one_was_killed(start: Start, paths: Paths) -> None:
    pid = pid_of(await start())
    os.kill(pid, signal.SIGKILL)
    await wait_until_gone(paths)
    assert paths.socket.exists()  # the stale one
    assert await attach(paths) is None
    assert pid_of(await start()) != pid


async def test_one_that_is_on_its_way_out_is_waited_for(start: Start, paths: Paths) -> None:
    lock = process.take_lock(paths.lock)  # as it is held until the process is gone
    starting = asyncio.create_task(start())
    await until(lambda: paths.controller_log.exists())
    done, _ = await asyncio.wait([starting], timeout=0.5)
    assert not done
    os.close(lock)
    assert await view_of(await starting)


async def test_nobody_waits_for_ever_for_a_lock(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "START_SECONDS", 0.3)
    monkeypatch.setattr(limits, "STOP_SECONDS", 0.3)
    lock = process.take_lock(paths.lock)
    with pytest.raises(ControllerFailed, match="does not end"):
        await wait_until_gone(paths)
    with pytest.raises(ControllerFailed, match="does not answer") as caught:
        await ensure_controller(paths, OPTIONS)
    assert str(paths.controller_log) in str(caught.value)
    # The one that was started in vain gives up by itself: it takes the lock, and we end it.
    os.close(lock)
    link = None
    async with asyncio.timeout(20):
        while link is None:
            link = await attach(paths)
            await asyncio.sleep(0.05)
    await link.send(Stop())
    await link.close()
    monkeypatch.setattr(limits, "STOP_SECONDS", 10)
    await until(lambda: not paths.socket.exists())
    await wait_until_gone(paths)


async def test_what_goes_wrong_at_the_start_is_one_line_with_the_log(paths: Paths) -> None:
    bad = msgspec.structs.replace(OPTIONS, relays=("no relay",), secret=SECRET)
    with pytest.raises(ControllerFailed) as caught:
        await ensure_controller(paths, bad)
    message = str(caught.value)
    assert "relay" in message
    assert str(paths.controller_log) in message
    assert "\n" not in message
    assert "Traceback" in paths.controller_log.read_text()  # for us
    assert SECRET not in message + paths.controller_log.read_text()
    assert await attach(paths) is None


async def test_the_files_are_private(start: Start, paths: Paths) -> None:
    os.umask(0o022)
    await start()
    for path in (paths.socket, paths.lock, paths.controller_log):
        assert path.stat().st_mode & 0o777 == 0o600, path


async def test_the_secret_is_nowhere_to_be_seen(
    start: Start, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACES_SECRET_KEY", SECRET)
    link = await start(secret=SECRET)
    async with asyncio.timeout(10):
        while not isinstance(message := await link.receive(), Ready):
            pass
    assert message.pubkey == PUBKEY  # it did arrive
    pid = pid_of(link)
    raw = (Path(f"/proc/{pid}") / name for name in ("cmdline", "environ"))
    seen = b"".join(path.read_bytes() for path in raw)
    os.kill(pid, signal.SIGTERM)
    await until(lambda: not runs(pid))
    seen += paths.controller_log.read_bytes()
    assert b"tui.controller" in seen
    assert SECRET.encode() not in seen
    assert b"67dea2ed018072d675f5415ecfaed7d2597555e202d85b3d65ea4e58d2d92ffa" not in seen


async def test_a_flood_of_log_is_bounded(start: Start, paths: Paths) -> None:
    paths.controller_log.write_bytes(b"x" * 3 * limits.LOG_FILE_BYTES)
    link = await start()
    await link.send(Stop())
    await wait_until_gone(paths)
    assert paths.controller_log.stat().st_size < limits.LOG_FILE_BYTES
