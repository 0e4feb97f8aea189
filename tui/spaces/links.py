"""A connection that is up, and one that may come to be, as the parts that use them see them."""

from typing import NamedTuple

import msgspec

from tui.rtc.forwarding import LinkKind
from tui.rtc.peer import Peer


class Link(msgspec.Struct):
    """A connection that is up. Times are monotonic seconds, `agreed_at` is unix seconds."""

    peer: Peer
    kind: LinkKind
    standby: bool = False
    """Between a listener and who would serve it: nothing is sent until the listener asks."""
    agreed_at: int = 0
    """The date of the other side's word on which it stands: what is older does not end it."""
    since: float = 0.0
    """When it came up, or became what it is."""
    confirmed: bool = False
    """Of a consumer: whether our last CONFIRM said `standby`."""
    wanted: bool = True
    """Of a provider: whether we want its sound now."""
    packets: int = 0
    """Of a provider: packets of sound that have come."""
    told: bool = True
    """Of a provider: what we have last told it of that."""


class Hint(NamedTuple):
    """Somebody who was named to us at that monotonic second, and may still be looked up."""

    pubkey: str
    at: float
    wanted: bool
