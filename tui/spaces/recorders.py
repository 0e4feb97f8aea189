"""Who records a space and who does not want to be recorded, as their JOINs and the host say.

A JOIN speaks for its signer. The host's announcement repeats it for those who do not see every JOIN
of a crowd, and counts where it is newer than the JOIN that is known.
"""

from collections.abc import Callable, Iterator

from tui.config import limits
from tui.spaces.events import PeerJoined, SpaceAnnounced
from tui.spaces.presence import Person
from tui.spaces.rooms import ANNOUNCEMENT_LIFETIME


class Recorders:
    """A register beside the presence that it reads; bounded: of too many who say that they record,
    those stay who `speaks` names, and the newest."""

    def __init__(self, person: Callable[[str], Person], speaks: Callable[[str], bool]) -> None:
        self._person = person
        self._speaks = speaks
        self._claims: dict[str, None] = {}

    def heard(self, pubkey: str) -> None:
        """Somebody's presence has changed."""
        joined = self._person(pubkey).joined
        self._claims.pop(pubkey, None)
        if joined is None or not joined.recording:
            return
        if len(self._claims) >= limits.RECORDERS:
            passing = (who for who in self._claims if not self._speaks(who))
            del self._claims[next(passing, next(iter(self._claims)))]
        self._claims[pubkey] = None

    def claims(self) -> Iterator[PeerJoined]:
        """The JOINs that say so, whether or not they count."""
        found = (self._person(pubkey).joined for pubkey in self._claims)
        return (joined for joined in found if joined is not None)

    def announced(self, host: SpaceAnnounced | None, now: float) -> Iterator[str]:
        """Whom the host names, where nothing newer is known of them."""
        if host is not None and now < host.at + ANNOUNCEMENT_LIFETIME:
            for pubkey in host.recorders:
                if self._person(pubkey).heard < host.at:
                    yield pubkey

    def may_record(self, pubkey: str, host: SpaceAnnounced | None) -> bool:
        """Whether somebody's voice may be in a recording: not before their JOIN is known."""
        joined = self._person(pubkey).joined
        if joined is None:
            return False
        if host is not None and host.at > joined.at and pubkey in host.unrecorded:
            return False
        return not joined.unrecorded


def in_order(joins: list[PeerJoined]) -> list[str]:
    """Who has recorded for longest comes first."""
    return [joined.signer for joined in sorted(joins, key=lambda j: (j.recording, j.signer))]
