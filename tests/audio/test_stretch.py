import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pystoi import stoi
from scipy.signal import hilbert

from tui.audio.packet import FRAME, RATE
from tui.audio.stretch import HISTORY, LONGEST, stretch


def played(sound, wanted, every=3):
    """`sound` with each `every`th frame stretched, and where each frame of it then is."""
    heard, places = np.zeros(HISTORY, np.float32), {}
    for number, start in enumerate(range(0, len(sound) - FRAME + 1, FRAME)):
        places[start] = len(heard) - HISTORY
        heard = np.concatenate((heard, sound[start : start + FRAME]))
        if number % every == every - 1:
            frame = stretch(heard[-FRAME - HISTORY :], HISTORY, wanted)
            heard = np.concatenate((heard[:-FRAME], frame))
    return heard[HISTORY:], places


@pytest.mark.parametrize("hertz", [110, 440, 1000, 3150])
@pytest.mark.parametrize("wanted", [480, -480])
def test_tone_goes_on_at_its_pitch_without_a_seam(hertz, wanted, tone):
    sound = tone(2.0, hertz)
    heard, _ = played(sound, wanted)
    assert (len(heard) > 1.1 * len(sound)) if wanted > 0 else (len(heard) < 0.96 * len(sound))
    wave = hilbert(heard)[RATE // 50 : -RATE // 50]
    steps = np.diff(np.unwrap(np.angle(wave))) - 2 * np.pi * hertz / RATE
    # Over any 5 ms, as long as a seam, the phase moves by 2 degrees at most, the height by 1 %.
    assert np.abs(np.convolve(steps, np.ones(240), "valid")).max() < 0.035
    assert np.abs(wave).min() > 0.99 * 0.3
    assert np.abs(wave).max() < 1.01 * 0.3
    power = np.abs(np.fft.rfft(heard * np.hanning(len(heard)))) ** 2
    strongest = int(np.argmax(power))
    assert strongest * RATE / len(heard) == pytest.approx(hertz, abs=0.5)
    assert power[strongest - 8 : strongest + 9].sum() > 0.9999 * power.sum()


@pytest.mark.needs("espeak-ng")
@pytest.mark.parametrize("wanted", [480, -480])
def test_speech_stays_as_intelligible_as_it_was(wanted, speech, in_its_time):
    spoken = speech(8.0)
    heard, places = played(spoken, wanted)
    assert abs(len(heard) - len(spoken)) > 0.05 * len(spoken)
    assert stoi(spoken, in_its_time(heard, places, len(spoken)), RATE) > 0.95


def test_shortened_by_no_more_than_wanted(tone):
    for wanted in range(-700, -120, 20):
        frame = stretch(tone(0.04, 800), HISTORY, wanted)
        assert FRAME + wanted <= len(frame) <= FRAME


def test_what_has_no_seam_stays_as_it_is():
    noise = np.random.default_rng(3).standard_normal(2 * FRAME).astype(np.float32) / 10
    for wanted in (480, -480):
        assert np.array_equal(stretch(noise, HISTORY, wanted), noise[HISTORY:])


def test_quiet_needs_no_likeness():
    hiss = np.random.default_rng(3).standard_normal(2 * FRAME).astype(np.float32) / 1000
    assert len(stretch(hiss, HISTORY, 480)) > FRAME
    assert len(stretch(hiss, HISTORY, -480)) == FRAME - 480


@given(
    arrays.arrays(np.float32, st.integers(0, 2880), elements=st.floats(-1, 1, width=32)),
    st.integers(-10_000, 10_000),
)
def test_any_sound_stays_sound(frame, wanted):
    sound = np.concatenate((np.zeros(HISTORY, np.float32), frame))
    heard = stretch(sound, HISTORY, wanted)
    assert abs(len(heard) - len(frame)) <= LONGEST
    assert np.isfinite(heard).all()
    assert not len(heard) or np.abs(heard).max() <= 1.0
