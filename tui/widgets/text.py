"""Text for terminal rows: made harmless, measured in cells, cut to a width.

A row is a sequence of parts, each a text and the name of the ink it is painted with. Nothing here
knows Textual, and nothing here or above it parses markup.
"""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from rich.cells import cell_len, chop_cells, set_cell_size

from tui.config import limits

Part = tuple[str, str]
Parts = Sequence[Part]

_JOINERS = frozenset("\u200c\u200d") | {chr(c) for c in range(0xFE00, 0xFE10)}
_SKIN_TONES = range(0x1F3FB, 0x1F400)


@lru_cache(4096)
def clean(text: str) -> str:
    """`text` in one line of printable characters whose widths every terminal agrees on.

    Controls, bidi controls and surrogates go, for they could draw outside the row. So do joiners,
    variation selectors and skin tones: terminals differ in how many cells they leave.
    """
    return clean_whole(text[: limits.SCREEN_TEXT_CHARS])


def clean_whole(text: str) -> str:
    """The same for a text that takes several rows, and is not cut here."""
    if text.isascii() and text.isprintable():
        return text
    kept: list[str] = []
    marks = 0
    for character in unicodedata.normalize("NFC", text):
        if character.isspace():
            kept.append(" ")
            continue
        if (
            not character.isprintable()
            or character in _JOINERS
            or ord(character) in _SKIN_TONES
            or unicodedata.category(character) in ("Co", "Cn")
        ):
            continue
        marks = marks + 1 if cell_len(character) == 0 else 0
        if marks <= 2 and not (marks and not kept):
            kept.append(character)
    return "".join(kept)


def fit(text: str, cells: int, ellipsis: str = "…") -> str:
    """`text` in exactly `cells` cells: padded, or cut with an ellipsis."""
    if cells <= 0:
        return ""
    if cell_len(text) <= cells:
        return set_cell_size(text, cells)
    room = cells - cell_len(ellipsis)
    if room <= 0:
        return set_cell_size(text, cells)
    return set_cell_size(set_cell_size(text, room).rstrip() + ellipsis, cells)


def width_of(parts: Parts) -> int:
    """The cells that `parts` take."""
    return sum(cell_len(text) for text, _ in parts)


def compose(width: int, left: Parts, right: Parts = (), ellipsis: str = "…") -> list[Part]:
    """One row of exactly `width` cells: `left` cut where `right` begins.

    Where there is no room for both, `right` goes before `left` loses its last dozen cells.
    """
    room = width - width_of(right) - 2 if right else width
    if right and room < min(width_of(left), 12):
        right, room = (), width
    row = clip(left, room, ellipsis)
    gap = width - width_of(row) - width_of(right)
    if gap > 0:
        row.append((" " * gap, ""))
    row.extend(right)
    return row


def clip(parts: Parts, width: int, ellipsis: str = "…") -> list[Part]:
    """`parts` in at most `width` cells, with an ellipsis where they were cut."""
    if width_of(parts) <= width:
        return list(parts)
    room = width - cell_len(ellipsis)
    kept: list[Part] = []
    for text, ink in parts:
        cells = cell_len(text)
        if cells > room:
            kept.append((fit(text, room + cell_len(ellipsis), ellipsis), ink))
            break
        kept.append((text, ink))
        room -= cells
    return kept


def wrap(text: str, width: int, lines: int) -> list[str]:
    """`text` broken at words into at most `lines` lines of at most `width` cells."""
    if width <= 0 or lines <= 0:
        return []
    rows = [""]
    for word in text.split():
        for piece in chop_cells(word, width):
            longer = f"{rows[-1]} {piece}".lstrip()
            if cell_len(longer) <= width:
                rows[-1] = longer
            else:
                rows.append(piece)
    if len(rows) > lines:
        rows = rows[:lines]
        rows[-1] = fit(rows[-1] + " " * width, width)
    return rows


def ago(seconds: float) -> str:
    """A duration as people say it, in whole minutes so that it changes once a minute at most."""
    minutes = int(max(0.0, seconds) // 60)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02} min" if minutes else f"{hours} h"
    days = hours // 24
    return f"{days} day" if days == 1 else f"{days} days"
