"""Our WebRTC connections in one space: accepted or refused, replaced and ended over relays.

A new connection to the same peer replaces the old one only once it is up. Whom we listen to is
decided in `uplink`, what is in the making stands in `handshakes`, and who may ask in `requests`.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import Literal

from tui.audio.packet import OpusPacket
from tui.config import limits
from tui.rtc.forwarding import Forwarder, LinkKind
from tui.rtc.peer import Peer, PeerSettings
from tui.rtc.stock import make_peer
from tui.spaces.attempts import Attempt
from tui.spaces.events import (
    CandidateFound,
    ConnectionConfirmed,
    ConnectionDropped,
    ConnectionReserved,
    ConnectionType,
    Metrics,
    SdpAnswered,
    SdpOffered,
    Signal,
)
from tui.spaces.handshakes import Handshakes
from tui.spaces.links import Link
from tui.spaces.neighbours import Neighbours
from tui.spaces.requests import FULL, NO_WAY, Requests
from tui.spaces.state import SpaceState
from tui.spaces.tasks import Spawn
from tui.spaces.throttle import Throttle
from tui.spaces.uplink import Uplink
from tui.spaces.wire import SEALED_ONLY, Wire

OVERLAP_SECONDS = 1.0  # a replaced connection stays up until the other side has the new one too
WATCH_SECONDS = 0.05  # between two looks at the parent; each takes some ten microseconds
TELL_SECONDS = 0.2  # the same for who has none, and only tells consumers what has changed
SETTLE_SECONDS = 1.0  # whoever has listened for so long listens, and everybody is told
LISTENS = 6  # times a consumer may turn its sound on and off at once, and then
LISTEN_SECONDS = 0.5  # once in so many seconds

MADE_ROOM = "made room for somebody who brings more"


class Connections:
    """All connections of one session; `spawn` starts its tasks.

    `changed(pubkey, state)` hears of `connecting`, `connected`, `failed`, `closed`, and
    `avoided(pubkey, why)` of whom our own settings keep us from asking; `unknown(pubkey)` of who
    asks us and has not said to be here. `replan()` when another parent was taken, or is needed.
    """

    def __init__(
        self,
        state: SpaceState,
        wire: Wire,
        forwarder: Forwarder,
        *,
        metrics: Metrics,
        settings: PeerSettings,
        spawn: Spawn,
        changed: Callable[[str, str], None],
        avoided: Callable[[str, str], None],
        replan: Callable[[], None],
        unknown: Callable[[str], None],
        monotonic: Callable[[], float],
        nonce: Callable[[], str],
    ) -> None:
        self._me = wire.me
        self._state = state
        self._forwarder = forwarder
        self._wire = wire
        self._metrics = metrics
        self._settings = settings
        self._spawn = spawn
        self._changed = changed
        self._avoided = avoided
        self._monotonic = monotonic
        self._nonce = nonce
        self.links: dict[str, Link] = {}
        self.refusals: OrderedDict[str, str] = OrderedDict()
        self.hints: deque[str] = deque(maxlen=2 * limits.INSTEAD)
        """Who may have room, as those say who have refused us."""
        self._peers: set[Peer] = set()
        self._thrown_away: Counter[str] = Counter()  # by connections that have ended
        self._closing = False
        self._listens = Throttle(LISTENS, LISTEN_SECONDS, monotonic)
        self._handshakes = Handshakes(
            wire,
            metrics=metrics,
            spawn=spawn,
            new_peer=self._new_peer,
            judge=lambda x: self._requests.judge(x.other, x.type, standby=x.standby),
            adopt=self._adopt,
            failed=self._failed,
            changed=self._made,
            stray=self._stray,
            drops=forwarder.drops,
        )
        self.neighbours = Neighbours(
            self._me,
            self.links,
            outputs=metrics.max_audio_outputs,
            parent=lambda: self.uplink.parent,
            speaks=lambda who: state.role_of(who).speaks,
            drops=forwarder.drops,
            monotonic=monotonic,
        )
        self.uplink = Uplink(
            self._me,
            self.links,
            self.neighbours,
            forwarder,
            end=self._leave,
            changed=replan,
            monotonic=monotonic,
        )
        self._requests = Requests(
            state,
            wire,
            outputs=metrics.max_audio_outputs,
            links=self.links,
            serving=self._handshakes.serving,
            neighbours=self.neighbours,
            accept=lambda x: self._handshakes.begin(
                x.signer, x.type, standby=x.standby, reserved=x
            ),
            refuse=self._say_drop,
            unknown=unknown,
            drops=forwarder.drops,
            monotonic=monotonic,
        )

    # -- what there is

    def status(self, other: str) -> Literal["", "connecting", "connected"]:
        """`connected`, `connecting` or nothing."""
        if other in self.links:
            return "connected"
        return "connecting" if any(self._handshakes.with_(other)) else ""

    @property
    def parent(self) -> str:
        """Who sends us the sound while we listen; empty when nobody does."""
        return self.uplink.parent

    @property
    def standby(self) -> str:
        """Who would send it at once if the parent did not; empty for nobody."""
        return self.uplink.standby

    @property
    def depth(self) -> int | None:
        """Our own hops to the host, by what the parent says; `None` without a way."""
        host, way = self._state.space.host, self.neighbours.own_way
        if self._me == host:
            return 0
        return None if way is None else len(way) + (not way or way[-1] != host)

    @property
    def dropped(self) -> Counter[str]:
        """What all connections so far have thrown away, by reason."""
        return sum((Counter(peer.stats().dropped) for peer in self._peers), self._thrown_away)

    @property
    def others(self) -> set[str]:
        """Everybody with whom we have a connection, or are making one."""
        return {*self.links, *self._handshakes.asking, *self._handshakes.serving}

    def asks(
        self, other: str = "", connection: ConnectionType | None = None, *, standby: bool = False
    ) -> bool:
        """Whether we are asking `other`, or anybody for such a connection and not for too long."""
        asking = self._handshakes.asking
        if other:
            return other in asking
        found = (x for x in asking.values() if x.type == connection and x.standby is standby)
        return any(not attempt.stalls for attempt in found)

    # -- what we want

    def ask(self, other: str, connection: ConnectionType, *, standby: bool = False) -> None:
        """Begin to make a connection, unless the same one is being made already."""
        served = self._handshakes.serving.get(other)
        made = served is not None and served.type == connection and not served.stalls
        if self._closing or other in self._handshakes.asking or made:
            return
        if not self._wire.may_signal(other):
            self._refuse(other, SEALED_ONLY)
            self._avoided(other, SEALED_ONLY)
            return
        self._handshakes.begin(other, connection, standby=standby)

    def drop(self, other: str, reason: str, instead: tuple[str, ...] = ()) -> None:
        """End a connection and say so."""
        self._say_drop(other, reason, instead)
        self._forget(other, "closed", reason)

    def expel(self, other: str, reason: str) -> None:
        """Somebody may not be here: they are told, and nothing of theirs stays."""
        self._say_drop(other, reason)
        self.gone(other)

    def gone(self, other: str) -> None:
        """Somebody left the space: nothing of theirs stays."""
        self._handshakes.end(other, "left")
        self._forget(other, "closed", "left")

    def look(self) -> None:
        """Look again at what others ask, as time passes and roles change."""
        self._requests.look()

    def tick(self) -> None:
        """Look at our neighbours: again after `pause` seconds."""
        self.uplink.look()
        self.neighbours.look()
        self._tell_who_listens()

    @property
    def pause(self) -> float:
        """Seconds until the next `tick`: a parent that falls silent is missed at once."""
        return WATCH_SECONDS if self.uplink.parent or self.uplink.standby else TELL_SECONDS

    async def close(self) -> None:
        """End everything; nothing new is begun after that."""
        self._closing = True
        for other in list(self.links):
            self._forwarder.remove_link(other)
        self.links.clear()
        self._handshakes.end_all("leaving")
        closing = (self._close_peer(peer) for peer in list(self._peers))
        await asyncio.gather(*closing, return_exceptions=True)

    # -- what the others say

    def handle(self, event: Signal) -> None:
        """Take in a signalling event that is for us, or was ours."""
        other = event.signer
        if isinstance(event, ConnectionReserved | ConnectionConfirmed | ConnectionDropped):
            self._wire.writer.heard(event, self._wire.now())
        if self._closing or other == self._me:
            return
        match event:
            case ConnectionReserved():
                if self._handshakes.gives_way(event):
                    self._requests.take(event)
            case ConnectionConfirmed():
                self._handshakes.confirmed(event)
            case SdpOffered() | SdpAnswered() | CandidateFound():
                self._handshakes.read(event)
            case ConnectionDropped():
                self._dropped(event)

    def _dropped(self, event: ConnectionDropped) -> None:
        other, link = event.signer, self.links.get(event.signer)
        self._requests.forget(other)
        asked = other in self._handshakes.asking
        if asked or (link is not None and link.kind is LinkKind.PROVIDER):
            self.hints.extendleft(who for who in reversed(event.instead) if who != self._me)
        attempt = next(self._handshakes.with_(other), None)
        if attempt is not None:
            if event.at >= attempt.agreed_at:
                attempt.refuse(event.reason or "refused")
        elif link is not None and event.at >= link.agreed_at:
            if link.kind is LinkKind.PROVIDER:
                self._refuse(other, event.reason or "dropped")
            self._forget(other, "closed", event.reason or "dropped")

    def _message(self, other: str, message: dict[str, object]) -> None:
        kind, link = message.get("type"), self.links[other]
        if self.neighbours.take(other, message):
            if kind == "path":
                self.uplink.look_at(other)
        elif kind == "listen" and link.kind is LinkKind.CONSUMER:
            self._wishes(other, link, message)
        else:
            if kind == "slots" and link.kind is LinkKind.PROVIDER and message.get("origins"):
                self.uplink.somebody_talks(other)
            self._forwarder.handle_message(other, message)

    # -- serving

    def _wishes(self, other: str, link: Link, message: dict[str, object]) -> None:
        """A consumer wants our sound now, or none: one that stands by takes no output."""
        if not self._listens.allows(other):
            self._forwarder.drops["too many wishes to listen"] += 1
            return
        on = message.get("on")
        if on is link.standby and not self._make_room(other, standby=not on):
            self.drop(other, FULL, self._instead(other))
            return
        self._forwarder.handle_message(other, message)
        if isinstance(on, bool) and link.standby is on:
            link.standby, link.since = not on, self._monotonic()

    def _make_room(self, other: str, *, standby: bool) -> bool:
        """Whether there is an output for a connection that is up; somebody may have to go."""
        if not self._requests.is_full_for(other, standby=standby):
            return True
        worst = None if standby else self._requests.worst(than=other)
        if worst is not None:
            self.drop(worst, MADE_ROOM, (other, *self._instead(worst)))
        return worst is not None

    def _tell_who_listens(self) -> None:
        """Say who has come to listen to us, or only stands by now, once it lasts."""
        now = self._monotonic()
        for other, link in self.links.items():
            changed = link.kind is LinkKind.CONSUMER and link.standby != link.confirmed
            if changed and now - link.since > SETTLE_SECONDS:
                link.confirmed = link.standby
                draft = self._wire.writer.confirm(
                    self._wire.now(), other, "consumer", self._metrics, standby=link.standby
                )
                self._wire.say(draft, instead=f"confirm {other}")

    def _instead(self, asking: str) -> tuple[str, ...]:
        """Whom somebody may ask for whom we have no room."""
        below = self.neighbours.below_with_room(asking)
        known = self._state.tree.instead(self._me, asking, avoid=below, most=limits.INSTEAD)
        return tuple(dict.fromkeys((*below[:2], *known, *below)))[: limits.INSTEAD]

    # -- making one

    def _new_peer(self, attempt: Attempt) -> Peer:
        other, links = attempt.other, self.links

        def on_packet(slot: int, packet: OpusPacket) -> None:
            link = links.get(other)
            if link is not None and link.peer is peer:
                link.packets += 1
                self._forwarder.handle_packet(other, slot, packet)

        def on_message(message: dict[str, object]) -> None:
            link = links.get(other)
            if link is not None and link.peer is peer:
                self._message(other, message)

        def on_state(state: str) -> None:
            if state == "connected":
                attempt.connected()
            elif state in {"failed", "closed"}:
                attempt.fail(ConnectionError(state))
                link = links.get(other)
                if link is not None and link.peer is peer:
                    self._lost(other)

        peer = make_peer(
            self._settings,
            on_packet=on_packet,
            on_message=on_message,
            on_state=on_state,
            on_candidate=attempt.found,
        )
        self._peers.add(peer)
        return peer

    def _stray(self, other: str) -> None:
        self._requests.stray(other)

    def _made(self, other: str, ended: bool) -> None:
        """An attempt has begun or ended."""
        self._changed(other, (self.status(other) or "failed") if ended else "connecting")

    def _adopt(self, attempt: Attempt, peer: Peer) -> None:
        other, kind = attempt.other, self._link_kind(attempt)
        consumer, provider = kind is LinkKind.CONSUMER, kind is LinkKind.PROVIDER
        if consumer and not self._make_room(other, standby=attempt.standby):
            self._say_drop(other, FULL)
            self._spawn(self._close_peer(peer))
            return
        before = self.links.pop(other, None)
        if before is not None:
            self._forwarder.remove_link(other)
            self.neighbours.forget(other)
            self._spawn(self._close_peer(before.peer, OVERLAP_SECONDS))
            if not provider:
                self.uplink.unlinked(other, "serves us no more")
        standby = attempt.standby
        self.links[other] = Link(
            peer,
            kind,
            standby=standby,
            agreed_at=attempt.agreed_at,
            since=self._monotonic(),
            confirmed=standby,
            wanted=not standby,
            told=not standby,
        )
        self._forwarder.add_link(
            other, peer, kind, standby=standby and consumer, vouched=not provider
        )
        if provider:
            self.uplink.linked(other)
        self.neighbours.look()

    def _link_kind(self, attempt: Attempt) -> LinkKind:
        if attempt.type == "consumer":
            return LinkKind.PROVIDER if attempt.asking else LinkKind.CONSUMER
        if attempt.type == "provider" and not self._state.role_of(self._me).speaks:
            return LinkKind.PROVIDER
        return LinkKind.MUTUAL

    def _failed(self, attempt: Attempt, reason: str, told: str) -> None:
        if attempt.peer is not None:
            self._spawn(self._close_peer(attempt.peer))
        if told and attempt.other not in self.links:
            self._say_drop(attempt.other, told)
        if reason and attempt.asking:
            self._refuse(attempt.other, reason)

    # -- ending one

    def _leave(self, other: str, reason: str) -> None:
        """End a connection over which we listen; who did not serve us is not asked again soon."""
        if reason not in ("moved", "another one stands by"):
            self._refuse(other, reason)
        self.drop(other, reason)

    def _lost(self, other: str) -> None:
        # While another connection to the same peer is being made, a DROP would end that one.
        if not any(self._handshakes.with_(other)):
            self._say_drop(other, "lost")
        if self.links[other].kind is LinkKind.PROVIDER:
            self._refuse(other, "lost")
        self._forget(other, "failed", "lost")

    def _forget(self, other: str, state: str, reason: str) -> None:
        link = self.links.pop(other, None)
        if link is not None:
            self._forwarder.remove_link(other)
            self.neighbours.forget(other)
            self._spawn(self._close_peer(link.peer))
            self._changed(other, state)
            self.uplink.unlinked(other, reason)

    def _refuse(self, other: str, reason: str) -> None:
        self.refusals.pop(other, None)
        self.refusals[other] = reason
        while len(self.refusals) > limits.REFUSALS:
            self.refusals.popitem(last=False)

    async def _close_peer(self, peer: Peer, after: float = 0.0) -> None:
        await asyncio.sleep(after)
        await peer.close()
        self._peers.discard(peer)
        self._thrown_away.update(peer.stats().dropped)

    def _say_drop(self, other: str, reason: str, instead: tuple[str, ...] = ()) -> None:
        if not instead and reason in (FULL, NO_WAY):
            instead = self._instead(other)
        writer, now = self._wire.writer, self._wire.now()
        self._wire.say(writer.drop(now, other, reason, self._nonce(), instead))
