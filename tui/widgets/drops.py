"""What was dropped and why, in words: what is out of the ordinary apart from what is not."""

from collections import Counter
from collections.abc import Mapping

from tui.controller.views import ordinary
from tui.widgets.text import clean, wrap

_ROWS = 4  # of what is out of the ordinary
_ORDINARY_ROWS = 2


def drop_rows(dropped: Mapping[str, int], width: int) -> list[str]:
    """Rows for the log screen; causes as the controller counts them, `PART: CAUSE`."""
    unusual: Counter[str] = Counter()
    usual: Counter[str] = Counter()
    for reason, count in dropped.items():
        words = ordinary(reason, count)
        (usual if words else unusual)[words or reason] += count
    rows = wrap(
        f"dropped: {_told(unusual)}" if +unusual else "nothing unusual was dropped", width, _ROWS
    )
    if +usual:
        rows += wrap(f"dropped as in every session: {_told(usual)}", width, _ORDINARY_ROWS)
    elif not +unusual:
        rows = ["nothing was dropped"]
    return rows


def _told(counts: Counter[str]) -> str:
    order = sorted(+counts, key=lambda reason: (-counts[reason], reason))
    return " · ".join(f"{counts[reason]} {clean(reason)}" for reason in order)
