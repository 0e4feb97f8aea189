"""What screens show: people, spaces, relays, chat, as values that cross the link."""

from typing import Final, Literal

import msgspec

Role = Literal["host", "cohost", "speaker", "listener"]
RelayState = Literal["connecting", "connected", "waiting", "closed"]
LinkState = Literal["", "connecting", "connected", "failed"]
SpaceStage = Literal["joining", "joined", "left", "closed"]
KeySource = Literal[
    "none",
    "throwaway",
    "file",
    "environment",
    "memory",
    "words",
    "keyring",
    "encrypted",
    "insecure-plaintext",
    "remote",
]
Access = Literal["open", "invite", "password"]
Badge = Literal["", "good", "fair", "poor", "lost"]
Microphone = Literal["closed", "muted", "open", "unavailable"]
"""closed: no right to speak; unavailable: the right, but no working device."""

SPEAKING_ROLES: frozenset[Role] = frozenset({"host", "cohost", "speaker"})


class Me(msgspec.Struct, frozen=True):
    """The user. `pubkey` is empty until a key was chosen; `key` says where it came from."""

    pubkey: str = ""
    npub: str = ""
    name: str = ""
    key: KeySource = "none"


class Account(msgspec.Struct, frozen=True):
    """A key that is kept on this machine; the key itself is nowhere in the views."""

    pubkey: str
    npub: str
    label: str
    store: Literal["keyring", "encrypted", "insecure-plaintext", "remote"]
    current: bool = False


class Login(msgspec.Struct, frozen=True):
    """A remote signer that is being waited for. `address` (`nostrconnect://`) is for the user's
    eyes only: whoever reads it may answer; `open_url` is a page that the signer wants opened."""

    address: str = ""
    open_url: str = ""
    problem: str = ""

    def __repr__(self) -> str:
        return "Login(...)"

    def __rich_repr__(self) -> list[tuple[str, object]]:  # what a crash report shows
        return [("address", "...")]


class RelayView(msgspec.Struct, frozen=True):
    """One relay; `reason` is its last complaint or our last failure with it.

    `refusals` are the kinds that it does not take, and why; `forgets` those that it takes and does
    not give back. `retry_at` is when one that waits is tried again, in unix seconds, else 0.
    """

    url: str
    state: RelayState
    reason: str = ""
    auth: Literal["", "asked", "accepted", "refused"] = ""
    name: str = ""
    refusals: dict[int, str] = {}
    forgets: tuple[int, ...] = ()
    retry_at: float = 0.0


class SpaceSummary(msgspec.Struct, frozen=True):
    """A space in the lobby, or a room of others. `ref` is `HOST_PUBKEY:ID`, for a room its `naddr`;
    times are in unix seconds, 0 if unknown.

    `kind`: a `space` of ours can be entered; a `room` (NIP-53 30312, 30313) or `stream` (30311) of
    other clients has its sound elsewhere, at `url`, and is read only. `followed`: its host is
    somebody the user follows; `verified` is the host's checked NIP-05 address. `cached` means that
    no relay has confirmed it yet in this run.
    """

    ref: str
    host: str
    host_name: str
    id: str
    name: str
    started_at: int
    speakers: int = 0
    listeners: int = 0
    state: Literal["live", "scheduled", "stale", "closed"] = "live"
    summary: str = ""
    kind: Literal["space", "room", "stream"] = "space"
    starts: int = 0
    topics: tuple[str, ...] = ()
    language: str = ""
    access: Access = "open"
    locked: bool = False
    url: str = ""
    image: str = ""
    followed: bool = False
    verified: str = ""
    cached: bool = False


class Participant(msgspec.Struct, frozen=True):
    """Somebody in the present space.

    `hand_since` is when the hand went up in unix seconds, 0 for a hand that is down; `queue` is its
    place, counted from 1; `later` when this user has put it at the end. `link` is our own WebRTC
    connection to this person, if any; `plain` when signalling to them cannot be encrypted. `away`:
    not heard of for too long, about to be gone. `hidden` and `followed` come from the user's lists,
    `verified` is a checked NIP-05 address; `muted`: was asked to mute and silent since; `volume` is
    how many times as loud we play them.
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
    later: bool = False
    away: bool = False
    plain: bool = False
    muted: bool = False
    hidden: bool = False
    followed: bool = False
    verified: str = ""
    volume: float = 1.0


class Barred(msgspec.Struct, frozen=True):
    """Somebody who was removed from the present space and not pardoned."""

    pubkey: str
    name: str
    by: str
    by_name: str
    reason: str
    at: int


class ChatLine(msgspec.Struct, frozen=True):
    """One message of the chat (NIP-53 kind 1311), or a reaction (kind 7). `at` in unix seconds.

    `state` is about our own: `waiting` until a relay has it, then `sent`, or `failed`.
    """

    id: str
    pubkey: str
    name: str
    text: str
    at: int
    state: Literal["", "waiting", "sent", "failed"] = ""
    reaction: bool = False
    mentions_me: bool = False


class JournalEntry(msgspec.Struct, frozen=True):
    """One act of moderation, by whom, on whom, why; `refused` says why it changed nothing."""

    id: str
    at: int
    act: str
    by: str
    by_name: str
    target: str = ""
    target_name: str = ""
    reason: str = ""
    refused: str = ""

    def done_to(self, whom: str) -> str:
        """The act as words of a sentence: `made Ann co-host`, `muted` whom it was about."""
        words = _SENTENCES.get(self.act, f"{self.act} {{}}")
        return words.replace("{}", whom).rstrip()


_SENTENCES: Final = {
    "made co-host": "made {} co-host",
    "asked to speak": "asked {} to speak",
    "asked to mute": "asked {} to mute",
}
"""What an act is in a sentence, where it is not just the word before the name."""


class RoomView(msgspec.Struct, frozen=True):
    """A room that is only looked at; its chat and people are in `chat` and `participants`."""

    ref: str
    name: str
    kind: Literal["space", "room", "stream"]
    host: str
    host_name: str
    state: str = ""
    summary: str = ""
    url: str = ""
    starts: int = 0


class Hearing(msgspec.Struct, frozen=True):
    """What becomes of the sound while we listen. `lost`: there was some, and is none now; `asked`
    is how many people were asked in vain since there is none. Where it has just come back from
    somebody else, `moved` is set for a few seconds and `moved_in` is how long it was gone."""

    lost: bool = False
    asked: int = 0
    moved: bool = False
    moved_in: float = 0.0


class LinkQuality(msgspec.Struct, frozen=True):
    """One WebRTC connection of ours. `loss` is a share from 0 to 1, times are in seconds; `relayed`
    means through a TURN server. A `spare` is a listener's reserve with us, `standby` is ours."""

    pubkey: str
    kind: Literal["mutual", "parent", "standby", "child", "spare"]
    badge: Badge
    loss: float
    round_trip: float | None
    jitter: float
    relayed: bool = False


class Quality(msgspec.Struct, frozen=True):
    """How good connections and sound are; units as in `LinkQuality`, `concealed` is a share, too.

    `badge` is empty while there is nothing to judge; `worst` names the number that makes it less
    than good. `depth` counts the hops to the host; outputs are people to whom we send sound.
    """

    badge: Badge = ""
    loss: float = 0.0
    round_trip: float | None = None
    jitter: float = 0.0
    concealed: float = 0.0
    worst: Literal["", "loss", "round_trip", "jitter", "concealed"] = ""
    depth: int | None = None
    outputs_used: int = 0
    outputs_max: int = 0
    parent: str = ""
    standby: str = ""
    links: tuple[LinkQuality, ...] = ()


class OwnRecording(msgspec.Struct, frozen=True):
    """What we record: into which folder, since when (unix seconds), each voice by itself or not."""

    folder: str
    since: int
    separate: bool = False


class SpaceView(msgspec.Struct, frozen=True):
    """The present space and our own state in it. `share` is its nevent, `share_room` the naddr of
    its NIP-53 room; `heard_from` is the pubkey of the peer that sends us the sound, empty while
    there is none. `invited_by` asks whether we want to speak; `undo` says what `undo` would take
    back now, empty for nothing; `muted_by` who has muted us, until we open the microphone.
    `recorders` are who records, ourselves among them; `unrecorded` who on stage is left out of
    that, as they wish, and `refuses_recording` says that we wish it, whether on stage or not.
    `crowd` is how many are here where not all of them are listed, 0 where all are."""

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
    share_room: str = ""
    access: Access = "open"
    locked: bool = False
    stale: bool = False
    topics: tuple[str, ...] = ()
    language: str = ""
    starts: int = 0
    invited_by: str = ""
    invitation: str = ""
    undo: str = ""
    muted_by: str = ""
    relays: tuple[str, ...] = ()
    hearing: Hearing = Hearing()
    crowd: int = 0
    recording: OwnRecording | None = None
    recorders: tuple[str, ...] = ()
    unrecorded: tuple[str, ...] = ()
    refuses_recording: bool = False


class AudioView(msgspec.Struct, frozen=True):
    """The sound devices in use; a problem is empty while the device works."""

    microphone: str = "default"
    speaker: str = "default"
    microphone_problem: str = ""
    speaker_problem: str = ""
    hint: str = ""


class SoundDevice(msgspec.Struct, frozen=True):
    """A microphone or speaker to choose: `name` is what it is chosen by, `label` is for people."""

    kind: Literal["microphone", "speaker"]
    name: str
    label: str
    default: bool = False


class Devices(msgspec.Struct, frozen=True):
    """What could record and play here when it was last asked for; `problem` says why nothing."""

    found: tuple[SoundDevice, ...] = ()
    problem: str = ""


class LogLine(msgspec.Struct, frozen=True):
    """One line of the log screen; `at` in unix seconds. Never holds a secret."""

    at: float
    level: Literal["info", "warning", "error"]
    text: str


_ORDINARY_DROPS: Final[dict[str, str]] = {
    "duplicate": "events that several relays have",
    "unsolicited": "events that came when nobody asked any more",
    "came before": "packets that came twice",
    "comes another way": "packets that came another way already",
    "late": "packets that came too late",
    "louder ones speak": "packets while louder ones speak",
    "not theirs to send": "packets before it was said whose voice they are",
    "not vouched for": "packets from somebody in reserve",
    "a hand of long ago": "hands of long ago",
    "signalling of long ago": "signalling of long ago",
}
"""Causes that every session drops for, to what they are in plain words: nothing is wrong."""

_FEW: Final = {
    "not theirs to send": 25
}  # sound overtakes the word whose it is by half a second at most


def ordinary(reason: str, count: int) -> str:
    """What an ordinary drop (`PART: CAUSE`) is in plain words; "" for what is none."""
    cause = reason.rpartition(": ")[2]
    return _ORDINARY_DROPS.get(cause, "") if count <= _FEW.get(cause, count) else ""
