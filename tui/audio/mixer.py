"""Many voices to one block, each with its gain, never louder than the card can play."""

from collections.abc import Iterable

import numpy as np

from tui.audio.opus import Samples
from tui.audio.packet import BLOCK, RATE

_CEILING = 0.98  # of full scale; what the limiter lets through
_RELEASE = BLOCK / RATE / 0.3  # per block: 300 ms from silence back to full gain
_RAMP: Samples = np.linspace(0.0, 1.0, BLOCK, dtype=np.float32)
_ATTACK: Samples = np.minimum(np.arange(BLOCK, dtype=np.float32) / 48, 1.0)  # 1 ms

# Blocks, not frames: numpy gives the interpreter's lock away in operations on more than 500
# numbers, and a busy thread that takes it then holds up the sound card's callback.


class Mixer:
    """Sums blocks of BLOCK samples; gains and the limiter move in ramps, so that nothing clicks."""

    def __init__(self) -> None:
        self._gains: dict[str, float] = {}
        self._limit = 1.0

    def mix(self, voices: Iterable[tuple[str, Samples, float]]) -> Samples:
        """One block from (origin, block, gain); those absent are silent."""
        total: Samples = np.zeros(BLOCK, np.float32)
        gains: dict[str, float] = {}
        for origin, block, gain in voices:
            before = self._gains.get(origin, gain)
            gains[origin] = gain
            if before != gain:
                total += block * (before + (gain - before) * _RAMP)
            elif gain == 1.0:
                total += block
            elif gain:
                total += block * np.float32(gain)
        self._gains = gains
        return self._limited(total)

    def _limited(self, block: Samples) -> Samples:
        peak = float(np.abs(block).max())
        wanted = min(1.0, _CEILING / peak) if peak > 0 else 1.0
        before = self._limit
        if wanted < before:  # at once, within 1 ms; what passes meanwhile is clipped
            self._limit = wanted
            block *= before + (wanted - before) * _ATTACK
        elif before < 1.0:
            self._limit = min(wanted, before + _RELEASE)
            block *= before + (self._limit - before) * _RAMP
        return block.clip(-_CEILING, _CEILING)
