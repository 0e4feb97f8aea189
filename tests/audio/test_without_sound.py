import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = str(Path(__file__).parents[2])
SPACES_WITHOUT_PORTAUDIO = """
import ctypes.util, runpy, sys
find = ctypes.util.find_library
ctypes.util.find_library = lambda name: None if "portaudio" in name else find(name)
sys.argv[0] = "spaces"
runpy.run_module("tui", run_name="__main__", alter_sys=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="wheels for other systems carry PortAudio")
async def test_a_space_without_portaudio_is_one_of_text(stage):
    relay, _ = await stage.relay()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SPACES_WITHOUT_PORTAUDIO, "host", "Silent", "--headless"),
        *("--mic", "default", "--speaker", "default", "--relay", relay),
        env={**os.environ, "PYTHONPATH": ROOT},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )

    async def until(name):
        while line := await process.stdout.readline():
            if (event := json.loads(line))["event"] == name:
                return event
        raise AssertionError((await process.stderr.read()).decode())

    try:
        async with asyncio.timeout(40):
            await until("joined")
            process.stdin.write(b'{"do": "chat", "text": "can you read me?"}\n')
            assert (await until("chat"))["text"] == "can you read me?"
            process.terminate()
            _, told = await process.communicate()
        assert process.returncode == 0
        assert b"PortAudio is missing" in told
        assert b"Traceback" not in told
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
