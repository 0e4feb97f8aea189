"""`spaces relay`: the embedded relay as a process of its own."""

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path

from tui.cli.arguments import Arguments
from tui.cli.status import CommandFailed, ExitStatus
from tui.config.logs import log_to_stderr
from tui.relay.server import RelayServer
from tui.relay.store import StoreError


def run(arguments: Arguments) -> int:
    """Serve until SIGTERM or SIGINT."""
    log_to_stderr()
    host, port = arguments.listen
    store = Path(arguments.store).expanduser() if arguments.store else None
    return asyncio.run(_serve(host, port, store))


async def _serve(host: str, port: int, store: Path | None) -> int:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        try:
            relay = RelayServer(host=host, port=port, store=store)
            await stack.enter_async_context(relay)
        except StoreError as error:
            raise CommandFailed(ExitStatus.LISTEN, str(error)) from None
        except OSError as error:
            reason = f"cannot listen on {host}:{port}: {error.strerror or error}"
            raise CommandFailed(ExitStatus.LISTEN, reason) from None
        print(f"listening on {relay.url}", flush=True)
        await stopping.wait()
    return ExitStatus.DONE
