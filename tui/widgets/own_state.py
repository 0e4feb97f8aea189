"""Our own state in words: microphone, role, hand, whom we hear, relays. Pure functions."""

from tui.commands.npub import short_npub
from tui.commands.permissions import present_space
from tui.controller.view import (
    View,
)
from tui.controller.views import (
    Participant,
    RelayView,
    SpaceView,
)
from tui.widgets.glyphs import MUTED, OFF, RELAY, ROLE, SPEAKING, WARNING
from tui.widgets.text import Part, Parts, ago, clean

_MICROPHONE = {
    "open": (f" {SPEAKING} MIC OPEN ", "open"),
    "muted": (f" {MUTED} MUTED ", "shut"),
    "closed": (f" {OFF} LISTENING ", "shut"),
    "unavailable": (f" {WARNING} NO MICROPHONE ", "warn"),
}


_LOCKED = "the space is locked; a moderator has to let you in"
_WAITS = {
    "open": "entering the space…",
    "invite": "for invited people; a moderator has to let you in",
    "password": "entering the space…",
}


OUT_OF_TOUCH: Parts = (
    (f" {WARNING} NO CONTROLLER ", "warn"),
    ("  shown is how it was before", "muted"),
)
"""In place of our own state while nobody can tell it: it must not claim an open microphone."""


def name_of(person: Participant | None, pubkey: str = "") -> str:
    """What to call somebody: name, else short key."""
    if person is None:
        return short_npub(pubkey) or "somebody"
    return clean(person.name).strip() or short_npub(person.pubkey) or "somebody"


def invitation(view: View) -> str:
    """Who asks whether we want to speak, in a sentence; "" if nobody does."""
    if not (space := present_space(view)) or not space.invited_by:
        return ""
    name = name_of(view.participants.get(space.invited_by), space.invited_by)
    message = clean(space.invitation).strip()
    return f"{name} asks whether you want to speak{f': “{message}”' if message else ''}"


def microphone_badge(space: SpaceView) -> Part:
    """Word, glyph and colour of the microphone."""
    return _MICROPHONE[space.microphone]


def own_line(view: View, space: SpaceView, now: float) -> Parts:
    """Microphone, role, and the hand with its place in the queue."""
    parts: list[Part] = [microphone_badge(space), ("  ", ""), (ROLE[space.role][2], "strong")]
    if space.stage == "joining":
        waits = _WAITS[space.access] if not space.locked else _LOCKED
        return [*parts, (f"  {waits}", "warn" if waits != _WAITS["open"] else "muted")]
    if space.hand_since:
        me = view.participants.get(view.me.pubkey)
        place = f", place {me.queue} in the queue" if me is not None and me.queue else ""
        parts.append((f"  hand up{place}, {ago(now - space.hand_since)}", "warn"))
    elif space.role == "listener":
        parts.append(("  h asks to speak", "muted"))
    elif space.muted_by and space.microphone == "muted":
        name = name_of(view.participants.get(space.muted_by), space.muted_by)
        parts.append((f"  {name} muted you; m to unmute", "warn"))
    elif space.microphone == "muted":
        parts.append(("  m or space opens the microphone", "muted"))
    return parts


def undo_line(space: SpaceView) -> Parts:
    """What could be taken back now."""
    what = clean(space.undo).strip()
    return [(f"u undoes: {what}", "warn")] if what else []


_CANNOT = " cannot be opened: "
_TRIED_AGAIN = (_CANNOT, "has stopped", "does not answer")  # a sound server may come back


def audio_problem(view: View) -> str:
    """What is wrong with the devices, and what helps; "" while nothing is."""
    audio = view.audio
    speaker, microphone = audio.speaker_problem, audio.microphone_problem
    what, _, why = speaker.partition(_CANNOT)
    if why and microphone.endswith(f"{_CANNOT}{why}"):  # said once: what helps must not be cut off
        speaker, microphone = "", f"{what} and {microphone}"
    problems = list(dict.fromkeys(filter(None, (speaker, microphone))))
    if not problems:
        return ""
    told = "; ".join(problems)
    if any(words in told for words in _TRIED_AGAIN):
        told += "; trying again"
    hint = f" — {clean(audio.hint)}" if audio.hint else ""
    return f"{WARNING} {clean(told)}{hint}"


def relay_summary(view: View) -> Parts:
    """How many relays answer, in a few words."""
    relays = view.relays.values()
    up = sum(relay.state == "connected" for relay in relays)
    if not relays:
        return [("no relays", "muted" if view.me.key == "none" else "warn")]
    glyph, ink, _ = RELAY["connected" if up else "waiting"]
    return [
        (f"{glyph} ", ink if up == len(relays) else "warn"),
        (f"{up}/{len(relays)} relays", "muted"),
    ]


def relay_rows(view: View) -> list[Parts]:
    """One row for each relay: state, address, what it complained of."""
    rows: list[Parts] = []
    for url in sorted(view.relays):
        relay = view.relays[url]
        glyph, ink, word = RELAY[relay.state]
        reason = f" — {clean(relay.reason)}" if relay.reason else ""
        rows.append([(f"{glyph} ", ink), (clean(relay.url), ""), (f"  {word}{reason}", "muted")])
        if complaints := _complaints(relay):
            rows[-1] = [*rows[-1], (f"  {complaints}", "warn")]
    if not rows and view.me.key == "none":
        return [[("relays are asked once there is a key", "muted")]]
    return rows or [[("no relay is set", "warn")]]


def _complaints(relay: RelayView) -> str:
    """What a relay does not do for us, shortest first."""
    told = {"asked": "wants to know who we are", "refused": "does not let us in"}
    said = [told[relay.auth]] if relay.auth in told else []
    if relay.forgets:
        said.append(f"forgets kinds {', '.join(map(str, relay.forgets))}")
    said += [f"refuses kind {kind}: {clean(why)}" for kind, why in sorted(relay.refusals.items())]
    return "; ".join(said)


def who_am_i(view: View) -> Parts:
    """Our name and where our key comes from."""
    me = view.me
    if me.key == "none":
        return [("no key yet", "warn")]
    kind = {
        "throwaway": "throw-away key",
        "file": "key file",
        "environment": "key from the environment",
        "memory": "own key",
    }.get(me.key, me.key)
    name = clean(me.name).strip()
    short = short_npub(me.pubkey)
    return [
        (name or short, "strong"),
        (f" {short}" if name else "", "faint"),
        (f" · {kind}", "muted"),
    ]


def window_title(view: View, *, in_touch: bool = True) -> str:
    """The terminal's title: the microphone first, for it is what one looks for."""
    if not (space := present_space(view)):
        return "spaces"
    if not in_touch:
        return f"no controller · {clean(space.name)[:60]} · spaces"
    state = {"open": "● MIC OPEN", "muted": "muted", "closed": "listening"}
    return f"{state.get(space.microphone, 'no microphone')} · {clean(space.name)[:60]} · spaces"
