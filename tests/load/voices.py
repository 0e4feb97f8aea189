"""What many voices at once cost a listener: decoding, jitter buffers and mixing.

    python tests/load/voices.py [--seconds 20] [--voices 1 5 20]

Virtual time, CPU of the one thread that does it all. Every voice talks all the time, over a
network with 2 % loss and up to 15 ms of jitter. "decode" is what libopus takes of it alone;
"counting" is a speaker that plays nothing (`count`), as load tests use it.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.load.speech import speech
from tui.audio.counting import CountingPlayback
from tui.audio.health import Health
from tui.audio.opus import Decoder, Encoder, Samples
from tui.audio.packet import BLOCK, FRAME, RATE, OpusPacket
from tui.audio.playback import Playback

Arrivals = list[tuple[float, str, OpusPacket]]


def encoded(samples: Samples) -> list[bytes]:
    encoder = Encoder()
    return [encoder.encode(samples[at : at + FRAME]) for at in range(0, len(samples), FRAME)]


def arrivals(payloads: list[bytes], voices: int, seconds: float) -> Arrivals:
    """What comes from so many voices, each somewhere else in the same speech."""
    found: Arrivals = []
    for voice in range(voices):
        rng = random.Random(voice)
        start, phase = rng.randrange(len(payloads)), rng.random() * 0.02
        for number in range(int(seconds / 0.02)):
            if rng.random() < 0.02:
                continue
            payload = payloads[(start + number) % len(payloads)]
            packet = OpusPacket(number & 0xFFFF, number * FRAME, payload, 25)
            at = phase + number * 0.02 + rng.random() * 0.015
            found.append((at, str(voice), packet))
    return sorted(found, key=lambda arrival: arrival[0])


def play(kind: type[Playback], incoming: Arrivals, seconds: float) -> float:
    """CPU milliseconds per second of sound."""
    now = 0.0
    playback = kind(Health(), monotonic=lambda: now)
    used, place = 0.0, 0
    for block in range(int(seconds * RATE / BLOCK)):
        until = block * BLOCK / RATE
        while place < len(incoming) and incoming[place][0] <= until:
            now, origin, packet = incoming[place]
            place += 1
            began = time.thread_time()
            playback.push(origin, packet)
            used += time.thread_time() - began
        if kind is CountingPlayback:
            continue
        now = until
        began = time.thread_time()
        playback.render()
        used += time.thread_time() - began
    return used / seconds * 1000


def decode(payloads: list[bytes]) -> float:
    """CPU milliseconds per second for libopus alone."""
    decoder, began = Decoder(), time.thread_time()
    for payload in payloads:
        decoder.decode(payload)
    return (time.thread_time() - began) / (len(payloads) * FRAME / RATE) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--voices", type=int, nargs="+", default=[1, 5, 20])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        payloads = encoded(speech(Path(folder), options.seconds))
    clock = time.thread_time()
    for _ in range(10_000):
        time.thread_time()
    clock = (time.thread_time() - clock) / 10_000
    print("CPU, ms per second of sound (the target is 120 for 20 voices)")
    print(f"{'voices':>6} {'all':>8} {'a voice':>8} {'decode alone':>13} {'counting':>9}")
    alone = decode(payloads)
    for voices in options.voices:
        incoming = arrivals(payloads, voices, options.seconds)
        packets = len(incoming) / options.seconds
        total = play(Playback, incoming, options.seconds) - (packets + RATE / BLOCK) * clock * 1000
        counting = play(CountingPlayback, incoming, options.seconds) - packets * clock * 1000
        print(
            f"{voices:>6} {total:>8.1f} {total / voices:>8.2f} {alone * voices:>13.1f}"
            f" {counting:>9.1f}"
        )


if __name__ == "__main__":
    main()
