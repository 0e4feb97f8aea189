import ctypes

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.audio import opus
from tui.audio.errors import AudioUnavailable
from tui.audio.opus import Decoder, Encoder, OpusError, duration, has_fec
from tui.audio.packet import FRAME


def frames(samples):
    return [samples[start : start + FRAME] for start in range(0, len(samples), FRAME)]


def test_tone_survives(tone, peak):
    encoder, decoder = Encoder(), Decoder()
    heard = np.concatenate([decoder.decode(encoder.encode(f)) for f in frames(tone(1.0))])
    assert len(heard) == 48_000
    assert peak(heard) == pytest.approx(440, abs=2)
    assert np.std(heard[4800:]) == pytest.approx(0.3 / 2**0.5, rel=0.1)


def test_pause_is_left_out_but_a_held_tone_is_not(tone):
    encoder = Encoder()
    held = [len(encoder.encode(f)) for f in frames(tone(20.0))]
    assert min(held) > 2
    assert not encoder.in_dtx
    silence = [len(encoder.encode(np.zeros(FRAME, np.float32))) for _ in range(200)]
    assert encoder.in_dtx
    sent = [number for number, size in enumerate(silence) if size > 2]
    refreshes = np.diff([number for number in sent if number > 50])
    assert len(sent) < 30
    assert max(refreshes) <= 21  # one in 400 ms keeps the background alive


def test_lost_packet_comes_back_from_the_next(tone):
    encoder, decoder, guessing = Encoder(), Decoder(), Decoder()
    # A step in pitch: what came before does not tell what was lost.
    sound = np.concatenate((tone(0.5, 300), tone(0.5, 700)))
    packets = [encoder.encode(f) for f in frames(sound)]
    whole = Decoder()
    expected = [whole.decode(p) for p in packets]
    lost = 26
    for packet in packets[:lost]:
        decoder.decode(packet)
        guessing.decode(packet)

    def error(samples):
        return float(np.std(samples - expected[lost]))

    recovered = error(decoder.recover(packets[lost + 1], FRAME))
    assert recovered < error(guessing.conceal(FRAME)) / 2


def test_word_after_a_pause_begins_as_loud_as_it_is(tone):
    encoder = Encoder()
    silent = np.zeros(FRAME, np.float32)
    sound = [*frames(tone(0.4)), *[silent] * 30, *frames(tone(0.2, 600))]
    packets = [encoder.encode(samples) for samples in sound]
    first = next(n for n, payload in enumerate(packets) if len(payload) <= 2)
    told, untold = Decoder(), Decoder()
    for number, payload in enumerate(packets):
        if len(payload) > 2:
            expected = untold.decode(payload)
            heard = told.decode(payload)
        elif number == first:  # one such frame is sent, to say that a pause begins
            assert len(told.decode(payload)) == FRAME
        if number > 50:
            assert heard == pytest.approx(expected)


def test_reset_encoder_starts_anew(tone):
    encoder = Encoder()
    first = encoder.encode(tone(0.02))
    encoder.encode(tone(0.02, 900))
    encoder.reset()
    assert encoder.encode(tone(0.02)) == first


@given(st.binary(max_size=200))
def test_any_payload_is_sound_or_one_error(payload):
    decoder = Decoder()
    try:
        heard = decoder.decode(payload)
    except OpusError:
        return
    if payload:
        assert len(heard) == duration(payload)
    assert np.isfinite(heard).all()


@given(st.binary(min_size=1, max_size=60))
def test_duration_agrees_with_libopus(payload):
    count = opus.load_library().opus_packet_get_nb_samples
    count.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_int]
    samples = count(payload, len(payload), 48_000)
    assert duration(payload) == max(0, samples)


@given(
    st.sampled_from([0, 1, 2, 3, 4, 8, 9, 11, 12, 13, 14, 15, 16, 31]),
    st.booleans(),
    st.integers(0, 1),
    st.binary(min_size=2, max_size=60).filter(lambda frames: len(frames) % 2 == 0),
)
def test_fec_is_seen_where_libopus_sees_it(configuration, stereo, code, frames):
    payload = bytes((configuration << 3 | stereo << 2 | code,)) + frames
    known = opus.load_library().opus_packet_has_lbrr
    known.argtypes = [ctypes.c_char_p, ctypes.c_int]
    assert has_fec(payload) == (known(payload, len(payload)) > 0)


def test_fec_of_odd_packets_is_none():
    for payload in (b"", b"\x08", b"\x0a\x05\x40", b"\x0b\x01\x40"):
        assert not has_fec(payload)


def test_empty_packet_has_no_duration():
    assert duration(b"") == 0


def test_missing_library_is_one_clear_problem(monkeypatch):
    monkeypatch.setattr(opus.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(opus, "find_library", lambda name: None)
    with pytest.raises(AudioUnavailable, match="libopus"):
        opus.library_path()


@pytest.mark.parametrize(
    "place", ["av.libs/libopus-1a2b.so.0.11", "av/.dylibs/libopus.0.dylib", "av.libs/opus-1a.dll"]
)
def test_library_is_found_in_every_wheel(place, tmp_path, monkeypatch):
    library = tmp_path / place
    library.parent.mkdir(parents=True)
    library.touch()
    spec = type("Spec", (), {"origin": str(tmp_path / "av" / "__init__.py")})
    monkeypatch.setattr(opus.importlib.util, "find_spec", lambda name: spec)
    assert opus.library_path() == str(library)
