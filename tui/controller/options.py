"""What a controller is started with; in the background process it arrives on stdin."""

import msgspec

_SECRETS = ("secret", "account_password", "ice_servers")  # the servers may carry a password


class InvalidOptions(ValueError):
    """Options that are no JSON object of ours."""


class ControllerOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One controller's start.

    `microphone` and `speaker` are device specs (`default`, a device name, `tone:440`,
    `file:PATH`, `none`, `null`). The key is `secret` (nsec or hex), else the one in `key_file`,
    else with `throwaway` a new one, else that of `account` (its label or pubkey; else the one that
    the profile uses), else none until an intent brings it. A `secret` beside a `key_file` is what
    that file holds. Paths are absolute; where `accounts` (a folder) or
    `cache` (a file) is empty, nothing is kept.
    """

    profile: str
    relays: tuple[str, ...]
    name: str
    microphone: str
    speaker: str
    max_outputs: int
    ice_servers: tuple[str, ...]
    key_file: str = ""
    secret: str = ""
    throwaway: bool = False
    account: str = ""
    account_password: str = ""
    accounts: str = ""
    cache: str = ""
    space_relays: tuple[str, ...] = ()
    plain_signalling: bool = True
    check_names: bool = True
    echo_cancelling: bool = True
    noise_suppression: bool = True
    automatic_gain: bool = True

    def __rich_repr__(self) -> list[tuple[str, object]]:
        named = [(name, getattr(self, name)) for name in self.__struct_fields__]
        return [(name, "..." if name in _SECRETS and value else value) for name, value in named]

    def __repr__(self) -> str:
        return f"ControllerOptions({dict(self.__rich_repr__())})"


def encode_options(options: ControllerOptions) -> bytes:
    """Write options as one JSON object, with the secret in it: for a private pipe only."""
    return msgspec.json.encode(options)


def decode_options(data: bytes) -> ControllerOptions:
    """Read options; raise `InvalidOptions` with a reason that quotes no values."""
    try:
        return msgspec.json.decode(data, type=ControllerOptions)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidOptions(str(error)) from None
