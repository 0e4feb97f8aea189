"""What offers, answers and candidates carry (kinds 21102 to 21104), before encryption.

Both spellings of others are read: a session description as text or as an object with its type, one
candidate or a list of them.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from tui.config import limits
from tui.nostr.event import BAD_JSON
from tui.spaces.events import IceCandidate


class UnreadableSdp(ValueError):
    """The decrypted content of an offer, answer or candidate makes no sense."""


def is_encrypted(content: str) -> bool:
    """Whether the content of an offer, answer or candidate is NIP-44 rather than plain JSON."""
    return content.lstrip()[:1] != "{"


def read_description(content: str) -> str:
    """The SDP in `{"sdp": "v=0..."}` or `{"sdp": {"type": ..., "sdp": "v=0..."}}`."""
    value = _object(content).get("sdp")
    if isinstance(value, dict):
        value = value.get("sdp")
    if not isinstance(value, str) or not value.startswith("v=0"):
        raise UnreadableSdp("no session description in it")
    return value


def read_candidates(content: str) -> tuple[IceCandidate, ...]:
    """The candidates in `{"ice": {...}}` or `{"ice": [{...}, ...]}`, a bounded number of them."""
    value = _object(content).get("ice")
    found = value if isinstance(value, list) else [value]
    try:
        return msgspec.convert(tuple(found[: limits.CANDIDATES]), tuple[IceCandidate, ...])
    except msgspec.ValidationError as error:
        raise UnreadableSdp(f"no candidate in it: {error}") from None


def write_description(sdp: str) -> str:
    """The content of an offer or an answer, before encryption."""
    return msgspec.json.encode({"sdp": sdp}).decode()


def write_candidates(candidates: Sequence[IceCandidate]) -> str:
    """The content of an ICE_CANDIDATE, before encryption; one alone as the draft shows it."""
    found = candidates[0] if len(candidates) == 1 else candidates
    return msgspec.json.encode({"ice": found}).decode()


def _object(content: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except BAD_JSON as error:
        raise UnreadableSdp(str(error)) from None
