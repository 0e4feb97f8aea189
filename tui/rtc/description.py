"""Session descriptions as text: what we add to those of aiortc, what we accept from others.

aiortc parses SDP with assertions and takes any number of lines, and a candidate with an mDNS name
holds it for a second. So a description is bounded and stripped of its candidates before it gets
there. What aiortc cannot say is added to ours: Opus parameters, NACK, and who we are.
"""

import re
from collections.abc import Iterator

import msgspec

from tui.config import limits

SESSION_NAME = "s=spaces"
"""Tells one of ours before its data channel is open; others ignore a session's name."""
OPUS_PARAMETERS = "minptime=10;useinbandfec=1;usedtx=1;maxaveragebitrate=32000"
"""What we ask others to send (RFC 7587): a browser sends FEC and DTX only when asked."""

_DIRECTIONS = frozenset({"a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"})
_OPUS = re.compile(r"a=rtpmap:(\d{1,3}) opus/48000(?:/2)?", re.IGNORECASE)


class InvalidDescription(ValueError):
    """A session description that we cannot or will not take."""


class RemoteDescription(msgspec.Struct, frozen=True):
    """What the other side sent, checked: the text without candidates, and what we read of it."""

    sdp: str
    candidates: tuple[str, ...]
    """Of the first media line, which carries all the others (BUNDLE, RFC 9143)."""
    first_id: str | None
    """The first line's media id, by which trickled candidates are told."""
    has_channel: bool
    """The other side is one of ours and will announce its slots on the data channel."""
    answers_nack: bool


def read_description(sdp: object) -> RemoteDescription:
    """Checks an offer or an answer from outside; raises `InvalidDescription`."""
    if not isinstance(sdp, str) or not sdp.startswith("v=0"):
        raise InvalidDescription("not a session description")
    if len(sdp) > limits.SDP_BYTES or len(sdp.encode(errors="replace")) > limits.SDP_BYTES:
        raise InvalidDescription("a session description that is too long")
    lines = [line.rstrip() for line in sdp.splitlines()]
    session, *media = _sections(lines)
    _check_media([part[0] for part in media])
    ids = [[line[6:] for line in part if line.startswith("a=mid:")] for part in media]
    _check_bundle(lines, ids)
    _check_security(lines)
    offered = (line[2:] for line in media[0] if line.startswith("a=candidate:"))
    opus = {match[1] for match in map(_OPUS.fullmatch, lines) if match}
    nack = {"a=rtcp-fb:* nack", *(f"a=rtcp-fb:{kind} nack" for kind in opus)}
    kept = (x for x in _with_directions(session, media) if not _about_candidates(x))
    return RemoteDescription(
        sdp="\r\n".join(kept) + "\r\n",
        candidates=tuple(offered)[: limits.REMOTE_CANDIDATES],
        first_id=ids[0][0] if ids[0] else None,
        has_channel=SESSION_NAME in session
        and any(part[0].startswith("m=application ") for part in media),
        answers_nack=not nack.isdisjoint(lines),
    )


def write_description(sdp: str, *, nack: bool, more_candidates: bool) -> str:
    """Our own description as it is sent, from aiortc's; `more_candidates` will be trickled."""
    lines = []
    for line in sdp.splitlines():
        if line.startswith("s="):
            lines.append(SESSION_NAME)
            continue
        if line.startswith(("a=fingerprint:sha-384 ", "a=fingerprint:sha-512 ")):
            continue  # sha-256 says the same in a third of the space
        if line == "a=end-of-candidates" and more_candidates:
            continue
        lines.append(line)
        if opus := _OPUS.fullmatch(line):
            if nack:
                lines.append(f"a=rtcp-fb:{opus[1]} nack")
            lines.append(f"a=fmtp:{opus[1]} {OPUS_PARAMETERS}")
    return "\r\n".join(lines) + "\r\n"


def _sections(lines: list[str]) -> list[list[str]]:
    """What is said of the session, then of each stream, from its `m=` line on."""
    sections: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("m="):
            sections.append([])
        sections[-1].append(line)
    return sections


def _with_directions(session: list[str], media: list[list[str]]) -> Iterator[str]:
    """The lines, each stream with a direction; without one it has that of the session, else both.

    RFC 8866, 6.7. aiortc fails to answer where none is written.
    """
    yield from session
    default = next((line for line in session if line in _DIRECTIONS), "a=sendrecv")
    for part in media:
        yield from part
        if not part[0].startswith("m=application") and _DIRECTIONS.isdisjoint(part):
            yield default


def _about_candidates(line: str) -> bool:
    return line.startswith("a=candidate:") or line == "a=end-of-candidates"


def _check_media(lines: list[str]) -> None:
    audio = sum(line.startswith("m=audio ") for line in lines)
    if not audio:
        raise InvalidDescription("a session description without audio")
    if audio > limits.SDP_AUDIO_LINES or len(lines) > limits.SDP_LINES:
        raise InvalidDescription("a session description with too many media lines")


def _check_bundle(lines: list[str], ids: list[list[str]]) -> None:
    """Several streams must share one transport, carried by the first of them."""
    named = [each for part in ids for each in part]
    bundle = next((x.split()[1:] for x in lines if x.startswith("a=group:BUNDLE")), [])
    if len(ids) == 1:
        good = len(named) <= 1 and bundle in ([], named)
    else:
        distinct = all(len(part) == 1 for part in ids) and len(set(named)) == len(named)
        good = distinct and sorted(bundle) == sorted(named) and bundle[0] == named[0]
    if not good:
        raise InvalidDescription("media lines that do not share one transport")


def _check_security(lines: list[str]) -> None:
    for attribute in ("a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=setup:"):
        if not any(line.startswith(attribute) for line in lines):
            raise InvalidDescription(f"a session description without {attribute[2:-1]}")
