"""What of a space somebody listens for: all of a small one, the neighbourhood in a crowd.

If everybody heard everybody come, go and connect, what relays have to bring would grow with the
square of the audience. Above `limits.ROSTER_PEOPLE` people (who is here says the host) everybody
hears of the stage and of those whom they are connected with; who shows the roster also of who comes
and goes, and who moderates of hands.
"""

import msgspec

from tui.config import limits
from tui.nostr.filter import Filter
from tui.spaces import events
from tui.spaces.events import SpaceRef

FRESH_SECONDS = 60  # what is of the moment and older than that is a replay from a relay's store
PRESENCE_SECONDS = 3600  # JOINs without an end of their own count as long as a connection lives
FIRST_LOOK = 3 * limits.ROSTER_PEOPLE  # stored events that nobody waits for who joins a crowd

PRESENCE = (events.PRESENCE_KINDS, PRESENCE_SECONDS)
GRAPH = (events.GRAPH_KINDS, events.CONNECTION_LIFETIME)


class Scope(msgspec.Struct, frozen=True):
    """How widely to listen; two that are equal are the same to relays."""

    everybody: bool = True
    """Hear who comes and goes."""
    edges: bool = True
    """Hear who is connected to whom."""
    hands: bool = True
    """Hear who asks to speak."""
    first: bool = False
    """Before it is known how many are here: so many stored events are enough as few have."""
    near: tuple[str, ...] = ()
    """Who is heard in any case: ourselves, the stage, and whom we are connected with."""
    linked: tuple[str, ...] = ()
    """Whose connections are heard of in any case: the stage's would be news to everybody below."""

    def filters(self, space: SpaceRef, now: int) -> list[Filter]:
        """What to ask relays for, by kinds and two tags at most: some fail on three."""
        of_space: dict[str, tuple[str, ...]] = {"s": (space.id,), "h": (space.host,)}
        asked = (
            (self.everybody, self.near, *PRESENCE),
            (self.edges, self.linked, *GRAPH),
            (self.hands, self.near, events.SPEECH_KINDS, FRESH_SECONDS),
        )
        return [
            Filter(
                kinds=kinds,
                authors=None if wide else authors,
                tags=of_space,
                since=now - seconds,
                limit=(FIRST_LOOK if self.first else None) if wide else limits.NEAR_EVENTS,
            )
            for wide, authors, kinds, seconds in asked
        ]


def scope_of(
    *,
    people: int,
    was_narrow: bool,
    roster: bool,
    moderates: bool,
    near: tuple[str, ...],
    linked: tuple[str, ...],
) -> Scope:
    """How widely to listen in a space of so many people; near the limit as before."""
    least = limits.ROSTER_PEOPLE * 2 // 3 if was_narrow else limits.ROSTER_PEOPLE
    if people <= least:
        return Scope()
    return Scope(
        everybody=roster or moderates,
        edges=False,
        hands=moderates,
        near=near[: limits.NEAR],
        linked=linked[: limits.NEAR],
    )
