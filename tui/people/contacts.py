"""Whom people follow (NIP-02, kind 3) and whom they do not want to hear (NIP-51, kind 10000)."""

import re
from typing import Final

import msgspec

from tui.nostr.event import BAD_JSON, Draft, Event, Tag
from tui.nostr.keys import Signer
from tui.nostr.nip44 import InvalidPayload

FOLLOWS: Final = 3
MUTES: Final = 10_000

_PUBKEY: Final = re.compile(r"[0-9a-f]{64}")
_NIP04: Final = "?iv="  # what the encryption that NIP-44 has replaced leaves in a payload

_tags_decoder: Final = msgspec.json.Decoder(tuple[Tag, ...])


class MuteList(msgspec.Struct, frozen=True, gc=False):
    """A mute list as it stands, with all that we do not know of: words, threads, other tags.

    `private` is the encrypted part, None if there is one that cannot be read; `content` is that
    part as it was published.
    """

    public: tuple[Tag, ...] = ()
    private: tuple[Tag, ...] | None = ()
    content: str = ""
    created_at: int = 0

    @property
    def pubkeys(self) -> frozenset[str]:
        """The people in both parts."""
        return _people((*self.public, *(self.private or ())))


def is_pubkey(text: str) -> bool:
    """Whether this has the form of a public key: 64 lower-case hex digits."""
    return _PUBKEY.fullmatch(text) is not None


def read_follows(event: Event) -> frozenset[str]:
    """The people that the author of an event of kind 3 follows."""
    return _people(event.tags)


async def read_mutes(event: Event, signer: Signer | None) -> MuteList:
    """The list in an event of kind 10000; its private part only if `signer` is its author."""
    content = event.content
    private: tuple[Tag, ...] | None = None if content else ()
    if content and _NIP04 not in content and signer and signer.pubkey == event.pubkey:
        private = await _decrypt(content, signer)
    return MuteList(event.tags, private, content, event.created_at)


async def change_mutes(
    mutes: MuteList, pubkey: str, on: bool, signer: Signer, now: float
) -> Draft | None:
    """The list with somebody added or taken out, all else as it was; None if nothing changes.

    Who is added goes into the private part: whom one mutes concerns nobody else. One of NIP-04 is
    left alone, and it is the public part then. Raises InvalidPayload if the private part cannot be
    opened now, or written.
    """
    if on == (pubkey in mutes.pubkeys):
        return None
    public, private, content = mutes.public, mutes.private, mutes.content
    if not on:
        public = _without(public, pubkey)
    elif private is None:
        if _NIP04 not in content:
            raise InvalidPayload("the signer does not open its private part")
        public = (*public, ("p", pubkey))
    if private is not None:
        changed = (*private, ("p", pubkey)) if on else _without(private, pubkey)
        if changed != private:
            content = await _encrypt(changed, signer)
    return Draft(MUTES, content, public, max(int(now), mutes.created_at + 1))


async def _decrypt(content: str, signer: Signer) -> tuple[Tag, ...] | None:
    try:
        return _tags_decoder.decode(await signer.decrypt(signer.pubkey, content))
    except (InvalidPayload, *BAD_JSON):
        return None


async def _encrypt(tags: tuple[Tag, ...], signer: Signer) -> str:
    if not tags:
        return ""
    return await signer.encrypt(signer.pubkey, msgspec.json.encode(tags).decode())


def _people(tags: tuple[Tag, ...]) -> frozenset[str]:
    found = {tag[1] for tag in tags if len(tag) > 1 and tag[0] == "p" and is_pubkey(tag[1])}
    # An event has at most limits.EVENT_TAGS; a private part has as many as fit into its bytes.
    return frozenset(found)


def _without(tags: tuple[Tag, ...], pubkey: str) -> tuple[Tag, ...]:
    return tuple(tag for tag in tags if tag[:2] != ("p", pubkey))
