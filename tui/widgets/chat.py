"""The rows of one message of the chat: time, who, and the text broken to the width."""

from collections.abc import Callable

from tui.commands.npub import short_npub
from tui.config import limits
from tui.controller.views import (
    ChatLine,
)
from tui.widgets.glyphs import REFUSED
from tui.widgets.text import Part, Parts, clean, clean_whole, fit, width_of, wrap

_TIME_CELLS = 7
_NAME_CELLS = 24
_LEAST_CELLS = 12  # of text beside a name; a narrower pane has the text below it


def chat_rows(line: ChatLine, width: int, clock: Callable[[float], str], me: str) -> list[Parts]:
    """The rows of a message in at most `width` cells; `clock` writes its time, `me` is our key."""
    own = line.pubkey == me
    name = clean(line.name).strip() or short_npub(line.pubkey) or "somebody"
    if width_of([(name, "")]) > _NAME_CELLS:
        name = fit(name, _NAME_CELLS).rstrip()
    time = "  …" if line.state == "waiting" else clock(line.at)
    head: list[Part] = [
        (fit(time, _TIME_CELLS), "faint"),
        (name, "strong" if own else "accent"),
        ("  ", ""),
    ]
    ink = "warn" if line.mentions_me and not own else "muted" if line.state == "waiting" else ""
    beside = width - width_of(head)
    text = clean_whole(line.text[: limits.CHAT_LENGTH]).strip()
    rows: list[Parts]
    if beside < _LEAST_CELLS:
        rows = [head, *_below(text, width, ink, limits.CHAT_ROWS)]
    else:
        first, rest = _first(text, beside)
        rows = [[*head, (first, ink)], *_below(rest, width, ink, limits.CHAT_ROWS - 1)]
    if line.state == "failed":
        indent = " " * min(_TIME_CELLS, width // 4)
        rows.append([(f"{indent}{REFUSED} no relay took it", "bad")])
    return rows


def _first(text: str, width: int) -> tuple[str, str]:
    """What fits beside the name, and the rest."""
    rows = wrap(text, width, 1 << 20) if text else [""]
    return rows[0], " ".join(rows[1:]) if len(rows) > 1 else ""


def _below(text: str, width: int, ink: str, most: int) -> list[Parts]:
    indent = " " * min(_TIME_CELLS, width // 4)
    return [[(indent, ""), (row, ink)] for row in wrap(text, width - len(indent), most) if row]
