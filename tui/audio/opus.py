"""Opus by libopus through ctypes: FEC, concealment and DTX, which PyAV's interface hides.

The library is the one inside PyAV's wheel (`av.libs` on Linux and Windows, `av/.dylibs` on macOS);
it depends on nothing else there, so `av` itself need not be imported.
"""

import ctypes
import importlib.util
from ctypes.util import find_library
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tui.audio.errors import AudioUnavailable
from tui.audio.packet import FRAME, RATE

Samples = NDArray[np.float32]
"""Mono at 48 kHz, one dimension, full scale is [-1, 1]."""

MAX_SAMPLES = 5760
"""The longest Opus packet: 120 ms."""

# opus_defines.h
_APPLICATION_VOIP = 2048
_SET_BITRATE = 4002
_SET_COMPLEXITY = 4010
_SET_INBAND_FEC = 4012
_SET_PACKET_LOSS_PERC = 4014
_SET_DTX = 4016
_SET_SIGNAL = 4024
_RESET_STATE = 4028
_GET_IN_DTX = 4049
_SIGNAL_VOICE = 3001
# From 7 upwards libopus takes for a pause what is far below the peak; below, what is merely steady,
# and with that a held tone.
_COMPLEXITY = 9

_PAYLOAD_BYTES = 1275  # RFC 6716: no 20 ms frame is longer
_DTX_BYTES = 2  # a frame of one byte or none says that a pause begins or goes on
_FLOATS = ctypes.POINTER(ctypes.c_float)


class OpusError(Exception):
    """libopus refused a call; the text is its own."""


def library_path() -> str:
    """Where libopus is; raises AudioUnavailable when nowhere."""
    spec = importlib.util.find_spec("av")
    if spec is not None and spec.origin is not None:
        package = Path(spec.origin).parent
        for folder in (package.parent / "av.libs", package / ".dylibs", package):
            found = sorted([*folder.glob("libopus*"), *folder.glob("opus*")])
            if found:
                return str(found[0])
    system = find_library("opus")
    if system is None:
        raise AudioUnavailable("libopus was not found", "install PyAV from its wheel, or libopus")
    return system


@cache
def load_library() -> ctypes.PyDLL:
    """libopus, loaded once; raises AudioUnavailable where there is none."""
    # PyDLL keeps the interpreter's lock: a call takes well under a millisecond, and a sound card's
    # callback that gave the lock away at each of its decodes would wait for it at each of them.
    path = library_path()
    try:
        library = ctypes.PyDLL(path)
    except OSError as error:
        raise AudioUnavailable(f"libopus cannot be loaded: {error}") from error
    pointer, integer = ctypes.c_void_p, ctypes.c_int
    signatures = {
        "opus_encoder_create": (pointer, [integer, integer, integer, ctypes.POINTER(integer)]),
        "opus_encoder_destroy": (None, [pointer]),
        "opus_encode_float": (integer, [pointer, _FLOATS, integer, pointer, integer]),
        # Variadic: only the fixed arguments are declared, as arm64 macOS demands.
        "opus_encoder_ctl": (integer, [pointer, integer]),
        "opus_decoder_get_size": (integer, [integer]),
        "opus_decoder_init": (integer, [pointer, integer, integer]),
        "opus_decode_float": (
            integer,
            [pointer, ctypes.c_char_p, integer, _FLOATS, integer, integer],
        ),
        "opus_strerror": (ctypes.c_char_p, [integer]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def _check(code: int) -> int:
    if code < 0:
        raise OpusError(load_library().opus_strerror(code).decode())
    return code


class Encoder:
    """One voice to 20 ms packets: 48 kHz mono, in-band FEC, DTX."""

    def __init__(self, *, bitrate: int = 32_000, expected_loss: int = 10) -> None:
        self._library = load_library()
        error = ctypes.c_int()
        self._state = self._library.opus_encoder_create(
            RATE, 1, _APPLICATION_VOIP, ctypes.byref(error)
        )
        _check(error.value)
        self._pcm = np.zeros(FRAME, np.float32)
        self._pcm_pointer = self._pcm.ctypes.data_as(_FLOATS)
        self._payload = ctypes.create_string_buffer(_PAYLOAD_BYTES)
        self._set(_SET_BITRATE, bitrate)
        self._set(_SET_COMPLEXITY, _COMPLEXITY)
        self._set(_SET_SIGNAL, _SIGNAL_VOICE)
        self._set(_SET_INBAND_FEC, 1)
        self._set(_SET_PACKET_LOSS_PERC, expected_loss)
        self._set(_SET_DTX, 1)

    def _set(self, request: int, value: int) -> None:
        _check(self._library.opus_encoder_ctl(self._state, request, ctypes.c_int(value)))

    def encode(self, samples: Samples) -> bytes:
        """One payload for `samples` (exactly FRAME of them); 2 bytes or less need not be sent."""
        self._pcm[:] = samples
        size = self._library.opus_encode_float(
            self._state, self._pcm_pointer, FRAME, self._payload, _PAYLOAD_BYTES
        )
        return self._payload.raw[: _check(size)]

    @property
    def in_dtx(self) -> bool:
        """Whether the last frame belonged to a pause (also true of its occasional refreshes)."""
        value = ctypes.c_int()
        _check(self._library.opus_encoder_ctl(self._state, _GET_IN_DTX, ctypes.byref(value)))
        return bool(value.value)

    def reset(self) -> None:
        """Forget what was encoded so far, as at the start of a stream."""
        _check(self._library.opus_encoder_ctl(self._state, _RESET_STATE))

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.opus_encoder_destroy(self._state)
            self._state = None


class Decoder:
    """Packets of one voice to samples."""

    def __init__(self) -> None:
        self._library = load_library()
        size = self._library.opus_decoder_get_size(1)
        self._state = ctypes.create_string_buffer(size)
        self._aside = ctypes.create_string_buffer(size)
        self._pausing = False
        _check(self._library.opus_decoder_init(self._state, RATE, 1))
        self._pcm = np.zeros(MAX_SAMPLES, np.float32)
        self._pcm_pointer = self._pcm.ctypes.data_as(_FLOATS)

    def _decode(self, payload: bytes | None, samples: int, fec: int) -> Samples:
        size = 0 if payload is None else len(payload)
        state = self._aside if self._pausing else self._state
        count = self._library.opus_decode_float(
            state, payload, size, self._pcm_pointer, samples, fec
        )
        return self._pcm[: _check(count)].copy()

    def decode(self, payload: bytes) -> Samples:
        """The samples of one packet; raises OpusError on a payload that is none."""
        if 0 < len(payload) <= _DTX_BYTES and payload[0] & 3 == 0:
            return self.pause(duration(payload))
        self._pausing = False
        return self._decode(payload, MAX_SAMPLES, 0)

    def recover(self, following: bytes, samples: int) -> Samples:
        """The lost packet before `following`, from its FEC (or concealed where it carries none)."""
        self._pausing = False
        return self._decode(following, samples, 1)

    def conceal(self, samples: int) -> Samples:
        """What may have been lost, guessed from the past; `samples` is a multiple of 2.5 ms."""
        self._pausing = False
        return self._decode(None, samples, 0)

    def pause(self, samples: int) -> Samples:
        """The background of a pause in which nothing is sent (DTX); `samples` as for `conceal`.

        It is made aside: a decoder that has concealed holds the next packet for the end of a loss
        and would soften the first sound of the next word.
        """
        if not self._pausing:
            ctypes.memmove(self._aside, self._state, len(self._state))
            self._pausing = True
        return self._decode(None, samples, 0)


_SILK_DURATIONS = (480, 960, 1920, 2880)
_HYBRID_DURATIONS = (480, 960)
_CELT_DURATIONS = (120, 240, 480, 960)


def duration(payload: bytes) -> int:
    """Samples of an Opus packet, told by its first bytes (RFC 6716, 3.1); 0 if invalid."""
    if not payload:
        return 0
    configuration, code = payload[0] >> 3, payload[0] & 3
    if configuration < 12:
        frame = _SILK_DURATIONS[configuration % 4]
    elif configuration < 16:
        frame = _HYBRID_DURATIONS[configuration % 2]
    else:
        frame = _CELT_DURATIONS[configuration % 4]
    frames = (1, 2, 2, payload[1] & 0x3F if len(payload) > 1 else 0)[code]
    return frame * frames if frame * frames <= MAX_SAMPLES else 0


def has_fec(payload: bytes) -> bool:
    """Whether `recover` can use it, by the LBRR flag (RFC 6716, 4.2.3); False for many frames."""
    if len(payload) < 2 or payload[0] >> 3 >= 16 or payload[0] & 3 > 1:
        return False
    configuration, stereo = payload[0] >> 3, bool(payload[0] & 4)
    frame = _SILK_DURATIONS[configuration % 4] if configuration < 12 else FRAME
    frames = max(1, frame // FRAME)  # SILK's own, with a flag each for speech, and one for FEC
    return bool(payload[1] >> (7 - frames) & 1) or (
        stereo and bool(payload[1] >> (6 - 2 * frames) & 1)
    )
