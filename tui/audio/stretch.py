"""Sound made a little longer or shorter at its own pitch (WSOLA).

Periods of the voice are repeated or left out, where the sound before and behind the seam is alike;
over 5 ms the one fades into the other. The seam lies at the start of a frame.
"""

import numpy as np

from tui.audio.opus import Samples

HISTORY = 960
"""Samples before the frame that must be known: the longest piece repeated, and what is compared."""
LONGEST = 720
"""Samples, 15 ms: the longest piece that is repeated or left out; the period of a 67 Hz voice."""

_SHORTEST = 120  # samples; 2.5 ms
_FADE = 240  # samples from the one side of the seam to the other, and compared on either side of it
_COARSE = 4  # samples that the first search looks at as one
_QUIET = 0.003  # -50 dBFS; what is so quiet needs not be alike
_ALIKE_SHORTER = 0.85  # correlation; there is time to wait for a better place
_ALIKE_LONGER = 0.6  # worse, but the alternative is a guess
_RAMP: Samples = np.linspace(0.0, 1.0, _FADE, dtype=np.float32)


def stretch(sound: Samples, start: int, wanted: int) -> Samples:
    """The frame `sound[start:]` with about `wanted` samples more, or at most -`wanted` fewer.

    At least HISTORY samples stand before `start`. It comes back as it is where no seam would go
    unheard; the result may be a view.
    """
    frame = sound[start:]
    if wanted > 0:
        shift = _best(sound, start, -LONGEST, -_SHORTEST, _ALIKE_LONGER)
    else:
        most = min(-wanted, LONGEST, len(frame) - _FADE)
        shift = _best(sound, start, _SHORTEST, most, _ALIKE_SHORTER)
    if not shift:
        return frame
    seam = frame[:_FADE] + (sound[start + shift : start + shift + _FADE] - frame[:_FADE]) * _RAMP
    return np.concatenate((seam, sound[start + shift + _FADE :]))


def _best(sound: Samples, start: int, low: int, high: int, alike: float) -> int:
    """From where, `low` to `high` samples away, the sound goes on most like at `start`; 0: none."""
    if high - low < 2 * _COARSE or len(sound) - start < _FADE:
        return 0
    here = sound[start - _FADE : start + _FADE]
    there = sound[start - _FADE + low : start + _FADE + high]
    if float(np.dot(here, here)) < _QUIET**2 * len(here):
        return high if low > 0 else high - 2 * _SHORTEST
    size = len(there) // _COARSE * _COARSE
    rough = _correlation(
        here.reshape(-1, _COARSE).mean(axis=1), there[:size].reshape(-1, _COARSE).mean(axis=1)
    )
    guess = int(np.argmax(rough)) * _COARSE
    near = max(guess - _COARSE, 0)
    fine = _correlation(here, there[near : guess + _COARSE + len(here)])
    place = int(np.argmax(fine))
    return low + near + place if fine[place] >= alike else 0


def _correlation(here: Samples, there: Samples) -> Samples:
    """How alike `here` is to each piece of its length in `there`: 1 the same, 0 nothing alike."""
    power = np.concatenate(([0.0], np.cumsum(there.astype(np.float64) ** 2)))
    energy = power[len(here) :] - power[: -len(here)]
    scale = np.sqrt(energy * float(np.dot(here, here))) + 1e-9
    return (np.correlate(there, here, "valid") / scale).astype(np.float32)
