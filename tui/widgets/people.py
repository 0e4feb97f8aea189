"""One row for one person, in the panes of a space."""

from tui.commands.npub import short_npub
from tui.controller.views import (
    Barred,
    Participant,
)
from tui.widgets.glyphs import (
    BARRED,
    FOLLOWED,
    HAND,
    LINK,
    METER,
    METER_REST,
    MUTED,
    PLAIN,
    ROLE,
    SPEAKING,
    VERIFIED,
)
from tui.widgets.roster import Pane
from tui.widgets.text import Part, Parts, ago, clean, compose, fit, width_of

METER_CELLS = 8
_KEY_CELLS = 14  # of a short npub


def person_row(
    pane: Pane,
    person: Participant,
    width: int,
    now: float,
    emoji: str = "",
    *,
    link: Part | None = None,
) -> Parts:
    """The row of a person in exactly `width` cells; `now` in unix seconds, `emoji` just sent,
    `link` the sign of our connection to them, in one cell."""
    if pane == "queue":
        return _queue_row(person, width, now, emoji)
    glyph, letter, _ = ROLE[person.role]
    end: Parts = [(" ", ""), link or LINK[person.link], (" ", "")]
    if pane == "audience":
        head = [(f"{glyph} {letter} ", "muted"), _hand(person)]
        return [*head, *_who(person, width - 11, emoji), *end]
    return [(f"{glyph} {letter} ", "accent"), *_who(person, width - 7, emoji), *end]


def barred_row(barred: Barred, width: int) -> Parts:
    """The row of somebody who was removed: by whom, and why."""
    name = clean(barred.name).strip() or short_npub(barred.pubkey) or "somebody"
    by = clean(barred.by_name).strip() or short_npub(barred.by)
    why = f": {clean(barred.reason).strip()}" if barred.reason else ""
    told = [(f"  removed by {by}{why}", "muted")]
    return compose(width, [(f"{BARRED}   ", "bad"), (" " * 4, ""), (name, ""), *told])


def matches(person: Participant, needle: str) -> bool:
    """Whether somebody is what the filter looks for; `needle` in lower case."""
    words = f"{person.name} {ROLE[person.role][2]} {person.pubkey} {person.verified}"
    return needle in words.casefold() or needle in short_npub(person.pubkey)


def finds(barred: Barred, needle: str) -> bool:
    """The same for somebody who was removed."""
    words = f"{barred.name} {barred.pubkey} {barred.reason} removed"
    return needle in words.casefold() or needle in short_npub(barred.pubkey)


def voice_cells(person: Participant, level: int) -> Parts:
    """Whether and how loud somebody is heard; `level` as in RFC 6464, 127 is silence."""
    if person.muted and not person.speaking:
        return [(f"{MUTED} muted", "muted")]
    filled = meter_cells(level) if person.present else 0
    return [
        ((SPEAKING if person.speaking else " ") + " " + METER * filled, "good"),
        (METER_REST * (METER_CELLS - filled), "faint"),
    ]


def meter_cells(level: int) -> int:
    """How many cells of the meter an RFC 6464 level fills: -60 dBov none, -6 dBov and up all."""
    return max(0, min(METER_CELLS, round((60 - level) * METER_CELLS / 54)))


def _queue_row(person: Participant, width: int, now: float, emoji: str) -> Parts:
    place: Part = (fit(f"{person.queue or '?'}", 3) + " ", "muted" if person.later else "warn")
    waits = ago(now - person.hand_since)
    waiting: Part = (fit(waits, 12), "muted")
    if width < 36:
        return [place, *_who(person, width - 4, emoji)]
    return [place, *_who(person, width - 18, emoji), ("  ", ""), waiting]


def _who(person: Participant, cells: int, emoji: str) -> Parts:
    """Name, marks and key in exactly `cells` cells."""
    short = short_npub(person.pubkey)
    name = clean(person.name).strip()
    room = cells - _KEY_CELLS - 2
    if not name or name == short:
        return _name(person, short or "nobody", _marks(person, emoji), cells)
    if room < 14:
        return _name(person, name, _marks(person, emoji, checked=True), cells)
    room = min(room, max(24, cells * 2 // 3))
    key: Parts = [(short, "faint")]
    if address := clean(person.verified).strip():
        key = [(f"{VERIFIED} ", "good"), (address, "muted")]
    return [
        *_name(person, name, _marks(person, emoji), room),
        ("  ", ""),
        *compose(cells - room - 2, key),
    ]


def _name(person: Participant, name: str, marks: Parts, cells: int) -> Parts:
    """The end of a long name goes before the marks that say who it is."""
    suffix, ink = "", "strong" if person.me else ""
    if person.me:
        suffix = " (you)"
    elif person.hidden:
        suffix, ink = " (hidden)", "faint"
    elif not person.present or person.away:
        suffix, ink = " (away)", "muted"
    elif person.later and person.hand_since:
        suffix = " (later)"
    room = max(0, cells - len(suffix) - width_of(marks))
    return compose(cells, [(fit(name, room).rstrip() + suffix, ink), *marks])


def _marks(person: Participant, emoji: str, *, checked: bool = False) -> Parts:
    marks: list[Part] = []
    if person.followed:
        marks.append((f" {FOLLOWED}", "accent"))
    if checked and person.verified:
        marks.append((f" {VERIFIED}", "good"))
    if person.plain:
        marks.append((f" {PLAIN}", "warn"))
    if person.volume != 1:
        marks.append((f" {person.volume * 100:.0f} %", "accent"))
    if emoji and not person.hidden:
        marks.append((f" {emoji}", ""))
    return marks


def _hand(person: Participant) -> Part:
    if not person.hand_since:
        return (" " * 4, "")
    return fit(f"{HAND}{person.queue}" if 0 < person.queue < 100 else HAND, 4), "warn"
