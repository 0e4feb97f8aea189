"""A made-up lobby and a made-up space, the same every time, for screenshots and tests."""

import hashlib

from tui.controller.messages import (
    Levels,
    ViewChanged,
)
from tui.controller.views import (
    AudioView,
    LogLine,
    Me,
    Participant,
    RelayView,
    Role,
    SpaceSummary,
    SpaceView,
)

NOW = 1_800_000_000.0
"""The time at which the samples play, in unix seconds."""

_SPEAKERS: tuple[tuple[str, Role], ...] = (
    ("Amina Okafor", "host"),
    ("Jonas Weber", "speaker"),
    ("Mei 美玲", "speaker"),
    ("Luca", "speaker"),
)
_LISTENERS = (
    "Priya Raman", "Tomás", "ada", "Björk Jónsdóttir", "Samuel", "さくら", "Noor", "Fatima Zahra",
    "Oleksandr", "kim", "Greta", "Hannah", "Ibrahim", "José", "Katya", "Linh", "Mateo", "Nia",
)  # fmt: skip


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
                key_of(name), name, role, speaking=index < 2, link="connected" if index < 2 else ""
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
            )
        )
    return {person.pubkey: person for person in made}


def space(mine: Role = "listener") -> ViewChanged:
    """A space with four people on stage and eighteen listeners, on top of the lobby."""
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
    )
    return ViewChanged(
        version=2,
        reset=True,
        me=base.me,
        audio=base.audio,
        space=view,
        relays=base.relays,
        spaces=base.spaces,
        participants=people(mine),
        dropped=base.dropped,
        log=base.log,
    )


def levels() -> Levels:
    """Two people talk, one of them louder."""
    return Levels({key_of("Amina Okafor"): 14, key_of("Jonas Weber"): 33})
