"""Who may do what in a space (the table in the wire profile, as pure functions).

Co-hosts have no way to be made yet; the rules already know their place.
"""

from enum import IntEnum


class Role(IntEnum):
    """Higher may act on lower."""

    LISTENER = 0
    SPEAKER = 1
    COHOST = 2
    HOST = 3

    @property
    def speaks(self) -> bool:
        """Whether this role has a place on the stage."""
        return self > Role.LISTENER


def may_promote(actor: Role, target: Role) -> bool:
    """Whether `actor` may make `target` a speaker; who speaks already keeps the higher role."""
    return actor >= Role.COHOST and target < Role.HOST


def may_demote(actor: Role, target: Role, *, oneself: bool) -> bool:
    """Whether `actor` may take `target` off the stage, or a listener's hand down.

    Nobody demotes the host, who closes the space instead; a co-host is demoted only by the host.
    """
    if target is Role.HOST:
        return False
    if oneself:
        return target.speaks
    return actor is Role.HOST or (actor is Role.COHOST and target < Role.COHOST)
