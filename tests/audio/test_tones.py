import random

import numpy as np
import pytest

from tui.audio.opus import Decoder
from tui.audio.packet import FRAME
from tui.audio.tones import chime, chime_packets


@pytest.mark.parametrize(("which", "notes"), [("begun", (659, 880)), ("ended", (880, 659))])
def test_a_chime_is_two_soft_notes(which, notes):
    sound = chime(which)
    assert len(sound) % FRAME == 0
    assert 0.05 < np.abs(sound).max() < 0.25
    assert np.abs(np.diff(sound)).max() < 0.05  # no click
    for part, hertz in zip(np.split(sound, 2), notes, strict=True):
        spectrum = np.abs(np.fft.rfft(part, 48_000))
        assert np.argmax(spectrum) == pytest.approx(hertz, abs=5)


def test_a_chime_travels_as_speech_does():
    packets = chime_packets("begun", random.Random(1))
    assert len(packets) == 17
    assert packets[-1].level == 127
    decoder = Decoder()
    heard = np.concatenate([decoder.decode(packet.payload) for packet in packets])
    assert np.abs(heard).max() > 0.05
