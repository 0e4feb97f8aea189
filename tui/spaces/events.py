"""The events of a space as typed values, in the past tense, and their kinds on the wire."""

import re
from typing import Final, Literal, NamedTuple

import msgspec

from tui.config import limits

CREATE_SPACE: Final = 1000
CLOSE_SPACE: Final = 1001
JOIN_SPACE: Final = 31101
LEAVE_SPACE: Final = 31102
RESERVE_CONNECTION: Final = 31103
CONFIRM_CONNECTION: Final = 31104
DROP_CONNECTION: Final = 31105
REMOVE_PEER: Final = 31106
PROMOTE_SPEAKER: Final = 31107
PROMOTE_COHOST: Final = 31108
DEMOTE_TO_PEER: Final = 31109
INVITE_PEER: Final = 31110
SDP_OFFER: Final = 21102
SDP_ANSWER: Final = 21103
ICE_CANDIDATE: Final = 21104
REQUEST_SPEECH: Final = 21105
"""Also PROPOSE_SPEECH: the signer and `p` tell which."""
MUTE_REQUEST: Final = 21106

MODERATION_KINDS: Final = (
    REMOVE_PEER,
    PROMOTE_SPEAKER,
    PROMOTE_COHOST,
    DEMOTE_TO_PEER,
    INVITE_PEER,
)
"""Acts on somebody, which relays keep and the journal shows."""
LASTING_KINDS: Final = (CLOSE_SPACE, *MODERATION_KINDS)
"""What counts for the whole life of a space."""
PRESENCE_KINDS: Final = (JOIN_SPACE, LEAVE_SPACE)
SPEECH_KINDS: Final = (REQUEST_SPEECH, MUTE_REQUEST)
"""About speaking, of the moment: relays do not keep them."""
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
CONNECTION_LIFETIME: Final = 4 * 3600  # seconds what says who is connected to whom is kept
OPEN_JOIN_LIFETIME: Final = 600  # seconds a JOIN without `expiration` counts

ConnectionType = Literal["consumer", "provider", "mutual"]
Access = Literal["open", "invite", "password"]
"""Who may be in a space: everybody, who was invited or promoted, who knows the password."""


class InvalidSpaceEvent(ValueError):
    """An event that is no valid event of a space; the message says why."""


def check_space_id(space_id: str) -> None:
    """Raise `InvalidSpaceEvent` unless this can be a space's id: short, printable, no `||`."""
    if not 0 < len(space_id) <= limits.SPACE_ID_LENGTH:
        raise InvalidSpaceEvent(f"a space id has 1 to {limits.SPACE_ID_LENGTH} characters")
    if not space_id.isprintable() or "||" in space_id:
        raise InvalidSpaceEvent("a space id has printable characters only, and no ||")


def is_pubkey(text: str) -> bool:
    """Whether this is 64 lower-case hex digits."""
    return _PUBKEY.fullmatch(text) is not None


_PUBKEY: Final = re.compile("[0-9a-f]{64}")


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
    image: str = ""
    starts: int = 0
    """When it is to begin (unix seconds); 0 for at once."""
    language: str = ""
    topics: tuple[str, ...] = ()
    access: Access = "open"


class SpaceAnnounced(SpaceEvent, frozen=True, kw_only=True):
    """The host's NIP-53 room (30312) of a space of ours: what changes while it goes on.

    While it is `locked`, a JOIN counts only from `admitted`, and from those who had joined by
    `locked_at`, hold a speaking role or were invited.
    """

    name: str = ""
    summary: str = ""
    status: Literal["planned", "live", "closed"] = "live"
    locked: bool = False
    locked_at: int = 0
    admitted: frozenset[str] = frozenset()
    people: int = 0
    """How many are here, as the host says."""
    recorders: tuple[str, ...] = ()
    """Who records, as the host sees it: for those who do not see every JOIN."""
    unrecorded: frozenset[str] = frozenset()
    """Who on stage does not want to be recorded."""


class SpaceEnded(SpaceEvent, frozen=True, kw_only=True):
    """CLOSE_SPACE (1001)."""


class PeerJoined(SpaceEvent, frozen=True, kw_only=True):
    """JOIN_SPACE (31101). It counts until `until`; `nip44` when the peer reads encrypted SDP.

    `lasting` when it named no end of its own: it counts as long as its connection lives, too.
    `recording` is since when the peer records the space (unix seconds), 0 for not at all;
    `unrecorded` asks all who record to leave the peer's voice out.
    """

    name: str
    metrics: Metrics
    until: int
    nip44: bool
    lasting: bool = False
    recording: int = 0
    unrecorded: bool = False


class PeerLeft(SpaceEvent, frozen=True, kw_only=True):
    """LEAVE_SPACE (31102)."""


class SpeakerPromoted(SpaceEvent, frozen=True, kw_only=True):
    """PROMOTE_SPEAKER (31107)."""

    target: str


class PeerDemoted(SpaceEvent, frozen=True, kw_only=True):
    """DEMOTE_TO_PEER (31109); on a listener it takes a hand down."""

    target: str
    reason: str = ""


class CohostPromoted(SpaceEvent, frozen=True, kw_only=True):
    """PROMOTE_COHOST (31108)."""

    target: str


class PeerRemoved(SpaceEvent, frozen=True, kw_only=True):
    """REMOVE_PEER (31106): bars the target until a DEMOTE_TO_PEER pardons it."""

    target: str
    reason: str = ""


class PeerInvited(SpaceEvent, frozen=True, kw_only=True):
    """INVITE_PEER (31110): the target may be in a space with `invite` access, or a locked one."""

    target: str


class SpeechProposed(SpaceEvent, frozen=True, kw_only=True):
    """PROPOSE_SPEECH (21105 to somebody else): the question whether the target wants to speak."""

    target: str
    message: str = ""


class MuteRequested(SpaceEvent, frozen=True, kw_only=True):
    """MUTE_REQUEST (21106) to one person, or with an empty `target` to everybody on stage."""

    target: str = ""


Moderation = SpeakerPromoted | CohostPromoted | PeerDemoted | PeerRemoved | PeerInvited
"""The acts on somebody, whose authority is judged at their own place in order."""


class SpeechAsked(SpaceEvent, frozen=True, kw_only=True):
    """REQUEST_SPEECH (21105) of the signer for itself; `withdrawn` takes the hand down.

    `since` is when the hand went up, as the signer says; 0 where it says nothing.
    """

    withdrawn: bool
    since: int = 0


class Signal(SpaceEvent, frozen=True, kw_only=True):
    """What one peer says to another, `to`."""

    to: str


class ConnectionReserved(Signal, frozen=True, kw_only=True):
    """RESERVE_CONNECTION (31103): the signer asks. `standby`: for a second parent, which sends
    nothing until it is asked to; others read an ordinary request."""

    type: ConnectionType
    standby: bool = False


class ConnectionConfirmed(Signal, frozen=True, kw_only=True):
    """CONFIRM_CONNECTION (31104): the signer accepts what `to` had asked."""

    type: ConnectionType
    standby: bool = False


class ConnectionDropped(Signal, frozen=True, kw_only=True):
    """DROP_CONNECTION (31105), or the refusal of one; `instead` names who may have room."""

    reason: str = ""
    instead: tuple[str, ...] = ()


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
