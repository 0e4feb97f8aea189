"""What the background process and the headless mode share in running a controller."""

import asyncio
import gc
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from tui.config import limits


def tune_for_media() -> None:
    """Keep pauses out of the sound: what stays is not collected again, threads switch sooner."""
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(0.0005)


def end_by_force_later() -> None:
    """A device or library that hangs while we leave must not keep the process for ever."""
    signal.alarm(int(limits.STOP_SECONDS))


async def first_of(*waits: Coroutine[Any, Any, object]) -> None:
    """Return once one of `waits` has ended, having ended the others; raises what it raised."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
