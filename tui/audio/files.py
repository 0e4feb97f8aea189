"""Sound files: any format that PyAV reads, and files that stay readable while they are written.

All of it blocks; call it on a thread.
"""

import logging
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tui.audio.errors import InvalidAudioSpec
from tui.audio.opus import Samples
from tui.audio.packet import RATE

log = logging.getLogger(__name__)

_PIECE = RATE  # samples read at a time: one second
_FORMATS = {"m4a": "ipod", "mka": "matroska", "aac": "adts"}  # endings that name no format
_OPTIONS = {"ogg": {"page_duration": "1000000"}, "opus": {"page_duration": "1000000"}}


class FileReader:
    """A sound file as 48 kHz mono, decoded as it is read; raises InvalidAudioSpec if it is none."""

    def __init__(self, path: Path) -> None:
        import av

        self._path = path
        try:
            self._container: Any = av.open(str(path))
            if not self._container.streams.audio:
                self._container.close()
                raise InvalidAudioSpec(f"the microphone's file holds no sound: {path}")
        except InvalidAudioSpec:
            raise
        except (av.FFmpegError, OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise InvalidAudioSpec(
                f"the microphone's file cannot be read: {path}: {reason}"
            ) from error
        self._pieces = self._decode()

    def read(self) -> Samples:
        """The next second or so; nothing at the end."""
        pieces: list[Samples] = []
        count = 0
        for piece in self._pieces:
            pieces.append(piece)
            count += len(piece)
            if count >= _PIECE:
                break
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)

    def _decode(self) -> Iterator[Samples]:
        import av

        stream = self._container.streams.audio[0]
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        damaged = 0
        try:
            for packet in self._container.demux(stream):
                try:
                    frames = packet.decode()
                except (av.FFmpegError, OSError, ValueError):
                    damaged += 1
                    continue
                for frame in frames:
                    for resampled in resampler.resample(frame):
                        yield resampled.to_ndarray()[0]
            for resampled in resampler.resample(None):
                yield resampled.to_ndarray()[0]
        except (av.FFmpegError, OSError, ValueError) as error:
            log.warning("%s ends early: %s", self._path, error)
        if damaged:
            log.warning("%s: %d damaged packets were left out", self._path, damaged)

    def close(self) -> None:
        """Give the file back; a second time does nothing."""
        self._container.close()


class FileWriter(Protocol):
    """A sound file being written."""

    def write(self, samples: Samples) -> None:
        """Append 48 kHz mono; raises OSError."""

    def close(self) -> None:
        """Finish the file."""


def open_writer(path: Path) -> FileWriter:
    """A new file, its format named by its ending; raises OSError or InvalidAudioSpec."""
    return WavWriter(path) if path.suffix.lower() == ".wav" else EncodedWriter(path)


def _create(path: Path) -> int:
    # What people said is for nobody else on the machine.
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)


class WavWriter:
    """16-bit WAV, valid after every write: a process that is killed leaves a file that plays."""

    _HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
    _LARGEST = 0xFFFF_FFFF - 64  # bytes of sound that the header can state: 12 hours

    def __init__(self, path: Path) -> None:
        self._file = _create(path)
        self._size = 0
        os.write(self._file, self._header())

    def _header(self) -> bytes:
        size = min(self._size, self._LARGEST)
        return self._HEADER.pack(
            *(b"RIFF", size + 36, b"WAVE", b"fmt ", 16, 1, 1, RATE, RATE * 2, 2, 16, b"data", size)
        )

    def write(self, samples: Samples) -> None:
        """Append; first the sound, then the size that the header tells."""
        data = (samples.clip(-1.0, 1.0) * 32767).astype("<i2").tobytes()
        self._size += os.write(self._file, data)
        os.pwrite(self._file, self._header(), 0)

    def close(self) -> None:
        """Close the file; it is finished already."""
        os.close(self._file)


class EncodedWriter:
    """Any other format that PyAV writes, with its usual codec; Ogg in pages of one second."""

    def __init__(self, path: Path) -> None:
        import av

        suffix = path.suffix.lower().lstrip(".")
        try:
            kind = av.ContainerFormat(_FORMATS.get(suffix, suffix), "w")
        except ValueError as error:
            raise InvalidAudioSpec(f"sound cannot be written as .{suffix}: {path}") from error
        self._file = os.fdopen(_create(path), "wb", buffering=0)
        try:
            self._container: Any = av.open(
                self._file, "w", format=kind.name, options=_OPTIONS.get(kind.name, {})
            )
            codec = "libopus" if kind.name == "ogg" else self._container.default_audio_codec
            self._stream: Any = self._container.add_stream(codec, rate=RATE, layout="mono")
        except (av.FFmpegError, OSError, ValueError) as error:
            self._file.close()
            raise InvalidAudioSpec(f"sound cannot be written as .{suffix}: {path}") from error
        self._frame = av.AudioFrame
        self._written = 0

    def write(self, samples: Samples) -> None:
        """Append; the codec decides when it reaches the file."""
        frame = self._frame.from_ndarray(samples.reshape(1, -1), format="flt", layout="mono")
        frame.sample_rate, frame.pts = RATE, self._written
        self._written += len(samples)
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def close(self) -> None:
        """Write what the codec holds back, and the format's end."""
        try:
            for packet in self._stream.encode(None):
                self._container.mux(packet)
            self._container.close()
        finally:
            self._file.close()
