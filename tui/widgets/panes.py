"""The panes of a space: their names, which of them share a place, their tabs. Pure functions."""

from typing import Literal

from tui.widgets.roster import Pane as PeoplePane
from tui.widgets.text import Parts

Pane = Literal["stage", "audience", "queue", "chat"]
PANES: tuple[Pane, ...] = ("stage", "audience", "queue", "chat")

_TITLE: dict[Pane, str] = {
    "stage": "Stage",
    "audience": "Audience",
    "queue": "Queue",
    "chat": "Chat",
}
_SHORT_TITLE: dict[Pane, str] = {"audience": "Aud."}
EMPTY: dict[PeoplePane, str] = {
    "stage": "Nobody is on stage.",
    "audience": "Nobody listens yet.",
    "queue": "Nobody asks to speak.",
}
"""What to say where nobody is."""


def groups(width: int) -> list[tuple[Pane, ...]]:
    """Which panes share a place on the screen, side by side."""
    if width >= 200:
        return [("stage",), ("audience",), ("queue",), ("chat",)]
    if width >= 160:
        return [("stage",), ("audience", "queue"), ("chat",)]
    return [("stage",), ("audience", "queue", "chat")] if width >= 120 else [PANES]


def tab(pane: Pane, count: str, ink: str, *, short: bool = False) -> Parts:
    """The key, the name and how many."""
    title = _SHORT_TITLE.get(pane, _TITLE[pane]) if short else _TITLE[pane]
    text = f"{PANES.index(pane) + 1} {title} {count}".rstrip()
    return [(text if short else f" {text} ", ink), (" ", "")]
