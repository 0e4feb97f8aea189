import random
from pathlib import Path

import numpy as np
import pytest

from tui.audio.files import FileReader
from tui.audio.packet import RATE as SOUND_RATE
from tui.audio.specs import File, parse_microphone
from tui.demo.voice import RATE, SECONDS, babble, write_voice


@pytest.mark.parametrize("pitch", [95.0, 150.0, 260.0])
def test_babble_has_pauses_a_rhythm_and_its_own_pitch(pitch):
    sound = babble(pitch, random.Random(1))
    assert np.abs(sound).max() < 0.5
    loud = np.sqrt((sound[: len(sound) // 160 * 160].reshape(-1, 160) ** 2).mean(1)) > 0.003
    assert 0.5 < loud.mean() < 0.95
    assert np.abs(np.diff(loud.astype(int))).sum() >= 6  # pauses between phrases
    spectrum = np.abs(np.fft.rfft(sound))
    hertz = np.fft.rfftfreq(len(sound), 1 / RATE)
    spectrum[hertz < 60] = 0
    # Lines at the pitch and its harmonics, blurred by the melody; between them there is less.
    near = spectrum[np.abs(hertz - pitch) < 0.2 * pitch].mean()
    between = spectrum[np.abs(hertz - 0.6 * pitch) < 0.1 * pitch].mean()
    assert near > 5 * between


def test_the_same_seed_is_the_same_voice():
    first, again, other = (babble(120.0, random.Random(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_voice_written_goes_on_and_on_as_a_microphone(tmp_path: Path):
    spec = parse_microphone(write_voice(tmp_path, "7", 120.0, random.Random(1)))
    assert isinstance(spec, File)
    reader = FileReader(spec.path)
    try:
        pieces, seconds = [], 0.0
        while seconds < 3 * SECONDS:
            pieces.append(reader.read())
            assert len(pieces[-1])
            seconds += len(pieces[-1]) / SOUND_RATE
    finally:
        reader.close()
    sound = np.concatenate(pieces)
    one = int(SECONDS * SOUND_RATE)
    assert np.abs(sound[one : 2 * one]).max() > 0.1
    assert np.abs(sound[2 * one : 3 * one]).max() > 0.1
