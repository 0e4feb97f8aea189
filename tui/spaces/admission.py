"""Whether we are let into a space, and how long we wait for it."""

from collections.abc import Callable, Collection

from tui.spaces.events import PeerJoined
from tui.spaces.state import SpaceState

ADMISSION_SECONDS = 10.0  # for an invitation, or the end of a lock, to come to who is not let in
LATE_SECONDS = 10.0  # that a JOIN may take to get here; one from before the lock is no later


class Admission:
    """Who is not let in waits for a while, with the reason in `reason`, and then goes.

    `unreadable` are those whose JOIN our password does not open. That it is wrong, only the stage
    is believed, and the host only an earlier visit: anybody can send a JOIN that nobody reads.
    """

    def __init__(
        self,
        state: SpaceState,
        me: str,
        *,
        has_password: bool,
        unreadable: Collection[str],
        monotonic: Callable[[], float],
    ) -> None:
        self._state = state
        self._me = me
        self._has_password = has_password
        self._unreadable = unreadable
        self._monotonic = monotonic
        self._since: float | None = None
        self.reason = ""

    def is_dated_back(self, join: PeerJoined, now: float) -> bool:
        """Whether a stranger has signed a JOIN of before the lock only now, to slip through it.

        The state goes by the dates alone; that this one comes too late can only be seen live.
        """
        lock = self._state.announced
        return (
            lock is not None
            and lock.locked
            and join.at <= lock.locked_at
            and now - lock.locked_at > LATE_SECONDS
            and join.signer not in lock.admitted
            and self._state.peer(join.signer) is None
        )

    def look(self) -> str:
        """Why there is nothing to wait for (any more); empty for who is let in, or waits."""
        self.reason = self._password_problem()
        if self.reason:
            return f"not admitted: {self.reason}"
        self.reason = self._state.is_admitted(self._me)
        if not self.reason:
            self._since = None
            return ""
        now = self._monotonic()
        self._since = now if self._since is None else self._since
        if self._state.is_barred(self._me) or now - self._since > ADMISSION_SECONDS:
            return f"not admitted: {self.reason}"
        return ""

    def _password_problem(self) -> str:
        state, me, host = self._state, self._me, self._state.space.host
        if state.created is not None:
            if state.access == "password" and not self._has_password:
                return "a password is needed"
            if state.access != "password" and self._has_password:
                return "there is no password here, so nothing would be secret"
        known = {host} if me == host else state.speaking - {me}
        if not known.isdisjoint(self._unreadable) and not any(map(state.peer, known)):
            return "the password is wrong"
        return ""
