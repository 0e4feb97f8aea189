"""From the packets of many origins to one block of sound, whenever the speaker asks for it.

Everything here runs on the thread of the speaker. For a sound card that is its callback: decoding
there costs 2 to 5 ms a second and voice, the card's own clock then paces the jitter buffers, and
sound goes on while the event loop is busy. A ring filled beforehand by another thread would need
the interpreter's lock just the same, and add its own length to the delay.
"""

from collections import Counter

import numpy as np

from tui.audio.jitter import JitterBuffer, Kind, Step
from tui.audio.mixer import Mixer
from tui.audio.opus import Decoder, OpusError, Samples
from tui.audio.packet import BLOCK, OpusPacket
from tui.config.limits import AUDIO_ORIGINS, AUDIO_RELEASE_SECONDS

_NOTHING: Samples = np.zeros(0, np.float32)
_FADE_IN = 120  # samples; 2.5 ms hide the edge where sound sets in again


class Voice:
    """One origin: its jitter buffer, its decoder, and what is left of the last packet."""

    def __init__(self, now: float) -> None:
        self.jitter = JitterBuffer()
        self.heard = now  # when its last packet came
        self._decoder = Decoder()
        self._left = _NOTHING
        self._silent = True

    def block(self, now: float) -> Samples | None:
        """The next BLOCK samples, or None for silence."""
        while len(self._left) < BLOCK:
            step = self.jitter.next(now)
            if step.kind is Kind.SILENCE and not len(self._left):
                self._silent = True
                return None
            sound = self._sound(step)
            self._left = np.concatenate((self._left, sound)) if len(self._left) else sound
        block, self._left = self._left[:BLOCK], self._left[BLOCK:]
        return block

    def _sound(self, step: Step) -> Samples:
        sound = np.zeros(step.samples, np.float32)
        if step.kind is Kind.SILENCE:
            self._silent = True
            return sound
        try:
            sound = self._decoded(step)
        except OpusError:
            self.jitter.counts.invalid += 1
        if self._silent:
            self._silent = False
            edge = min(_FADE_IN, len(sound))
            sound[:edge] *= np.linspace(0.0, 1.0, edge, dtype=np.float32)
        return sound

    def _decoded(self, step: Step) -> Samples:
        if step.kind is Kind.DECODE:
            return self._decoder.decode(step.payload)
        if step.kind is Kind.RECOVER:
            return self._decoder.recover(step.payload, step.samples)
        if step.kind is Kind.CONCEAL:
            return self._decoder.conceal(step.samples)
        sound = self._decoder.pause(step.samples)
        if step.kind is Kind.FADE:
            sound *= np.linspace(1.0, 0.0, len(sound), dtype=np.float32)
        return sound


class Playout:
    """All voices and their mix; bounded, and a voice that has ended gives its decoder back."""

    def __init__(self) -> None:
        self.voices: dict[str, Voice] = {}
        self.dropped: Counter[str] = Counter()
        self._mixer = Mixer()

    def push(self, origin: str, packet: OpusPacket, arrival: float) -> None:
        """Take one packet of `origin` that arrived at `arrival` (monotonic seconds)."""
        voice = self.voices.get(origin)
        if voice is None:
            if len(self.voices) >= AUDIO_ORIGINS:
                self.dropped["too many origins"] += 1
                return
            voice = self.voices[origin] = Voice(arrival)
        voice.heard = arrival
        voice.jitter.push(packet, arrival)

    def drop(self, origin: str) -> None:
        """Silence `origin` at once and forget it."""
        self.voices.pop(origin, None)

    def render(self, now: float, gains: dict[str, float]) -> Samples:
        """The next BLOCK samples of everybody; `gains` holds those that are not 1."""
        sounding = []
        for origin, voice in list(self.voices.items()):
            block = voice.block(now)
            if block is not None:
                sounding.append((origin, block, gains.get(origin, 1.0)))
            elif now - voice.heard > AUDIO_RELEASE_SECONDS:
                del self.voices[origin]
        return self._mixer.mix(sounding)
