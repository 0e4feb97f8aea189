"""Endless things to say to a space, by many people."""

import itertools
import time
from collections.abc import Iterator
from typing import Any

from tui.spaces import events

Said = Iterator[dict[str, Any]]

NAMES = (
    "\x1b[2J\x1b]0;owned\x07",
    "\u202egnp.exe\u2066",
    "a\u0300" * 4_000,
    "\U0001f600" * 2_000,
    "N" * 60_000,
    "\r\n\x00\x7f\u2028",
    ["no", {"text": 1}],
    10**400,
    None,
)
ACTS = (
    events.PROMOTE_SPEAKER,
    events.PROMOTE_COHOST,
    events.DEMOTE_TO_PEER,
    events.REMOVE_PEER,
    events.INVITE_PEER,
)


def joins(mob: list[Any]) -> Said:
    for number, one in enumerate(mob):
        yield one.join(NAMES[number % len(NAMES)] if number % 2 else f"mob {number}")


def hands(mob: list[Any]) -> Said:
    for one in mob:
        yield one.hand(None, ("since", "1"))
        yield one.say(events.REQUEST_SPEECH)


def forged_acts(mob: list[Any], victims: list[str]) -> Said:
    """On everybody and oneself, by few who do a lot and by many who do little."""
    for one, kind in itertools.product(mob[:5], ACTS):
        for target in (*victims, one.me):
            yield one.act(kind, target, reason="\u202ebecause")
    for one in mob:
        yield one.act(events.PROMOTE_SPEAKER, one.me)
        yield one.say(events.CLOSE_SPACE)
        yield one.say(events.MUTE_REQUEST)
    for one, target in itertools.product(mob[:5], victims):
        yield one.say(events.REQUEST_SPEECH, "come up", ("p", target), about=(target,))


def out_of_time(mob: list[Any]) -> Said:
    now = int(time.time())
    for one, ahead in itertools.product(mob[:40], (90, 600)):
        yield one.join("from tomorrow", now + ahead)
        yield one.hand(now + ahead)
    for one in mob[:40]:
        yield one.hand(now - 3_000)
        yield one.reserve(one.space.host, at=now - 3_000)


def misplaced(mob: list[Any], host: str) -> Said:
    """Of this space by one tag and of another by the next."""
    for one in mob[:30]:
        here = (("s", one.space.id), ("h", host))
        there = (("s", "another"), ("h", one.me))
        webrtc = ("webrtc", "spaces")
        for tags in (
            (*there, *here, webrtc),
            (("h", one.me), *here, webrtc),
            (("s", "another"), *here, webrtc),
            here,
            (*here, ("webrtc", "no")),
        ):
            yield one.event(events.JOIN_SPACE, {"name": "lost"}, (*tags, ("d", one.me)))
            yield one.event(events.PROMOTE_SPEAKER, "", (*tags, ("p", one.me), ("d", one.me)))


def broken(mob: list[Any], host: str) -> Said:
    """Contents and tags that are no events of a space."""
    for one in mob[:20]:
        for content in ("{", "[]", "5", '"text"', "null", "[" * 20_000, '{"name": ' + "9" * 5_000):
            yield one.say(events.JOIN_SPACE, content, about=(one.me, "broken"))
        for target in ("", "0" * 63, "g" * 64, host.upper()):
            yield one.say(events.PROMOTE_SPEAKER, "", ("p", target), about=(target,))
            yield one.say(events.RESERVE_CONNECTION, "", ("p", target), about=(target,))


def requests_without_offers(mob: list[Any], asked: list[str]) -> Said:
    for kind in ("consumer", "mutual", "provider", "nonsense"):
        for one, target in itertools.product(mob[:40], asked):
            yield one.reserve(target, kind)


def signals(mob: list[Any], asked: list[str]) -> Said:
    """Candidates and descriptions of no connection, and of no sense."""
    found = {"candidate": "candidate:1 1 udp 1 192.0.2.1 9 typ host", "sdpMid": "0"}
    giant = {"sdp": "v=0\r\n" + "a=x\r\n" * 10_000}
    for one, target in itertools.product(mob[:4], asked):
        yield one.signal(events.SDP_OFFER, target, giant)
        yield one.signal(events.SDP_ANSWER, target, giant)
        yield one.signal(events.SDP_OFFER, target, "A" * 30_000)
        for number in range(70):
            yield one.signal(events.ICE_CANDIDATE, target, {"ice": [found] * (number + 1)})


def edges(mob: list[Any], stage: list[str]) -> Said:
    """Connections that never were: everybody says to be connected to everybody."""
    for one, other in itertools.product(mob, stage):
        parts = (other, one.me)
        yield one.say(events.CONFIRM_CONNECTION, {"type": "consumer"}, ("p", other), about=parts)


def chatter(mob: list[Any], host: str) -> Said:
    room = ("a", f"30312:{host}:{mob[0].space.id}", "", "root")
    for one, number in itertools.product(mob[:10], range(25)):
        yield one.event(1311, f"\x1b[31mbuy {number}\u202e" * 50, (room,))
        yield one.event(7, "+" * 200 if number % 2 else "\u202e", (room,))
