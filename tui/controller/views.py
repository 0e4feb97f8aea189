"""What the controller tells its clients: diffs of one view, levels, and what has happened.

Every message is one JSON object whose `event` names it. `view` and `levels` are for screens;
the rest, in the past tense, is what scripts read from the headless mode as it stands here.
"""

from collections.abc import Mapping
from typing import Literal, TypeVar

import msgspec

_Value = TypeVar("_Value")

Role = Literal["host", "cohost", "speaker", "listener"]
RelayState = Literal["connecting", "connected", "waiting", "closed"]
LinkState = Literal["", "connecting", "connected", "failed"]
SpaceStage = Literal["joining", "joined", "left", "closed"]
Microphone = Literal["closed", "muted", "open", "unavailable"]
"""closed: no right to speak; unavailable: the right, but no working device."""

SPEAKING_ROLES: frozenset[Role] = frozenset({"host", "cohost", "speaker"})


class Me(msgspec.Struct, frozen=True):
    """The user. `pubkey` is empty until a key was chosen; `key` says where it came from."""

    pubkey: str = ""
    npub: str = ""
    name: str = ""
    key: Literal["none", "throwaway", "file", "environment", "memory"] = "none"


class RelayView(msgspec.Struct, frozen=True):
    """One relay; `reason` is its last complaint or our last failure with it."""

    url: str
    state: RelayState
    reason: str = ""


class SpaceSummary(msgspec.Struct, frozen=True):
    """A space in the lobby. `ref` is `HOST_PUBKEY:ID`; `started_at` is in unix seconds."""

    ref: str
    host: str
    host_name: str
    id: str
    name: str
    started_at: int
    speakers: int = 0
    listeners: int = 0
    state: Literal["live", "stale", "closed"] = "live"
    summary: str = ""


class Participant(msgspec.Struct, frozen=True):
    """Somebody in the present space.

    `hand_since` is when the hand went up in unix seconds, 0 for a hand that is down; `queue` is its
    place, counted from 1. `link` is our own WebRTC connection to this person, if any.
    """

    pubkey: str
    name: str
    role: Role
    present: bool = True
    speaking: bool = False
    hand_since: float = 0.0
    queue: int = 0
    link: LinkState = ""
    me: bool = False


class SpaceView(msgspec.Struct, frozen=True):
    """The present space and our own state in it. `share` is its nevent; `heard_from` is the
    pubkey of the peer that sends us the sound, empty while there is none."""

    ref: str
    host: str
    id: str
    name: str
    stage: SpaceStage
    started_at: int = 0
    summary: str = ""
    share: str = ""
    role: Role = "listener"
    microphone: Microphone = "closed"
    hand_since: float = 0.0
    heard_from: str = ""
    reason: str = ""


class AudioView(msgspec.Struct, frozen=True):
    """The sound devices in use; a problem is empty while the device works."""

    microphone: str = "default"
    speaker: str = "default"
    microphone_problem: str = ""
    speaker_problem: str = ""
    hint: str = ""


class LogLine(msgspec.Struct, frozen=True):
    """One line of the log screen; `at` in unix seconds. Never holds a secret."""

    at: float
    level: Literal["info", "warning", "error"]
    text: str


class Message(msgspec.Struct, frozen=True, tag_field="event"):
    """Base of everything that the controller says."""


class ViewChanged(Message, frozen=True, tag="view"):
    """What differs from the view before. A key whose value is null is gone.

    `reset` marks a snapshot: forget what was there. `space` is `None` outside of any space.
    """

    version: int
    reset: bool = False
    me: Me | msgspec.UnsetType = msgspec.UNSET
    audio: AudioView | msgspec.UnsetType = msgspec.UNSET
    space: SpaceView | msgspec.UnsetType | None = msgspec.UNSET
    relays: dict[str, RelayView | None] = {}
    spaces: dict[str, SpaceSummary | None] = {}
    participants: dict[str, Participant | None] = {}
    dropped: dict[str, int] = {}
    log: tuple[LogLine, ...] = ()


class Levels(Message, frozen=True, tag="levels"):
    """Who is loud now: pubkey to RFC 6464 level (0 loudest, 127 silent). Lossy by design."""

    levels: dict[str, int]


class Ready(Message, frozen=True, tag="ready"):
    """The controller runs and has a key."""

    pubkey: str


class SpaceFound(Message, frozen=True, tag="space"):
    """The space that is being entered."""

    ref: str
    host: str
    id: str
    name: str


class Joined(Message, frozen=True, tag="joined"):
    """Our own JOIN was accepted by a relay."""


class ParticipantChanged(Message, frozen=True, tag="participant"):
    """Somebody came, went, or changed role or name."""

    pubkey: str
    name: str
    role: Role
    present: bool


class ConnectionChanged(Message, frozen=True, tag="connection"):
    """A WebRTC connection of ours changed."""

    peer: str
    state: str


class AudioChanged(Message, frozen=True, tag="audio"):
    """Somebody's sound started or stopped arriving."""

    origin: str = msgspec.field(name="from")
    state: Literal["started", "stopped"]


class SpeechRequested(Message, frozen=True, tag="speech_request"):
    """A hand went up."""

    pubkey: str


class IntentRefused(Message, frozen=True, tag="refused"):
    """Something that was asked for cannot be; `intent` is its `do`."""

    reason: str
    intent: str = ""


class SpaceClosed(Message, frozen=True, tag="closed"):
    """We are out of the space."""

    reason: str


class Failed(Message, frozen=True, tag="error"):
    """Something went wrong that the user should know; `cause` tells scripts which."""

    message: str
    cause: str = ""


AnyMessage = (
    ViewChanged
    | Levels
    | Ready
    | SpaceFound
    | Joined
    | ParticipantChanged
    | ConnectionChanged
    | AudioChanged
    | SpeechRequested
    | IntentRefused
    | SpaceClosed
    | Failed
)

_decoder: msgspec.json.Decoder[AnyMessage] = msgspec.json.Decoder(AnyMessage)
_encoder = msgspec.json.Encoder()


def decode_message(frame: bytes | str) -> AnyMessage:
    """Read one message; raise `msgspec.DecodeError` for what is none."""
    return _decoder.decode(frame)


def encode_message(message: Message) -> bytes:
    """Write one message as a JSON object."""
    return _encoder.encode(message)


class View:
    """The whole of what a screen shows, kept up to date by `apply`."""

    def __init__(self, log_lines: int = 500) -> None:
        self._log_lines = log_lines
        self.version = 0
        self.me = Me()
        self.audio = AudioView()
        self.space: SpaceView | None = None
        self.relays: dict[str, RelayView] = {}
        self.spaces: dict[str, SpaceSummary] = {}
        self.participants: dict[str, Participant] = {}
        self.dropped: dict[str, int] = {}
        self.log: list[LogLine] = []

    def apply(self, change: ViewChanged) -> None:
        """Bring the view up to `change.version`."""
        if change.reset:
            self.__init__(self._log_lines)  # type: ignore[misc]
        self.version = change.version
        if change.me is not msgspec.UNSET:
            self.me = change.me
        if change.audio is not msgspec.UNSET:
            self.audio = change.audio
        if change.space is not msgspec.UNSET:
            self.space = change.space
        _merge(self.relays, change.relays)
        _merge(self.spaces, change.spaces)
        _merge(self.participants, change.participants)
        self.dropped.update(change.dropped)
        self.log.extend(change.log)
        del self.log[: -self._log_lines]

    def snapshot(self) -> ViewChanged:
        """Everything, for a client that has nothing yet."""
        return ViewChanged(
            version=self.version,
            reset=True,
            me=self.me,
            audio=self.audio,
            space=self.space,
            relays=dict(self.relays),
            spaces=dict(self.spaces),
            participants=dict(self.participants),
            dropped=dict(self.dropped),
            log=tuple(self.log),
        )


def _merge(known: dict[str, _Value], change: Mapping[str, _Value | None]) -> None:
    for key, value in change.items():
        if value is None:
            known.pop(key, None)
        else:
            known[key] = value
