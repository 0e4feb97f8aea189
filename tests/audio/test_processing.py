import random

import numpy as np
import pytest

from tui.audio.processing import Processing, ProcessingSettings, Reference

BLOCK = 480


def noise(seconds, seed, loud=0.1):
    """Noise that comes and goes as syllables do, below 4 kHz."""
    count = round(seconds * 48_000)
    sound = np.random.default_rng(seed).standard_normal(count)
    spectrum = np.fft.rfft(sound)
    spectrum[round(4000 * seconds) :] = 0
    sound = np.fft.irfft(spectrum, count)
    syllables = np.maximum(0, np.sin(2 * np.pi * 3 * np.arange(count) / 48_000 + seed))
    return (loud * sound / sound.std() * syllables).astype(np.float32)


def blocks(sound):
    return sound[: len(sound) // BLOCK * BLOCK].reshape(-1, BLOCK)


def decibels(sound):
    return 10 * np.log10(np.mean(np.asarray(sound, np.float64) ** 2) + 1e-12)


def clean(settings, near, far=None):
    """What is sent of `near`, and the processing."""
    reference = Reference()
    processing = Processing(settings, reference)
    processing.start()
    sent = []
    for number, block in enumerate(blocks(near)):
        if far is not None:
            reference.push(blocks(far)[number])
        sent.append(processing.clean(block))
    return np.concatenate(sent), processing


def test_what_the_speaker_plays_is_not_sent():
    far = 0.2 * voice(8)
    echo = np.concatenate((np.zeros(4800, np.float32), 0.5 * far))[: len(far)]
    sent, _ = clean(ProcessingSettings(gain=False), echo, far)
    last = slice(5 * 48_000, None)
    assert decibels(echo[last]) - decibels(sent[last]) > 25


def test_what_the_speaker_does_not_play_is_sent():
    near, far = noise(4, 1), np.zeros(4 * 48_000, np.float32)
    sent, _ = clean(ProcessingSettings(noise=False, gain=False), near, far)
    assert abs(decibels(near[48_000:]) - decibels(sent[48_000:])) < 2


def test_headphones_need_no_echo_cancelling():
    far = noise(2, 1)
    sent, _ = clean(ProcessingSettings(echo=False, noise=False, gain=False), far, far)
    assert np.array_equal(sent, far)


def test_steady_noise_is_suppressed():
    hiss = (0.02 * np.random.default_rng(1).standard_normal(6 * 48_000)).astype(np.float32)
    sent, _ = clean(ProcessingSettings(echo=False, gain=False), hiss)
    assert decibels(hiss[96_000:]) - decibels(sent[96_000:]) > 12
    sent, _ = clean(ProcessingSettings(echo=False, noise=False, gain=False), hiss)
    assert np.array_equal(sent, hiss)


def voice(seconds):
    """Vowels: harmonics of a pitch that moves, by syllables."""
    time = np.arange(round(seconds * 48_000)) / 48_000
    pitch = 2 * np.pi * (130 * time + 3 * np.sin(2 * np.pi * 2 * time))
    sound = sum(np.sin(n * pitch) / n for n in range(1, 25))
    return (sound * np.maximum(0, np.sin(2 * np.pi * 3.3 * time)) ** 0.5).astype(np.float32)


def test_a_quiet_voice_is_made_louder():
    quiet = 0.01 * voice(8)
    sent, _ = clean(ProcessingSettings(echo=False), quiet)
    assert decibels(sent[-96_000:]) > decibels(quiet[-96_000:]) + 6
    assert np.abs(sent).max() <= 1.0


@pytest.mark.parametrize("suppressed", [True, False])
def test_a_voice_is_speech_and_hiss_is_none(suppressed):
    settings = ProcessingSettings(echo=False, noise=suppressed)
    hiss = (0.02 * np.random.default_rng(1).standard_normal(3 * 48_000)).astype(np.float32)
    _, processing = clean(settings, hiss)
    assert processing.speech is False
    for block in blocks(hiss[:96_000] + 0.2 * voice(2)):
        processing.clean(block)
    assert processing.speech is True
    processing.stop()
    assert processing.speech is None


def test_what_is_no_number_goes_by():
    reference = Reference()
    processing = Processing(ProcessingSettings(), reference)
    processing.start()
    sound = blocks(noise(1, 1))
    broken = [np.full(BLOCK, np.nan, np.float32), np.full(BLOCK, np.inf, np.float32)]
    for block in (*broken, np.zeros(7, np.float32), *sound):
        assert np.isfinite(processing.clean(block)).all()
    assert processing.failed >= 2
    assert np.abs(processing.clean(sound[30])).max() > 0


def test_without_a_device_sound_goes_through():
    processing = Processing(ProcessingSettings(), Reference())
    block = noise(0.01, 1)
    assert processing.clean(block) is block
    assert processing.speech is None


def number(block):
    return int(block[0])


def test_the_reference_keeps_its_distance_though_both_threads_are_late():
    rng, reference = random.Random(1), Reference()
    distances, pushed = set(), 0
    for pulled in range(1, 5001):
        late = rng.choice((-6, -2, -1, 0, 0, 0, 1, 2))  # blocks by which one is ahead of the other
        while pushed < pulled + 1 + late:
            pushed += 1
            reference.push(np.full(BLOCK, pushed, np.float32))
        if found := number(reference.pull()):
            distances.add(pulled - found)
    assert len(distances) == 1
    assert reference.pairings == 1


def test_the_reference_finds_its_way_when_clocks_drift_or_the_speaker_stops():
    reference = Reference()
    for count in range(1, 400):
        reference.push(np.full(BLOCK, count, np.float32))
        found = number(reference.pull())
        if count % 20 == 0:  # the speaker is faster
            reference.push(np.full(BLOCK, count, np.float32))
        assert not found or count - found <= 14
    for _ in range(20):
        last = number(reference.pull())
    assert last == 0
    for count in range(10):
        reference.push(np.full(BLOCK, 1000 + count, np.float32))
        last = number(reference.pull())
    assert last == 1007
    assert reference.pairings < 20
