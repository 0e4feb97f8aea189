"""The settings: one schema for the file, the environment, the command line and its help.

What stands first wins: a flag, a variable `SPACES_<FIELD>`, the profile's file, the default.
A secret key is no setting: it has a file of its own or `SPACES_SECRET_KEY`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import msgspec

from tui.config import limits

DEFAULT_RELAYS = ("wss://relay.damus.io", "wss://nos.lol", "wss://relay.primal.net")

_Text = Annotated[str, msgspec.Meta(max_length=limits.SETTING_CHARS)]


class InvalidSetting(ValueError):
    """A setting that cannot be used; the text names where it stands and which one it is."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a profile may choose; each field carries its bounds and its line of help."""

    relays: Annotated[
        tuple[_Text, ...],
        msgspec.Meta(
            min_length=1,
            max_length=limits.RELAYS,
            description="relays to meet on (ws:// or wss:// URLs)",
        ),
    ] = DEFAULT_RELAYS
    name: Annotated[
        str, msgspec.Meta(max_length=limits.NAME_LENGTH, description="the name that others see")
    ] = ""
    microphone: Annotated[
        _Text,
        msgspec.Meta(description="default, a device's name, tone:HZ, file:PATH or none"),
    ] = "default"
    speaker: Annotated[
        _Text, msgspec.Meta(description="default, a device's name, file:PATH or null")
    ] = "default"
    max_outputs: Annotated[
        int,
        msgspec.Meta(
            ge=0,
            le=limits.AUDIO_OUTPUTS,
            description="people to send sound to at most (40 kbit/s each)",
        ),
    ] = 8
    ice_servers: Annotated[
        tuple[_Text, ...],
        msgspec.Meta(
            max_length=limits.ICE_SERVERS,
            description="STUN and TURN servers (stun:HOST:PORT)",
        ),
    ] = ()
    key_file: Annotated[
        _Text,
        msgspec.Meta(description="file with the key (mode 0600; nsec, ncryptsec or hex)"),
    ] = ""
    account: Annotated[
        _Text, msgspec.Meta(description="kept key to sign with: its label or public key")
    ] = ""
    space_relays: Annotated[
        tuple[_Text, ...],
        msgspec.Meta(
            max_length=limits.SPACE_RELAYS,
            description="relays for spaces of your own, in place of those of your relay list",
        ),
    ] = ()
    plain_signalling: Annotated[
        bool,
        msgspec.Meta(description="also connect to people whose software cannot encrypt signalling"),
    ] = True
    check_names: Annotated[
        bool,
        msgspec.Meta(
            description="ask the domains of hosts and speakers about their names (NIP-05)"
        ),
    ] = True
    echo_cancelling: Annotated[
        bool,
        msgspec.Meta(
            description="take what the speaker plays out of the microphone; not for headphones"
        ),
    ] = True
    noise_suppression: Annotated[
        bool, msgspec.Meta(description="take steady noise out of the microphone")
    ] = True
    automatic_gain: Annotated[
        bool, msgspec.Meta(description="make the microphone as loud as others are")
    ] = True
    theme: Annotated[_Text, msgspec.Meta(description="name of a theme")] = "dark"


def describe(field: str) -> str:
    """The line of help of a setting."""
    hint = get_type_hints(Settings, include_extras=True)[field]
    metas = [meta for meta in get_args(hint) if isinstance(meta, msgspec.Meta)]
    return next(meta.description for meta in metas if meta.description)


def load_settings(
    path: Path,
    environ: Mapping[str, str],
    flags: Mapping[str, object],
    relay_url: Callable[[str], str],
) -> Settings:
    """Settings from the file at `path` (it may be missing), the environment and flags.

    `relay_url` gives the normal form of a relay's address or raises `ValueError`. Raises
    `InvalidSetting` with one line that names the file, variable or flag and the field.
    """
    found = _check(_from_file(path), str(path), relay_url, strict=True)
    for source, more in (*_from_environ(environ), ("command line", flags)):
        found |= _check(more, source, relay_url)
    return msgspec.convert(found, Settings)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(limits.SETTINGS_BYTES + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InvalidSetting(f"{path}: {error.strerror}") from None
    if len(data) > limits.SETTINGS_BYTES:
        raise InvalidSetting(f"{path}: more than {limits.SETTINGS_BYTES} bytes")
    try:
        return msgspec.toml.decode(data, type=dict[str, Any])
    except (ValueError, RecursionError) as error:  # numbers without end, lists in lists
        raise InvalidSetting(f"{path}: {error}") from None


def _from_environ(environ: Mapping[str, str]) -> Iterator[tuple[str, dict[str, object]]]:
    for field, default in msgspec.structs.asdict(Settings()).items():
        variable = f"SPACES_{field.upper()}"
        if text := environ.get(variable, ""):
            many = isinstance(default, tuple)
            yield variable, {field: text.replace(",", " ").split() if many else text}


def _check(
    table: Mapping[str, object],
    source: str,
    relay_url: Callable[[str], str],
    *,
    strict: bool = False,
) -> dict[str, object]:
    """The fields of `table` in their types; unless `strict`, text is read as a number."""
    try:
        settings = msgspec.convert(table, Settings, strict=strict)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$.")
        field = re.split(r"[`\[]", place)[0]
        raise InvalidSetting(f"{source}: {field}{': ' * bool(field)}{reason}") from None
    found = {field: getattr(settings, field) for field in table}
    for field in ("relays", "space_relays"):
        if field in found:
            found[field] = _relays(getattr(settings, field), f"{source}: {field}", relay_url)
    return found


def _relays(urls: tuple[str, ...], place: str, relay_url: Callable[[str], str]) -> tuple[str, ...]:
    relays: dict[str, None] = {}  # in their order, each once
    for url in urls:
        try:
            relays[relay_url(url)] = None
        except ValueError as error:
            raise InvalidSetting(f"{place}: {url[:80]!r}: {error}") from None
    return tuple(relays)
