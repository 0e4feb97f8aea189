"""The user's own controller as a process: away from the world's bustle, and ended with the screen.

Its options come as one line on stdin, so that it can load everything while the world begins.
"""

import asyncio
import sys
from pathlib import Path

from tui.controller.controller import Controller
from tui.controller.hosting import first_of, tune_for_media
from tui.controller.options import ControllerOptions, decode_options
from tui.controller.server import LinkServer
from tui.demo.lifeline import begin, hear, say_ready, watch_parent


async def _serve(options: ControllerOptions, socket: Path) -> None:
    ending = watch_parent()
    async with LinkServer(socket) as server, Controller(options) as controller:
        await server.listen(controller.attach)
        tune_for_media()
        say_ready()
        await first_of(controller.ended(), ending.wait())
        server.stop_listening()


def main() -> int:
    """Serve the socket that the argument names until stdin ends, SIGTERM or the intent to stop."""
    begin("seat")
    if line := hear():
        asyncio.run(_serve(decode_options(line), Path(sys.argv[1])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
