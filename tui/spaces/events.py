"""The events of a space as typed values, in the past tense, and their kinds on the wire."""

from typing import Final, Literal, NamedTuple

import msgspec

CREATE_SPACE: Final = 1000
CLOSE_SPACE: Final = 1001
JOIN_SPACE: Final = 31101
LEAVE_SPACE: Final = 31102
RESERVE_CONNECTION: Final = 31103
CONFIRM_CONNECTION: Final = 31104
DROP_CONNECTION: Final = 31105
PROMOTE_SPEAKER: Final = 31107
DEMOTE_TO_PEER: Final = 31109
SDP_OFFER: Final = 21102
SDP_ANSWER: Final = 21103
ICE_CANDIDATE: Final = 21104
REQUEST_SPEECH: Final = 21105

LASTING_KINDS: Final = (CLOSE_SPACE, PROMOTE_SPEAKER, DEMOTE_TO_PEER)
"""What counts for the whole life of a space."""
PRESENCE_KINDS: Final = (JOIN_SPACE, LEAVE_SPACE, REQUEST_SPEECH)
GRAPH_KINDS: Final = (CONFIRM_CONNECTION, DROP_CONNECTION)
SIGNAL_KINDS: Final = (
    RESERVE_CONNECTION,
    CONFIRM_CONNECTION,
    DROP_CONNECTION,
    SDP_OFFER,
    SDP_ANSWER,
    ICE_CANDIDATE,
)
"""From one peer to another, named by `p`."""

JOIN_LIFETIME: Final = 180  # seconds a JOIN of ours counts without being sent again
CONNECTION_LIFETIME: Final = 3600  # seconds relays keep what says who is connected to whom
OPEN_JOIN_LIFETIME: Final = 600  # seconds a JOIN without `expiration` counts

ConnectionType = Literal["consumer", "provider", "mutual"]


class SpaceRef(NamedTuple):
    """The identity of a space: two hosts may pick the same id."""

    host: str
    id: str

    def __str__(self) -> str:
        return f"{self.host}:{self.id}"


class Metrics(msgspec.Struct, frozen=True):
    """What a peer says of its network, clamped; speeds in kbit/s, never negative."""

    download_kbps: int = 0
    upload_kbps: int = 0
    max_audio_outputs: int = 0
    connection_type: str = ""


class SpaceEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What all events of a space share: `at` in unix seconds and `id` give its place in order."""

    space: SpaceRef
    signer: str
    at: int
    id: str


class SpaceCreated(SpaceEvent, frozen=True, kw_only=True):
    """CREATE_SPACE (1000)."""

    name: str
    metrics: Metrics
    summary: str = ""
    relays: tuple[str, ...] = ()


class SpaceEnded(SpaceEvent, frozen=True, kw_only=True):
    """CLOSE_SPACE (1001)."""


class PeerJoined(SpaceEvent, frozen=True, kw_only=True):
    """JOIN_SPACE (31101). It counts until `until`; `nip44` when the peer reads encrypted SDP."""

    name: str
    metrics: Metrics
    until: int
    nip44: bool


class PeerLeft(SpaceEvent, frozen=True, kw_only=True):
    """LEAVE_SPACE (31102)."""


class SpeakerPromoted(SpaceEvent, frozen=True, kw_only=True):
    """PROMOTE_SPEAKER (31107)."""

    target: str


class PeerDemoted(SpaceEvent, frozen=True, kw_only=True):
    """DEMOTE_TO_PEER (31109); on a listener it takes a hand down."""

    target: str
    reason: str = ""


class SpeechAsked(SpaceEvent, frozen=True, kw_only=True):
    """REQUEST_SPEECH (21105) of the signer for itself; `withdrawn` takes the hand down."""

    withdrawn: bool


class Signal(SpaceEvent, frozen=True, kw_only=True):
    """What one peer says to another, `to`."""

    to: str


class ConnectionReserved(Signal, frozen=True, kw_only=True):
    """RESERVE_CONNECTION (31103): the signer asks."""

    type: ConnectionType


class ConnectionConfirmed(Signal, frozen=True, kw_only=True):
    """CONFIRM_CONNECTION (31104): the signer accepts what `to` had asked."""

    type: ConnectionType


class ConnectionDropped(Signal, frozen=True, kw_only=True):
    """DROP_CONNECTION (31105), or the refusal of one."""

    reason: str = ""


class SdpOffered(Signal, frozen=True, kw_only=True):
    """SDP_OFFER (21102); `content` may be encrypted, see `codec.is_encrypted`."""

    content: str


class SdpAnswered(Signal, frozen=True, kw_only=True):
    """SDP_ANSWER (21103); `content` as in `SdpOffered`."""

    content: str


class CandidateFound(Signal, frozen=True, kw_only=True):
    """ICE_CANDIDATE (21104); `content` as in `SdpOffered`."""

    content: str


class IceCandidate(msgspec.Struct, frozen=True, rename={"mid": "sdpMid", "line": "sdpMLineIndex"}):
    """One candidate as browsers write it (RFC 8838); an empty string ends gathering."""

    candidate: str = ""
    mid: str | None = None
    line: int | None = None
