import asyncio
import os
import pty
import signal
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.timeout(120)


class Terminal:
    """A terminal of 80x24 with `spaces` in it, whose output is always read."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        os.set_blocking(self.master, False)
        self.shown = b""
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, stage: Any, *arguments: str) -> None:
        os.environ["COLUMNS"], os.environ["LINES"] = "80", "24"
        self.process = await stage.start(*arguments, terminal=self.slave)
        os.close(self.slave)
        asyncio.get_running_loop().add_reader(self.master, self._read)

    def _read(self) -> None:
        try:
            self.shown += os.read(self.master, 65536)
        except OSError:
            asyncio.get_running_loop().remove_reader(self.master)

    def press(self, key: str) -> None:
        os.write(self.master, key.encode())

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.master)
        os.close(self.master)


def longest_gap(samples: np.ndarray) -> float:
    """The longest silence in seconds, in steps of 5 ms, between the first and the last sound."""
    blocks = samples[: len(samples) // 240 * 240].reshape(-1, 240)
    loud = np.flatnonzero(np.abs(blocks).max(axis=1) > 0.02)
    return float(np.diff(loud).max() - 1) * 0.005 if len(loud) > 1 else float("inf")


async def test_a_killed_screen_costs_no_sound_and_no_seat(stage: Any) -> None:
    relay, _ = await stage.relay()
    screen = Terminal()
    options = ("--relay", relay, "--mic", "tone:440", "--speaker", "null", "--name", "Ada")
    await screen.start(stage, "host", "Outlives", "--id", "outlives", *options)
    await stage.wait_until(lambda: b"MUTED" in screen.shown, "the space on the screen")
    screen.press("m")
    await stage.wait_until(lambda: b"MIC OPEN" in screen.shown, "an open microphone")

    guest = await stage.node("guest", "join", "outlives", "--mic", "none", relays=(relay,))
    await guest.until("audio", state="started")
    await stage.wait_until(lambda: stage.sound("guest").seconds_of(440) >= 1.5, "sound before")
    before = stage.sound("guest").seconds

    assert screen.process is not None
    screen.process.send_signal(signal.SIGKILL)
    await screen.process.wait()
    screen.close()
    await stage.wait_until(lambda: stage.sound("guest").seconds > before + 3, "sound after")
    samples = stage.sound("guest").samples()[int((before - 1) * 48_000) :]
    assert longest_gap(samples) <= 0.06
    assert stage.sound("guest").seconds_of(440, since=before) >= 2.5

    again = Terminal()
    await again.start(stage)
    await stage.wait_until(lambda: b"Outlives" in again.shown, "the same space again")
    await stage.wait_until(lambda: b"MIC OPEN" in again.shown, "the same microphone state")

    stop = await stage.start("stop")
    assert await asyncio.wait_for(stop.wait(), 30) == 0
    await guest.until("closed", reason="closed by host")
    status = await stage.start("status")
    assert await asyncio.wait_for(status.wait(), 20) == 6, "no controller is left"
    again.close()
