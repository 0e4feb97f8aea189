"""Voices of people who do not exist: babble of vowels that rises and falls like speech.

Nothing is said in it, so nobody is misled; but it has a pitch, a rhythm and pauses, and meters move
as they do with real people.
"""

import random
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE = 16_000  # hertz; a voice has little above 4 kHz
SECONDS = 8.0  # of babble before it begins again
ROUNDS = 4_000  # times that it is played: nine hours, read as they are needed
_STEP = 160  # samples between two points of a curve: 10 ms
_TOP = 3_800.0  # hertz; no harmonic above
_PEAK = 0.35  # of full scale
_BREATH = (0.25, 0.5)  # seconds between two phrases
_SYLLABLE = (0.11, 0.24)  # seconds
_SYLLABLES = (4, 9)  # in one phrase

_VOWELS = (
    (800, 1200, 2500),
    (500, 1900, 2500),
    (300, 2300, 3000),
    (450, 850, 2500),
    (320, 800, 2300),
)
"""The first three formants of a, e, i, o, u in hertz."""
_STRENGTHS = (1.0, 0.6, 0.25)
_WIDTHS = (90.0, 120.0, 160.0)  # hertz

_Curve = npt.NDArray[np.float64]


def write_voice(folder: Path, name: str, pitch: float, rng: random.Random) -> str:
    """Write a voice of `pitch` hertz into `folder`; returns its microphone spec. Blocks for 50 ms.

    A microphone that is a file plays it once, so the file named is a playlist of many rounds.
    """
    samples = (babble(pitch, rng) * 32767).astype("<i2")
    with wave.open(str(folder / f"{name}.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    playlist = folder / f"{name}.ffconcat"
    playlist.write_text("ffconcat version 1.0\n" + f"file {name}.wav\n" * ROUNDS)
    return f"file:{playlist}"


def babble(pitch: float, rng: random.Random) -> _Curve:
    """`SECONDS` of babble around `pitch` hertz, as samples in [-1, 1]."""
    pitches, loudness, formants = _score(pitch, rng)
    points = np.arange(len(pitches)) * _STEP
    times = np.arange(int(SECONDS * RATE))
    phase = np.cumsum(np.interp(times, points, pitches)) * (2 * np.pi / RATE)
    # sin(k x) from the two before it: an addition instead of a sine for each harmonic.
    before, harmonic, twice = np.zeros(len(times)), np.sin(phase), 2 * np.cos(phase)
    sound = np.zeros(len(times))
    for number in range(1, int(_TOP / pitch) + 1):
        strength = _gain(pitches * number, formants) * loudness / number**0.5
        sound += harmonic * np.interp(times, points, strength)
        before, harmonic = harmonic, twice * harmonic - before
    loudest: float = np.abs(sound).max()
    return sound * (_PEAK / loudest)


def _score(pitch: float, rng: random.Random) -> tuple[_Curve, _Curve, _Curve]:
    """Pitch, loudness and formants, one value each 10 ms, phrase by phrase."""
    count = int(SECONDS * RATE / _STEP)
    pitches, loudness = np.full(count, pitch), np.zeros(count)
    formants = np.zeros((3, count))
    at = 0
    while at < count:
        length = rng.randint(*_SYLLABLES)
        melody = [
            pitch * (1.15 - 0.3 * n / length) * rng.uniform(0.94, 1.06) for n in range(length)
        ]
        for tone in melody:  # from high to low, as sentences go
            end = min(count, at + int(rng.uniform(*_SYLLABLE) * RATE / _STEP))
            rise = np.sin(np.linspace(0, np.pi, end - at))
            pitches[at:end] = tone * (1 + 0.04 * rise)
            loudness[at:end] = np.sqrt(rise) * rng.uniform(0.6, 1.0)
            formants[:, at:end] = np.array(rng.choice(_VOWELS))[:, None]
            at = end
        at += int(rng.uniform(*_BREATH) * RATE / _STEP)
    formants[:, formants[0] == 0] = np.array(_VOWELS[0])[:, None]
    return _smooth(pitches), loudness, np.array([_smooth(formant) for formant in formants])


def _smooth(curve: _Curve) -> _Curve:
    """Mouths and throats move slowly: a mean over 70 ms."""
    smooth: _Curve = np.convolve(np.pad(curve, 3, mode="edge"), np.full(7, 1 / 7), mode="valid")
    return smooth


def _gain(hertz: _Curve, formants: _Curve) -> _Curve:
    """How much of a harmonic comes through a mouth of that shape."""
    gain = np.full(len(hertz), 0.01)
    for formant, strength, width in zip(formants, _STRENGTHS, _WIDTHS, strict=True):
        gain += strength / (1 + ((hertz - formant) / width) ** 2)
    return gain
