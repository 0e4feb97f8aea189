"""What the lobby shows of all spaces: words, and conditions such as `#topic` or `is:live`.

    jazz            in the name, summary, host or topics; several words must all be there
    #music          a topic that begins so
    lang:de         a language, with its regional kinds
    host:alice      in the host's name or NIP-05 address, or the beginning of its pubkey (hex)
    is:live         or scheduled, stale, closed, space, room, stream, open, invite, password, locked
    follows         hosted by somebody the user follows
    -is:stream      not so; any of these may be turned round

Case and accents make no difference. A condition that is still being typed counts as far as it goes.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Final

from tui.controller.views import SpaceSummary

QUERY_LENGTH: Final = 200  # characters; the rest of a query is not looked at

Condition = Callable[[SpaceSummary], bool]

_INCOMPLETE: Final = re.compile(r"-*(#|is:|lang:|host:)?")
"""What says nothing yet."""

_KINDS: Final[dict[str, Condition]] = {
    "live": lambda space: space.state == "live",
    "scheduled": lambda space: space.state == "scheduled",
    "stale": lambda space: space.state == "stale",
    "closed": lambda space: space.state == "closed",
    "space": lambda space: space.kind == "space",
    "room": lambda space: space.kind == "room",
    "stream": lambda space: space.kind == "stream",
    "open": lambda space: space.kind == "space" and space.access == "open" and not space.locked,
    "invite": lambda space: space.access == "invite",
    "password": lambda space: space.access == "password",
    "locked": lambda space: space.locked,
}


class Search:
    """A query; `matches` says whether a line of the lobby fits it. An empty one fits all."""

    def __init__(self, query: str) -> None:
        words = fold(query[:QUERY_LENGTH]).split()
        self._conditions = [_condition(word) for word in words if not _INCOMPLETE.fullmatch(word)]

    def matches(self, space: SpaceSummary) -> bool:
        """Whether every condition holds."""
        return all(condition(space) for condition in self._conditions)


def fold(text: str) -> str:
    """Text as it is compared: without case and accents."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in apart if not unicodedata.combining(char)).casefold()


def _condition(word: str) -> Condition:
    if word[0] == "-":
        turned = _condition(word[1:])
        return lambda space: not turned(space)
    if word == "follows":
        return lambda space: space.followed
    if word[0] == "#":
        return lambda space: any(fold(topic).startswith(word[1:]) for topic in space.topics)
    name, colon, value = word.partition(":")
    match name if colon else "":
        case "is":
            kinds = [condition for kind, condition in _KINDS.items() if kind.startswith(value)]
            return lambda space: any(condition(space) for condition in kinds)
        case "lang":
            return lambda space: f"{fold(space.language)}-".startswith(_language(value))
        case "host":
            return lambda space: _is_hosted_by(space, value)
        case _:
            return lambda space: word in fold(_text(space))


def _language(value: str) -> str:
    """Two letters are a whole language; fewer, or a region, are the beginning of one."""
    return value if len(value) < 2 or "-" in value else f"{value}-"


def _is_hosted_by(space: SpaceSummary, value: str) -> bool:
    names = fold(space.host_name), fold(space.verified)
    return any(value in name for name in names) or space.host.startswith(value)


def _text(space: SpaceSummary) -> str:
    return "\n".join((space.name, space.summary, space.host_name, space.verified, *space.topics))
