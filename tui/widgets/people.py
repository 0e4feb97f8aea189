"""One row for one person, in the three panes of a space."""

from tui.controller.views import (
    Participant,
)
from tui.widgets.glyphs import HAND, LINK, METER, METER_REST, ROLE, SPEAKING
from tui.widgets.roster import Pane
from tui.widgets.text import Part, Parts, ago, clean, fit, short_npub

METER_CELLS = 8
_NPUB_CELLS = 14


def person_row(pane: Pane, person: Participant, width: int, now: float) -> Parts:
    """The row of a person in exactly `width` cells; `now` in unix seconds."""
    if pane == "queue":
        return _queue_row(person, width, now)
    glyph, letter, _ = ROLE[person.role]
    link: Parts = [(" ", ""), LINK[person.link], (" ", "")]
    if pane == "audience":
        head = [(f"{glyph} {letter} ", "muted"), _hand(person)]
        return [*head, *_who(person, width - 11), *link]
    return [(f"{glyph} {letter} ", "accent"), *_who(person, width - 7), *link]


def voice_cells(person: Participant, level: int) -> Parts:
    """Whether and how loud somebody is heard; `level` as in RFC 6464, 127 is silence."""
    filled = meter_cells(level) if person.present else 0
    return [
        ((SPEAKING if person.speaking else " ") + " " + METER * filled, "good"),
        (METER_REST * (METER_CELLS - filled), "faint"),
    ]


def meter_cells(level: int) -> int:
    """How many cells of the meter an RFC 6464 level fills: -60 dBov none, -6 dBov and up all."""
    return max(0, min(METER_CELLS, round((60 - level) * METER_CELLS / 54)))


def _queue_row(person: Participant, width: int, now: float) -> Parts:
    place: Part = (fit(f"{person.queue or '?'}", 3) + " ", "warn")
    waits = ago(now - person.hand_since)
    waiting: Part = (fit(waits, 12), "muted")
    if width < 36:
        return [place, *_who(person, width - 4)]
    return [place, *_who(person, width - 18), ("  ", ""), waiting]


def _who(person: Participant, cells: int) -> Parts:
    """Name and key in exactly `cells` cells."""
    short = short_npub(person.pubkey)
    name = clean(person.name).strip()
    ink = ("strong" if person.me else "") if person.present else "muted"
    suffix = " (you)" if person.me else "" if person.present else " (away)"
    if not name or name == short:
        return [(fit((short or "nobody") + suffix, cells), ink)]
    room = cells - _NPUB_CELLS - 2
    if room < 14:
        return [_name(name, suffix, cells, ink)]
    room = min(room, max(24, cells * 2 // 3))
    return [
        _name(name, suffix, room, ink),
        ("  ", ""),
        (fit(short, cells - room - 2), "faint"),
    ]


def _name(name: str, suffix: str, cells: int, ink: str) -> Part:
    """The end of a long name goes before the mark that says who it is."""
    room = max(0, cells - len(suffix))
    return fit(fit(name, room).rstrip() + suffix, cells), ink


def _hand(person: Participant) -> Part:
    if not person.hand_since:
        return (" " * 4, "")
    return fit(f"{HAND}{person.queue}" if 0 < person.queue < 100 else HAND, 4), "warn"
