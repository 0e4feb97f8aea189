"""RTP numbers of one stream that is fed by changing sources: continuous, by constant offsets.

A gap that a source leaves stays a gap: concealment, FEC and NACK downstream depend on seeing it.
"""

from tui.audio.packet import FRAME, RATE, OpusPacket
from tui.config import limits


class Rewriter:
    """Numbers the packets of one outgoing stream; sources change, its sequence has no hole then."""

    def __init__(self) -> None:
        self._source: object = None
        self._first = 0  # where the present source began, in its own numbers
        self._newest = 0  # its newest packet, in its own numbers
        self._sequence_offset = 0
        self._timestamp_offset = 0
        self._timestamp = 0  # last sent, in ours
        self._sent_at: float | None = None

    def interrupt(self) -> None:
        """The next packet begins anew, even if it comes from the same source."""
        self._source = None

    def rewrite(self, source: object, packet: OpusPacket, now: float) -> OpusPacket | None:
        """The packet in this stream's numbers; None for one from before its source took over."""
        ahead = _signed(packet.sequence - self._newest)
        restarted = abs(ahead) > limits.SEQUENCE_JUMP
        begins = source != self._source or restarted
        if begins:
            self._begin(source, packet, now)
        elif ahead <= 0 and _signed(packet.sequence - self._first) < 0:
            return None
        if begins or ahead > 0:
            self._newest = packet.sequence
            self._timestamp = (packet.timestamp + self._timestamp_offset) & 0xFFFFFFFF
            self._sent_at = now
        return OpusPacket(
            sequence=(packet.sequence + self._sequence_offset) & 0xFFFF,
            timestamp=(packet.timestamp + self._timestamp_offset) & 0xFFFFFFFF,
            payload=packet.payload,
            level=packet.level,
            marker=packet.marker or begins,
        )

    def _begin(self, source: object, packet: OpusPacket, now: float) -> None:
        if self._sent_at is not None:
            sequence = self._newest + self._sequence_offset + 1
            self._sequence_offset = sequence - packet.sequence
            # Time passed while nobody fed the stream; whole frames, as if silence had been sent.
            frames = max(1, round((now - self._sent_at) * RATE / FRAME))
            self._timestamp_offset = self._timestamp + frames * FRAME - packet.timestamp
        self._source = source
        self._first = packet.sequence


def _signed(difference: int) -> int:
    """How far ahead one 16 bit sequence is of another: -32768 to 32767."""
    return ((difference + 0x8000) & 0xFFFF) - 0x8000
