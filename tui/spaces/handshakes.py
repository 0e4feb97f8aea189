"""Connections in the making: those that we ask for, and those that others ask of us.

When two speakers ask each other at once, the asker with the lower pubkey goes on and the other's
request is dropped. What the other side says of a connection goes to the attempt that it belongs to.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator

from tui.rtc.peer import Peer
from tui.spaces.attempts import Attempt, Declined, Refused
from tui.spaces.events import (
    CandidateFound,
    ConnectionConfirmed,
    ConnectionReserved,
    ConnectionType,
    Metrics,
    SdpAnswered,
    SdpOffered,
)
from tui.spaces.refusals import NO_ANSWER
from tui.spaces.tasks import Spawn
from tui.spaces.wire import PlainSignalling, Wire

log = logging.getLogger(__name__)

Sealed = SdpOffered | SdpAnswered | CandidateFound


class Handshakes:
    """Makes connections: `new_peer(attempt)` begins one, `adopt(attempt, peer)` gets what is up.

    `judge(attempt)` says why an offer is not to be taken any more; `failed(attempt, reason, told)`
    hears of what came to nothing, with what the other side is to be told, if anything;
    `changed(pubkey)` of every beginning and end.
    """

    def __init__(
        self,
        wire: Wire,
        *,
        metrics: Metrics,
        spawn: Spawn,
        new_peer: Callable[[Attempt], Peer],
        judge: Callable[[Attempt], str | None],
        adopt: Callable[[Attempt, Peer], None],
        failed: Callable[[Attempt, str, str], None],
        changed: Callable[[str, bool], None],
        drops: Counter[str],
    ) -> None:
        self._wire = wire
        self._metrics = metrics
        self._spawn = spawn
        self._new_peer = new_peer
        self._judge = judge
        self._adopt = adopt
        self._failed = failed
        self._changed = changed
        self._drops = drops
        self.asking: dict[str, Attempt] = {}
        self.serving: dict[str, Attempt] = {}

    def begin(
        self,
        other: str,
        connection: ConnectionType,
        *,
        standby: bool = False,
        patience: float = 1.0,
        reserved: ConnectionReserved | None = None,
    ) -> None:
        """Ask somebody, or begin to serve who has `reserved`."""
        attempts = self.asking if reserved is None else self.serving
        if before := attempts.get(other):
            before.refuse("asked again")
        attempt = attempts[other] = Attempt(
            other,
            connection,
            standby=standby,
            patience=patience,
            asking=reserved is None,
            wire=self._wire,
            new_peer=self._new_peer,
            judge=self._judge,
            spawn=self._spawn,
        )
        attempt.agreed_at = reserved.at if reserved is not None else 0
        self._spawn(self._make(attempt, attempts))

    def with_(self, other: str) -> Iterator[Attempt]:
        """What is being made with somebody: at most one in either direction."""
        for attempts in (self.asking, self.serving):
            if attempt := attempts.get(other):
                yield attempt

    def end(self, other: str, reason: str) -> None:
        """Give up what is being made with somebody."""
        for attempt in self.with_(other):
            attempt.refuse(reason)

    def give_up(self, connection: ConnectionType, other: str = "") -> None:
        """We ask nobody for such a connection any more, and neither serve nor ask `other`.

        That is nobody's refusal.
        """
        for attempts in (self.asking, self.serving):
            for who, attempt in list(attempts.items()):
                ours = who == other if other else attempts is self.asking
                if attempt.type == connection and ours:
                    del attempts[who]
                    attempt.refuse("not wanted any more")

    def end_all(self, reason: str) -> None:
        """Give up everything."""
        for attempt in (*self.asking.values(), *self.serving.values()):
            attempt.refuse(reason)

    # -- what the others say

    def gives_way(self, event: ConnectionReserved) -> bool:
        """Whether we serve who asks what we have asked them; our own request then ends."""
        mine = self.asking.get(event.signer)
        if mine is None or not mine.type == event.type == "mutual":
            return True
        began_anew = mine.is_confirmed and event.at > mine.agreed_at
        if self._wire.me < event.signer and not began_anew:
            return False
        mine.refuse("the other side asks")
        return True

    def confirmed(self, event: ConnectionConfirmed) -> None:
        """Somebody accepts what we have asked."""
        if attempt := self.asking.get(event.signer):
            attempt.confirm(event.at)

    def read(self, event: Sealed) -> bool:
        """Take in an offer, an answer or candidates; false if they belong to nothing."""
        other = event.signer
        asking, serving = self.asking.get(other), self.serving.get(other)
        match event:
            case SdpOffered():
                attempt = serving
            case SdpAnswered():
                attempt = asking
            case CandidateFound():
                attempt = asking or serving
        if attempt is None:
            self._drops["signalling of no connection"] += 1
        elif isinstance(event, CandidateFound) and not attempt.takes_candidates():
            self._drops["too many candidates"] += 1
        else:
            self._spawn(self._unseal(attempt, event))
        return attempt is not None

    async def _unseal(self, attempt: Attempt, event: Sealed) -> None:
        try:
            content = await self._wire.unseal(attempt.other, event.content)
            if isinstance(event, CandidateFound):
                attempt.add_candidates(content)
            else:
                attempt.describe(content)
        except Exception as error:  # a stranger's secrets, a signer's troubles
            if isinstance(event, CandidateFound):  # the others may do
                self._drops["unreadable candidate"] += 1
            else:
                attempt.fail(error)

    # -- walking the way

    async def _make(self, attempt: Attempt, attempts: dict[str, Attempt]) -> None:
        other = attempt.other
        self._changed(other, False)
        try:
            peer = await attempt.run(self._metrics)
        except Exception as error:  # a third party's parser met a stranger's SDP
            self._give_up(attempt, error, current=attempts.get(other) is attempt)
        else:
            self._adopt(attempt, peer)
        finally:
            if attempts.get(other) is attempt:
                del attempts[other]
        self._changed(other, True)

    def _give_up(self, attempt: Attempt, error: Exception, *, current: bool) -> None:
        told = ""
        if current and not isinstance(error, Refused):
            log.warning("no connection to %s: %r", attempt.other, error)
            # A DROP would also end what else there is with the same peer.
            if len([*self.with_(attempt.other)]) < 2:
                reasons = isinstance(error, Declined | PlainSignalling)
                told = str(error) if reasons else NO_ANSWER
        reason = (str(error) or NO_ANSWER) if current else ""
        self._failed(attempt, reason, told)
