"""One encoded frame of sound, as it travels: the value that capture, peers and playback share."""

import msgspec

RATE = 48_000
"""Samples a second, everywhere: Opus' own clock and that of RTP for Opus (RFC 7587)."""
BLOCK = 480
"""Samples in one device block: 10 ms."""
FRAME = 960
"""Samples in one encoded frame: 20 ms."""
SILENT_LEVEL = 127
"""The RFC 6464 level of digital silence, also used where no level is known."""


class OpusPacket(msgspec.Struct, frozen=True, gc=False):
    """One Opus frame with its RTP place; `level` is 0 (loudest) to 127 (silent), RFC 6464."""

    sequence: int
    timestamp: int
    payload: bytes
    level: int = SILENT_LEVEL
    marker: bool = False
