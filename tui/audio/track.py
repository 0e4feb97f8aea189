"""One voice of a recording: the packets that arrived, as they are, each in its time.

The time line is that of the recorder. A voice is put on it by its RTP time stamps, and where these
stand by when its packets arrive; a pause sets that right again, for two sound cards never agree.
Gaps are filled: what is lost, or not sent for a moment, with packets that ask the player for
concealment (RFC 7845, 4.1), and pauses with silence. Nothing here knows files or a clock.
"""

import heapq
from collections import Counter, deque
from collections.abc import Mapping

from tui.audio.ogg import OggOpus
from tui.audio.opus import duration
from tui.audio.packet import FRAME, RATE, OpusPacket
from tui.config.limits import RECORDING_WAITING

STEP = 120
"""Samples by which gaps are filled: the shortest Opus frame, 2.5 ms."""
CONCEALED = RATE // 2
"""Samples of a gap that players conceal, from its beginning; what is longer is a pause."""
PAUSE = RATE // 10
"""A gap of so many samples lets a voice be put elsewhere without anybody hearing it."""
ASTRAY = 3 * RATE // 100
"""How far, in samples, a voice without pauses may be from where it belongs."""
JUMP = RATE
"""Time stamps that are so many samples off from one packet to the next began anew."""
ARRIVALS = 100
"""The fastest of so many packets tells when a voice was sent: others were held up on their way."""

_WRAP = 1 << 32
# Silence by CELT at full bandwidth, mono: 120 ms in six frames, then ever shorter ones.
_SILENCE = (
    (5760, b"\xfb\x06" + b"\xff\xfe" * 6),
    (960, b"\xf8\xff\xfe"),
    (480, b"\xf0\xff\xfe"),
    (240, b"\xe8\xff\xfe"),
    (120, b"\xe0\xff\xfe"),
)


class Track:
    """One voice; `arrival` and `until` are seconds since the recording began."""

    def __init__(self, serial: int, comments: Mapping[str, str]) -> None:
        self.counts: Counter[str] = Counter()
        self._ogg = OggOpus(serial, comments)
        self._begun = False
        self._waiting: list[tuple[int, int, bytes]] = []  # by time stamp, counted without wrapping
        self._pushed = 0
        self._newest = 0
        self._jumped = 0
        self._delays: deque[int] = deque(maxlen=ARRIVALS)
        self._shift: int | None = None  # from time stamps to samples of the recording
        self._voice_end = -CONCEALED
        self._form = b""  # the first byte of the last packet: how it was encoded

    @property
    def samples(self) -> int:
        """How much of the recording is written."""
        return self._ogg.samples

    def push(self, packet: OpusPacket, arrival: float) -> None:
        """Take a packet; what is none, or too much, is only counted."""
        if not duration(packet.payload):
            self.counts["invalid"] += 1
            return
        if len(self._waiting) >= RECORDING_WAITING:
            self.counts["too many"] += 1
            return
        if not self._pushed:
            self._newest = packet.timestamp
        self._pushed += 1
        stamp = self._newest + _signed(packet.timestamp - self._newest)
        self._newest = max(self._newest, stamp)
        came = round(arrival * RATE)
        if self._delays and abs(came - stamp - self._jumped - self._delays[-1]) > JUMP:
            self._jumped = came - stamp - self._delays[-1]
        stamp += self._jumped
        self._delays.append(came - stamp)
        heapq.heappush(self._waiting, (stamp, self._pushed, packet.payload))

    def drop(self) -> None:
        """Forget what waits."""
        self._waiting.clear()

    def advance(self, until: float) -> bytes:
        """What the file goes on with, up to a moment for which no packet is expected any more."""
        end = round(until * RATE)
        pages = [] if self._begun else [self._ogg.head()]
        self._begun = True
        while self._waiting:
            stamp, _, payload = self._waiting[0]
            place = stamp + self._place(stamp)
            if place >= end:
                break
            heapq.heappop(self._waiting)
            pages += self._put(place, payload)
        pages += self._fill(end, least=FRAME)  # the rest may be part of a longer one
        return b"".join(pages)

    def finish(self, until: float) -> bytes:
        """The same, and the end of the file."""
        return b"".join((self.advance(until), *self._fill(round(until * RATE)), self._ogg.end()))

    def _place(self, stamp: int) -> int:
        """Where time stamps are to be found now."""
        wanted = min(self._delays)
        if self._shift is not None:
            off = abs(wanted - self._shift)
            pauses = stamp + min(wanted, self._shift) - self._voice_end >= PAUSE
            if off <= (STEP if pauses else ASTRAY):
                return self._shift
        self._shift = wanted
        return wanted

    def _put(self, place: int, payload: bytes) -> list[bytes]:
        if self._ogg.samples - place > duration(payload) // 2:
            self.counts["late"] += 1  # or there already
            return []
        pages = self._fill(place)
        pages.append(self._ogg.add(payload))
        self._voice_end = self._ogg.samples
        self._form = bytes([payload[0] & 0xFC])  # with one frame, whatever it had
        return pages

    def _fill(self, end: int, least: int = STEP // 2 + 1) -> list[bytes]:
        """Go on to the step nearest to `end`, or until less than `least` samples are missing."""
        pages = []
        while (gap := end - self._ogg.samples) >= least:
            pages.append(self._ogg.add(self._filler(max(STEP, gap))))
        return pages

    def _filler(self, gap: int) -> bytes:
        concealed = duration(self._form)
        if 0 < concealed <= min(gap, CONCEALED - (self._ogg.samples - self._voice_end)):
            return self._form
        return next(payload for samples, payload in _SILENCE if samples <= gap)


def _signed(difference: int) -> int:
    """How far ahead one 32 bit time stamp is of another, wherever it has wrapped."""
    return (difference + _WRAP // 2) % _WRAP - _WRAP // 2
