import asyncio
import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = str(Path(__file__).parents[2])

pytestmark = pytest.mark.needs("sshd", "ssh", "ssh-keygen", "pulseaudio", "pactl", "parec")

SPEAK = """
import asyncio, json, sys
from tui.audio.capture import open_capture
from tui.audio.playback import open_playback
from tui.audio.portaudio import remote_latency
from tui.audio.sound_server import is_remote, round_trip

async def main():
    def heard(packet):
        if packet.level < 30:
            print(json.dumps({"level": packet.level}), flush=True)
    print(json.dumps([is_remote(), round_trip(), remote_latency()]), flush=True)
    async with open_playback("default") as playback, open_capture("default", heard):
        async with open_capture("tone:440", lambda packet: playback.push("a", packet)):
            await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
async def far_socket(pulse):
    """The socket of the sound server on a machine that SSH forwards it to."""
    folder, port, processes = pulse.folder, free_port(), []
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True)  # noqa: ASYNC221  # short
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # it wants it for its children
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nUsePAM no\n"
        "AllowStreamLocalForwarding yes\nPasswordAuthentication no\nPermitRootLogin yes\n"
    )

    async def start(*command):
        process = await asyncio.create_subprocess_exec(
            *command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        processes.append(process)
        return process

    far = folder / "far.socket"
    try:
        await start(shutil.which("sshd"), "-D", "-e", "-f", str(folder / "sshd_config"))
        deadline = time.monotonic() + 20
        while not far.exists():
            assert time.monotonic() < deadline, "the socket was not forwarded"
            ssh = await start(
                *("ssh", "-N", "-F", "none", "-p", str(port), "-i", str(folder / "user")),
                *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
                *("-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes"),
                *("-R", f"{far}:{pulse.socket}", f"{getpass.getuser()}@127.0.0.1"),
            )
            while not far.exists() and ssh.returncode is None:
                assert time.monotonic() < deadline, "the socket was not forwarded"
                await asyncio.sleep(0.05)
        yield far
    finally:
        for process in reversed(processes):
            if process.returncode is None:
                process.terminate()
            await process.wait()


def strength(samples, hertz):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    near = np.abs(np.fft.rfftfreq(len(samples), 1 / 48_000) - hertz) < 30
    return spectrum[near].sum() / (spectrum.sum() + 1e-9)


async def test_sound_goes_both_ways_through_a_forwarded_socket(pulse, far_socket, tmp_path):
    environ = {**pulse.env, "PULSE_SERVER": f"unix:{far_socket}", "PYTHONPATH": ROOT}
    app = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SPEAK),
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    ears = await pulse.spawn(
        *("parec", "--device=speaker.monitor", "--raw", "--format=s16le"),
        *("--rate=48000", "--channels=1"),
        stdout=subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(40):
            remote, round_trip, latency = json.loads(await app.stdout.readline())
            assert remote
            assert 0 < round_trip < 1
            assert 0.04 < latency <= 0.5
            heard = np.zeros(48_000)
            while strength(heard, 440) < 0.9:
                piece = await ears.stdout.readexactly(9_600)
                heard = np.append(heard, np.frombuffer(piece, "<i2"))[-48_000:]
            await pulse.run(
                "pactl", "load-module", "module-sine", "sink=micfeed", "frequency=660"
            )  # and now the other way
            assert json.loads(await app.stdout.readline())["level"] < 30
    finally:
        app.stdin.close()
        ears.kill()
        await ears.wait()
        try:
            assert await asyncio.wait_for(app.wait(), 20) == 0
        finally:
            if app.returncode is None:
                app.kill()
                await app.wait()


async def test_a_local_server_is_not_far(pulse):
    script = "from tui.audio.sound_server import *; print(is_remote(), round_trip() < 0.5)"
    run = subprocess.run(  # noqa: ASYNC221  # short
        [sys.executable, "-c", script],
        env={**pulse.env, "PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split() == ["False", "True"]
