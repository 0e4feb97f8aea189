import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.audio.mixer import Mixer
from tui.audio.packet import BLOCK


def test_nobody_is_silence():
    assert not Mixer().mix([]).any()


def test_voices_add_up_each_with_its_gain():
    one, two = np.full(BLOCK, 0.2, np.float32), np.full(BLOCK, 0.1, np.float32)
    mixed = Mixer().mix([("a", one, 1.0), ("b", two, 2.0), ("c", one, 0.0)])
    assert mixed == pytest.approx(0.4, abs=1e-6)


def test_gain_moves_without_a_step():
    mixer, sound = Mixer(), np.full(BLOCK, 0.5, np.float32)
    parts = [mixer.mix([("a", sound, gain)]) for gain in (1.0, 0.0, 0.0, 1.0, 1.0)]
    assert np.abs(np.diff(np.concatenate(parts))).max() < 0.01
    assert not parts[2].any()
    assert parts[4] == pytest.approx(0.5)


def test_loud_crowd_is_limited_and_not_clipped(tone):
    mixer = Mixer()
    voices = [tone(1.0, hertz) for hertz in (300, 440, 500, 700)]
    blocks = [
        mixer.mix([(str(n), v[at : at + BLOCK] * 2, 1.0) for n, v in enumerate(voices)])
        for at in range(0, 48_000, BLOCK)
    ]
    mixed = np.concatenate(blocks)
    assert np.abs(mixed).max() <= 0.99
    settled = mixed[24_000:]
    assert np.mean(np.abs(settled) > 0.975) < 0.02  # a clipped sum would sit there half of the time


def test_limiter_lets_go():
    mixer = Mixer()
    mixer.mix([("a", np.full(BLOCK, 3.0, np.float32), 1.0)])
    quiet = np.full(BLOCK, 0.1, np.float32)
    for _ in range(40):
        last = mixer.mix([("a", quiet, 1.0)])
    assert last == pytest.approx(0.1)


@given(st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=8), st.floats(0, 4))
def test_never_beyond_full_scale(values, gain):
    mixer = Mixer()
    for value in values:
        mixed = mixer.mix([("a", np.full(BLOCK, value, np.float32), gain)])
        assert mixed.shape == (BLOCK,)
        assert np.abs(mixed).max() <= 1.0
