"""Session descriptions as text: what we add to those of aiortc, what we accept from others.

aiortc parses SDP with assertions and takes any number of lines, and a candidate with an mDNS name
holds it for a second. So a description is bounded and stripped of its candidates before it gets
there. What aiortc cannot say is added to ours: Opus parameters, NACK, and who we are.
"""

import re

import msgspec

from tui.config import limits

SESSION_NAME = "s=spaces"
"""Tells one of ours before its data channel is open; others ignore a session's name."""
OPUS_PARAMETERS = "minptime=10;useinbandfec=1;usedtx=1;maxaveragebitrate=32000"
"""What we ask others to send (RFC 7587): a browser sends FEC and DTX only when asked."""

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
    media = [index for index, line in enumerate(lines) if line.startswith("m=")]
    _check_media([lines[index] for index in media])
    first, second = media[0], (*media, len(lines))[1]
    first_id = next((x[6:] for x in lines[first:second] if x.startswith("a=mid:")), None)
    _check_bundle(lines, len(media), first_id)
    _check_security(lines)
    offered = (x[2:] for x in lines[first:second] if x.startswith("a=candidate:"))
    opus = {match[1] for match in map(_OPUS.fullmatch, lines) if match}
    nack = {"a=rtcp-fb:* nack", *(f"a=rtcp-fb:{kind} nack" for kind in opus)}
    return RemoteDescription(
        sdp="\r\n".join(x for x in lines if not _about_candidates(x)) + "\r\n",
        candidates=tuple(offered)[: limits.REMOTE_CANDIDATES],
        first_id=first_id,
        has_channel=SESSION_NAME in lines[:first]
        and any(lines[index].startswith("m=application ") for index in media),
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


def _about_candidates(line: str) -> bool:
    return line.startswith("a=candidate:") or line == "a=end-of-candidates"


def _check_media(lines: list[str]) -> None:
    audio = sum(line.startswith("m=audio ") for line in lines)
    if not audio:
        raise InvalidDescription("a session description without audio")
    if audio > limits.SDP_AUDIO_LINES or len(lines) > limits.SDP_LINES:
        raise InvalidDescription("a session description with too many media lines")


def _check_bundle(lines: list[str], media: int, first_id: str | None) -> None:
    """Several lines must share one transport, carried by the first of them."""
    if media == 1:
        return
    ids = [line[6:] for line in lines if line.startswith("a=mid:")]
    bundle = next((x.split()[1:] for x in lines if x.startswith("a=group:BUNDLE")), [])
    if len(ids) != media or set(ids) != set(bundle) or bundle[0] != first_id:
        raise InvalidDescription("media lines that do not share one transport")


def _check_security(lines: list[str]) -> None:
    for attribute in ("a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=setup:"):
        if not any(line.startswith(attribute) for line in lines):
            raise InvalidDescription(f"a session description without {attribute[2:-1]}")
