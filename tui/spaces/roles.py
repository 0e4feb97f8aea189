"""Who may do what in a space (the table in the wire profile, as pure functions)."""

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


def may_moderate(actor: Role, target: Role) -> bool:
    """Whether `actor` may remove `target`, invite them, let them on stage or propose it to them,
    or ask them to mute: host and co-hosts, and only with those below them."""
    return actor >= Role.COHOST and target < actor


def may_promote_cohost(actor: Role, target: Role) -> bool:
    """Whether `actor` may make `target` a co-host."""
    return actor is Role.HOST and target is not Role.HOST


def may_demote(actor: Role, target: Role, *, oneself: bool) -> bool:
    """Whether `actor` may take `target` off the stage, or a listener's hand down, or pardon them.

    Everybody but the host, who closes the space instead, may step down.
    """
    if oneself:
        return target.speaks and target is not Role.HOST
    return may_moderate(actor, target)
