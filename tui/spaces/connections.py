"""Our WebRTC connections in one space: accepted or refused, replaced and ended over relays.

A new connection to the same peer replaces the old one only once it is up. Whom we listen to is
decided in `uplink`, what is in the making stands in `handshakes`, and who may ask in `requests`.
"""

from collections import Counter, deque
from collections.abc import Callable
from typing import Literal

from tui.audio.packet import OpusPacket
from tui.config import limits
from tui.rtc.forwarding import Forwarder, LinkKind
from tui.rtc.peer import Peer, PeerSettings
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
from tui.spaces.links import Hint, Link
from tui.spaces.neighbours import Neighbours
from tui.spaces.peers import Peers
from tui.spaces.refusals import NO_ANSWER, Refusals
from tui.spaces.requests import FULL, NO_WAY, Requests
from tui.spaces.serving import Serving
from tui.spaces.state import SpaceState
from tui.spaces.tasks import Spawn
from tui.spaces.uplink import Uplink
from tui.spaces.wire import SEALED_ONLY, Wire

OVERLAP_SECONDS = 1.0  # a replaced connection stays up until the other side has the new one too
WATCH_SECONDS = 0.05  # between two looks at the parent; each takes some ten microseconds
TELL_SECONDS = 0.2  # the same for who has none, and between two looks at what consumers are to know


class Connections:
    """All connections of one session; `spawn` starts its tasks.

    `changed(pubkey, state)` hears of `connecting`, `connected`, `failed`, `closed`, and
    `avoided(pubkey, why)` of whom our own settings keep us from asking. `unknown(pubkey)` looks up
    somebody of whom we know no JOIN, if that is of any use. `replan()` is called when another
    parent was taken, or is needed.
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
        unknown: Callable[[str], bool],
        monotonic: Callable[[], float],
        nonce: Callable[[], str],
    ) -> None:
        self._me = wire.me
        self._state = state
        self._forwarder = forwarder
        self._wire = wire
        self._metrics = metrics
        self._changed = changed
        self._avoided = avoided
        self._monotonic = monotonic
        self._nonce = nonce
        self.links: dict[str, Link] = {}
        self.refusals = Refusals(self._me, monotonic)
        self.hints: deque[Hint] = deque(maxlen=2 * limits.INSTEAD)
        """Who may have room, as those say who have refused us."""
        self._unknown = unknown
        self._closing = False
        self._told_at = -TELL_SECONDS
        self._peers = Peers(
            settings, spawn=spawn, packet=self._packet, message=self._message, lost=self._lost
        )
        self._handshakes = Handshakes(
            wire,
            metrics=metrics,
            spawn=spawn,
            new_peer=self._peers.new,
            judge=lambda x: self._requests.judge(x.other, x.type, standby=x.standby),
            adopt=self._adopt,
            failed=self._failed,
            changed=self._made,
            drops=forwarder.drops,
        )
        self.give_up = self._handshakes.give_up
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
            asking=self._handshakes.asking,
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
        self._serving = Serving(
            state,
            wire,
            forwarder,
            metrics=metrics,
            links=self.links,
            neighbours=self.neighbours,
            requests=self._requests,
            drop=self.drop,
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
        """How often the sound is passed on to us, by what the parent says: 0 on the stage."""
        way = self.neighbours.own_way
        return None if way is None else len(way)

    @property
    def dropped(self) -> Counter[str]:
        """What all connections so far have thrown away, by reason."""
        return self._peers.dropped

    @property
    def others(self) -> set[str]:
        """Everybody with whom we have a connection, or are making one."""
        return {*self.links, *self._handshakes.asking, *self._handshakes.serving}

    @property
    def near(self) -> set[str]:
        """Those of `others`, and everybody between us and the stage."""
        return {*self.others, *(self.neighbours.own_way or ())}

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
            self.refusals.note(other)
            self._avoided(other, SEALED_ONLY)
            return
        patience = self.refusals.patience
        self._handshakes.begin(other, connection, standby=standby, patience=patience)

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
        if self._closing:
            return
        self.uplink.look()
        now = self._monotonic()
        if now - self._told_at > TELL_SECONDS - WATCH_SECONDS:
            self._told_at = now
            self.neighbours.look()
            self._serving.look()

    @property
    def pause(self) -> float:
        """Seconds until the next `tick`: a parent that falls silent is missed at once."""
        return WATCH_SECONDS if self.uplink.parent or self.uplink.standby else TELL_SECONDS

    async def close(self) -> None:
        """End everything; nothing new is begun after that."""
        self._closing = True
        while self.links:
            self._forwarder.remove_link(self.links.popitem()[0])
        self._handshakes.end_all("leaving")
        await self._peers.close_all()

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
                if not self._handshakes.read(event) and isinstance(event, SdpOffered):
                    self._requests.stray(other)
            case ConnectionDropped():
                self._dropped(event)

    def _dropped(self, event: ConnectionDropped) -> None:
        other, link = event.signer, self.links.get(event.signer)
        self._requests.forget(other)
        asked = other in self._handshakes.asking
        if asked or (link is not None and link.kind is LinkKind.PROVIDER):
            for who in reversed(event.instead):
                known = self._state.peer(who) is not None
                self.hints.appendleft(
                    Hint(who, self._monotonic(), not known and self._unknown(who))
                )
        attempt = next(self._handshakes.with_(other), None)
        if attempt is not None:
            if event.at >= attempt.agreed_at:
                attempt.refuse(event.reason or "refused")
        elif link is not None and event.at >= link.agreed_at:
            if link.kind is LinkKind.PROVIDER:
                self.refusals.note(other)
            self._forget(other, "closed", event.reason or "dropped")

    def _message(self, other: str, peer: Peer, message: dict[str, object]) -> None:
        kind, link = message.get("type"), self.links.get(other)
        if link is None or link.peer is not peer:
            return
        if self.neighbours.take(other, message):
            if kind == "path":
                self.uplink.look_at(other)
        elif kind == "listen" and link.kind is LinkKind.CONSUMER:
            self._serving.wishes(other, message)
        else:
            if kind == "slots" and link.kind is LinkKind.PROVIDER and message.get("origins"):
                self.uplink.somebody_talks(other)
            self._forwarder.handle_message(other, message)

    # -- making one

    def _packet(self, other: str, peer: Peer, slot: int, packet: OpusPacket) -> None:
        link = self.links.get(other)
        if link is not None and link.peer is peer:
            link.packets += 1
            self._forwarder.handle_packet(other, slot, packet)

    def _made(self, other: str, ended: bool) -> None:
        """An attempt has begun or ended."""
        self._changed(other, (self.status(other) or "failed") if ended else "connecting")

    def _adopt(self, attempt: Attempt, peer: Peer) -> None:
        other, kind = attempt.other, self._link_kind(attempt)
        consumer, provider = kind is LinkKind.CONSUMER, kind is LinkKind.PROVIDER
        before = self.links.get(other)
        on_stage = {self._me, other} <= self._state.speaking
        if before and before.kind is LinkKind.MUTUAL and kind is not before.kind and on_stage:
            self._peers.close(peer)  # asked for just before both were on stage
            return
        if consumer and not self._serving.make_room(other, standby=attempt.standby):
            self._say_drop(other, FULL)
            self._peers.close(peer)
            return
        self.links.pop(other, None)
        if before is not None:
            self._forwarder.remove_link(other)
            self.neighbours.forget(other)
            self._peers.close(before.peer, OVERLAP_SECONDS)
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
        self.refusals.forget(other)
        if provider:
            self.uplink.linked(other)
        elif not consumer:  # what they asked for before would take an output for a while
            self.give_up("consumer", other)
        self.neighbours.look()

    def _link_kind(self, attempt: Attempt) -> LinkKind:
        if attempt.type == "consumer":
            return LinkKind.PROVIDER if attempt.asking else LinkKind.CONSUMER
        if attempt.type == "provider" and not self._state.role_of(self._me).speaks:
            return LinkKind.PROVIDER
        return LinkKind.MUTUAL

    def _failed(self, attempt: Attempt, reason: str, told: str) -> None:
        if attempt.peer is not None:
            self._peers.close(attempt.peer)
        if told and attempt.other not in self.links:
            self._say_drop(attempt.other, told)
        if reason and attempt.asking:
            self.refusals.note(attempt.other, answered=reason != NO_ANSWER)

    # -- ending one

    def _leave(self, other: str, reason: str) -> None:
        """End a connection over which we listen; who did not serve us is not asked again soon."""
        if reason not in ("moved", "another one stands by"):
            self.refusals.note(other)
        self.drop(other, reason)

    def _lost(self, other: str, peer: Peer) -> None:
        link = self.links.get(other)
        if link is None or link.peer is not peer:
            return
        # While another connection to the same peer is being made, a DROP would end that one.
        if not any(self._handshakes.with_(other)):
            self._say_drop(other, "lost")
        if link.kind is LinkKind.PROVIDER:
            self.refusals.note(other)
        self._forget(other, "failed", "lost")

    def _forget(self, other: str, state: str, reason: str) -> None:
        link = self.links.pop(other, None)
        if link is not None:
            self._forwarder.remove_link(other)
            self.neighbours.forget(other)
            self._peers.close(link.peer)
            self._changed(other, state)
            self.uplink.unlinked(other, reason)

    def _say_drop(self, other: str, reason: str, instead: tuple[str, ...] = ()) -> None:
        if not instead and reason in (FULL, NO_WAY):
            instead = self._serving.instead(other)
        writer, now = self._wire.writer, self._wire.now()
        self._wire.say(writer.drop(now, other, reason, self._nonce(), instead))
