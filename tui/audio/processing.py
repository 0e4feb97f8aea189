"""What is done to the microphone's sound before it is sent: echo, noise, gain; and is it speech.

WebRTC's own parts, in its order: an echo canceller, which knows from the speaker what may come
back, a noise suppressor and a gain controller. They work on blocks of 10 ms, on the microphone's
thread; its blocks are paired with those that the speaker was given about as long ago as sound
takes through devices and air (the canceller itself looks for the rest, up to half a second).
"""

import logging
import math
from collections import deque

import msgspec
import numpy as np

from tui.audio.opus import Samples
from tui.audio.packet import BLOCK, RATE

log = logging.getLogger(__name__)

_SILENCE: Samples = np.zeros(BLOCK, np.float32)
_CUSHION = 3  # blocks of the speaker kept back: both threads are late now and then
_MOST = 12  # blocks; more, and the two devices' clocks have come apart
_SUPPRESSION = 2  # of 0 to 3: 18 dB
_SPEECH = 0.5  # probability
_HOLD = 20  # blocks: between two syllables it is speech as well


class ProcessingSettings(msgspec.Struct, frozen=True):
    """What is done; with headphones no echo needs cancelling."""

    echo: bool = True
    noise: bool = True
    gain: bool = True


class Reference:
    """What the speaker played, for the microphone: a queue between two threads.

    Both are late now and then, which must not change what is paired with what: the canceller would
    have to find out anew how long sound takes.
    """

    def __init__(self) -> None:
        self.pairings = 0  # how often the two were paired anew
        self._blocks: deque[Samples] = deque(maxlen=_MOST)
        self._paired = False
        self._late = 0  # blocks that have not come in their time
        self._silent = 0  # so many times in a row

    def push(self, block: Samples) -> None:
        """The speaker's thread: this is played now."""
        if len(self._blocks) == _MOST:
            self._paired = False
        self._blocks.append(block)

    def pull(self) -> Samples:
        """The microphone's thread: what was played about now."""
        if not self._paired and not self._pair():
            return _SILENCE
        while self._late and self._blocks:
            self._blocks.popleft()
            self._late -= 1
        if self._blocks:
            self._silent = 0
            return self._blocks.popleft()
        self._late += 1
        self._silent += 1
        self._paired = self._silent < _MOST
        return _SILENCE

    def _pair(self) -> bool:
        while len(self._blocks) > _CUSHION:
            self._blocks.popleft()
        self._paired = len(self._blocks) == _CUSHION
        self.pairings += self._paired
        self._late = self._silent = 0
        return self._paired


class _Chain:
    """The parts in a row; not for two threads at a time."""

    def __init__(self, settings: ProcessingSettings) -> None:
        import pywebrtc_audio as webrtc

        self._echo = webrtc.EchoCanceller(RATE, 1) if settings.echo else None
        self._noise = webrtc.NoiseSuppressor(RATE, 1, _SUPPRESSION) if settings.noise else None
        self._detector = webrtc.VoiceDetector(RATE, 1) if not settings.noise else None
        self._gain = webrtc.GainController(RATE, 1) if settings.gain else None
        self.probability = 0.0  # that the last block was speech

    def process(self, near: Samples, far: Samples) -> Samples:
        """Clean one block; raises ValueError for what is not a number, which would stay in it."""
        if self._echo is not None:
            near = self._echo.process(near, far)
        if self._noise is not None:
            near = self._noise.process(near)
            self.probability = self._noise.speech_probability
        elif self._detector is not None:
            self.probability = self._detector.process(near)
        if self._gain is not None:
            near = self._gain.process(near, self.probability)
        if not math.isfinite(float(np.dot(near, near))):
            raise ValueError("not a number")
        return near


class Processing:
    """Cleans what one microphone hears, from `start` to `stop`."""

    def __init__(self, settings: ProcessingSettings, reference: Reference) -> None:
        self.failed = 0  # blocks that went through as they came
        self._settings = settings
        self._reference = reference
        self._chain: _Chain | None = None
        self._since_speech = _HOLD

    @property
    def speech(self) -> bool | None:
        """Whether somebody speaks into the microphone; None while it is not processed."""
        return self._since_speech < _HOLD if self._chain is not None else None

    def start(self) -> None:
        """Begin anew, with a device that was just opened."""
        self._since_speech = _HOLD
        try:
            self._chain = _Chain(self._settings)
        except (ImportError, OSError) as error:
            log.warning("sound is sent as it is heard: %s", error)

    def stop(self) -> None:
        """Nothing is heard any more."""
        self._chain = None

    def clean(self, block: Samples) -> Samples:
        """BLOCK samples of the microphone, cleaned; on its thread, and never raises."""
        chain, far = self._chain, self._reference.pull()
        if chain is None:
            return block
        try:
            block = chain.process(block, far)
            spoken = chain.probability > _SPEECH
            self._since_speech = 0 if spoken else min(self._since_speech + 1, _HOLD)
        except Exception as error:
            self.failed += 1
            if self.failed == 1:
                log.warning("sound was not processed: %s; from now on this is counted", error)
            self.start()
            block = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
        return block
