"""A QR code as text: two rows of modules in each line, by half blocks."""

from typing import Final

import segno

QUIET: Final = 2  # modules; half of what the standard wants, and enough for cameras of today
_HALVES: Final = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}


def qr_lines(text: str, quiet: int = QUIET) -> list[str]:
    """The code as lines of equal width, margin included; to be drawn in black on white.

    134 characters, which is a short `nostrconnect://` address, take 45 columns and 23 rows.
    """
    code = segno.make(text, error="l", micro=False)
    rows = [list(row) for row in code.matrix_iter(border=quiet)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    return [
        "".join(_HALVES[upper, lower] for upper, lower in zip(*pair, strict=True))
        for pair in zip(rows[::2], rows[1::2], strict=True)
    ]
