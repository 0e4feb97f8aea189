"""Where WebSocket frames begin and end (RFC 6455, section 5.2). Pure."""

from typing import Final

PLAIN_TEXT: Final = 0x81  # first byte of a text message that is one frame, without extensions
MASKED: Final = 0x80  # bit of the second byte that only clients may set


def frame_extent(data: bytearray) -> tuple[int, int]:
    """Bytes of the header, and of header and payload, of the first frame; (0, 0) if unknown yet."""
    if len(data) < 2:
        return 0, 0
    length, header = data[1] & ~MASKED, 2
    if length == 126:
        header = 4
    elif length == 127:
        header = 10
    if len(data) < header:
        return 0, 0
    if header > 2:
        length = int.from_bytes(data[2:header])
    if data[1] & MASKED:
        header += 4
    return header, header + length
