"""Which connections there should be: a full mesh on the stage, a parent and a standby below it.

Whom to ask is the choice of the tree, of those who have not refused us lately; whom a refusal names
is asked first. Whoever listens looks again now and then, and moves for a clear gain only.
"""

from collections.abc import Callable

from tui.rtc.forwarding import LinkKind
from tui.spaces.connections import Connections
from tui.spaces.spread import spread
from tui.spaces.state import SpaceState

MESH_GRACE = 2.0  # the higher pubkey waits so long for the lower one to ask
DEMOTED_GRACE = 10.0  # a link to somebody off the stage lingers so long, until another is made
STANDBY_SECONDS = 3.0  # a parent works for so long, and up to twice that, before there is a second
HURRY_SECONDS = 0.5  # between two requests for a standby while the parent is suspected
LOOK_SECONDS = 30.0  # between two looks for a better parent, and up to half as long again
HINT_SECONDS = 1.0  # for the JOIN of somebody who was named to us to be looked up
REFERRALS = 16  # in a row that are followed: those who refer to one another must not lead us on


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
        self._refusals = connections.refusals
        self._missing: dict[str, float] = {}
        self._unwanted: dict[str, float] = {}
        self._followed = 0
        self._looks_at = 0.0
        self._seeks_at = 0.0

    def plan(self) -> None:
        """Bring the connections closer to what they should be."""
        self._state.look(self._now())
        self._connections.look()
        for other in self._unwanted.keys() - self._connections.links.keys():
            del self._unwanted[other]
        if self._state.role_of(self._me).speaks:
            self._plan_mesh()
        else:
            self._plan_listening()

    # -- on stage

    def _plan_mesh(self) -> None:
        now, links = self._monotonic(), self._connections.links
        stage = self._state.speaking - {self._me}
        self._connections.give_up("consumer")
        complete = True
        for other in stage:
            link = links.get(other)
            made = link is not None and link.kind is LinkKind.MUTUAL
            if made or not self._state.is_present(other, self._now()):
                self._missing.pop(other, None)
                continue
            complete = False
            missing = now - self._missing.setdefault(other, now)
            ours = self._me < other or missing > MESH_GRACE
            if ours and not self._refusals.rests(other):
                self._connections.ask(other, "mutual")
        for other in self._missing.keys() - stage:
            del self._missing[other]
        for other, link in list(links.items()):
            if link.kind is LinkKind.PROVIDER and (complete or other == self._connections.standby):
                self._connections.drop(other, "on stage")
            else:
                self._keep_or_end(other, wanted=link.kind is LinkKind.CONSUMER or other in stage)

    # -- below it

    def _plan_listening(self) -> None:
        connections, uplink = self._connections, self._connections.uplink
        if uplink.needs_parent:
            if not (connections.asks(connection="consumer") or self._refusals.pauses):
                found = self._choose_parent()
                if found is not None:
                    connections.ask(found, "consumer")
        elif not connections.asks(connection="consumer"):
            self._improve()
        for other, link in list(connections.links.items()):
            self._keep_or_end(other, wanted=link.kind is not LinkKind.MUTUAL)

    def _choose_parent(self) -> str | None:
        tree, me, here = self._state.tree, self._me, self._taken(in_need=True)
        referred, waits = self._follow(here)
        if referred or waits:
            return referred
        resting = self._refusals.resting() | here
        lately = self._refusals.lately() | here
        return (
            tree.choose(me, avoid=lately)
            or tree.choose(me, avoid=resting)
            or tree.choose(me, avoid=resting, full=True)
        )

    def _follow(self, here: set[str]) -> tuple[str | None, bool]:
        """Whom those name who have refused us, one after the other; true while one is looked up."""
        hints, avoid = self._connections.hints, self._refusals.lately() | here
        late = self._monotonic() - HINT_SECONDS
        while hints and self._followed < REFERRALS:
            other, at, wanted = hints[0]
            if other != self._me and other not in avoid:
                if self._state.is_present(other, self._now()):
                    hints.popleft()
                    self._followed += 1
                    return other, False
                if wanted and at > late and self._state.peer(other) is None:
                    return None, True
            hints.popleft()
        hints.clear()
        self._followed = 0
        return None, False

    def _improve(self) -> None:
        """With a parent: see to a standby, and to whether there is a better parent."""
        connections, uplink, now = self._connections, self._connections.uplink, self._monotonic()
        if now >= self._looks_at:
            looked, self._looks_at = self._looks_at, now + LOOK_SECONDS * (1 + self._spread() / 2)
            if looked and self._move():
                return
        if connections.asks(connection="consumer", standby=True) or self._refusals.pauses:
            return
        settled = now - uplink.since > STANDBY_SECONDS * (1 + self._spread())
        wanted = not uplink.standby and (settled or uplink.is_uneasy)
        referred, waits = self._follow(self._taken()) if wanted else (None, False)
        if referred:
            connections.ask(referred, "consumer", standby=True)
        elif wanted and not waits and now >= self._seeks_at:
            self._seeks_at = now + (STANDBY_SECONDS if settled else HURRY_SECONDS)
            self._seek_standby()

    def _move(self) -> bool:
        connections, tree = self._connections, self._state.tree
        if tree.parent(self._me) != connections.parent:
            return False  # who serves us is not known to all yet
        found = tree.better(self._me, avoid=self._refusals.lately() | self._taken())
        if found is None:
            return self._seek_standby(apart=True)
        connections.uplink.moving_to = found
        connections.ask(found, "consumer")
        return True

    def _seek_standby(self, *, apart: bool = False) -> bool:
        """Ask somebody to stand by; with `apart` only if they are more apart from the parent."""
        connections, tree = self._connections, self._state.tree
        parent, standby = connections.parent, connections.standby
        if apart and (not standby or parent not in (connections.neighbours.way(standby) or parent)):
            return False
        avoid = self._refusals.lately() | self._taken()
        found = tree.choose(self._me, avoid=avoid, apart_from=parent, full=not apart)
        if found is None or (apart and parent in tree.path(found)):
            return False
        connections.ask(found, "consumer", standby=True)
        return True

    def _taken(self, *, in_need: bool = False) -> set[str]:
        """Whom not to ask: who serves us, whom we serve, and who is being asked.

        Who only stands by for our sound may serve us, if there is need.
        """
        connections = self._connections
        linked = {
            who
            for who, link in connections.links.items()
            if link.kind is LinkKind.PROVIDER
            or (link.kind is LinkKind.CONSUMER and not (in_need and link.standby))
        }
        return linked | {who for who in connections.others if connections.asks(who)}

    def _spread(self) -> float:
        """From 0 to 1, in another way for each listener and parent."""
        return spread(self._me, self._connections.parent)

    def _keep_or_end(self, other: str, *, wanted: bool) -> None:
        """Whoever left the stage goes on hearing the mesh until another connection is made."""
        if wanted:
            self._unwanted.pop(other, None)
            return
        now = self._monotonic()
        if now - self._unwanted.setdefault(other, now) > DEMOTED_GRACE:
            del self._unwanted[other]
            self._connections.drop(other, "not on stage")
