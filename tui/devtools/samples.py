"""A made-up lobby and a made-up space, the same every time, for screenshots and tests."""

import hashlib
from typing import Literal

import msgspec

from tui.controller.messages import (
    Levels,
    ViewChanged,
)
from tui.controller.views import (
    AudioView,
    Barred,
    ChatLine,
    JournalEntry,
    LinkQuality,
    LogLine,
    Me,
    Participant,
    Quality,
    RelayView,
    Role,
    SpaceSummary,
    SpaceView,
)

NOW = 1_800_000_000.0
"""The time at which the samples play, in unix seconds."""

_SPEAKERS: tuple[tuple[str, Role], ...] = (
    ("Amina Okafor", "host"),
    ("Jonas Weber", "cohost"),
    ("Mei 美玲", "speaker"),
    ("Luca", "speaker"),
)
_LISTENERS = (
    "Priya Raman", "Tomás", "ada", "Björk Jónsdóttir", "Samuel", "さくら", "Noor", "Fatima Zahra",
    "Oleksandr", "kim", "Greta", "Hannah", "Ibrahim", "José", "Katya", "Linh", "Mateo", "Nia",
)  # fmt: skip
_FOLLOWED = ("Amina Okafor", "Luca", "Katya")
_VERIFIED = {
    "Amina Okafor": "amina@radio.example",
    "Björk Jónsdóttir": "bjork@tape.example",
    "Tomás": "tomas@lisboa.example",
}
_CHAT = (
    ("Priya Raman", 1140, "That tape hiss is half of the charm."),
    ("Luca", 1020, "Link to the field recordings: https://tape.example/harbour"),
    ("Katya", 660, "Which harbour was it?"),
    ("Luca", 630, "Gdańsk, at four in the morning, just before the first ferry. The hum is the "
     "cooling of a freighter; it went on all night, and the gulls come in at minute six."),
    ("さくら", 420, "きれい ✨"),
    ("Samuel", 200, "I have one from a lighthouse, if there is time."),
    ("Jonas Weber", 150, "Samuel, there is: put your hand up."),
    ("ada", 40, "+1 for the lighthouse"),
)  # fmt: skip
_JOURNAL = (
    ("Amina Okafor", 2520, "created", "", "", ""),
    ("Amina Okafor", 2400, "made co-host", "Jonas Weber", "", ""),
    ("Amina Okafor", 2290, "promoted", "Mei 美玲", "", ""),
    ("Jonas Weber", 1500, "promoted", "Luca", "", ""),
    ("CHEAP SATS", 1260, "promoted", "CHEAP SATS", "", "only the host and co-hosts may"),
    ("CHEAP SATS", 1230, "removed", "Amina Okafor", "mine now", "nobody removes the host"),
    ("Jonas Weber", 1200, "removed", "CHEAP SATS", "selling things, and taking the stage", ""),
    ("Jonas Weber", 900, "denied", "Hannah", "after the next song, please", ""),
    ("Amina Okafor", 300, "asked to mute", "Luca", "", ""),
)


def key_of(name: str) -> str:
    """The public key of a made-up person."""
    return hashlib.sha256(name.encode()).hexdigest()


def me() -> Me:
    """The user of the samples."""
    return Me(key_of("Samuel"), "", "Samuel", "throwaway")


def relays() -> dict[str, RelayView | None]:
    """Three relays, one of them with a complaint."""
    return {
        "wss://relay.example": RelayView("wss://relay.example", "connected"),
        "wss://nostr.example": RelayView("wss://nostr.example", "connected"),
        "wss://old.example": RelayView("wss://old.example", "waiting", "connection refused"),
    }


def lobby() -> ViewChanged:
    """A lobby with a handful of spaces, and nobody's space around us."""
    rows = (
        ("Sunday radio: what we heard this week", "Amina Okafor", 42, 4, 18, "live",
         "New releases, field recordings and one very old tape. Raise your hand to play yours."),
        ("Nostr developers, open questions", "Jonas Weber", 13, 6, 31, "live",
         "NIPs in flight, relays under load, and who maintains what."),
        ("語学カフェ: slow Japanese for everyone", "さくら", 127, 2, 9, "live",
         "We speak slowly. Bring a new word."),
        ("Night shift", "kim", 371, 1, 3, "live", "Company for those who work at night."),
        ("Book club: The Dispossessed", "Priya Raman", 26, 3, 12, "live", "Chapters five and six."),
        ("Garage mathematics", "Tomás", 95, 2, 0, "stale", "Proofs with coffee."),
    )  # fmt: skip
    spaces: dict[str, SpaceSummary | None] = {}
    for name, host, minutes, speakers, listeners, state, summary in rows:
        ref = f"{key_of(host)}:{key_of(name)[:32]}"
        spaces[ref] = SpaceSummary(
            ref=ref,
            host=key_of(host),
            host_name=host,
            id=key_of(name)[:32],
            name=name,
            started_at=int(NOW) - 60 * minutes,
            speakers=speakers,
            listeners=listeners,
            state=state,  # type: ignore[arg-type]
            summary=summary,
        )
    return ViewChanged(
        version=1,
        reset=True,
        me=me(),
        audio=AudioView(),
        space=None,
        relays=relays(),
        spaces=spaces,
        log=(
            LogLine(NOW - 90, "info", "connected to wss://relay.example"),
            LogLine(NOW - 60, "warning", "wss://old.example: connection refused"),
            LogLine(NOW - 5, "error", "wss://nostr.example refused an event: blocked: not on list"),
        ),
        dropped={"bad signature": 3, "too large": 1},
    )


def people(mine: Role = "listener") -> dict[str, Participant | None]:
    """Who is in the sample space; the user among them in the role `mine`."""
    made: list[Participant] = []
    for index, (name, role) in enumerate(_SPEAKERS):
        if mine == "host" and role == "host":
            continue
        made.append(
            Participant(
                key_of(name),
                name,
                role,
                speaking=index < 2,
                link="connected" if index < 2 else "",
                muted=name == "Luca",
                followed=name in _FOLLOWED,
                verified=_VERIFIED.get(name, ""),
            )
        )
    waiting = {"Tomás": (1, 400.0), "Noor": (2, 190.0), "Samuel": (3, 45.0)}
    for name in _LISTENERS:
        is_me = name == "Samuel"
        place, waits = waiting.get(name, (0, 0.0)) if not is_me or mine == "listener" else (0, 0.0)
        made.append(
            Participant(
                key_of(name),
                name,
                mine if is_me else "listener",
                present=name != "Oleksandr",
                hand_since=NOW - waits if place else 0.0,
                queue=place,
                link="connected" if name in ("ada", "Priya Raman") else "",
                me=is_me,
                plain=name == "ada",
                hidden=name == "Ibrahim",
                followed=name in _FOLLOWED,
                verified=_VERIFIED.get(name, ""),
            )
        )
    return {person.pubkey: person for person in made}


def chat() -> dict[str, ChatLine | None]:
    """What was written in the sample space; the last message has not reached a relay yet."""
    lines = [
        ChatLine(
            id=key_of(f"chat {index}"),
            pubkey=key_of(name),
            name=name,
            text=text,
            at=int(NOW) - before,
            state="sent" if name == "Samuel" else "",
            mentions_me=text.startswith("Samuel"),
        )
        for index, (name, before, text) in enumerate(_CHAT)
    ]
    lines.append(
        ChatLine(
            key_of("chat own"),
            key_of("Samuel"),
            "Samuel",
            "It is 40 seconds long.",
            int(NOW) - 2,
            "waiting",
        )
    )
    return {line.id: line for line in lines}


def journal() -> dict[str, JournalEntry | None]:
    """Who did what to whom in the sample space; a stranger tried to."""
    entries = [
        JournalEntry(
            id=key_of(f"act {index}"),
            at=int(NOW) - before,
            act=act,
            by=key_of(by),
            by_name=by,
            target=key_of(target) if target else "",
            target_name=target,
            reason=reason,
            refused=refused,
        )
        for index, (by, before, act, target, reason, refused) in enumerate(_JOURNAL)
    ]
    return {entry.id: entry for entry in entries}


def barred() -> dict[str, Barred | None]:
    """The one who is kept out of the sample space."""
    name, by, why = "CHEAP SATS", "Jonas Weber", "selling things, and taking the stage"
    return {key_of(name): Barred(key_of(name), name, key_of(by), by, why, int(NOW) - 1200)}


def space(mine: Role = "listener", **fields: object) -> ViewChanged:
    """A space with four people on stage and eighteen listeners, on top of the lobby; `fields` are
    further ones of its `SpaceView`."""
    base = lobby()
    assert isinstance(base.spaces, dict)
    ref, summary = next(iter(base.spaces.items()))
    assert summary is not None
    speaks = mine != "listener"
    view = SpaceView(
        ref=ref,
        host=key_of("Samuel") if mine == "host" else summary.host,
        id=summary.id,
        name=summary.name,
        stage="joined",
        started_at=summary.started_at,
        summary=summary.summary,
        role=mine,
        microphone="muted" if speaks else "closed",
        hand_since=0.0 if speaks else NOW - 45.0,
        heard_from="" if mine == "host" else summary.host,
        share="nevent1qqsample0space0which0nobody0can0open",
        share_room="naddr1qqsample0room0which0nobody0can0open",
        topics=("music", "radio"),
        language="en",
    )
    view = msgspec.structs.replace(view, **fields)
    return ViewChanged(
        quality=quality(mine),
        version=2,
        reset=True,
        me=base.me,
        audio=base.audio,
        space=view,
        relays=base.relays,
        spaces=base.spaces,
        participants=people(mine),
        chat=chat(),
        journal=journal(),
        barred=barred(),
        dropped=base.dropped,
        log=base.log,
    )


def quality(mine: Role) -> Quality:
    """Good, but for one listener; on stage we are connected to the others there."""
    stage = [key_of(name) for name, _ in _SPEAKERS[:2]]
    sources = stage if mine != "listener" else stage[:1]
    kind: Literal["mutual", "parent"] = "mutual" if mine != "listener" else "parent"
    links = [LinkQuality(source, kind, "good", 0.0, 0.04, 0.005) for source in sources]
    children = (("ada", "good", 0.0), ("Priya Raman", "fair", 0.05))
    links += [
        LinkQuality(key_of(name), "child", badge, loss, 0.12, 0.01)  # type: ignore[arg-type]
        for name, badge, loss in children
    ]
    return Quality(
        badge="good",
        round_trip=0.04,
        jitter=0.005,
        depth={"host": 0, "listener": 2}.get(mine, 1),
        outputs_used=len(children),
        outputs_max=8,
        parent="" if mine != "listener" else sources[0],
        links=tuple(links),
    )


def levels() -> Levels:
    """Two people talk, one of them louder."""
    return Levels({key_of("Amina Okafor"): 14, key_of("Jonas Weber"): 33})
