"""What the controller tells its clients: diffs of one view, levels, and what has happened.

Every message is one JSON object whose `event` names it. `view` and `levels` are for screens;
the rest, in the past tense, is what scripts read from the headless mode as it stands here.
"""

from typing import Literal

import msgspec

from tui.controller.views import (
    Account,
    AudioView,
    Badge,
    Barred,
    ChatLine,
    Devices,
    JournalEntry,
    Login,
    LogLine,
    Me,
    Participant,
    Quality,
    RelayView,
    Role,
    RoomView,
    SpaceSummary,
    SpaceView,
)


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
    accounts: dict[str, Account | None] = {}
    login: Login | msgspec.UnsetType | None = msgspec.UNSET
    room: RoomView | msgspec.UnsetType | None = msgspec.UNSET
    quality: Quality | msgspec.UnsetType = msgspec.UNSET
    devices: Devices | msgspec.UnsetType | None = msgspec.UNSET
    chat: dict[str, ChatLine | None] = {}
    journal: dict[str, JournalEntry | None] = {}
    barred: dict[str, Barred | None] = {}


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


class QualityChanged(Message, frozen=True, tag="quality"):
    """How good connections and sound are now; at most one in five seconds. Shares from 0 to 1,
    times in seconds; `depth` counts the hops to the host."""

    badge: Badge
    loss: float
    round_trip: float | None
    jitter: float
    concealed: float
    depth: int | None
    outputs_used: int
    outputs_max: int


class ParentChanged(Message, frozen=True, tag="parent"):
    """Somebody else sends us the sound now, empty for nobody; `reason` is why the one before does
    not."""

    pubkey: str
    reason: str = ""


class Outage(Message, frozen=True, tag="outage"):
    """Something is gone (`seconds` is 0), or is back after so many seconds."""

    what: Literal["sound", "relays", "microphone", "speaker", "host"]
    seconds: float


class RecordingChanged(Message, frozen=True, tag="recording"):
    """Somebody began or ended to record; `folder` and `reason` are about our own recording.

    While we record, also: somebody wishes to be in no recording (`refused`), or no more so.
    """

    by: str
    state: Literal["started", "stopped", "failed", "refused", "allowed"]
    reason: str = ""
    folder: str = ""


class SpeechRequested(Message, frozen=True, tag="speech_request"):
    """A hand went up."""

    pubkey: str


class Invited(Message, frozen=True, tag="invited"):
    """The host or a co-host asks whether we want to speak."""

    pubkey: str
    message: str = ""


class RoleChanged(Message, frozen=True, tag="role"):
    """Somebody was given another role, by whom."""

    pubkey: str
    role: Role
    by: str


class Removed(Message, frozen=True, tag="removed"):
    """Somebody was put out of the space."""

    pubkey: str
    by: str
    reason: str = ""


class Denied(Message, frozen=True, tag="denied"):
    """Our hand was turned down."""

    by: str
    reason: str = ""


class MuteAsked(Message, frozen=True, tag="mute_request"):
    """We were muted; we may unmute."""

    by: str


class ChatReceived(Message, frozen=True, tag="chat"):
    """A message of the chat."""

    origin: str = msgspec.field(name="from")
    text: str


class Reacted(Message, frozen=True, tag="reaction"):
    """Somebody sent an emoji."""

    origin: str = msgspec.field(name="from")
    emoji: str


class SpaceScheduled(Message, frozen=True, tag="scheduled"):
    """A space of our own was announced; `starts` in unix seconds."""

    ref: str
    starts: int


class JournalExported(Message, frozen=True, tag="exported"):
    """The acts of moderation were written to a new file."""

    path: str
    count: int


class Dropped(Message, frozen=True, tag="dropped"):
    """More was dropped for this cause, `count` so far; at most one in five seconds for each."""

    cause: str
    count: int


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
    | QualityChanged
    | ParentChanged
    | Outage
    | RecordingChanged
    | SpeechRequested
    | Invited
    | RoleChanged
    | Removed
    | Denied
    | MuteAsked
    | ChatReceived
    | Reacted
    | SpaceScheduled
    | JournalExported
    | Dropped
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
