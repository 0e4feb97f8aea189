"""What people write beside the sound (NIP-53 kind 1311) and their reactions (NIP-25 kind 7).

Read and written here without any state; `chat` keeps them.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final, Literal

import msgspec

from tui.config import limits
from tui.nostr import nip19
from tui.nostr.event import Draft, Event, Tag
from tui.nostr.text import clean_text
from tui.spaces.events import InvalidSpaceEvent

CHAT: Final = 1311
REACTION: Final = 7

_SYMBOLS: Final = (
    "[©®‼⁉™\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
)
_PART: Final = f"{_SYMBOLS}\ufe0f?[\U0001f3fb-\U0001f3ff]?[\U000e0020-\U000e007f]{{0,8}}"
_EMOJI: Final = re.compile(
    "[\U0001f1e6-\U0001f1ff]{2}"  # a flag
    "|[0-9#*]\ufe0f?\u20e3"  # a key
    f"|{_PART}(?:\u200d{_PART}){{0,5}}"  # one picture, or several joined to one
    "|:[A-Za-z0-9_-]{1,30}:"  # the name of a picture of one's own (NIP-30)
)
_PERSON: Final = re.compile(r"(?:nostr:|@)?((?:npub|nprofile)1[02-9ac-hj-np-z]{20,400})")


class ChatMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message or, with `reaction`, one emoji; `at` in unix seconds.

    `state` is about our own: `waiting` until a relay has it, then `sent`, or `failed` for `reason`.
    `mentions` are the pubkeys it speaks to, `reply_to` the id of the message it answers.
    """

    id: str
    pubkey: str
    text: str
    at: int
    state: Literal["", "waiting", "sent", "failed"] = ""
    reason: str = ""
    reaction: bool = False
    mentions: frozenset[str] = frozenset()
    reply_to: str = ""


def read_message(
    event: Event,
    address: str,
    *,
    name_of: Callable[[str], str] = nip19.short_npub,
    unseal: Callable[[str], str] | None = None,
) -> ChatMessage:
    """A message or reaction of the room with this `a` address; raises `InvalidSpaceEvent`.

    People who are named by `nostr:npub1...` are shown by `name_of`. `unseal` opens what is
    encrypted, and raises ValueError.
    """
    if event.kind not in (CHAT, REACTION):
        raise InvalidSpaceEvent(f"kind {event.kind} is no message")
    if event.first("a") != address:
        raise InvalidSpaceEvent("a message of another room")
    content = event.content
    if unseal is not None:
        try:
            content = unseal(content)
        except ValueError:
            raise InvalidSpaceEvent("a message that cannot be read with the password") from None
    reaction = event.kind == REACTION
    people = dict.fromkeys((*event.values("p"), *(pubkey for pubkey, _ in _people(content))))
    text = clean_emoji(content) if reaction else clean_message(_with_names(content, name_of))
    if not text:
        raise InvalidSpaceEvent("an empty message" if not reaction else "a reaction without emoji")
    return ChatMessage(
        id=event.id,
        pubkey=event.pubkey,
        text=text,
        at=event.created_at,
        reaction=reaction,
        mentions=frozenset(list(people)[: limits.CHAT_MENTIONS]),
        reply_to=event.first("e") or "",
    )


def write_message(
    address: str, now: int, text: str, *, relay: str = "", reply_to: ChatMessage | None = None
) -> Draft:
    """A message to the room with this `a` address; `reply_to` is the one that it answers."""
    tags: list[Tag] = [("a", address, relay, "root")]
    people = [pubkey for pubkey, _ in _people(text)]
    if reply_to is not None:
        tags.append(("e", reply_to.id, relay))
        people.insert(0, reply_to.pubkey)
    tags += [("p", pubkey) for pubkey in list(dict.fromkeys(people))[: limits.CHAT_MENTIONS]]
    return Draft(CHAT, text, tuple(tags), now)


def write_reaction(address: str, now: int, emoji: str, *, relay: str = "") -> Draft:
    """A reaction to the room itself: NIP-25 names its author by `p` and its kind by `k`."""
    kind, _, rest = address.partition(":")
    tags = (("a", address, relay), ("p", rest.partition(":")[0]), ("k", kind))
    return Draft(REACTION, emoji, tags, now)


def clean_message(text: str) -> str:
    """One line of bounded length, whatever was written."""
    return clean_text(" ".join(text[: 2 * limits.CHAT_LENGTH].split()), limits.CHAT_LENGTH)


def clean_emoji(text: str) -> str:
    """The one emoji that this is; empty for anything else. NIP-25 writes `+` and `-` for two."""
    text = {"+": "👍", "": "👍", "-": "👎"}.get(text.strip(), text.strip())
    return text if len(text) <= limits.EMOJI_LENGTH and _EMOJI.fullmatch(text) else ""


def _people(text: str) -> Iterator[tuple[str, re.Match[str]]]:
    for found in _PERSON.finditer(text[: limits.CHAT_LENGTH]):
        try:
            entity = nip19.decode(found[1])
        except nip19.InvalidBech32:
            continue
        if isinstance(entity, nip19.Npub | nip19.Nprofile):
            yield entity.pubkey, found


def _with_names(text: str, name_of: Callable[[str], str]) -> str:
    parts, end = [], 0
    for pubkey, found in _people(text):
        parts += [text[end : found.start()], f"@{name_of(pubkey)}"]
        end = found.end()
    return "".join((*parts, text[end:]))
