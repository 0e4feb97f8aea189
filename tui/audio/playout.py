"""From the packets of many origins to one block of sound, whenever the speaker asks for it.

Everything here runs on the thread of the speaker. For a sound card that is its callback: decoding
there costs 2 to 5 ms a second and voice, the card's own clock then paces the jitter buffers, and
sound goes on while the event loop is busy. A ring filled beforehand by another thread would need
the interpreter's lock just the same, and add its own length to the delay.
"""

from collections import Counter

import numpy as np

from tui.audio.continuity import Gaps
from tui.audio.jitter import JitterBuffer, Kind, Step
from tui.audio.mixer import Mixer
from tui.audio.opus import MAX_SAMPLES, Decoder, OpusError, Samples
from tui.audio.packet import BLOCK, OpusPacket
from tui.audio.stretch import HISTORY, LONGEST, stretch
from tui.config.limits import AUDIO_ORIGINS, AUDIO_RELEASE_SECONDS

_FADE_IN = 120  # samples; 2.5 ms hide the edge where sound sets in again
_ROOM = HISTORY + BLOCK + MAX_SAMPLES + LONGEST  # samples that one step can ask for
_RISE: Samples = np.linspace(0.0, 1.0, _FADE_IN, dtype=np.float32)


class Voice:
    """One origin: its jitter buffer, its decoder, and its sound of late, played or not."""

    def __init__(self, now: float) -> None:
        self.jitter = JitterBuffer()
        self.heard = now  # when its last packet came
        self._decoder = Decoder()
        self._sound: Samples = np.zeros(3 * _ROOM, np.float32)
        self._begin = self._end = HISTORY  # what has yet to be played of it
        self._silent = True

    def block(self, now: float) -> Samples | None:
        """The next BLOCK samples, valid until the next call, or None for silence."""
        while self._end - self._begin < BLOCK:
            step = self.jitter.next(now)
            if step.kind is Kind.SILENCE and self._begin == self._end:
                self._silent = True
                return None
            self._take(step)
        self._begin += BLOCK
        return self._sound[self._begin - BLOCK : self._begin]

    def _take(self, step: Step) -> None:
        if self._end + MAX_SAMPLES + LONGEST > len(self._sound):
            keep = self._begin - HISTORY
            self._sound[: self._end - keep] = self._sound[keep : self._end]
            self._begin, self._end = HISTORY, self._end - keep
        sound = self._sound_of(step)
        start = self._end
        self._end += len(sound)
        self._sound[start : self._end] = sound
        if step.stretch and not self._silent:
            longer = stretch(self._sound[start - HISTORY : self._end], HISTORY, step.stretch)
            if len(longer) != len(sound):
                self._end = start + len(longer)
                self._sound[start : self._end] = longer
                self.jitter.stretched(len(longer) - len(sound))
        if step.kind is Kind.SILENCE:
            self._silent = True
        elif self._silent:
            self._silent = False
            edge = min(_FADE_IN, len(sound))
            self._sound[start : start + edge] *= _RISE[:edge]

    def _sound_of(self, step: Step) -> Samples:
        if step.kind is not Kind.SILENCE:
            try:
                return self._decoded(step)
            except OpusError:
                self.jitter.counts.invalid += 1
        return np.zeros(step.samples, np.float32)

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
        self._past = Gaps()  # of voices that are gone

    @property
    def gaps(self) -> Gaps:
        """The holes in all voices so far."""
        present = (voice.jitter.continuity.gaps for voice in dict(self.voices).values())
        return sum(present, self._past)

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
        voice = self.voices.pop(origin, None)
        if voice is not None:
            self._past += voice.jitter.continuity.gaps

    def render(self, now: float, gains: dict[str, float]) -> Samples:
        """The next BLOCK samples of everybody; `gains` holds those that are not 1."""
        sounding = []
        for origin, voice in list(self.voices.items()):
            block = voice.block(now)
            if block is not None:
                sounding.append((origin, block, gains.get(origin, 1.0)))
            elif now - voice.heard > AUDIO_RELEASE_SECONDS:
                self._past += voice.jitter.continuity.ended()
                del self.voices[origin]
        return self._mixer.mix(sounding)
