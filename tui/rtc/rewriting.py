"""RTP numbers of one stream that is fed by changing sources: continuous, by constant offsets.

A gap that a source leaves stays a gap: concealment, FEC and NACK downstream depend on seeing it.
"""

from tui.audio.packet import FRAME, RATE, OpusPacket
from tui.config import limits

_NOBODY = object()


class Rewriter:
    """Numbers the packets of one outgoing stream; sources change, its sequence has no hole then.

    `first` is the sequence and timestamp that it begins with; without it, those of its source.
    """

    __slots__ = (
        "_first",
        "_start",
        "newest",
        "sent_at",
        "sequence_offset",
        "source",
        "timestamp",
        "timestamp_offset",
    )

    def __init__(self, first: tuple[int, int] | None = None) -> None:
        self.source: object = _NOBODY
        self.newest = 0  # the present source's newest packet, in its own numbers
        self.sequence_offset = 0  # from the source's numbers to ours
        self.timestamp_offset = 0
        self.timestamp = 0  # last sent, in ours
        self.sent_at = -1.0
        self._first = 0  # where the present source began, in its own numbers
        self._start = first

    def interrupt(self) -> None:
        """The next packet begins anew, even if it comes from the same source."""
        self.source = _NOBODY

    def rewrite(self, source: object, packet: OpusPacket, now: float) -> OpusPacket | None:
        """The packet in this stream's numbers; None for one from before its source took over."""
        begins = self.follow(source, packet, now)
        if begins is None:
            return None
        return OpusPacket(
            sequence=(packet.sequence + self.sequence_offset) & 0xFFFF,
            timestamp=(packet.timestamp + self.timestamp_offset) & 0xFFFFFFFF,
            payload=packet.payload,
            level=packet.level,
            marker=packet.marker or begins,
        )

    def follow(self, source: object, packet: OpusPacket, now: float) -> bool | None:
        """Sets the offsets that hold for a packet, and says whether it begins the stream anew.

        None: it is from before its source took over, and is not to be sent.
        """
        ahead = ((packet.sequence - self.newest + 0x8000) & 0xFFFF) - 0x8000
        begins = source is not self.source or abs(ahead) > limits.SEQUENCE_JUMP
        if begins:
            self._begin(source, packet, now)
        elif ahead <= 0:
            before = (packet.sequence - self._first) & 0xFFFF >= 0x8000
            return None if before else False
        self.newest = packet.sequence
        self.timestamp = (packet.timestamp + self.timestamp_offset) & 0xFFFFFFFF
        self.sent_at = now
        return begins

    def _begin(self, source: object, packet: OpusPacket, now: float) -> None:
        if self.sent_at >= 0.0:
            sequence = self.newest + self.sequence_offset + 1
            self.sequence_offset = sequence - packet.sequence
            # Time passed while nobody fed the stream; whole frames, as if silence had been sent.
            frames = max(1, round((now - self.sent_at) * RATE / FRAME))
            self.timestamp_offset = self.timestamp + frames * FRAME - packet.timestamp
        elif self._start is not None:
            self.sequence_offset = self._start[0] - packet.sequence
            self.timestamp_offset = self._start[1] - packet.timestamp
        self.source = source
        self._first = packet.sequence
