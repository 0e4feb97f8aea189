"""What a user or a script asks of the controller, in the imperative.

On the wire an intent is one JSON object whose `do` names it: `{"do": "mute", "on": true}`.
The link, the headless mode and the tests all speak these.
"""

import msgspec


class Intent(msgspec.Struct, frozen=True, tag_field="do", forbid_unknown_fields=True):
    """Base of all intents."""


class UseThrowawayKey(Intent, frozen=True, tag="use_throwaway_key"):
    """Make a key that lives only as long as the controller."""


class UseKey(Intent, frozen=True, tag="use_key"):
    """Sign with this secret (nsec or 64 hex digits), kept in memory only."""

    secret: str

    def __repr__(self) -> str:
        return "UseKey(...)"

    def __rich_repr__(self) -> list[tuple[str, object]]:  # what a crash report shows
        return [("secret", "...")]


class UseKeyFile(Intent, frozen=True, tag="use_key_file"):
    """Sign with the secret in this file (mode 0600, nsec or hex)."""

    path: str


class SetName(Intent, frozen=True, tag="set_name"):
    """Choose the name that others see; takes effect with the next JOIN."""

    name: str


class AddRelay(Intent, frozen=True, tag="add_relay"):
    """Use one more relay (ws:// or wss:// URL)."""

    url: str


class HostSpace(Intent, frozen=True, tag="host_space"):
    """Create a space and enter it as its host; an empty id means a random one."""

    name: str
    id: str = ""
    summary: str = ""
    muted: bool = True


class JoinSpace(Intent, frozen=True, tag="join_space"):
    """Enter a space: `nevent`, `naddr`, `HOST_PUBKEY:ID`, or an id that only one space has."""

    ref: str
    muted: bool = True


class LeaveSpace(Intent, frozen=True, tag="leave"):
    """Leave the present space."""


class CloseSpace(Intent, frozen=True, tag="close"):
    """End the present space for everybody; host only."""


class RequestSpeech(Intent, frozen=True, tag="request_speech"):
    """Put the hand up."""


class WithdrawSpeech(Intent, frozen=True, tag="withdraw_speech"):
    """Take the hand down."""


class PromoteSpeaker(Intent, frozen=True, tag="promote_speaker"):
    """Let somebody on stage; host only for now."""

    pubkey: str


class Demote(Intent, frozen=True, tag="demote"):
    """Take somebody off the stage, or a hand down; an empty pubkey means oneself."""

    pubkey: str = ""


class Mute(Intent, frozen=True, tag="mute"):
    """Close (`on`) or open the microphone."""

    on: bool


class Stop(Intent, frozen=True, tag="stop"):
    """Leave the space and end the controller."""


AnyIntent = (
    UseThrowawayKey
    | UseKey
    | UseKeyFile
    | SetName
    | AddRelay
    | HostSpace
    | JoinSpace
    | LeaveSpace
    | CloseSpace
    | RequestSpeech
    | WithdrawSpeech
    | PromoteSpeaker
    | Demote
    | Mute
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
