"""What we say in a space: unsigned drafts of every event that we write."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

import msgspec

from tui.config import limits
from tui.nostr.event import Draft, Tag
from tui.spaces import events
from tui.spaces.events import Access, ConnectionType, Metrics, Signal, SpaceRef


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
        self,
        now: int,
        name: str,
        metrics: Metrics,
        summary: str = "",
        relays: tuple[str, ...] = (),
        *,
        image: str = "",
        starts: int = 0,
        language: str = "",
        topics: tuple[str, ...] = (),
        access: Access = "open",
    ) -> Draft:
        """CREATE_SPACE; `starts` in unix seconds, 0 for at once."""
        content: dict[str, object] = {
            "id": self._space.id,
            "name": name,
            "host": {"publicKey": self._me, "networkMetrics": _metrics(metrics)},
            "relays": relays,
        }
        optional = {
            "summary": summary,
            "image": image,
            "starts": starts,
            "language": language,
            "topics": topics,
            "access": "" if access == "open" else access,
        }
        content |= {key: value for key, value in optional.items() if value}
        return self._draft(events.CREATE_SPACE, now, content)

    def close(self, now: int) -> Draft:
        """CLOSE_SPACE."""
        return self._draft(events.CLOSE_SPACE, now)

    def join(
        self,
        now: int,
        name: str,
        metrics: Metrics,
        seal: Callable[[str], str] | None = None,
        *,
        recording: int = 0,
        unrecorded: bool = False,
    ) -> Draft:
        """JOIN_SPACE, good for `events.JOIN_LIFETIME` seconds; `seal` hides what its content says.

        `recording` and `unrecorded` as in `PeerJoined`; everybody may read them.
        """
        content = {"name": name, "publicKey": self._me, "networkMetrics": _metrics(metrics)}
        tags: list[Tag] = [("enc", "nip44"), ("expiration", str(now + events.JOIN_LIFETIME))]
        if recording:
            tags.append(("recording", str(recording)))
        if unrecorded:
            tags.append(("recording", "no"))
        return self._draft(events.JOIN_SPACE, now, content, tuple(tags), d=(self._me,), seal=seal)

    def leave(self, now: int) -> Draft:
        """LEAVE_SPACE."""
        return self._draft(events.LEAVE_SPACE, now, d=(self._me,))

    def promote(self, now: int, target: str) -> Draft:
        """PROMOTE_SPEAKER."""
        return self._act(events.PROMOTE_SPEAKER, now, target)

    def promote_cohost(self, now: int, target: str) -> Draft:
        """PROMOTE_COHOST."""
        return self._act(events.PROMOTE_COHOST, now, target)

    def demote(self, now: int, target: str, reason: str = "") -> Draft:
        """DEMOTE_TO_PEER: off the stage, or a hand down, or a pardon."""
        return self._act(events.DEMOTE_TO_PEER, now, target, reason)

    def remove(self, now: int, target: str, reason: str = "") -> Draft:
        """REMOVE_PEER."""
        return self._act(events.REMOVE_PEER, now, target, reason)

    def invite(self, now: int, target: str) -> Draft:
        """INVITE_PEER, into a space that is locked or for invited people."""
        return self._act(events.INVITE_PEER, now, target)

    def propose(self, now: int, target: str, message: str = "") -> Draft:
        """PROPOSE_SPEECH: asks a listener whether they want to speak."""
        d = (target,)
        return self._draft(events.REQUEST_SPEECH, now, message, (("p", target),), d=d)

    def ask_mute(self, now: int, target: str = "") -> Draft:
        """MUTE_REQUEST, to everybody on stage without a target."""
        tags: tuple[Tag, ...] = (("p", target),) if target else ()
        return self._draft(events.MUTE_REQUEST, now, tags=tags)

    def request_speech(self, now: int, *, withdrawn: bool = False, since: int = 0) -> Draft:
        """REQUEST_SPEECH, or the announcement that the hand is down again.

        `since`: when the hand that is shown again went up, for those who come later.
        """
        tags: tuple[Tag, ...] = (("p", self._me),)
        if withdrawn:
            tags = (*tags, ("status", "withdrawn"))
        elif 0 < since < now:
            tags = (*tags, ("since", str(since)))
        return self._draft(events.REQUEST_SPEECH, now, tags=tags, d=(self._me,))

    def heard(self, signal: Signal, now: int) -> None:
        """Date what we say from now on of that connection after what was said of it.

        Otherwise our CONFIRM, by a clock that is behind, might count before the DROP that the
        RESERVE followed, and the connection would be missing from everybody's graph. The same goes
        for what we have said ourselves on an earlier visit.
        """
        other = signal.to if signal.signer == self._me else signal.signer
        topic = f"connection {other}"
        self._keep_date(topic, min(signal.at, now + limits.DATED_AHEAD_SECONDS))

    def reserve(
        self,
        now: int,
        asked: str,
        connection: ConnectionType,
        metrics: Metrics,
        *,
        standby: bool = False,
    ) -> Draft:
        """RESERVE_CONNECTION; `standby` for a connection that is to carry nothing yet."""
        content = _typed(connection, metrics, standby=standby)
        return self._connection(events.RESERVE_CONNECTION, now, asked, content, (self._me, asked))

    def confirm(
        self,
        now: int,
        asking: str,
        connection: ConnectionType,
        metrics: Metrics,
        *,
        standby: bool = False,
    ) -> Draft:
        """CONFIRM_CONNECTION; `connection` is what the asking peer wants."""
        content = _typed(connection, metrics, standby=standby)
        return self._connection(events.CONFIRM_CONNECTION, now, asking, content, (asking, self._me))

    def drop(
        self, now: int, other: str, reason: str, nonce: str, instead: Sequence[str] = ()
    ) -> Draft:
        """DROP_CONNECTION, or the refusal of one; `instead` names who may have room."""
        said = {"reason": reason, "instead": [*instead[: limits.INSTEAD]]}
        content = {key: value for key, value in said.items() if value} or ""
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
        content: Mapping[str, object] | str,
        d: tuple[str, ...],
    ) -> Draft:
        tags = (("p", other), ("expiration", str(now + events.CONNECTION_LIFETIME)))
        return self._draft(kind, now, content, tags, d=d, topic=f"connection {other}")

    def _act(self, kind: int, now: int, target: str, reason: str = "") -> Draft:
        content = {"reason": reason} if reason else ""
        return self._draft(kind, now, content, (("p", target),), d=(target,))

    def _draft(
        self,
        kind: int,
        now: int,
        content: Mapping[str, object] | str = "",
        tags: tuple[Tag, ...] = (),
        *,
        d: tuple[str, ...] = (),
        topic: str = "",
        seal: Callable[[str], str] | None = None,
    ) -> Draft:
        text = content if isinstance(content, str) else msgspec.json.encode(content).decode()
        if d:
            key = "||".join((self._space.id, self._space.host, *d))
            tags = (*tags, ("d", key))
            now = self._date(topic or key, now)
        return Draft(kind, seal(text) if seal else text, (*self._tags(), *tags), now)

    def _date(self, topic: str, now: int) -> int:
        return self._keep_date(topic, max(now, self._dated.get(topic, 0) + 1))

    def _keep_date(self, topic: str, at: int) -> int:
        latest = self._dated[topic] = max(at, self._dated.pop(topic, 0))
        while len(self._dated) > limits.DATED_TOPICS:
            self._dated.popitem(last=False)
        return latest

    def _tags(self) -> tuple[Tag, ...]:
        return (("s", self._space.id), ("h", self._space.host), ("webrtc", "spaces"))


def _typed(connection: ConnectionType, metrics: Metrics, *, standby: bool) -> dict[str, object]:
    content: dict[str, object] = {"type": connection, "networkMetrics": _metrics(metrics)}
    return content | {"standby": True} if standby else content


def _metrics(metrics: Metrics) -> dict[str, object]:
    return {
        "downloadSpeedKbps": metrics.download_kbps,
        "uploadSpeedKbps": metrics.upload_kbps,
        "maxAudioOutputs": metrics.max_audio_outputs,
        "networkConnectionType": metrics.connection_type,
    }
