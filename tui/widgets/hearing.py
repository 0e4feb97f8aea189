"""Connections and sound in words: how good they are, whom we hear, what is being done about it.

Pure functions. A symbol and a word each time, never a colour alone.
"""

from tui.controller.view import View
from tui.controller.views import SPEAKING_ROLES, LinkQuality, Participant, Quality, SpaceView
from tui.widgets.glyphs import BADGE, LINK, WARNING
from tui.widgets.own_state import name_of
from tui.widgets.text import Part, Parts, fit, width_of

TURN = "through a TURN server"
_SEPARATOR = " · "
_LINK_NUMBERS = 48  # cells of them in the list of connections


def sound_line(view: View, space: SpaceView, width: int) -> Parts:
    """Whom we hear and how well, or what stands in the way; with as many numbers as there is room
    for in `width` cells."""
    hearing = space.hearing
    if hearing.lost and not space.heard_from:
        return [*badge("lost"), ("  sound lost, ", "bad"), *_search(view, space)]
    if hearing.moved and space.heard_from:
        took = f" in {hearing.moved_in:.1f} s" if hearing.moved_in else ""
        return [*_badge(view.quality), ("moved to ", "muted"), *_source(view, space), (took, "")]
    others = [person for person in view.participants.values() if not person.me]
    linked = sum(person.link == "connected" for person in others)
    if space.heard_from:
        said = [*_badge(view.quality), ("hearing via ", "muted"), *_source(view, space)]
    elif space.role in SPEAKING_ROLES and linked:
        people = f"{linked} {'person' if linked == 1 else 'people'}"
        said = [*_badge(view.quality), (f"connected to {people}", "muted")]
    elif space.role in SPEAKING_ROLES and not any(person.link for person in others):
        return [("nobody is connected yet", "muted")]
    else:
        return _search(view, space)
    for fact in _facts(view.quality):
        more: Parts = [(_SEPARATOR + fact, "muted")]
        if width_of(said) + width_of(more) > width:
            break
        said += more
    return said


def _search(view: View, space: SpaceView) -> Parts:
    """What is done to hear something."""
    others = [person for person in view.participants.values() if not person.me]
    again = space.hearing.lost
    for person in others:
        if person.link == "connecting":
            return [("moving to " if again else "connecting to ", "muted"), *_named(person)]
    asked = space.hearing.asked
    failed = [person for person in others if person.link == "failed"]
    if asked > 1:
        return [("waiting for a place ", "warn"), (f"(asked {asked} people)", "muted")]
    if failed or asked:
        whom = name_of(failed[0]) if failed else "who was asked"
        return [("no connection to ", "bad"), (whom, ""), (", trying on", "muted")]
    if again:
        return [("looking for somebody else to hear it from", "muted")]
    return [("no sound yet, looking for somebody to hear it from", "muted")]


def _named(person: Participant) -> Parts:
    return [(name_of(person), ""), ("…", "muted")]


def _source(view: View, space: SpaceView) -> Parts:
    """Who sends us the sound, and whether a TURN server helps."""
    name = name_of(view.participants.get(space.heard_from), space.heard_from)
    links = view.quality.links
    relayed = any(link.relayed for link in links if link.pubkey == space.heard_from)
    return [(name, ""), *([(f" {TURN}", "muted")] if relayed else [])]


def badge(of: str) -> Parts:
    """Symbol and word; nothing for what cannot be judged."""
    if of not in BADGE:
        return []
    glyph, ink, word = BADGE[of]
    return [(f"{glyph} {word}", ink)]


def _badge(quality: Quality) -> list[Part]:
    """The same with the number that makes it less than good, and a gap after it."""
    if not (shown := badge(quality.badge)):
        return []
    why = f", {_numbers(quality)[quality.worst]}" if quality.worst else ""
    return [*shown, (f"{why}  ", BADGE[quality.badge][1])]


def _numbers(of: Quality | LinkQuality) -> dict[str, str]:
    """Each number in words, by its name."""
    told = {"loss": f"{of.loss * 100:.0f} % lost"}
    if of.round_trip is not None:
        told["round_trip"] = f"RTT {of.round_trip * 1000:.0f} ms"
    if isinstance(of, Quality):
        told["concealed"] = f"{of.concealed * 100:.0f} % concealed"
    told["jitter"] = f"jitter {of.jitter * 1000:.0f} ms"
    return told


def _facts(quality: Quality) -> list[str]:
    """What else there is to say, the most telling first; nothing before the first measurement."""
    if not quality.badge:
        return []
    numbers = _numbers(quality)
    told = []
    if quality.depth is not None and quality.parent:
        told.append(f"{quality.depth} hop{'' if quality.depth == 1 else 's'}")
    if quality.outputs_max:
        told.append(f"sends to {quality.outputs_used} of {quality.outputs_max}")
    numbers.pop(quality.worst, None)
    return [*told, *numbers.values()]


_KINDS = {
    "mutual": "on stage",
    "parent": "you hear",
    "standby": "reserve",
    "child": "hears you",
    "spare": "their reserve",
}


def link_row(view: View, link: LinkQuality, width: int) -> Parts:
    """One connection in the list of all of them."""
    glyph, ink, word = BADGE.get(link.badge, (" ", "", ""))
    name = name_of(view.participants.get(link.pubkey), link.pubkey)
    numbers = _SEPARATOR.join(_numbers(link).values())
    return [
        (fit(f"{glyph} {word}", 8), ink),
        (fit(_KINDS[link.kind], 15), "muted"),
        (fit(name, max(8, width - 24 - _LINK_NUMBERS)), ""),
        (f"  {numbers}", "muted"),
        (f"{_SEPARATOR}TURN" if link.relayed else "", "accent"),
    ]


def summary_rows(view: View) -> list[Parts]:
    """All of it in a few lines, above the list of connections."""
    quality = view.quality
    if not quality.badge:
        return [[("nothing to measure yet: nobody is connected", "muted")]]
    place = []
    if quality.depth is not None:
        hops = f"{quality.depth} hop{'' if quality.depth == 1 else 's'}"
        place.append(f"{hops} to the host")
    place.append(f"you send to {quality.outputs_used} of at most {quality.outputs_max}")
    if quality.standby:
        name = name_of(view.participants.get(quality.standby), quality.standby)
        place.append(f"in reserve: {name}")
    return [
        [*_badge(quality), (_SEPARATOR.join(_numbers(quality).values()), "")],
        [(_SEPARATOR.join(place), "muted")],
    ]


def link_mark(person: Participant, quality: Quality) -> Part:
    """The sign of our connection to somebody, in one cell."""
    if person.link == "connected":
        for link in quality.links:
            if link.pubkey == person.pubkey and link.badge:
                glyph, ink, _ = BADGE[link.badge]
                return glyph, ink
    return LINK[person.link]


def out_of_touch(view: View, now: float) -> str:
    """That no relay is connected, and when it is tried again; "" while one is."""
    relays = view.relays.values()
    if not relays or any(relay.state == "connected" for relay in relays):
        return ""
    linked = any(person.link == "connected" for person in view.participants.values())
    lost = view.space is not None and view.space.hearing.lost
    goes_on = ", sound goes on" if linked and not lost else ""
    tries = [relay.retry_at for relay in relays if relay.state == "waiting"]
    if not tries or len(tries) < len(relays):
        return f"{WARNING} no relay is connected{goes_on}; trying now"
    wait = max(0, round(min(tries) - now))
    return f"{WARNING} no relay is connected{goes_on}; next try in {wait} s — t tries now"
