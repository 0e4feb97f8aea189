"""A sound server of the test's own, with a virtual microphone and speaker (needs PulseAudio)."""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest


class Pulse:
    """A private sound server with one speaker and one microphone, both virtual."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "pulse.socket"
        self.env = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("PULSE", "DBUS"))},
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_SERVER": f"unix:{self.socket}",
            "PULSE_SINK": "speaker",
            "PULSE_SOURCE": "mic",
        }
        self.server: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        sink = "module-null-sink norewinds=1 rate=48000 channels=1 channel_map=mono"
        self.server = await asyncio.create_subprocess_exec(
            *("pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1"),
            *("--disable-shm=yes", "--realtime=no"),
            *("-L", f"module-native-protocol-unix socket={self.socket} auth-anonymous=1"),
            *("-L", f"{sink} sink_name=speaker", "-L", f"{sink} sink_name=micfeed"),
            *("-L", "module-remap-source master=micfeed.monitor source_name=mic"),
            env=self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while await self.run("pactl", "info") != 0:
            assert time.monotonic() < deadline, "the sound server does not start"
            await asyncio.sleep(0.05)

    async def run(self, *command: str) -> int:
        process = await self.spawn(*command)
        return await process.wait()

    async def spawn(self, *command: str, **pipes: int) -> asyncio.subprocess.Process:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return await asyncio.create_subprocess_exec(*command, env=self.env, **(quiet | pipes))

    async def stop(self) -> None:
        if self.server is not None and self.server.returncode is None:
            self.server.send_signal(signal.SIGTERM)
            await self.server.wait()


@pytest.fixture
async def pulse() -> AsyncIterator[Pulse]:
    # A socket's path may have 107 bytes; pytest's own folders are too deep for that.
    folder = Path(tempfile.mkdtemp(prefix="pulse-"))
    server = Pulse(folder)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
        shutil.rmtree(folder, ignore_errors=True)
