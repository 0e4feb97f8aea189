import asyncio
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tui.config import limits
from tui.controller.intents import Mute, RequestSpeech
from tui.controller.link import LinkClosed, SocketLink
from tui.controller.messages import (
    Failed,
    IntentRefused,
    Joined,
    SpeechRequested,
    ViewChanged,
)
from tui.controller.server import LinkServer
from tui.controller.view import (
    View,
)
from tui.controller.views import (
    LogLine,
    Participant,
)

Serve = Callable[[], Any]


@pytest.fixture
def serve(board: Any, socket_path: Path) -> Serve:
    @asynccontextmanager
    async def serving() -> AsyncIterator[LinkServer]:
        async with LinkServer(socket_path) as server:
            await server.listen(board.attach)
            yield server
            board.close()

    return serving


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


def stuck_client(path: Path) -> socket.socket:
    """A client that reads nothing by itself, and for which the kernel holds little."""
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(path))
    return client


async def read_to(link: SocketLink, view: View, version: int) -> int:
    frames = 0
    async with asyncio.timeout(20):
        while view.version < version:
            message = await link.receive()
            assert isinstance(message, ViewChanged)
            view.apply(message)
            frames += 1
    return frames


async def test_a_client_gets_the_view_and_its_intents_arrive(
    board: Any, socket_path: Path, serve: Serve
) -> None:
    async with serve():
        link = await SocketLink.connect(socket_path)
        first = await link.receive()
        assert isinstance(first, ViewChanged)
        assert first.reset
        await link.send(Mute(on=True))
        await link.send(RequestSpeech())
        await until(lambda: len(board.intents) == 2)
        assert board.intents == [Mute(on=True), RequestSpeech()]
        board.tell(Joined())
        assert await link.receive() == Joined()
        await link.close()
        await until(lambda: not board.outboxes)


async def test_only_the_user_may_open_the_socket(socket_path: Path, serve: Serve) -> None:
    async with serve():
        assert socket_path.stat().st_mode & 0o777 == 0o600
    assert not socket_path.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can call as somebody else")
async def test_another_user_is_turned_away_even_where_the_modes_let_him(board: Any) -> None:
    call = "import os,socket,sys; os.setgroups([]); os.setuid(65534)"
    call += "; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print(s.recv(9))"
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        Path(directory).chmod(0o755)
        path = Path(directory) / "controller.sock"
        async with LinkServer(path) as server:
            await server.listen(board.attach)
            path.chmod(0o666)
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", call, str(path)), stdout=subprocess.PIPE
            )
            output, _ = await process.communicate()
            assert output == b"b''\n"
            assert server.counts["other user"] == 1
            assert not board.outboxes


async def test_a_bad_line_is_refused_and_counted_and_the_next_is_heard(
    board: Any, socket_path: Path, serve: Serve
) -> None:
    async with serve() as server:
        reader, writer = await asyncio.open_unix_connection(socket_path, limit=2**20)
        await reader.readline()
        writer.write(b"nonsense\n" + b"x" * 100_000 + b'\n{"do":"request_speech"}\n')
        link = SocketLink(reader, writer)
        for _ in range(2):
            assert isinstance(await link.receive(), IntentRefused)
        await until(lambda: board.intents == [RequestSpeech()])
        assert server.counts["bad intents"] == 2
        await link.close()


async def test_who_sends_nonsense_and_reads_nothing_is_not_read_either(
    board: Any, socket_path: Path, serve: Serve
) -> None:
    async with serve() as server:
        _, writer = await asyncio.open_unix_connection(socket_path)
        writer.transport.set_write_buffer_limits(high=2**30)
        for _ in range(200_000):
            writer.write(b"nonsense\n")
        other = await SocketLink.connect(socket_path)
        await other.receive()
        refused = -1
        while refused != server.counts["bad intents"]:  # until it goes no further
            refused = server.counts["bad intents"]
            for _ in range(20):
                await other.send(RequestSpeech())
                await asyncio.sleep(0.005)
        assert 0 < refused < 100_000
        writer.transport.abort()
        await other.close()


async def test_who_stops_reading_gets_the_changes_merged_later_and_delays_nobody(
    board: Any, socket_path: Path, serve: Serve
) -> None:
    async with serve():
        stuck = stuck_client(socket_path)
        quick = await SocketLink.connect(socket_path)
        await until(lambda: len(board.outboxes) == 2)
        changes = 10_000
        view = View()
        for number in range(changes):
            person = Participant(pubkey=str(number), name="x" * 300, role="listener")
            board.tell(ViewChanged(version=number + 1, participants={str(number % 100): person}))
            if number % 10 == 0:
                await asyncio.sleep(0)
        await read_to(quick, view, changes)
        stuck.setblocking(False)
        slow = SocketLink(*await asyncio.open_unix_connection(sock=stuck, limit=2**24))
        late = View()
        frames = await read_to(slow, late, changes)
        assert late.participants == view.participants
        assert frames < changes / 5
        await quick.close()
        await slow.close()


async def test_what_waits_for_a_stuck_client_is_bounded(
    board: Any, socket_path: Path, serve: Serve
) -> None:
    async with serve():
        stuck = stuck_client(socket_path)
        await until(lambda: len(board.outboxes) == 1)
        for number in range(20_000):
            board.tell(SpeechRequested(pubkey=f"{number:064}"))
            board.tell(ViewChanged(version=number, log=(LogLine(0.0, "info", "x" * 100),)))
            if number % 100 == 0:
                await asyncio.sleep(0)
        waiting = board.outboxes[0]
        assert len(waiting._occurred) == limits.WAITING_OCCURRENCES
        assert len(waiting._view.log) == limits.LOG_LINES
        stuck.close()


async def test_clients_are_bounded(board: Any, socket_path: Path, serve: Serve) -> None:
    async with serve():
        links = [await SocketLink.connect(socket_path) for _ in range(limits.LINK_CLIENTS)]
        for link in links:
            await link.receive()
        one_more = await SocketLink.connect(socket_path)
        refusal = await one_more.receive()
        assert isinstance(refusal, Failed)
        assert refusal.cause == "clients"
        with pytest.raises(LinkClosed):
            await one_more.receive()
        await links.pop().close()
        await until(lambda: len(board.outboxes) == limits.LINK_CLIENTS - 1)
        again = await SocketLink.connect(socket_path)
        assert isinstance(await again.receive(), ViewChanged)
        for link in (*links, again, one_more):
            await link.close()


async def test_a_killed_client_leaves_nothing_behind(
    board: Any, socket_path: Path, serve: Serve
) -> None:
    script = "import socket,sys,time; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])"
    script += '; s.send(b\'{"do":"request_speech"}\\n{"do":\'); time.sleep(60)'
    async with serve():
        stays = await SocketLink.connect(socket_path)
        client = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, str(socket_path)
        )
        await until(lambda: board.intents == [RequestSpeech()])
        client.send_signal(signal.SIGKILL)
        await client.wait()
        board.tell(Joined())
        await until(lambda: len(board.outboxes) == 1)
        assert isinstance(await stays.receive(), ViewChanged)
        assert await stays.receive() == Joined()
        await stays.close()


async def test_a_reset_connection_is_no_fault(
    board: Any, socket_path: Path, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve():
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(socket_path))
        await until(lambda: len(board.outboxes) == 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        board.tell(Joined())
        await until(lambda: not board.outboxes)
    assert not caplog.records


async def test_the_last_messages_are_delivered_before_the_end(
    board: Any, socket_path: Path
) -> None:
    async with LinkServer(socket_path) as server:
        await server.listen(board.attach)
        link = await SocketLink.connect(socket_path)
        await until(lambda: len(board.outboxes) == 1)
        for number in range(500):
            board.tell(SpeechRequested(pubkey=str(number)))
        server.stop_listening()
        with pytest.raises(FileNotFoundError):
            await SocketLink.connect(socket_path)
        board.close()

        async def read_all() -> list[object]:
            found: list[object] = []
            try:
                while True:
                    found.append(await link.receive())
            except LinkClosed:
                return found

        reading = asyncio.create_task(read_all())
    assert (await reading)[-1] == SpeechRequested(pubkey="499")
    await link.close()


async def test_clients_that_never_end_are_ended_with_the_server(
    board: Any, socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DRAIN_SECONDS", 0.05)
    before = asyncio.all_tasks()
    async with LinkServer(socket_path) as server:
        await server.listen(board.attach)
        stuck = stuck_client(socket_path)
        await until(lambda: len(board.outboxes) == 1)
    assert not board.outboxes
    assert asyncio.all_tasks() == before
    stuck.close()


async def test_a_stale_socket_is_replaced(socket_path: Path, serve: Serve) -> None:
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(socket_path))
    stale.close()
    async with serve():
        link = await SocketLink.connect(socket_path)
        assert isinstance(await link.receive(), ViewChanged)
        await link.close()
