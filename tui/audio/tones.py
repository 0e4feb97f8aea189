"""Short sounds of our own: two soft notes that something has begun, or has ended."""

import random
from typing import Literal

import numpy as np

from tui.audio.capture import Capture
from tui.audio.health import Health
from tui.audio.opus import Samples
from tui.audio.packet import FRAME, RATE, OpusPacket

Chime = Literal["begun", "ended"]

_NOTES = {"begun": (659.26, 880.0), "ended": (880.0, 659.26)}  # hertz: a fourth up, or down
_NOTE = 8 * FRAME
_LOUD = 0.2
_FADE = RATE // 200  # samples; 5 ms, or it would click


def chime(which: Chime) -> Samples:
    """The sound, whole frames at 48 kHz."""
    time = np.arange(_NOTE) / RATE
    envelope = np.exp(-time / 0.06) * np.minimum(1.0, np.arange(_NOTE) / _FADE)
    envelope *= np.minimum(1.0, np.arange(_NOTE)[::-1] / _FADE)
    notes = [_LOUD * envelope * np.sin(2 * np.pi * hertz * time) for hertz in _NOTES[which]]
    return np.concatenate(notes).astype(np.float32)


def chime_packets(which: Chime, rng: random.Random) -> list[OpusPacket]:
    """The sound as somebody would send it, a packet every 20 ms."""
    packets: list[OpusPacket] = []
    capture = Capture(packets.append, Health(), rng)
    samples = chime(which)
    for start in range(0, len(samples), FRAME):
        capture.frame(samples[start : start + FRAME])
    capture.end_talkspurt()
    return packets
