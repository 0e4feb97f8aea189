"""Speech for measurements: espeak-ng, always the same."""

import subprocess
from pathlib import Path

import numpy as np

from tui.audio.files import FileReader
from tui.audio.opus import Samples
from tui.audio.packet import FRAME, RATE

_TEXT = (
    "The north wind and the sun were disputing which was the stronger, when a traveller came "
    "along wrapped in a warm cloak. They agreed that the one who first succeeded in making the "
    "traveller take his cloak off should be considered stronger than the other. "
    "She had your dark suit in greasy wash water all year. The quick brown fox jumps over the "
    "lazy dog, and nobody in the whole village knows why these five boxing wizards jump so high. "
)


def speech(folder: Path, seconds: float, voice: str = "en", pitch: int = 50) -> Samples:
    """So many seconds of a voice that reads, whole frames; `folder` takes the file meanwhile."""
    path = folder / f"{voice}-{pitch}.wav"
    command = ["espeak-ng", "-v", voice, "-p", str(pitch), "-s", "150", "-a", "100"]
    subprocess.run([*command, "-w", str(path), _TEXT], check=True)
    reader, pieces = FileReader(path), []
    while len(piece := reader.read()):
        pieces.append(piece)
    reader.close()
    spoken = np.concatenate(pieces)
    count = round(seconds * RATE) // FRAME * FRAME
    return np.tile(spoken, -(-count // len(spoken)))[:count] * np.float32(0.8)


def in_its_time(heard: Samples, places: dict[int, int], size: int) -> Samples:
    """`heard` in the time of its sender, so that delays which change do not count as damage.

    `places` tells for each frame (its first sample, at the sender) where it was heard. What was not
    played itself is what was heard before the next that was, for up to 200 ms, else silence.
    """
    found: Samples = np.zeros(size, np.float32)
    following, distance = None, 0
    for start in range(size // FRAME * FRAME - FRAME, -1, -FRAME):
        if start in places:
            following, distance = places[start], 0
        elif following is not None:
            distance += FRAME
        if following is not None and distance <= RATE // 5 and following >= distance:
            place = following - distance
            part = heard[place : place + FRAME]
            found[start : start + len(part)] = part
    return found


def longest_hole(clean: Samples, heard: Samples) -> float:
    """Seconds of the longest stretch in which speech is 20 dB below what it should be."""
    step = RATE // 200
    count = min(len(clean), len(heard)) // step

    def power(samples: Samples) -> Samples:
        blocks = samples[: count * step].reshape(count, step)
        result: Samples = np.sqrt((blocks**2).mean(axis=1))
        return result

    should, does = power(clean), power(heard)
    due = should > 0.1 * np.sqrt((clean**2).mean())
    # The edges of words are a matter of a few ms; a hole is one if the 10 ms around are low, too.
    near = np.maximum(np.maximum(np.roll(does, 1), does), np.roll(does, -1))
    longest = run = 0
    for one in due & (near < 0.1 * should):
        run = run + 1 if one else 0
        longest = max(longest, run)
    return longest * step / RATE
