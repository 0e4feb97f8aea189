"""The head of a space: what it is called, who may come in, who hosts it, what we are in it."""

from tui.controller.view import (
    View,
)
from tui.controller.views import (
    SpaceView,
)
from tui.widgets.glyphs import LIVE, ROLE, STALE, VERIFIED
from tui.widgets.own_state import name_of
from tui.widgets.text import Part, Parts, ago, clean

_TOPICS = 4


def title_of(view: View, space: SpaceView) -> str:
    """The name; on the way in it may be known only from the lobby."""
    seen = view.spaces.get(space.ref) if space.stage == "joining" else None
    return clean(seen.name if seen is not None and seen.name else space.name).strip()


def state_of(view: View, space: SpaceView, now: float) -> Parts:
    """Who may come in, how long it has been live, and whether the host is away."""
    parts: list[Part] = []
    if space.access != "open":
        word = {"invite": "invited people only", "password": "password"}[space.access]
        parts += [(word, "accent"), (" · ", "muted")]
    if space.locked:
        parts += [("locked", "warn"), (" · ", "muted")]
    if space.stale:
        return [*parts, (f"{STALE} stale: the host is away", "warn")]
    host = view.participants.get(space.host)
    if space.stage == "joined" and (host is None or host.away):
        return [*parts, (f"{STALE} the host is away", "warn")]
    if space.starts > now:
        return [*parts, (f"{STALE} begins in {ago(max(60, space.starts - now))}", "muted")]
    age = f" {ago(now - space.started_at)}" if space.started_at else ""
    return [*parts, (f"{LIVE} ", "good"), (f"live{age}", "muted")]


def about(view: View, space: SpaceView) -> Parts:
    """Host, topics, language and summary."""
    host = view.participants.get(space.host)
    name = name_of(host, space.host)
    seen = view.spaces.get(space.ref)
    if host is None and seen is not None:
        name = clean(seen.host_name).strip() or name
    parts: list[Part] = [("hosted by ", "muted"), (name, "")]
    if host is not None and host.verified:
        parts.append((f" {VERIFIED}", "good"))
    if topics := [clean(topic).strip() for topic in space.topics[:_TOPICS]]:
        parts.append((" · " + " ".join(f"#{topic}" for topic in topics if topic), "accent"))
    if language := clean(space.language).strip():
        parts.append((f" · {language}", "muted"))
    if summary := clean(space.summary).strip():
        parts.append((f" · {summary}", "muted"))
    return parts


def own_role(space: SpaceView, reactions: str = "") -> Parts:
    """What we are, and what people send right now."""
    glyph, letter, word = ROLE[space.role]
    shown: list[Part] = [(f"{reactions}  ", "")] if reactions else []
    return [*shown, ("you ", "muted"), (f"{glyph} {letter} ", "accent"), (word, "")]
