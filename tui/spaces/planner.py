"""Which connections there should be: a full mesh on the stage, one parent for a listener."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from tui.config import limits
from tui.rtc.forwarding import LinkKind
from tui.spaces.connections import Connections
from tui.spaces.state import SpaceState
from tui.spaces.tree import choose_parent

REFUSAL_SECONDS = 60.0  # whom we asked in vain is not asked again for so long
RETRY_SECONDS = 5.0  # the same, when there is nobody else to ask; it doubles with each refusal
MESH_GRACE = 2.0  # the higher pubkey waits so long for the lower one to ask
DEMOTED_GRACE = 10.0  # a link to somebody off the stage lingers so long, until another is made


class _Refusal(NamedTuple):
    since: float
    times: int


class Planner:
    """Asks for what is missing and ends what is not wanted any more.

    `plan` is cheap and may be called after every change. Times are monotonic seconds.
    """

    def __init__(
        self,
        me: str,
        state: SpaceState,
        connections: Connections,
        *,
        now: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._me = me
        self._state = state
        self._connections = connections
        self._now = now
        self._monotonic = monotonic
        self._refused: OrderedDict[str, _Refusal] = OrderedDict()
        self._missing: dict[str, float] = {}
        self._unwanted: dict[str, float] = {}

    def plan(self) -> None:
        """Bring the connections closer to what they should be."""
        self._remember_refusals()
        self._connections.look()
        for other in self._unwanted.keys() - self._connections.links.keys():
            del self._unwanted[other]
        if self._state.role_of(self._me).speaks:
            self._plan_mesh()
        else:
            self._plan_parent()

    def _remember_refusals(self) -> None:
        now = self._monotonic()
        for other in self._connections.links:
            self._refused.pop(other, None)
        while self._connections.refusals:
            other, _ = self._connections.refusals.popitem(last=False)
            before = self._refused.pop(other, None)
            self._refused[other] = _Refusal(now, before.times + 1 if before else 1)
        while self._refused:
            other, refusal = next(iter(self._refused.items()))
            remembered = now - refusal.since < 2 * REFUSAL_SECONDS
            if remembered and len(self._refused) <= limits.REFUSALS:
                break
            del self._refused[other]

    def _lately_refused(self) -> list[str]:
        now = self._monotonic()
        return [who for who, found in self._refused.items() if now - found.since < REFUSAL_SECONDS]

    def _rests(self, other: str) -> bool:
        """Whether `other` refused so lately that asking again would only annoy.

        The pause grows, and differs from listener to listener: many may have been refused at once.
        """
        refusal = self._refused.get(other)
        if refusal is None:
            return False
        pause: float = min(RETRY_SECONDS * 2 ** (refusal.times - 1), REFUSAL_SECONDS)
        spread = hashlib.sha256(f"{self._me}{other}{refusal.times}".encode()).digest()[0] / 1024
        return self._monotonic() - refusal.since < pause * (1 + spread)

    def _plan_mesh(self) -> None:
        now, links = self._monotonic(), self._connections.links
        stage = self._state.speaking - {self._me}
        for other in stage:
            link = links.get(other)
            made = link is not None and link.kind is LinkKind.MUTUAL
            if made or not self._state.is_present(other, self._now()):
                self._missing.pop(other, None)
                continue
            missing = now - self._missing.setdefault(other, now)
            ours = self._me < other or missing > MESH_GRACE
            if ours and not self._rests(other):
                self._connections.ask(other, "mutual")
        for other in self._missing.keys() - stage:
            del self._missing[other]
        for other, link in list(links.items()):
            self._keep_or_end(other, wanted=link.kind is LinkKind.CONSUMER or other in stage)

    def _plan_parent(self) -> None:
        connections = self._connections
        parent = connections.parent
        if parent and parent not in self._state.speaking:
            connections.drop(parent, "not on stage")
            parent = ""
        if not parent and not connections.asks(connection="consumer"):
            found = self._choose_parent()
            if found is not None:
                connections.ask(found, "consumer")
        for other, link in list(connections.links.items()):
            if link.kind is LinkKind.CONSUMER:
                connections.drop(other, "not on stage")
            else:
                self._keep_or_end(other, wanted=link.kind is LinkKind.PROVIDER)

    def _choose_parent(self) -> str | None:
        state, me, now = self._state, self._me, self._now()
        resting = [other for other in self._refused if self._rests(other)]
        return (
            choose_parent(state, me, now, self._lately_refused())
            or choose_parent(state, me, now, resting)
            or choose_parent(state, me, now, resting, full=True)
        )

    def _keep_or_end(self, other: str, *, wanted: bool) -> None:
        """Whoever left the stage goes on hearing the mesh until another connection is made."""
        if wanted:
            self._unwanted.pop(other, None)
            return
        now = self._monotonic()
        if now - self._unwanted.setdefault(other, now) > DEMOTED_GRACE:
            del self._unwanted[other]
            self._connections.drop(other, "not on stage")
