"""What we say in a space: unsigned drafts of every event that we write."""

from collections import OrderedDict
from collections.abc import Mapping

import msgspec

from tui.config import limits
from tui.nostr.event import Draft, Tag
from tui.spaces import events
from tui.spaces.events import ConnectionType, Metrics, SpaceRef


class Writer:
    """Drafts of one participant in one space; `now` is always unix seconds.

    A relay keeps the lower id of two addressable events with the same `d` and second, and a reader
    orders by the second. So no two drafts about the same thing carry the same second: the later
    one is dated one second ahead.
    """

    def __init__(self, space: SpaceRef, me: str) -> None:
        self._space = space
        self._me = me
        self._dated: OrderedDict[str, int] = OrderedDict()

    def create(
        self, now: int, name: str, metrics: Metrics, summary: str, relays: tuple[str, ...]
    ) -> Draft:
        """CREATE_SPACE."""
        content: dict[str, object] = {
            "id": self._space.id,
            "name": name,
            "host": {"publicKey": self._me, "networkMetrics": _metrics(metrics)},
            "relays": relays,
        }
        if summary:
            content["summary"] = summary
        return self._draft(events.CREATE_SPACE, now, content)

    def close(self, now: int) -> Draft:
        """CLOSE_SPACE."""
        return self._draft(events.CLOSE_SPACE, now)

    def join(self, now: int, name: str, metrics: Metrics) -> Draft:
        """JOIN_SPACE, good for `events.JOIN_LIFETIME` seconds."""
        content = {"name": name, "publicKey": self._me, "networkMetrics": _metrics(metrics)}
        until = ("expiration", str(now + events.JOIN_LIFETIME))
        return self._draft(
            events.JOIN_SPACE, now, content, (("enc", "nip44"), until), d=(self._me,)
        )

    def leave(self, now: int) -> Draft:
        """LEAVE_SPACE."""
        return self._draft(events.LEAVE_SPACE, now, d=(self._me,))

    def promote(self, now: int, target: str) -> Draft:
        """PROMOTE_SPEAKER."""
        return self._draft(events.PROMOTE_SPEAKER, now, tags=(("p", target),), d=(target,))

    def demote(self, now: int, target: str, reason: str = "") -> Draft:
        """DEMOTE_TO_PEER."""
        content = {"reason": reason} if reason else None
        return self._draft(events.DEMOTE_TO_PEER, now, content, (("p", target),), d=(target,))

    def request_speech(self, now: int, *, withdrawn: bool = False) -> Draft:
        """REQUEST_SPEECH, or the announcement that the hand is down again."""
        tags: tuple[Tag, ...] = (("p", self._me),)
        if withdrawn:
            tags = (*tags, ("status", "withdrawn"))
        return self._draft(events.REQUEST_SPEECH, now, tags=tags, d=(self._me,))

    def reserve(self, now: int, asked: str, connection: ConnectionType, metrics: Metrics) -> Draft:
        """RESERVE_CONNECTION."""
        content = {"type": connection, "networkMetrics": _metrics(metrics)}
        return self._connection(events.RESERVE_CONNECTION, now, asked, content, (self._me, asked))

    def confirm(self, now: int, asking: str, connection: ConnectionType, metrics: Metrics) -> Draft:
        """CONFIRM_CONNECTION; `connection` is what the asking peer wants."""
        content = {"type": connection, "networkMetrics": _metrics(metrics)}
        return self._connection(events.CONFIRM_CONNECTION, now, asking, content, (asking, self._me))

    def drop(self, now: int, other: str, reason: str, nonce: str) -> Draft:
        """DROP_CONNECTION, or the refusal of one."""
        content = {"reason": reason} if reason else None
        return self._connection(
            events.DROP_CONNECTION, now, other, content, (self._me, other, nonce)
        )

    def offer(self, now: int, recipient: str, content: str) -> Draft:
        """SDP_OFFER; `content` is what goes over the wire, encrypted or not."""
        return self._signal(events.SDP_OFFER, now, recipient, content)

    def answer(self, now: int, recipient: str, content: str) -> Draft:
        """SDP_ANSWER."""
        return self._signal(events.SDP_ANSWER, now, recipient, content)

    def candidate(self, now: int, recipient: str, content: str) -> Draft:
        """ICE_CANDIDATE."""
        return self._signal(events.ICE_CANDIDATE, now, recipient, content)

    def _signal(self, kind: int, now: int, recipient: str, content: str) -> Draft:
        return Draft(kind, content, (*self._tags(), ("p", recipient)), now)

    def _connection(
        self,
        kind: int,
        now: int,
        other: str,
        content: Mapping[str, object] | None,
        d: tuple[str, ...],
    ) -> Draft:
        tags = (("p", other), ("expiration", str(now + events.CONNECTION_LIFETIME)))
        return self._draft(kind, now, content, tags, d=d, topic=f"connection {other}")

    def _draft(
        self,
        kind: int,
        now: int,
        content: Mapping[str, object] | None = None,
        tags: tuple[Tag, ...] = (),
        *,
        d: tuple[str, ...] = (),
        topic: str = "",
    ) -> Draft:
        text = "" if content is None else msgspec.json.encode(content).decode()
        if d:
            key = "||".join((self._space.id, self._space.host, *d))
            tags = (*tags, ("d", key))
            now = self._date(topic or key, now)
        return Draft(kind, text, (*self._tags(), *tags), now)

    def _date(self, topic: str, now: int) -> int:
        now = max(now, self._dated.pop(topic, 0) + 1)
        self._dated[topic] = now
        while len(self._dated) > limits.DATED_TOPICS:
            self._dated.popitem(last=False)
        return now

    def _tags(self) -> tuple[Tag, ...]:
        return (("s", self._space.id), ("h", self._space.host), ("webrtc", "spaces"))


def _metrics(metrics: Metrics) -> dict[str, object]:
    return {
        "downloadSpeedKbps": metrics.download_kbps,
        "uploadSpeedKbps": metrics.upload_kbps,
        "maxAudioOutputs": metrics.max_audio_outputs,
        "networkConnectionType": metrics.connection_type,
    }
