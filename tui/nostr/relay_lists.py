"""Where people read and write (NIP-65), and which relays a space is held on. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from tui.config import limits
from tui.nostr.event import Draft, Event
from tui.nostr.url import InvalidRelayUrl, is_private, relay_url

RELAY_LIST: Final = 10_002

_OF_OTHERS: Final = limits.SPACE_RELAYS - 1  # one place is for a relay of our own choice
_MARKERS: Final = ("", "read", "write")


class RelayList(msgspec.Struct, frozen=True):
    """Addresses in normal form: where an author looks for events, and publishes them."""

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()


def read_relay_list(event: Event) -> RelayList:
    """The list in an event of kind 10002; what is no address of a relay is left out."""
    read: list[str] = []
    write: list[str] = []
    for tag in event.tags[: limits.LISTED_TAGS]:
        marker = tag[2] if len(tag) > 2 else ""
        if len(tag) < 2 or tag[0] != "r" or marker not in _MARKERS:
            continue
        try:
            url = relay_url(tag[1])
        except InvalidRelayUrl:
            continue
        if marker != "write":
            read.append(url)
        if marker != "read":
            write.append(url)
    return RelayList(_first(read), _first(write))


def write_relay_list(relays: RelayList, at: int) -> Draft:
    """The event that says where its author reads and writes; `at` in unix seconds."""
    tags: list[tuple[str, ...]] = []
    for url in dict.fromkeys((*relays.write, *relays.read)):
        if url in relays.read and url in relays.write:
            tags.append(("r", url))
        else:
            tags.append(("r", url, "read" if url in relays.read else "write"))
    return Draft(RELAY_LIST, "", tuple(tags), at)


def choose_relays(
    *,
    space: Sequence[str] = (),
    host_write: Sequence[str] = (),
    own_read: Sequence[str] = (),
    settings: Sequence[str] = (),
) -> tuple[str, ...]:
    """Two to four relays for a space, if so many are known; addresses as they come.

    Those that the space names come first, in its order, so that all its people meet at the same
    ones; then those the host writes to. One place is always left to a relay of our own, so that no
    stranger decides where all we say goes. Relays in private networks count only for somebody who
    uses such relays.
    """
    ours = _valid((*own_read, *settings))
    theirs = _valid((*space, *host_write))
    if not any(map(is_private, ours)):
        theirs = [url for url in theirs if not is_private(url)]
    if all(url in theirs[:_OF_OTHERS] for url in ours):  # none of ours is missing
        return tuple(theirs[: limits.SPACE_RELAYS])
    chosen = theirs[:_OF_OTHERS]
    chosen += [url for url in ours if url not in chosen]
    return tuple(chosen[: limits.SPACE_RELAYS])


def _valid(texts: Iterable[str]) -> list[str]:
    """Addresses in normal form, each once, in order."""
    urls: dict[str, None] = {}
    for text in texts:
        try:
            urls[relay_url(text)] = None
        except InvalidRelayUrl:
            continue
    return list(urls)


def _first(urls: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(urls))[: limits.LISTED_RELAYS]
