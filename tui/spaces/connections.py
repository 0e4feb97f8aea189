"""Our WebRTC connections in one space: accepted or refused, replaced and ended over relays.

A new connection to the same peer replaces the old one only once it is up. When two speakers ask
each other at once, the asker with the lower pubkey goes on and the other's request is dropped.
"""

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Literal

import msgspec

from tui.audio.packet import OpusPacket
from tui.config import limits
from tui.rtc.forwarding import Forwarder, LinkKind
from tui.rtc.peer import Peer, PeerSettings
from tui.spaces.attempts import Attempt, Declined, Refused
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
from tui.spaces.requests import Requests
from tui.spaces.state import SpaceState
from tui.spaces.tasks import Spawn
from tui.spaces.wire import SEALED_ONLY, PlainSignalling, Wire

log = logging.getLogger(__name__)

_Sealed = SdpOffered | SdpAnswered | CandidateFound

OVERLAP_SECONDS = 1.0  # a replaced connection stays up until the other side has the new one too


class Link(msgspec.Struct):
    """A connection that is up."""

    peer: Peer
    kind: LinkKind


class Connections:
    """All connections of one session; `spawn` starts its tasks.

    `changed(pubkey, state)` hears of `connecting`, `connected`, `failed`, `closed`, and
    `avoided(pubkey, why)` of whom our own settings keep us from asking.
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
        self._nonce = nonce
        self.links: dict[str, Link] = {}
        self.refusals: OrderedDict[str, str] = OrderedDict()
        self._asking: dict[str, Attempt] = {}
        self._serving: dict[str, Attempt] = {}
        self._peers: set[Peer] = set()
        self._thrown_away: Counter[str] = Counter()  # by connections that have ended
        self._closing = False
        self._requests = Requests(
            state,
            wire,
            outputs=metrics.max_audio_outputs,
            links=self.links,
            serving=self._serving,
            accept=lambda other, connection: self._begin(self._serving, other, connection),
            refuse=self._say_drop,
            drops=forwarder.drops,
            monotonic=monotonic,
        )

    def status(self, other: str) -> Literal["", "connecting", "connected"]:
        """`connected`, `connecting` or nothing."""
        if other in self.links:
            return "connected"
        return "connecting" if other in self._asking or other in self._serving else ""

    @property
    def parent(self) -> str:
        """Who sends us the sound while we listen; empty when nobody does."""
        return next((pk for pk, link in self.links.items() if link.kind is LinkKind.PROVIDER), "")

    @property
    def dropped(self) -> Counter[str]:
        """What all connections so far have thrown away, by reason."""
        return sum((Counter(peer.stats().dropped) for peer in self._peers), self._thrown_away)

    def asks(self, other: str = "", connection: ConnectionType | None = None) -> bool:
        """Whether we are asking `other`, or anybody for a connection of this type."""
        if other:
            return other in self._asking
        return any(attempt.type == connection for attempt in self._asking.values())

    def ask(self, other: str, connection: ConnectionType) -> None:
        """Begin to make a connection, unless the same one is being made already."""
        served = self._serving.get(other)
        made = served is not None and served.type == connection and not served.stalls
        if self._closing or other in self._asking or made:
            return
        if not self._wire.may_signal(other):
            self._refuse(other, SEALED_ONLY)
            self._avoided(other, SEALED_ONLY)
            return
        self._begin(self._asking, other, connection)

    def drop(self, other: str, reason: str) -> None:
        """End a connection and say so."""
        self._say_drop(other, reason)
        self._forget(other, "closed")

    @property
    def others(self) -> set[str]:
        """Everybody with whom we have a connection, or are making one."""
        return {*self.links, *self._asking, *self._serving}

    def expel(self, other: str, reason: str) -> None:
        """Somebody may not be here: they are told, and nothing of theirs stays."""
        self._say_drop(other, reason)
        self.gone(other)

    def gone(self, other: str) -> None:
        """Somebody left the space: nothing of theirs stays."""
        for attempts in (self._asking, self._serving):
            if attempt := attempts.get(other):
                attempt.refuse("left")
        self._forget(other, "closed")

    async def close(self) -> None:
        """End everything; nothing new is begun after that."""
        self._closing = True
        for other in list(self.links):
            self._forwarder.remove_link(other)
        self.links.clear()
        for attempt in (*self._asking.values(), *self._serving.values()):
            attempt.refuse("leaving")
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
                self._reserved(event)
            case ConnectionConfirmed():
                if attempt := self._asking.get(other):
                    attempt.confirm()
            case SdpOffered():
                self._read(self._serving.get(other), event)
            case SdpAnswered():
                self._read(self._asking.get(other), event)
            case CandidateFound():
                self._read(self._asking.get(other) or self._serving.get(other), event)
            case ConnectionDropped():
                self._dropped(event)

    def look(self) -> None:
        """Look again at what others ask, as time passes and roles change."""
        self._requests.look()

    def _reserved(self, event: ConnectionReserved) -> None:
        mine = self._asking.get(event.signer)
        if mine and mine.type == event.type == "mutual":
            if self._me < event.signer:
                return
            mine.refuse("the other side asks")
        self._requests.take(event)

    def _dropped(self, event: ConnectionDropped) -> None:
        other = event.signer
        self._requests.forget(other)
        if attempt := self._asking.get(other) or self._serving.get(other):
            attempt.refuse(event.reason or "refused")
        else:
            self._forget(other, "closed")

    def _read(self, attempt: Attempt | None, event: _Sealed) -> None:
        if attempt is None:
            self._forwarder.drops["signalling of no connection"] += 1
            if isinstance(event, SdpOffered):
                self._requests.stray(event.signer)
        elif isinstance(event, CandidateFound) and not attempt.takes_candidates():
            self._forwarder.drops["too many candidates"] += 1
        else:
            self._spawn(self._unseal(attempt, event))

    async def _unseal(self, attempt: Attempt, event: _Sealed) -> None:
        try:
            content = await self._wire.unseal(attempt.other, event.content)
            if isinstance(event, CandidateFound):
                attempt.add_candidates(content)
            else:
                attempt.describe(content)
        except Exception as error:  # a stranger's secrets, a signer's troubles
            if isinstance(event, CandidateFound):  # the others may do
                self._forwarder.drops["unreadable candidate"] += 1
            else:
                attempt.fail(error)

    # -- making one

    def _begin(self, attempts: dict[str, Attempt], other: str, connection: ConnectionType) -> None:
        if before := attempts.get(other):
            before.refuse("asked again")
        asking = attempts is self._asking
        attempt = Attempt(
            other,
            connection,
            asking=asking,
            wire=self._wire,
            new_peer=self._new_peer,
            judge=lambda attempt: self._requests.judge(attempt.other, attempt.type),
            spawn=self._spawn,
        )
        attempts[other] = attempt
        self._spawn(self._make(attempt, attempts))

    async def _make(self, attempt: Attempt, attempts: dict[str, Attempt]) -> None:
        other = attempt.other
        self._changed(other, "connecting")
        try:
            peer = await attempt.run(self._metrics)
        except Exception as error:  # a third party's parser met a stranger's SDP
            self._failed(attempt, attempts, error)
        else:
            self._adopt(attempt, peer)
        finally:
            if attempts.get(other) is attempt:
                del attempts[other]
        self._changed(other, self.status(other) or "failed")

    def _failed(self, attempt: Attempt, attempts: dict[str, Attempt], error: Exception) -> None:
        other = attempt.other
        if attempt.peer is not None:
            self._spawn(self._close_peer(attempt.peer))
        if attempts.get(other) is not attempt:
            return  # overtaken by another attempt with the same peer
        if not isinstance(error, Refused):
            log.warning("no connection to %s: %r", other, error)
            # A DROP would also end what else there is with the same peer.
            both_ask = other in self._asking and other in self._serving
            if other not in self.links and not both_ask:
                told = isinstance(error, Declined | PlainSignalling)
                self._say_drop(other, str(error) if told else "no answer")
        if attempt.asking:
            self._refuse(other, str(error) or "no answer")

    def _new_peer(self, attempt: Attempt) -> Peer:
        other = attempt.other

        def current() -> bool:
            link = self.links.get(other)
            return link is not None and link.peer is peer

        def on_packet(slot: int, packet: OpusPacket) -> None:
            if current():
                self._forwarder.handle_packet(other, slot, packet)

        def on_message(message: dict[str, object]) -> None:
            if current():
                self._forwarder.handle_message(other, message)

        def on_state(state: str) -> None:
            if state == "connected":
                attempt.connected()
            elif state in {"failed", "closed"}:
                attempt.fail(ConnectionError(state))
                if current():
                    self._lost(other)

        peer = Peer(
            self._settings,
            on_packet=on_packet,
            on_message=on_message,
            on_state=on_state,
            on_candidate=attempt.found,
        )
        self._peers.add(peer)
        return peer

    def _adopt(self, attempt: Attempt, peer: Peer) -> None:
        other = attempt.other
        kind = self._link_kind(attempt)
        before = self.links.pop(other, None)
        if before is not None:
            self._forwarder.remove_link(other)
            self._spawn(self._close_peer(before.peer, OVERLAP_SECONDS))
        if kind is LinkKind.PROVIDER:
            for old in [pk for pk, link in self.links.items() if link.kind is LinkKind.PROVIDER]:
                self.drop(old, "moved")
        self.links[other] = Link(peer, kind)
        self._forwarder.add_link(other, peer, kind)

    def _link_kind(self, attempt: Attempt) -> LinkKind:
        if attempt.type == "consumer":
            return LinkKind.PROVIDER if attempt.asking else LinkKind.CONSUMER
        if attempt.type == "provider" and not self._state.role_of(self._me).speaks:
            return LinkKind.PROVIDER
        return LinkKind.MUTUAL

    # -- ending one

    def _lost(self, other: str) -> None:
        # While another connection to the same peer is being made, a DROP would end that one.
        if not (other in self._asking or other in self._serving):
            self._say_drop(other, "lost")
        if self.links[other].kind is LinkKind.PROVIDER:
            self._refuse(other, "lost")
        self._forget(other, "failed")

    def _forget(self, other: str, state: str) -> None:
        link = self.links.pop(other, None)
        if link is not None:
            self._forwarder.remove_link(other)
            self._spawn(self._close_peer(link.peer))
            self._changed(other, state)

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

    def _say_drop(self, other: str, reason: str) -> None:
        self._wire.say(self._wire.writer.drop(self._wire.now(), other, reason, self._nonce()))
