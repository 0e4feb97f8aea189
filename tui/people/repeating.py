"""Steps that are taken again and again, whatever one of them runs into."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from tui.config import limits

_log: Final = logging.getLogger(__name__)


async def repeat(step: Callable[[], Awaitable[None]], what: str) -> None:
    """Take a step that waits for its work, until cancelled; an error is logged, with a pause."""
    while True:
        try:
            await step()
        except Exception:  # a fault of ours with one person must not end it for all others
            _log.exception("%s", what)
            await asyncio.sleep(limits.PROFILE_RETRY_SECONDS)
