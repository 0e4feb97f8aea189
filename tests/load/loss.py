"""What is heard of speech over a network that loses packets, beside what aiortc makes of it.

    python tests/load/loss.py [--seconds 60] [--jitter 5] [--round-trip 40] [--csv]

Real speech, encoded as we send it, through a simulated network, into our jitter buffer and decoder
(virtual time), and the same packets into aiortc's jitter buffer and decoder. The network takes
40 ms and an exponentially distributed time more; packets do not overtake one another. Bursts are
three packets long on average (Gilbert). With NACK, what is lost is asked for by `tui.rtc.loss` and
comes a round trip later, unless that is lost as well; aiortc gets these, too, though it never asks
for sound.

concealed  of the sound that was due, what was guessed by the decoder (not what FEC brought back)
missing    of the sound that was due, what was silence, or was thrown away to be in time again
delay      from arrival on a way without jitter until it is heard: mean, and 95 % of the packets
hole       the longest time in which speech is 20 dB below what it should be
guess      the longest time guessed in one go
STOI       intelligibility against the same packets decoded without any network, 1 is the best
"""

import argparse
import heapq
import random
import sys
import tempfile
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from aiortc.codecs.opus import OpusDecoder
from aiortc.jitterbuffer import JitterBuffer as StockBuffer
from aiortc.rtp import RtpPacket
from pystoi import stoi

from tests.load.speech import in_its_time, longest_hole, speech
from tui.audio.capture import Capture
from tui.audio.health import Health
from tui.audio.jitter import Kind, Step
from tui.audio.opus import Decoder, Samples
from tui.audio.packet import BLOCK, FRAME, RATE, OpusPacket
from tui.audio.playout import Voice
from tui.rtc.loss import Missing

BASE = 0.040  # seconds that the fastest packet takes
PHASE = 0.0037  # seconds from the sender's clock to the block in which its sound is rendered
BURST = 3.0  # packets of a burst, on average

COLUMNS = ("concealed", "missing", "delay", "late", "hole", "guess", "stoi")  # %, ms, 0 to 1

Sent = list[tuple[float, OpusPacket]]


@dataclass(frozen=True)
class Network:
    loss: float
    bursty: bool = False
    jitter: float = 0.005  # seconds, mean
    round_trip: float | None = None  # seconds of a NACK and its answer; None: nobody asks
    seed: int = 1

    @property
    def name(self) -> str:
        kind = "bursty" if self.bursty else "random"
        nack = f", NACK {self.round_trip * 1000:.0f} ms" if self.round_trip is not None else ""
        return f"{self.loss * 100:.0f} % {kind}{nack}" if self.loss else "no loss"

    def arrivals(self, sent: Sent) -> Sent:
        """When the packets come, in that order."""
        rng = random.Random(self.seed)
        lost, latest = False, 0.0
        queue: list[tuple[float, int, OpusPacket]] = []
        for number, (at, packet) in enumerate(sent):
            if self.bursty:
                lost = rng.random() < (
                    1 - 1 / BURST if lost else self.loss / (BURST * (1 - self.loss))
                )
            else:
                lost = rng.random() < self.loss
            latest = max(latest, at + BASE + self._late(rng))
            if not lost:
                queue.append((latest, number, packet))
        if self.round_trip is None:
            return [(at, packet) for at, _, packet in queue]
        return self._with_answers(queue, dict(enumerate(p for _, p in sent)), rng)

    def _late(self, rng: random.Random) -> float:
        return rng.expovariate(1 / self.jitter) if self.jitter else 0.0

    def _with_answers(
        self,
        queue: list[tuple[float, int, OpusPacket]],
        sent: dict[int, OpusPacket],
        rng: random.Random,
    ) -> Sent:
        missing, found = Missing(), []
        heapq.heapify(queue)
        by_sequence = {packet.sequence: (number, packet) for number, packet in sent.items()}
        while queue:
            at, _, packet = heapq.heappop(queue)
            found.append((at, packet))
            for sequence in missing.arrived(packet.sequence, at):
                if sequence in by_sequence and rng.random() >= self.loss:
                    number, again = by_sequence[sequence]
                    assert self.round_trip is not None
                    back = at + self.round_trip + self._late(rng)
                    heapq.heappush(queue, (back, number, again))
        return found


@dataclass
class Heard:
    """What came out, and what became of the sound that was due, in samples."""

    sound: Samples
    due: int = 0
    concealed: int = 0
    missing: int = 0
    guess: int = 0
    delays: list[float] = field(default_factory=list)
    places: dict[int, int] = field(default_factory=dict)

    def row(self, clean: Samples) -> list[float]:
        there = in_its_time(self.sound, self.places, len(clean))
        delays = np.array(self.delays or [0.0]) * 1000
        return [
            100 * self.concealed / self.due,
            100 * self.missing / self.due,
            float(delays.mean()),
            float(np.quantile(delays, 0.95)),
            longest_hole(clean, there) * 1000,
            self.guess / RATE * 1000,
            float(stoi(clean, there, RATE)),
        ]


def ours(sent: Sent, arrivals: Sent, seconds: float) -> Heard:
    """Through our jitter buffer and decoder, block by block."""
    said = dict[bytes, list[float]]()
    for at, packet in sent:
        said.setdefault(packet.payload, []).append(at)
    voice, heard, pieces = Voice(0.0), Heard(np.zeros(0, np.float32)), list[Samples]()
    incoming, hole = deque(arrivals), [0, 0]
    jitter = voice.jitter
    take, drop = jitter.next, jitter._drop

    def spy(now: float) -> Step:
        step = take(now)
        if step.kind is Kind.DECODE:
            at = max(when for when in said[step.payload] if when < now)
            heard.delays.append(now - BASE - at)
            place = len(pieces) * BLOCK + voice._end - voice._begin
            heard.places[round(at * RATE) - FRAME] = place
        if step.kind in (Kind.DECODE, Kind.RECOVER):
            heard.due += step.samples + sum(hole)
            heard.concealed += hole[0]
            heard.missing += hole[1]
            heard.guess = max(heard.guess, sum(hole))
            hole[:] = 0, 0
        elif not jitter._quiet and heard.due:
            hole[step.kind is Kind.SILENCE] += step.samples
        return step

    def spy_drop() -> None:
        heard.missing += FRAME if jitter._waiting[0].level < 50 else 0
        drop()

    jitter.next, jitter._drop = spy, spy_drop  # type: ignore[method-assign]
    for block in range(int((seconds + 1.0) * RATE / BLOCK)):
        now = block * BLOCK / RATE + PHASE
        while incoming and incoming[0][0] <= now:
            at, packet = incoming.popleft()
            jitter.push(packet, at)
        sound = voice.block(now)
        pieces.append(np.zeros(BLOCK, np.float32) if sound is None else sound.copy())
    heard.sound = np.concatenate(pieces)
    return heard


def stock(sent: Sent, arrivals: Sent, seconds: float) -> Heard:
    """Through aiortc's, as its receiver and a player that wants 20 ms every 20 ms use them."""
    said = {packet.timestamp: at for at, packet in sent}
    buffer, decoder = StockBuffer(capacity=16, prefetch=4), OpusDecoder()
    incoming, ready, pieces = deque(arrivals), deque[tuple[int, Samples]](), list[Samples]()
    heard, played = Heard(np.zeros(0, np.float32), due=len(sent) * FRAME), set[int]()
    for frame in range(int((seconds + 1.0) * RATE / FRAME)):
        now = frame * FRAME / RATE + PHASE
        while incoming and incoming[0][0] <= now:
            _, packet = incoming.popleft()
            rtp = RtpPacket(sequence_number=packet.sequence, timestamp=packet.timestamp)
            rtp._data = packet.payload  # type: ignore[attr-defined]
            _, encoded = buffer.add(rtp)
            for decoded in decoder.decode(encoded) if encoded is not None else []:
                stereo = decoded.to_ndarray().reshape(-1, 2)
                ready.append((encoded.timestamp, stereo[:, 0].astype(np.float32) / 32768))
        if ready:
            timestamp, sound = ready.popleft()
            played.add(timestamp)
            heard.delays.append(now - BASE - said[timestamp])
            heard.places[round(said[timestamp] * RATE) - FRAME] = len(pieces) * FRAME
            pieces.append(sound)
        else:
            pieces.append(np.zeros(FRAME, np.float32))
    heard.missing = sum(FRAME for _, packet in sent if packet.timestamp not in played)
    heard.sound = np.concatenate(pieces)
    return heard


def sent_speech(seconds: float) -> tuple[Sent, Samples]:
    """The packets of a talk with its pauses, and what they are when decoded in their place."""
    with tempfile.TemporaryDirectory() as folder:
        samples = speech(Path(folder), seconds)
    sent: Sent = []
    clock = SimpleNamespace(now=0.0)
    capture = Capture(lambda packet: sent.append((clock.now, packet)), Health(), random.Random(1))
    for start in range(0, len(samples), FRAME):
        clock.now = (start + FRAME) / RATE
        capture.frame(samples[start : start + FRAME])
    decoder, clean, at = Decoder(), np.zeros(len(samples), np.float32), 0
    for when, packet in sent:
        start = round(when * RATE) - FRAME
        while at < start:
            clean[at : at + FRAME] = decoder.pause(FRAME)
            at += FRAME
        clean[start : start + FRAME] = decoder.decode(packet.payload)
        at = start + FRAME
    return sent, clean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--jitter", type=float, default=5.0, help="ms, mean")
    parser.add_argument("--round-trip", type=float, default=40.0, help="ms of a NACK")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sent, clean = sent_speech(options.seconds)
    jitter, answer = options.jitter / 1000, options.round_trip / 1000
    networks = [
        Network(loss, bursty, jitter, nack, options.seed)
        for loss in (0.0, 0.01, 0.05, 0.10, 0.20)
        for bursty in ((False, True) if loss else (False,))
        for nack in ((None, answer) if loss else (None,))
    ]
    print(f"{options.seconds:.0f} s of speech, jitter exponential with {options.jitter:g} ms mean")
    head = f"{'':26}{'conc. %':>8}{'miss. %':>8}{'delay ms':>9}{'p95':>6}{'hole ms':>8}"
    print(f"{head}{'guess':>6}{'STOI':>7}   aiortc: miss. %   delay    hole  STOI")
    for network in networks:
        arrivals = network.arrivals(sent)
        mine = ours(sent, arrivals, options.seconds).row(clean)
        its = stock(sent, arrivals, options.seconds).row(clean)
        print(
            f"{network.name:26}{mine[0]:>8.2f}{mine[1]:>8.2f}{mine[2]:>9.0f}{mine[3]:>6.0f}"
            f"{mine[4]:>8.0f}{mine[5]:>6.0f}{mine[6]:>7.3f}   {its[1]:>15.1f}{its[2]:>8.0f}"
            f"{its[4]:>8.0f}{its[6]:>6.3f}"
        )


if __name__ == "__main__":
    main()
