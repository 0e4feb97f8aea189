"""One process of a crowd; `crowd.py` starts it with one argument, JSON."""

import asyncio
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
    asyncio.run(part(space=SpaceRef(host, "crowd"), **options))


if __name__ == "__main__":
    main()
