"""The signs on the screens, all one cell wide, and their ASCII stand-ins."""

import os
from collections.abc import Mapping
from functools import lru_cache

from rich.cells import cell_len

from tui.controller.views import (
    LinkState,
    RelayState,
    Role,
)

ROLE: Mapping[Role, tuple[str, str, str]] = {
    "host": ("◆", "H", "host"),
    "cohost": ("◇", "C", "co-host"),
    "speaker": ("▪", "S", "speaker"),
    "listener": ("·", "L", "listener"),
}
"""Role to glyph, letter and word."""

LINK: Mapping[LinkState, tuple[str, str]] = {
    "": (" ", ""),
    "connecting": ("∙", "muted"),
    "connected": ("≈", "muted"),
    "failed": ("✗", "bad"),
}
"""State of a connection to glyph and ink."""

BADGE: Mapping[str, tuple[str, str, str]] = {
    "good": ("▆", "good", "good"),
    "fair": ("▄", "", "fair"),
    "poor": ("▂", "warn", "poor"),
    "lost": ("✗", "bad", "lost"),
}
"""How good a connection is, to glyph, ink and word."""

RELAY: Mapping[RelayState, tuple[str, str, str]] = {
    "connected": ("●", "good", "connected"),
    "connecting": ("○", "muted", "connecting"),
    "waiting": ("✗", "warn", "not reached"),
    "closed": ("✗", "bad", "closed"),
}
"""State of a relay to glyph, ink and word."""

LIVE = "●"
STALE = "○"
SCHEDULED = "◷"
ELSEWHERE = "◌"  # a live room whose sound is not for this program
HERE = "▶"
SPEAKING = "●"
HAND = "▲"
METER = "━"
METER_REST = "─"
CURSOR = "▌"
RULE = "─"
MUTED = "⊘"
OFF = "○"
WARNING = "!"
FOLLOWED = "★"
VERIFIED = "✓"
PLAIN = "!"  # a person to whom signalling cannot be encrypted
BARRED = "⊘"
REFUSED = "✗"

_ASCII = {
    "◆": "*", "◇": "+", "▪": "o", "·": "-", "∙": ".", "≈": "=", "✗": "x", "●": "@", "○": "o",
    "▶": ">", "▲": "^", "━": "#", "─": "-", "▌": ">", "⊘": "x", "…": "~", "—": "-",
    "↑": "^", "↓": "v", "│": "|", "•": "*", "★": "*", "◷": "t", "◌": "o", "✓": "v",
    "▆": "#", "▄": "+", "▂": "_",
    "“": '"', "”": '"',
    "👍": "+1", "👏": "cl", "💜": "<3", "😂": ":D", "🔥": "^^", "🎉": "!!", "🤔": ":?", "👋": "hi",
}  # fmt: skip


@lru_cache(4096)
def to_ascii(text: str) -> str:
    """`text` in ASCII and in as many cells as before."""
    if text.isascii():
        return text
    return "".join(c if c.isascii() else _ASCII.get(c, "?" * cell_len(c)) for c in text)


def needs_ascii(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the locale says that the terminal does not read UTF-8."""
    locale = next((environ[n] for n in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(n)), "C")
    return "utf" not in locale.lower()
