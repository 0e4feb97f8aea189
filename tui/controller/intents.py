"""What a user or a script asks of the controller, in the imperative.

On the wire an intent is one JSON object whose `do` names it: `{"do": "mute", "on": true}`.
The link, the headless mode and the tests all speak these.
"""

from typing import Literal

import msgspec

from tui.controller.key_intents import (
    CancelLogin,
    ForgetAccount,
    Intent,
    OfferNostrConnect,
    SaveKey,
    UseAccount,
    UseBunker,
    UseKey,
    UseKeyFile,
    UseThrowawayKey,
    UseWords,
    WithPassword,
)

# Besides the intents below: those about keys stand in a module of their own.
__all__ = [
    "AnyIntent",
    "CancelLogin",
    "ForgetAccount",
    "Intent",
    "InvalidIntent",
    "OfferNostrConnect",
    "SaveKey",
    "UseAccount",
    "UseBunker",
    "UseKey",
    "UseKeyFile",
    "UseThrowawayKey",
    "UseWords",
    "decode_intent",
    "encode_intent",
    "intent_name",
]


class SetName(Intent, frozen=True, tag="set_name"):
    """Choose the name that others see; takes effect with the next JOIN."""

    name: str


class AddRelay(Intent, frozen=True, tag="add_relay"):
    """Use one more relay (ws:// or wss:// URL)."""

    url: str


class HostSpace(WithPassword, frozen=True, tag="host_space"):
    """Create a space and enter it as its host; an empty id means a random one.

    An id of an own space that goes on takes it up again. `starts` (unix seconds) in the future
    only announces it.
    """

    name: str
    id: str = ""
    summary: str = ""
    muted: bool = True
    access: Literal["open", "invite", "password"] = "open"
    password: str = ""
    topics: tuple[str, ...] = ()
    language: str = ""
    image: str = ""
    starts: int = 0


class JoinSpace(WithPassword, frozen=True, tag="join_space"):
    """Enter a space: `nevent`, `naddr`, `HOST_PUBKEY:ID`, or an id that only one space has."""

    ref: str
    muted: bool = True
    password: str = ""


class WatchRoom(Intent, frozen=True, tag="watch_room"):
    """Read a room or stream of other clients, or look into a space without joining; its chat and
    who is there. An empty ref stops that."""

    ref: str = ""


class ShowRoster(Intent, frozen=True, tag="show_roster"):
    """Hear of everybody in a crowd (`on`), or only of the stage and those one is connected to."""

    on: bool = True


class LeaveSpace(Intent, frozen=True, tag="leave"):
    """Leave the present space."""


class CloseSpace(Intent, frozen=True, tag="close"):
    """End the present space for everybody; host only."""


class RequestSpeech(Intent, frozen=True, tag="request_speech"):
    """Put the hand up."""


class LowerHand(Intent, frozen=True, tag="lower_hand"):
    """Take the own hand down."""


class PromoteSpeaker(Intent, frozen=True, tag="promote_speaker"):
    """Let somebody on stage who asks; host and co-hosts."""

    pubkey: str


class PromoteCohost(Intent, frozen=True, tag="promote_cohost"):
    """Let somebody moderate; host only."""

    pubkey: str


class Demote(Intent, frozen=True, tag="demote"):
    """Take somebody off the stage; an empty pubkey means oneself."""

    pubkey: str = ""
    reason: str = ""


class Deny(Intent, frozen=True, tag="deny"):
    """Turn down the hand of somebody, who is told the reason."""

    pubkey: str
    reason: str = ""


class Defer(Intent, frozen=True, tag="later"):
    """Put a hand at the end of the queue, on the own screen only."""

    pubkey: str


class Undo(Intent, frozen=True, tag="undo"):
    """Take back the own last act of moderation, within a few seconds."""


class Invite(Intent, frozen=True, tag="invite"):
    """Ask a listener whether they want to speak; somebody who is not here is let into a space that
    is locked or for invited people."""

    pubkey: str
    message: str = ""


class AcceptInvite(Intent, frozen=True, tag="accept_invite"):
    """Yes to being asked to speak."""


class DeclineInvite(Intent, frozen=True, tag="decline_invite"):
    """No to being asked to speak."""


class Remove(Intent, frozen=True, tag="remove"):
    """Put somebody out of the space and keep them out until pardoned."""

    pubkey: str
    reason: str = ""


class Pardon(Intent, frozen=True, tag="pardon"):
    """Let somebody in again who was removed."""

    pubkey: str


class Lock(Intent, frozen=True, tag="lock"):
    """Let nobody new in (`on`), or everybody again; host only."""

    on: bool


class AskMute(Intent, frozen=True, tag="ask_mute"):
    """Mute a speaker, who may unmute again."""

    pubkey: str


class MuteAll(Intent, frozen=True, tag="mute_all"):
    """Mute everybody on stage but oneself."""


class Chat(Intent, frozen=True, tag="chat"):
    """Write to everybody."""

    text: str


class React(Intent, frozen=True, tag="react"):
    """Send an emoji."""

    emoji: str


class Hide(Intent, frozen=True, tag="hide"):
    """Neither hear nor read somebody any more (`on`), here and in the own mute list (NIP-51)."""

    pubkey: str
    on: bool = True


class ExportJournal(Intent, frozen=True, tag="export_journal"):
    """Write the acts of moderation as JSON lines of signed events into a new file."""

    path: str


class Mute(Intent, frozen=True, tag="mute"):
    """Close (`on`) or open the microphone."""

    on: bool


class Record(Intent, frozen=True, tag="record"):
    """Record the space, which everybody is told, into a new folder in `folder` (absolute; empty for
    `spaces-recordings` at home): what is heard in one file, or each voice in its own."""

    folder: str = ""
    separate: bool = False


class StopRecording(Intent, frozen=True, tag="stop_recording"):
    """Record no more."""


class RefuseRecording(Intent, frozen=True, tag="refuse_recording"):
    """Ask all who record to leave our voice out (`on`), or allow it again."""

    on: bool = True


class SetVolume(Intent, frozen=True, tag="set_volume"):
    """Play somebody `gain` times as loud, for oneself: 0 is silence, 1 as they come, 4 the most."""

    pubkey: str
    gain: float


class ListDevices(Intent, frozen=True, tag="list_devices"):
    """Look which microphones and speakers there are."""


class UseMicrophone(Intent, frozen=True, tag="use_microphone"):
    """Speak into another microphone (`default`, a name, `tone:HZ`, `file:PATH`, `none`)."""

    device: str


class UseSpeaker(Intent, frozen=True, tag="use_speaker"):
    """Hear from another speaker (`default`, a name, `file:PATH`, `null`)."""

    device: str


class RetryRelays(Intent, frozen=True, tag="retry_relays"):
    """Try relays that cannot be reached again at once."""


class Stop(Intent, frozen=True, tag="stop"):
    """Leave the space and end the controller."""


AnyIntent = (
    UseThrowawayKey
    | UseKey
    | UseKeyFile
    | UseWords
    | SaveKey
    | UseAccount
    | ForgetAccount
    | UseBunker
    | OfferNostrConnect
    | CancelLogin
    | SetName
    | AddRelay
    | HostSpace
    | JoinSpace
    | ShowRoster
    | LeaveSpace
    | CloseSpace
    | RequestSpeech
    | LowerHand
    | AcceptInvite
    | DeclineInvite
    | PromoteSpeaker
    | PromoteCohost
    | Demote
    | Deny
    | Defer
    | Undo
    | Invite
    | Remove
    | Pardon
    | Lock
    | AskMute
    | MuteAll
    | Mute
    | Chat
    | React
    | Hide
    | WatchRoom
    | ExportJournal
    | Record
    | StopRecording
    | RefuseRecording
    | SetVolume
    | ListDevices
    | UseMicrophone
    | UseSpeaker
    | RetryRelays
    | Stop
)

_decoder: msgspec.json.Decoder[AnyIntent] = msgspec.json.Decoder(AnyIntent)
_encoder = msgspec.json.Encoder()


class InvalidIntent(ValueError):
    """A frame that is no intent of ours."""


def decode_intent(frame: bytes | str) -> AnyIntent:
    """Read one JSON object; raise `InvalidIntent` with a reason that quotes no field values."""
    try:
        return _decoder.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidIntent(str(error)) from None


def encode_intent(intent: Intent) -> bytes:
    """Write an intent as one JSON object."""
    return _encoder.encode(intent)


def intent_name(intent: Intent) -> str:
    """The `do` of an intent, e.g. `promote_speaker`."""
    return str(intent.__struct_config__.tag)
