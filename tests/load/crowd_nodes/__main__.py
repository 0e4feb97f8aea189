"""One process of a crowd; `crowd.py` starts it with one argument, JSON."""

import asyncio
import gc
import json
import sys
from pathlib import Path

from tui.spaces.events import SpaceRef

from .workers import audience, stage


def main() -> None:
    options = json.loads(sys.argv[1])
    role, host = options.pop("role"), options.pop("host")
    options["report"] = Path(options["report"])
    part = stage if role == "stage" else audience
    # A node collects garbage in pauses of the talk. Dozens in one process have none, and one
    # collection would hold up all of them for as long as it takes dozens to be looked at.
    gc.disable()
    asyncio.run(part(space=SpaceRef(host, "crowd"), **options))


if __name__ == "__main__":
    main()
