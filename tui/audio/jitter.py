"""The jitter buffer of one origin: packets in as they come, steps for its decoder out in time.

No clock, no decoder, no I/O. Arrivals are monotonic seconds. Every packet should be played `delay`
after the fastest way would have brought it: late enough that nearly all are there in time, and with
each the next one, whose FEC can replace it. What is missing then is taken from that FEC, else
concealed; after 100 ms of that it fades. What is merely late is still played.

So the lag of what is played wanders, with what was waited for, with the aim, with the two clocks.
It is put right where a pause ends, by leaving out quiet packets, or by making sound longer or
shorter (`Step.stretch`): longer at once, before a packet would come too late, shorter only when no
pause came for a while.
"""

import bisect
import enum
import math

import msgspec

from tui.audio.continuity import Continuity
from tui.audio.opus import duration, has_fec
from tui.audio.packet import BLOCK, FRAME, RATE, SILENT_LEVEL, OpusPacket
from tui.audio.transits import Transits
from tui.config.limits import AUDIO_PAYLOAD_BYTES, JITTER_DELAY, JITTER_PACKETS, JITTER_SPAN

_CONCEALED = 5 * FRAME  # samples guessed before the fade
_CONCEALED_QUIET = 25 * FRAME  # the same in a pause: beyond the 400 ms between its refreshes
_QUIET_LEVEL = 50  # -50 dBov and below may be left out unheard
_GRANULE = 120  # samples; concealment comes in multiples of 2.5 ms
_AHEAD = 50  # packets; a larger step forward is another source, not loss
_BEHIND = 100  # packets; a larger step back is another source, not reordering
_ANOTHER_CLOCK = 1.0  # seconds that the delay may change from packet to packet
_LATE_RUN = 3  # packets in a row, all too late: their sender has moved, not the network
_LATE_SECONDS = 0.035  # such a run lasts at least; packets sent again come all at once
_TELLING = 20  # bytes; longer payloads are not alike by chance
_EXCESS = 0.020  # seconds above the aim from which sound is made shorter
_SHORT = 0.002  # seconds below the aim from which it is made longer
_SETTLED = 0.005  # seconds above the aim at which that ends
_LOOK = 25  # packets; the least lag of the last one to two such spans is judged
_APART = 3  # packets from one stretch to the next: a fifth faster or slower at most


class Kind(enum.Enum):
    """What a decoder has to do for one step."""

    DECODE = enum.auto()
    RECOVER = enum.auto()  # decode the FEC that `payload` carries for the packet before it
    CONCEAL = enum.auto()
    PAUSE = enum.auto()  # go on with the background of a sender who pauses
    FADE = enum.auto()  # the same as before it, down to silence
    SILENCE = enum.auto()


class Step(msgspec.Struct, frozen=True, gc=False):
    """`samples` samples of sound; `payload` is empty unless there is something to decode.

    Of what is decoded, `stretch` samples more would do good, or fewer where it is negative.
    """

    kind: Kind
    samples: int
    payload: bytes = b""
    stretch: int = 0


class Counts(msgspec.Struct):
    """What became of the packets, since the start."""

    played: int = 0
    recovered: int = 0  # from FEC
    concealed: int = 0  # samples guessed, faded ones included
    lost: int = 0  # known to be missing when their turn had come
    late: int = 0
    duplicate: int = 0
    invalid: int = 0
    dropped: int = 0  # to shorten the delay
    stretched: int = 0  # packets played longer or shorter
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


class _Lags:
    """The least lag of late: a speaker that asks in bursts makes single ones mean little."""

    def __init__(self) -> None:
        self.least = -math.inf  # unknown, until enough were seen
        self._present, self._before, self._count = math.inf, -math.inf, 0

    def add(self, lag: float) -> None:
        if self._count == _LOOK:
            self._before, self._present, self._count = self._present, math.inf, 0
        self._present = min(self._present, lag)
        self._count += 1
        self.least = min(self._present, self._before)

    def shift(self, seconds: float) -> None:
        self._present += seconds
        self._before += seconds


class JitterBuffer:
    """Bounded; `push` takes packets in any order, `next` never fails."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.continuity = Continuity()
        self.delay = JITTER_DELAY[0]  # seconds; the present aim
        self._transits = Transits()
        self._quiet = False  # the last packet played belonged to a pause
        self._length = FRAME  # samples of the last packet played
        self._restart()

    def _restart(self) -> None:
        self._waiting: list[_Waiting] = []  # by sequence
        self._newest: _Waiting | None = None
        self._arrived = 0.0  # transit of the newest
        self._moved = (0, 0)  # sequence and timestamp to add: the way by which it comes has changed
        self._recent: dict[int, _Waiting] = {}  # by sequence, the last accepted
        self._next: int | None = None  # the sequence to be played; None until something was
        self._position = 0  # the timestamp at which the last played packet ended
        self._filled = 0  # samples put out since then that no packet was for
        self._late = (0, 0, 0.0)  # a run of late packets: what would go on with it, length, start
        self._known_levels = False
        self._lags = _Lags()
        self._shortening = False
        self._unstretched = 0  # packets since the last stretch

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def jitter(self) -> float:
        """Interarrival jitter in seconds (RFC 3550)."""
        return self._transits.jitter

    def push(self, packet: OpusPacket, arrival: float) -> None:
        """Take a packet that arrived at `arrival`; anything unusable is counted and dropped."""
        samples = duration(packet.payload)
        if not samples or len(packet.payload) > AUDIO_PAYLOAD_BYTES:
            self.counts.invalid += 1
            return
        entry = self._unwrapped(packet, samples)
        if packet.marker and self._newest is not None:
            entry = self._recognised(packet, entry, self._newest)
        transit = arrival - entry.timestamp / RATE
        if self._newest is not None and self._is_another_source(entry, transit):
            self.counts.resynchronised += 1
            entry, transit = self._begin(packet, samples, arrival)
        known = self._recent.get(entry.sequence)
        if known is not None and known.payload == entry.payload:
            self.counts.duplicate += 1
            return
        if self._next is not None and entry.sequence < self._next:
            self._take_late(packet, entry, transit, arrival)
            return
        self._late = (0, 0, 0.0)
        self._accept(entry, transit, arrival)

    def _begin(self, packet: OpusPacket, samples: int, arrival: float) -> tuple[_Waiting, float]:
        """Start anew with `packet`; what is known of the network is kept."""
        self._restart()
        entry = self._unwrapped(packet, samples)
        transit = arrival - entry.timestamp / RATE
        self._transits.move(transit)
        return entry, transit

    def _unwrapped(self, packet: OpusPacket, samples: int) -> _Waiting:
        sequence = (packet.sequence + self._moved[0]) & 0xFFFF
        timestamp = (packet.timestamp + self._moved[1]) & 0xFFFF_FFFF
        if self._newest is not None:
            sequence = self._newest.sequence + _signed(sequence - self._newest.sequence, 16)
            timestamp = self._newest.timestamp + _signed(timestamp - self._newest.timestamp, 32)
        return _Waiting(sequence, timestamp, samples, packet.payload, packet.level)

    def _recognised(self, packet: OpusPacket, entry: _Waiting, newest: _Waiting) -> _Waiting:
        """The same under the numbers of one that came before, if that held the same sound.

        Whoever forwards a voice and takes it from elsewhere gives it numbers that go on, also where
        the new way is the longer one: the sound would be heard twice.
        """
        if len(entry.payload) <= _TELLING or entry.sequence <= newest.sequence:
            return entry
        same = [one for one in self._recent.values() if one.payload == entry.payload]
        if len(same) != 1:
            return entry
        self._moved = (
            self._moved[0] + same[0].sequence - entry.sequence,
            self._moved[1] + same[0].timestamp - entry.timestamp,
        )
        return self._unwrapped(packet, entry.samples)

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

    def _take_late(
        self, packet: OpusPacket, entry: _Waiting, transit: float, arrival: float
    ) -> None:
        """Drop what comes too late, unless it turns out to be a stream of its own."""
        expected, run, since = self._late
        run, since = (run + 1, since) if entry.sequence == expected else (1, arrival)
        self._late = (entry.sequence + 1, run, since)
        if run < _LATE_RUN or arrival - since < _LATE_SECONDS:
            self.counts.late += 1
            self._note(transit, arrival, entry.samples)
            return
        self.counts.resynchronised += 1
        entry, transit = self._begin(packet, entry.samples, arrival)
        self._accept(entry, transit, arrival)

    def _accept(self, entry: _Waiting, transit: float, arrival: float) -> None:
        place = len(self._waiting)
        if place and entry.sequence <= self._waiting[-1].sequence:
            place = bisect.bisect_left(self._waiting, entry.sequence, key=_sequence)
            if self._waiting[place].sequence == entry.sequence:
                self.counts.duplicate += 1
                return
        self._waiting.insert(place, entry)
        self._recent[entry.sequence] = entry
        if len(self._recent) > _BEHIND:
            del self._recent[next(iter(self._recent))]
        if self._newest is None or entry.sequence > self._newest.sequence:
            self._newest, self._arrived = entry, transit
        self._known_levels |= entry.level < SILENT_LEVEL
        self._note(transit, arrival, entry.samples)
        if len(self._waiting) > JITTER_PACKETS or self._span > JITTER_SPAN:
            while len(self._waiting) > 1 and self._span > self.delay:
                self._drop()

    def _note(self, transit: float, arrival: float, samples: int) -> None:
        self._transits.add(transit, arrival)
        least, most = JITTER_DELAY
        self.delay = min(max(self._transits.spread + samples / RATE, least), most)

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
            return self._fill(BLOCK)
        head = self._waiting[0]
        if self._next is None:
            return self._play(now) if self._lag(head, now) >= self.delay else self._fill(BLOCK)
        missing = (head.sequence - self._next) * self._length
        hole = max(head.timestamp - self._position, 0)
        # Of the hole, `missing` is loss and the rest a pause of the sender; a part of it may have
        # been filled already, while nobody knew what would come.
        owed = (min(hole, missing) - self._filled) // _GRANULE * _GRANULE
        if owed > self._length:
            return self._fill(min(owed - self._length, BLOCK))
        if owed >= self._length // 2 and has_fec(head.payload):
            return self._recover(head, now)
        if owed > 0:
            return self._fill(min(owed, BLOCK))
        if hole > missing:
            if self._lag(head, now) < self.delay:
                return self._fill(BLOCK)
            self._pause_ends()
        return self._play(now)

    def _lag(self, head: _Waiting, now: float) -> float:
        """Seconds by which a packet played now is later than the fastest way would have it."""
        return now - self._transits.least - head.timestamp / RATE

    def _pause_ends(self) -> None:
        self._lags, self._shortening = _Lags(), False
        if not self._known_levels:
            self.continuity.excuse()

    def _recover(self, head: _Waiting, now: float) -> Step:
        self._filled += self._length
        self.counts.recovered += 1
        self.continuity.sounded(self._length)
        lag = self._lag(head, now) + self._length / RATE
        return Step(Kind.RECOVER, self._length, head.payload, self._wanted(lag))

    def _play(self, now: float) -> Step:
        if self._may_leave_out():
            self._lags.shift(-self._waiting[0].samples / RATE)
            self._drop()
        if self._next is not None:
            self.counts.lost += self._waiting[0].sequence - self._next
        head = self._pop()
        self._length = head.samples
        self._quiet = head.level >= _QUIET_LEVEL and self._known_levels
        self.counts.played += 1
        self.continuity.sounded(head.samples)
        return Step(Kind.DECODE, head.samples, head.payload, self._wanted(self._lag(head, now)))

    def _may_leave_out(self) -> bool:
        """Whether more waits than is aimed at and the first of it is a pause."""
        head = self._waiting[0]
        return (
            self._known_levels
            and head.level >= _QUIET_LEVEL
            and len(self._waiting) > 1
            and self._waiting[1].sequence == head.sequence + 1
            and self._lags.least > self.delay + _EXCESS + head.samples / RATE
        )

    def _wanted(self, lag: float) -> int:
        """By how many samples the packet that is played now should be longer."""
        self._lags.add(lag)
        self._unstretched += 1
        excess = self._lags.least - self.delay
        if excess > _EXCESS:
            self._shortening = True
        elif excess < _SETTLED:
            self._shortening = False
        if self._unstretched < _APART:
            return 0
        if lag < self.delay - _SHORT:
            return math.ceil((self.delay - lag) * RATE)
        return -math.floor(excess * RATE) if self._shortening and self._waiting else 0

    def stretched(self, samples: int) -> None:
        """The last step was made longer by so many samples, or shorter if negative."""
        self.counts.stretched += 1
        self._unstretched = 0
        self._lags.shift(samples / RATE)

    def _fill(self, samples: int) -> Step:
        """What to put out where no packet is."""
        limit = _CONCEALED_QUIET if self._quiet else _CONCEALED
        if self._next is None or self._filled > limit:
            kind = Kind.SILENCE
        elif self._filled < limit:
            kind = Kind.PAUSE if self._quiet else Kind.CONCEAL
        else:
            kind = Kind.FADE
        if not self._quiet and self.counts.played:
            self.continuity.missed(samples)
            if kind is not Kind.SILENCE:
                self.counts.concealed += samples
        self._filled += samples
        return Step(kind, samples)


def _sequence(entry: _Waiting) -> int:
    return entry.sequence


def _signed(difference: int, bits: int) -> int:
    """`difference` modulo 2**bits, as the nearest step forward or back."""
    half = 1 << (bits - 1)
    return ((difference + half) & ((1 << bits) - 1)) - half
