"""Names of microphones and speakers, as users write them; checked before anything is opened."""

import os
from pathlib import Path

import msgspec

from tui.audio.errors import InvalidAudioSpec


class Device(msgspec.Struct, frozen=True):
    """A sound device; `name` None is the system's default."""

    name: str | None


class Tone(msgspec.Struct, frozen=True):
    """A sine instead of a microphone."""

    hertz: float


class File(msgspec.Struct, frozen=True):
    """A file instead of a device: read as a microphone, written as a speaker."""

    path: Path


class Nothing(msgspec.Struct, frozen=True):
    """No microphone (`none`) or no speaker (`null`)."""


class Count(msgspec.Struct, frozen=True):
    """A speaker that plays nothing and counts what would be missing (`count`)."""


Microphone = Device | Tone | File | Nothing
Speaker = Device | File | Nothing | Count

_HERTZ = (20.0, 20_000.0)  # what can be heard


def parse_microphone(text: str) -> Microphone:
    """`default`, a device's name, `tone:440`, `file:PATH` or `none`; raises InvalidAudioSpec."""
    kind, colon, rest = text.partition(":")
    if text == "none":
        return Nothing()
    if text == "null":
        raise InvalidAudioSpec("the microphone cannot be 'null'; 'none' means no microphone")
    if kind == "tone" and colon:
        return _tone(rest)
    if kind == "file" and colon:
        path = _path(rest, "microphone")
        if not path.is_file():
            what = "is not a file" if path.exists() else "does not exist"
            raise InvalidAudioSpec(f"the microphone's file {what}: {path}")
        if not os.access(path, os.R_OK):
            raise InvalidAudioSpec(f"the microphone's file cannot be read: {path}")
        return File(path)
    return _device(text, "microphone")


def parse_speaker(text: str) -> Speaker:
    """`default`, a device's name, `file:PATH` or `null`; raises InvalidAudioSpec."""
    kind, colon, rest = text.partition(":")
    if text == "null":
        return Nothing()
    if text == "count":
        return Count()
    if text == "none":
        raise InvalidAudioSpec("the speaker cannot be 'none'; 'null' means no speaker")
    if kind == "tone" and colon:
        raise InvalidAudioSpec("the speaker cannot be a tone; only a microphone can")
    if kind == "file" and colon:
        path = _path(rest, "speaker")
        if path.exists() and not path.is_file():
            raise InvalidAudioSpec(f"the speaker's file is not a file: {path}")
        if not path.suffix:
            raise InvalidAudioSpec(f"the speaker's file needs an ending such as .wav: {path}")
        if not path.parent.is_dir():
            raise InvalidAudioSpec(f"the speaker's folder does not exist: {path.parent}")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise InvalidAudioSpec(f"the speaker's file cannot be written: {path}")
        return File(path)
    return _device(text, "speaker")


def _tone(text: str) -> Tone:
    try:
        hertz = float(text)
    except ValueError:
        hertz = 0.0
    if not _HERTZ[0] <= hertz <= _HERTZ[1]:
        low, high = _HERTZ
        raise InvalidAudioSpec(f"a tone needs {low:g} to {high:g} hertz, not {text[:20]!r}")
    return Tone(hertz)


def _path(text: str, what: str) -> Path:
    if not text or "\0" in text:
        raise InvalidAudioSpec(f"the {what}'s file has no name")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise InvalidAudioSpec(f"the {what}'s file: {error}") from error


def _device(text: str, what: str) -> Device:
    if not text.strip():
        raise InvalidAudioSpec(f"the {what} has no name; 'default' is the system's own")
    return Device(None if text == "default" else text)
