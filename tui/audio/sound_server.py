"""The sound server (PulseAudio, or PipeWire in its place): where it is, how far, what it offers.

It is reached by PortAudio, through ALSA's `pulse` device, which shows none of the devices behind
it and none of the distance. All calls block, for a second or two at most: for worker threads.
"""

import os
import re
import shutil
import socket
import struct
import subprocess
import time
from pathlib import Path
from typing import Literal

import msgspec

from tui.config.limits import DEVICES, SETTING_CHARS, SOUND_LIST_BYTES

_ANSWER = 1.0  # seconds for any answer
_AUTH = 8  # PA_COMMAND_AUTH; a wrong cookie is answered, too, and with nothing worse than that
_VERSION = 13  # of the native protocol; older ones than 8 are not answered
_HEAD = struct.Struct(">IIIII")  # length, channel, offset (64 bits), flags
_NO_CHANNEL = 0xFFFF_FFFF
_PEER = struct.Struct("3i")  # pid, uid, gid: SO_PEERCRED

Kind = Literal["microphone", "speaker"]

_KINDS: tuple[Kind, ...] = ("microphone", "speaker")
_WORDS = {"microphone": "source", "speaker": "sink"}


class SoundDevice(msgspec.Struct, frozen=True):
    """A microphone or speaker to choose: `name` is its spec, `label` for people to read."""

    kind: Kind
    name: str
    label: str
    default: bool = False


def variable(kind: Kind) -> str:
    """What the server's client library takes the name of a device from."""
    return f"PULSE_{_WORDS[kind].upper()}"


def socket_path() -> Path | None:
    """The server's socket, as its client library finds it; None if it is none or elsewhere."""
    if not _address():
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        return Path(runtime) / "pulse" / "native" if runtime else None
    path = _address().removeprefix("unix:")
    return Path(path) if path.startswith("/") else None


def _address() -> str:
    words = os.environ.get("PULSE_SERVER", "").split()
    return re.sub(r"^\{.*?\}", "", words[0]) if words else ""


def is_up() -> bool:
    """Whether somebody takes connections at the server's socket."""
    connection = _connect(0.0)
    if connection is not None:
        connection.close()
    return connection is not None


def is_remote() -> bool:
    """Whether sound goes through a network: by TCP, or by a socket that SSH forwards."""
    if socket_path() is None:
        return _address().startswith(("tcp", *"0123456789")) or "." in _address()
    connection = _connect(_ANSWER)
    if connection is None or not hasattr(socket, "SO_PEERCRED"):
        return False
    with connection:
        peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        try:
            name = Path(f"/proc/{_PEER.unpack(peer)[0]}/comm").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return False
        return name.startswith("sshd")


def round_trip() -> float | None:
    """Seconds from a question to its answer; None without an answer."""
    question = struct.pack(">cIcIcIcI", b"L", _AUTH, b"L", 0, b"L", _VERSION, b"x", 256)
    question += bytes(256)
    head = _HEAD.pack(len(question), _NO_CHANNEL, 0, 0, 0)
    connection = _connect(_ANSWER)
    if connection is None:
        return None
    took = None
    with connection:
        try:
            for _ in range(2):  # the first answer also waits for SSH to open its channel
                begun = time.monotonic()
                connection.sendall(head + question)
                length, *_ = _HEAD.unpack(_exactly(connection, _HEAD.size))
                _exactly(connection, min(length, 1024))
                took = time.monotonic() - begun
        except (OSError, EOFError):
            return took
    return took


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def _connect(seconds: float) -> socket.socket | None:
    path = socket_path()
    if path is None:
        return None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(seconds)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        return None
    return connection


def server_devices() -> list[SoundDevice] | None:
    """What the server offers, its own choice first of each kind; None where it cannot be asked."""
    info = _ask("info")
    if not isinstance(info, dict):
        return None
    found: list[SoundDevice] = []
    for kind in _KINDS:
        devices = _listed(kind, info.get(f"default_{_WORDS[kind]}_name"))
        found += sorted(devices or [], key=lambda device: (not device.default, device.label))
    return found


def offers(kind: Kind, name: str) -> bool | None:
    """Whether the server has this device; None where it cannot be asked."""
    devices = _listed(kind)
    return None if devices is None else any(device.name == name for device in devices)


def _listed(kind: Kind, default: object = None) -> list[SoundDevice] | None:
    entries = _ask("list", f"{_WORDS[kind]}s")
    if not isinstance(entries, list):
        return None
    devices = (_device(kind, entry, default) for entry in entries)
    return [device for device in devices if device is not None][:DEVICES]


def _device(kind: Kind, entry: object, default: object) -> SoundDevice | None:
    if not isinstance(entry, dict):
        return None
    name, label = entry.get("name"), entry.get("description")
    if not isinstance(name, str) or not is_name(name):
        return None
    readable = isinstance(label, str) and is_name(label)
    return SoundDevice(kind, name, str(label) if readable else name, name == default)


def is_name(text: str) -> bool:
    """Whether this can be shown and given as a device's name."""
    return 0 < len(text) <= SETTING_CHARS and text.isprintable() and text == text.strip()


def _ask(*words: str) -> object:
    """What `pactl` says, None if nothing."""
    if shutil.which("pactl") is None or not is_up():
        return None
    # Numbers with a comma would be no JSON.
    environ = {k: v for k, v in os.environ.items() if k != "LC_ALL"} | {"LC_NUMERIC": "C"}
    try:
        run = subprocess.run(  # noqa: S603
            ["pactl", "--format=json", *words],  # noqa: S607  # where the user has it
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ANSWER,
            check=True,
        )
        if len(run.stdout) <= SOUND_LIST_BYTES:
            said: object = msgspec.json.decode(run.stdout)
            return said
    except (OSError, ValueError, subprocess.SubprocessError):
        pass
    return None
