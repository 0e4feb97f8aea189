"""PortAudio through sounddevice: streams of one direction, and which devices there are.

PortAudio's state is the process's, so one lock guards all of it, and all calls here block: a stuck
sound server blocks them for ever, on worker threads that nobody waits for. It is loaded when sound
is first needed, so that a machine without it lacks nothing but sound. It sees devices that have
come or gone only when it is started anew, with all streams closed.
"""

import atexit
import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tui.audio import sound_server
from tui.audio.errors import AudioUnavailable
from tui.audio.packet import BLOCK, RATE
from tui.audio.sound_server import Kind, SoundDevice, is_name
from tui.config.limits import DEVICES

log = logging.getLogger(__name__)

Block = NDArray[np.int16]
"""BLOCK samples of each channel, (BLOCK, channels); 16 bits, half of what a network has to carry
for floats, are more than any microphone has."""

ALIVE = 0.5  # seconds; a stream that calls back less often is dead
LATENCIES = {"microphone": (0.01,), "speaker": (0.015, 0.02, 0.03, 0.04, 0.06)}
"""Seconds to ask for, the first unless that was too short. A microphone's sound waits in the server
if we are late; the speaker has a hole."""
_PIECE = BLOCK // 2  # samples that PortAudio handles at a time: sound waits for less, in devices
_FIRST_CALL = 2.0  # seconds that a fresh stream may take before its first callback
_REMOTE_LATENCY = (0.04, 0.5)  # seconds on top of a round trip; and the most that is asked for
_SERVER = "pulse"  # ALSA's device for the sound server

_lock = threading.Lock()
_streams: set["Stream"] = set()  # those that are open


class Stream:
    """One PortAudio stream; `called` is when it last called back (monotonic seconds).

    `interrupted`: it was ended by another one that needed PortAudio anew. `served`: its name is
    that of a device of the sound server, which may move it to another one.
    """

    def __init__(
        self,
        kind: Kind,
        name: str | None,
        on_block: Callable[[Block], None],
        monotonic: Callable[[], float] = time.monotonic,
        *,
        latency: float = LATENCIES["speaker"][0],
    ) -> None:
        self.called = 0.0
        self.holes = 0  # how often the speaker had nothing to play
        self._latency = latency
        self._settled = 0.0  # from then on a hole is none of the start
        self._half: Block | None = None  # of a block: heard, or to be played
        self.interrupted = False
        self.served = False
        self._ended = False
        self._kind = kind
        self._name = name
        self._on_block = on_block
        self._monotonic = monotonic
        self._stream: Any = None
        self._closing = False

    def open(self, *, anew: bool = False, insist: bool = False) -> None:
        """Start the callbacks; raises AudioUnavailable.

        `anew`: look for devices again, unless that would end another stream that works. `insist`:
        if there is no device of this name, look again although it does.
        """
        with _lock:
            sounddevice = load()
            try:
                if anew and not any(stream.is_alive for stream in _streams):
                    _restart(sounddevice)
                try:
                    self._open(sounddevice)
                except ValueError:  # no such name
                    if not insist:
                        raise
                    _restart(sounddevice)
                    self._open(sounddevice)
            except (sounddevice.PortAudioError, ValueError, OSError) as error:
                text = " ".join(str(error).split())[:200]
                reason = f"the {self._kind} {self._name or 'default'!r} cannot be opened: {text}"
                raise AudioUnavailable(reason, hint(installed=True)) from error

    def can_open(self) -> bool:
        """Whether the device is there and could be opened."""
        with _lock:
            sounddevice = load()
            try:
                self._create(sounddevice).close()
            except (sounddevice.PortAudioError, ValueError, OSError):
                return False
            return True

    def _open(self, sounddevice: Any) -> None:
        stream = self._create(sounddevice)
        if self._closing:
            stream.close()
            return
        self._stream = stream
        self.called = self._monotonic() + _FIRST_CALL - ALIVE
        self._settled = self._monotonic() + _FIRST_CALL
        _streams.add(self)
        stream.start()

    def _create(self, sounddevice: Any) -> Any:
        direction = "Input" if self._kind == "microphone" else "Output"
        device = _find(sounddevice, self._kind, self._name)
        self.served = device != self._name
        most = sounddevice.query_devices(device, direction.lower())
        create = partial(
            getattr(sounddevice, f"{direction}Stream"),
            samplerate=RATE,
            dtype="int16",
            blocksize=_PIECE,
            latency=max(self._latency, remote_latency()),
            device=device,
            callback=self._call,
            finished_callback=self._finish,
        )
        with _server_device(self._kind, self._name if self.served else None):
            try:
                return create(channels=1)
            except sounddevice.PortAudioError as error:
                if error.args[1:2] != (_INVALID_CHANNELS,):
                    raise
                # Hardware without a mixer in front of it may have stereo only.
                return create(channels=most[f"max_{direction.lower()}_channels"])

    def _call(self, data: Block, frames: int, times: object, status: object) -> None:
        self.called = self._monotonic()
        if self._kind == "speaker":
            if getattr(status, "output_underflow", False) and self.called > self._settled:
                self.holes += 1
            self._play(data)
        elif not self._closing and frames == _PIECE:
            self._hear(data)

    def _play(self, data: Block) -> None:
        if self._closing or len(data) != _PIECE:
            data.fill(0)
        elif self._half is not None:
            data[:], self._half = self._half, None
        else:
            block = np.zeros((BLOCK, data.shape[1]), np.int16)
            self._on_block(block)
            data[:], self._half = block[:_PIECE], block[_PIECE:]

    def _hear(self, data: Block) -> None:
        if self._half is None:
            self._half = data.copy()
        else:
            block, self._half = np.concatenate((self._half, data)), None
            self._on_block(block)

    def _finish(self) -> None:
        self._ended = True

    @property
    def is_alive(self) -> bool:
        """Whether it calls back."""
        return not self._ended and self._monotonic() - self.called < ALIVE

    def close(self) -> None:
        """Stop the callbacks; harmless when nothing is open."""
        self._closing = True
        with _lock:
            self._close()

    def _close(self) -> None:
        stream, self._stream, self._ended = self._stream, None, True
        _streams.discard(self)
        if stream is None:
            return
        try:
            stream.abort()
        except Exception as error:
            log.debug("a sound device stopped badly: %s", error)
        with contextlib.suppress(Exception):
            stream.close()


_INVALID_CHANNELS = -9998  # paInvalidChannelCount


def remote_latency() -> float:
    """Seconds to ask for at least, where sound goes through a network; 0 where it does not."""
    if not sound_server.is_remote():
        return 0.0
    more, most = _REMOTE_LATENCY
    return min((sound_server.round_trip() or 0.0) + more, most)


def list_devices() -> list[SoundDevice]:
    """Those of the sound server, or else those that PortAudio sees; raises AudioUnavailable."""
    with _lock:
        sounddevice = load()
        if not any(stream.is_alive for stream in _streams):
            _restart(sounddevice)
        entries = list(sounddevice.query_devices())
        defaults = [entry["index"] for entry in _defaults(sounddevice)]
    # Without its own device, PortAudio cannot reach the server.
    if any(entry["name"] == _SERVER for entry in entries):
        served = sound_server.server_devices()
        if served is not None:
            return served
    found: list[SoundDevice] = []
    for kind, what in (("microphone", "input"), ("speaker", "output")):
        named = {
            entry["name"]: SoundDevice(
                kind,  # type: ignore[arg-type]  # one of both
                entry["name"],
                entry["name"],
                entry["index"] in defaults,
            )
            for entry in entries
            if entry[f"max_{what}_channels"] > 0 and is_name(entry["name"])
        }
        found += list(named.values())[:DEVICES]
    return found


def _defaults(sounddevice: Any) -> Iterator[Any]:
    for kind in ("input", "output"):
        with contextlib.suppress(sounddevice.PortAudioError, ValueError):
            yield sounddevice.query_devices(None, kind)


def _find(sounddevice: Any, kind: Kind, name: str | None) -> str | None:
    """What PortAudio calls this device; raises ValueError if there is none of this name."""
    if name is None:
        return None
    known = [entry["name"] for entry in sounddevice.query_devices()]
    if name not in known and _SERVER in known and sound_server.offers(kind, name):
        return _SERVER
    sounddevice.query_devices(name, "input" if kind == "microphone" else "output")
    return name


@contextlib.contextmanager
def _server_device(kind: Kind, name: str | None) -> Iterator[None]:
    """Choose a device of the server for what is opened meanwhile: ALSA passes none on."""
    if name is None:
        yield
        return
    variable = sound_server.variable(kind)
    before = os.environ.get(variable)
    os.environ[variable] = name
    try:
        yield
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before


def _restart(sounddevice: Any) -> None:
    for stream in list(_streams):
        stream.interrupted = stream.is_alive
        stream._close()
    sounddevice._terminate()
    sounddevice._initialize()


def load() -> Any:
    """The module sounddevice; raises AudioUnavailable where PortAudio is missing."""
    try:
        import sounddevice
    except (OSError, ImportError) as error:  # OSError where PortAudio itself is missing
        raise AudioUnavailable(f"PortAudio is missing: {error}", hint(installed=False)) from error
    # It would end PortAudio at exit, which a stuck server holds up; the system does as well.
    atexit.unregister(sounddevice._exit_handler)
    return sounddevice


def check_installed() -> None:
    """Raises AudioUnavailable where PortAudio is missing."""
    with _lock:
        load()


_PACKAGES = {
    "debian": "apt install libportaudio2 libasound2-plugins",
    "ubuntu": "apt install libportaudio2 libasound2-plugins",
    "fedora": "dnf install portaudio alsa-plugins-pulseaudio",
    "arch": "pacman -S portaudio alsa-plugins",
    "alpine": "apk add portaudio alsa-plugins-pulse",
}


def hint(*, installed: bool, os_release: Path = Path("/etc/os-release")) -> str:
    """What the user of this system can do about sound that fails."""
    if sys.platform == "darwin":
        return "allow the microphone for this terminal in the privacy settings"
    names = _distribution(os_release)
    command = next((_PACKAGES[name] for name in names if name in _PACKAGES), "install PortAudio")
    if not installed:
        return command
    return f"is a sound server running? PulseAudio and PipeWire also need: {command}"


def _distribution(path: Path) -> list[str]:
    """The ID and ID_LIKE of the Linux distribution (os-release(5)), most specific first."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    fields = dict(line.split("=", 1) for line in lines if "=" in line)
    values = (fields.get(key, "").strip("\"'") for key in ("ID", "ID_LIKE"))
    return " ".join(values).split()
