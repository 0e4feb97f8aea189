"""What the background process and the headless mode share in running a controller."""

import asyncio
import gc
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from tui.config import limits

_COLLECTIONS = 10  # smaller collections between two of everything: Python's own number
_HURRY = 100  # of them; then everything is collected even if somebody talks


def tune_for_media() -> None:
    """Keep holes out of the sound: what stays is not collected again, threads switch sooner.

    Collections of everything, which may take a tenth of a second, are for `collect_in_pause`.
    """
    gc.collect()
    gc.freeze()
    small, middle, _ = gc.get_threshold()
    gc.set_threshold(small, middle, 10 * _HURRY)
    sys.setswitchinterval(0.0005)


def collect_in_pause(*, talking: bool) -> bool:
    """Collect all garbage if it is time and nobody would hear it; whether it was done."""
    waiting = gc.get_count()[2]
    if waiting < _COLLECTIONS or (talking and waiting < _HURRY):
        return False
    gc.collect()
    return True


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
