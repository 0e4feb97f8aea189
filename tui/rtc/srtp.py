"""SRTP of one direction of a connection, in place: libsrtp works on a buffer that is filled once.

pylibsrtp's own methods allocate and copy three times for a packet, which takes longer than the
encryption. Where its insides are not as we know them, they are used all the same.
"""

import struct
import threading
from typing import Any

import pylibsrtp

try:
    from pylibsrtp._binding import ffi, lib
except ImportError:
    ffi = lib = None

_HEADER = struct.Struct("!HHLL")
_ROOM = 1792
"""Bytes of the buffer that a packet may fill; what encryption adds stands behind it."""


class _Scratch(threading.local):
    """Where a thread's connections take turns: a buffer of each one's own is never in the cache."""

    def __init__(self) -> None:
        self.memory = ffi.new("char[]", _ROOM + 256)
        self.buffer = ffi.buffer(self.memory)
        self.length = ffi.new("int *")


_scratch = _Scratch() if lib is not None else None


class Srtp:
    """Encrypts or decrypts, in the thread that made it; both return None for what cannot be."""

    __slots__ = ("_buffer", "_handle", "_length", "_memory", "session")

    def __init__(self, session: pylibsrtp.Session) -> None:
        self.session = session  # also keeps the handle valid
        handle = getattr(session, "_srtp", None)
        self._handle: Any = handle[0] if lib is not None and handle is not None else None
        if _scratch is not None:
            self._memory, self._buffer = _scratch.memory, _scratch.buffer
            self._length = _scratch.length

    def protect(
        self, kind: int, sequence: int, timestamp: int, ssrc: int, body: bytes
    ) -> bytes | None:
        """One encrypted RTP packet, from its header (`kind`: the first two bytes) and the rest."""
        if self._handle is None:
            return self._protect_slowly(_HEADER.pack(kind, sequence, timestamp, ssrc) + body)
        end = 12 + len(body)
        if end > _ROOM:
            return None
        buffer, length = self._buffer, self._length
        _HEADER.pack_into(buffer, 0, kind, sequence, timestamp, ssrc)
        buffer[12:end] = body
        length[0] = end
        if lib.srtp_protect(self._handle, self._memory, length):
            return None
        sealed: bytes = buffer[0 : length[0]]
        return sealed

    def unprotect(self, packet: bytes) -> bytes | None:
        """One decrypted RTP packet; None for one that is not authentic, or came before."""
        if self._handle is None:
            try:
                return self.session.unprotect(packet)
            except (pylibsrtp.Error, ValueError):
                return None
        size = len(packet)
        if size > _ROOM:
            return None
        buffer, length = self._buffer, self._length
        buffer[0:size] = packet
        length[0] = size
        if lib.srtp_unprotect(self._handle, self._memory, length):
            return None
        opened: bytes = buffer[0 : length[0]]
        return opened

    def _protect_slowly(self, packet: bytes) -> bytes | None:
        try:
            return self.session.protect(packet)
        except (pylibsrtp.Error, ValueError):
            return None
