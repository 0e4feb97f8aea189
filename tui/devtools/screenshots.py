"""The pictures in `screenshots/`, drawn from made-up views: the same bytes on every machine.

`python -m tui.devtools.screenshots` writes them, with `--check` it only compares.
"""

import asyncio
import os
import re
import sys
from datetime import UTC
from pathlib import Path
from typing import NamedTuple

from tui.controller.link import Link, Outbox, QueueLink
from tui.controller.messages import (
    Reacted,
    ViewChanged,
)
from tui.devtools import samples

FOLDER = Path(__file__).parents[2] / "screenshots"
SIZE = (100, 24)
WIDE = (120, 24)
_DEADLINE = 20.0  # seconds; a picture takes half a second
_DECIDES_LOOKS = ("NO_COLOR", "COLORTERM", "TEXTUAL", "TEXTUAL_COLOR_SYSTEM", "TEXTUAL_FILTERS")


class Picture(NamedTuple):
    """What to draw: a view, the theme, the keys pressed and the emojis sent before the picture."""

    name: str
    view: ViewChanged
    theme: str = "dark"
    keys: tuple[str, ...] = ()
    size: tuple[int, int] = SIZE
    reactions: tuple[tuple[str, str], ...] = ()


def pictures() -> list[Picture]:
    """All of them."""
    return [
        Picture("lobby", samples.lobby()),
        Picture(
            "space",
            samples.space("host", locked=True, undo="letting Mei 美玲 on stage"),
            keys=("down", "q"),
            size=WIDE,
            reactions=(("Amina Okafor", "🔥"), ("Jonas Weber", "👏"), ("Katya", "👏")),
        ),
        Picture(
            "chat",
            samples.space(
                invited_by=samples.key_of("Amina Okafor"),
                invitation="the lighthouse, please",
                hand_since=0.0,
            ),
            keys=("4",),
            size=WIDE,
        ),
        Picture("journal", samples.space("cohost"), keys=("J", "up", "up", "up")),
        Picture("space-light", samples.space("listener"), theme="light", keys=("2",)),
    ]


async def draw(picture: Picture) -> str:
    """One picture as SVG."""
    from tui.app import SpacesApp

    outbox = Outbox()

    async def connect() -> Link:
        return QueueLink(outbox, lambda _intent: None, lambda _outbox: None)

    app = SpacesApp(
        connect, theme=picture.theme, now=lambda: samples.NOW, zone=UTC, ascii_only=False
    )
    async with app.run_test(size=picture.size) as pilot, asyncio.timeout(_DEADLINE):
        outbox.put(picture.view)
        while not app.settled or app.desk.view.version != picture.view.version:
            await pilot.pause(0.01)
        await pilot.press(*picture.keys)
        await pilot.pause()
        for name, emoji in picture.reactions:
            outbox.put(Reacted(samples.key_of(name), emoji))
        while True:
            outbox.put(samples.levels())
            while not (app.settled and app.desk.levels):
                await pilot.pause(0.01)
            await pilot.pause()
            svg = app.export_screenshot(title="spaces")
            if app.desk.levels:  # else a slow machine has let the meters fall before the picture
                return _without_downloads(svg)


def _without_downloads(svg: str) -> str:
    """A picture must not fetch fonts from anywhere."""
    svg = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def main(arguments: list[str]) -> int:
    """Write or check the pictures; 1 if one differs from its file."""
    for name in _DECIDES_LOOKS:
        os.environ.pop(name, None)
    stale = 0
    for picture in pictures():
        path = FOLDER / f"{picture.name}.svg"
        svg = asyncio.run(draw(picture)).encode()
        if path.is_file() and path.read_bytes() == svg:
            continue
        if "--check" in arguments:
            stale += 1
            print(f"{path.name} is not what the screens draw now")
        else:
            FOLDER.mkdir(exist_ok=True)
            path.write_bytes(svg)
            print(f"{path.name} written")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
