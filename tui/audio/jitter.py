"""The jitter buffer of one origin: packets in as they come, steps for its decoder out in time.

No clock, no decoder, no I/O. Arrivals are monotonic seconds. What is missing is first taken from
the FEC of the packet behind it, else concealed; after 100 ms of that it fades. A packet that is
merely late is still played: the delay grows by what was waited for, and shrinks in pauses.
"""

import bisect
import enum
from collections import deque

import msgspec

from tui.audio.opus import duration
from tui.audio.packet import BLOCK, FRAME, RATE, SILENT_LEVEL, OpusPacket
from tui.config.limits import (
    AUDIO_PAYLOAD_BYTES,
    JITTER_DELAY,
    JITTER_PACKETS,
    JITTER_SPAN,
    JITTER_WINDOW,
)

_QUANTILE = 0.96  # of the packets should be there in time
_CONCEALED = 5 * FRAME  # samples guessed before the fade
_CONCEALED_QUIET = 25 * FRAME  # the same in a pause: beyond the 400 ms between its refreshes
_QUIET_LEVEL = 50  # -50 dBov and below may be shortened unheard
_GRANULE = 120  # samples; concealment comes in multiples of 2.5 ms
_AHEAD = 50  # packets; a larger step forward is another source, not loss
_BEHIND = 100  # packets; a larger step back is another source, not reordering
_ANOTHER_CLOCK = 1.0  # seconds that the delay may change from packet to packet
_LATE_RUN = 3  # packets in a row, all too late: their sender has moved, not the network


class Kind(enum.Enum):
    """What a decoder has to do for one step."""

    DECODE = enum.auto()
    RECOVER = enum.auto()  # decode the FEC that `payload` carries for the packet before it
    CONCEAL = enum.auto()
    PAUSE = enum.auto()  # go on with the background of a sender who pauses
    FADE = enum.auto()  # the same as before it, down to silence
    SILENCE = enum.auto()


class Step(msgspec.Struct, frozen=True):
    """`samples` samples of sound; `payload` is empty unless there is something to decode."""

    kind: Kind
    samples: int
    payload: bytes = b""


class Counts(msgspec.Struct):
    """What became of the packets, since the start."""

    played: int = 0
    recovered: int = 0  # from FEC
    concealed: int = 0  # steps, faded ones included
    lost: int = 0  # known to be missing when their turn had come
    late: int = 0
    duplicate: int = 0
    invalid: int = 0
    dropped: int = 0  # to shorten the delay
    resynchronised: int = 0


class _Waiting(msgspec.Struct, frozen=True, gc=False):
    sequence: int  # without wrap
    timestamp: int  # without wrap
    samples: int
    payload: bytes
    level: int

    @property
    def end(self) -> int:
        return self.timestamp + self.samples


class _Transits:
    """Arrival minus timestamp of the last packets, sorted: the least is the fastest way."""

    def __init__(self) -> None:
        self._order: deque[float] = deque()
        self._sorted: list[float] = []

    def add(self, transit: float) -> None:
        if len(self._order) == JITTER_WINDOW:
            del self._sorted[bisect.bisect_left(self._sorted, self._order.popleft())]
        self._order.append(transit)
        bisect.insort(self._sorted, transit)

    @property
    def least(self) -> float:
        return self._sorted[0]

    @property
    def spread(self) -> float:
        return self._sorted[int(_QUANTILE * (len(self._sorted) - 1))] - self._sorted[0]


class JitterBuffer:
    """Bounded; `push` takes packets in any order, `next` never fails."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.delay = JITTER_DELAY[0]  # seconds; the present aim
        self._quiet = False  # the last packet played belonged to a pause
        self._length = FRAME  # samples of the last packet played
        self._restart()

    def _restart(self) -> None:
        self._waiting: list[_Waiting] = []  # by sequence
        self._newest: _Waiting | None = None
        self._arrived = 0.0  # transit of the newest
        self._transits = _Transits()
        self._recent: dict[int, bytes] = {}  # sequence: payload, of the last accepted
        self._next: int | None = None  # the sequence to be played; None until something was
        self._position = 0  # the timestamp at which the last played packet ended
        self._filled = 0  # samples put out since then that no packet was for
        self._late = (0, 0)  # sequence that would go on a run of late packets, its length
        self._known_levels = False

    def __len__(self) -> int:
        return len(self._waiting)

    def push(self, packet: OpusPacket, arrival: float) -> None:
        """Take a packet that arrived at `arrival`; anything unusable is counted and dropped."""
        samples = duration(packet.payload)
        if not samples or len(packet.payload) > AUDIO_PAYLOAD_BYTES:
            self.counts.invalid += 1
            return
        entry = self._unwrapped(packet, samples)
        transit = arrival - entry.timestamp / RATE
        if self._newest is not None and self._is_another_source(entry, transit):
            self.counts.resynchronised += 1
            self._restart()
            entry = self._unwrapped(packet, samples)
            transit = arrival - entry.timestamp / RATE
        if self._recent.get(entry.sequence) == entry.payload:
            self.counts.duplicate += 1
            return
        if self._next is not None and entry.sequence < self._next:
            self._take_late(packet, entry, arrival)
            return
        self._late = (0, 0)
        self._accept(entry, transit)

    def _unwrapped(self, packet: OpusPacket, samples: int) -> _Waiting:
        sequence, timestamp = packet.sequence & 0xFFFF, packet.timestamp & 0xFFFF_FFFF
        if self._newest is not None:
            sequence = self._newest.sequence + _signed(sequence - self._newest.sequence, 16)
            timestamp = self._newest.timestamp + _signed(timestamp - self._newest.timestamp, 32)
        return _Waiting(sequence, timestamp, samples, packet.payload, packet.level)

    def _is_another_source(self, entry: _Waiting, transit: float) -> bool:
        assert self._newest is not None
        step = entry.sequence - self._newest.sequence
        time = entry.timestamp - self._newest.timestamp
        return (
            not -_BEHIND <= step <= _AHEAD
            or (step > 0) != (time > 0)
            or (step < 0) != (time < 0)
            or abs(transit - self._arrived) > _ANOTHER_CLOCK
        )

    def _take_late(self, packet: OpusPacket, entry: _Waiting, arrival: float) -> None:
        """Drop what comes too late, unless it turns out to be a stream of its own."""
        expected, run = self._late
        run = run + 1 if entry.sequence == expected else 1
        self._late = (entry.sequence + 1, run)
        if run < _LATE_RUN:
            self.counts.late += 1
            return
        self.counts.resynchronised += 1
        self._restart()
        entry = self._unwrapped(packet, entry.samples)
        self._accept(entry, arrival - entry.timestamp / RATE)

    def _accept(self, entry: _Waiting, transit: float) -> None:
        place = bisect.bisect_left(self._waiting, entry.sequence, key=_sequence)
        if place < len(self._waiting) and self._waiting[place].sequence == entry.sequence:
            self.counts.duplicate += 1
            return
        self._waiting.insert(place, entry)
        self._recent[entry.sequence] = entry.payload
        if len(self._recent) > _BEHIND:
            del self._recent[next(iter(self._recent))]
        if self._newest is None or entry.sequence > self._newest.sequence:
            self._newest, self._arrived = entry, transit
        self._known_levels |= entry.level < SILENT_LEVEL
        self._transits.add(transit)
        least, most = JITTER_DELAY
        self.delay = min(max(self._transits.spread + entry.samples / RATE, least), most)
        if len(self._waiting) > JITTER_PACKETS or self._span > JITTER_SPAN:
            while len(self._waiting) > 1 and self._span > self.delay:
                self._drop()

    @property
    def _span(self) -> float:
        """Seconds of sound that wait."""
        return (self._waiting[-1].end - self._waiting[0].timestamp) / RATE

    def _pop(self) -> _Waiting:
        head = self._waiting.pop(0)
        self._next, self._position, self._filled = head.sequence + 1, head.end, 0
        return head

    def _drop(self) -> None:
        self._pop()
        self.counts.dropped += 1

    def next(self, now: float) -> Step:
        """The next step of sound at `now` (monotonic seconds)."""
        if not self._waiting:
            return self._fill(FRAME)
        head = self._waiting[0]
        if self._next is None:
            return self._play() if self._due(head, now) else self._fill(FRAME)
        missing = (head.sequence - self._next) * self._length
        hole = max(head.timestamp - self._position, 0)
        # Of the hole, `missing` is loss and the rest a pause of the sender; a part of it may have
        # been filled already, while nobody knew what would come.
        owed = (min(hole, missing) - self._filled) // _GRANULE * _GRANULE
        if owed > self._length:
            return self._fill(min(owed - self._length, FRAME))
        if owed > 0:
            self._filled += owed
            self.counts.recovered += 1
            return Step(Kind.RECOVER, owed, head.payload)
        if hole > missing and not self._due(head, now):
            return self._fill(FRAME)
        return self._play()

    def _due(self, head: _Waiting, now: float) -> bool:
        """Whether a packet that starts or ends a pause has waited for as long as is aimed at."""
        return (
            now >= self._transits.least + head.timestamp / RATE + self.delay
            or self._span > self.delay + FRAME / RATE
        )

    def _play(self) -> Step:
        if self._may_shorten():
            self._drop()
        if self._next is not None:
            self.counts.lost += self._waiting[0].sequence - self._next
        head = self._pop()
        self._length = head.samples
        self._quiet = head.level >= _QUIET_LEVEL and self._known_levels
        self.counts.played += 1
        return Step(Kind.DECODE, head.samples, head.payload)

    def _may_shorten(self) -> bool:
        """Whether more waits than is aimed at and the first of it is a pause."""
        head = self._waiting[0]
        return (
            self._known_levels
            and head.level >= _QUIET_LEVEL
            and len(self._waiting) > 1
            and self._waiting[1].sequence == head.sequence + 1
            and self._span > self.delay + 2 * FRAME / RATE
        )

    def _fill(self, samples: int) -> Step:
        """What to put out where no packet is."""
        limit = _CONCEALED_QUIET if self._quiet else _CONCEALED
        if self._next is None or self._filled > limit:
            kind, samples = Kind.SILENCE, min(samples, BLOCK)
        elif self._filled < limit:
            kind = Kind.PAUSE if self._quiet else Kind.CONCEAL
        else:
            kind = Kind.FADE
        if not self._quiet and kind is not Kind.SILENCE:
            self.counts.concealed += 1
        self._filled += samples
        return Step(kind, samples)


def _sequence(entry: _Waiting) -> int:
    return entry.sequence


def _signed(difference: int, bits: int) -> int:
    """`difference` modulo 2**bits, as the nearest step forward or back."""
    half = 1 << (bits - 1)
    return ((difference + half) & ((1 << bits) - 1)) - half
