import numpy as np
import pytest

from tui.audio.portaudio import Stream


def call(stream, data, flags=None):
    """As PortAudio calls back, on its thread."""
    stream._call(data, len(data), None, flags)
    return data


@pytest.mark.parametrize("channels", [1, 2])
def test_a_speaker_plays_blocks_in_pieces(channels):
    blocks = iter(np.arange(4 * 480, dtype=np.int16).reshape(4, 480))

    def on_block(block):
        assert block.shape == (480, channels)
        block[:] = next(blocks)[:, np.newaxis]

    stream = Stream("speaker", None, on_block)
    played = [call(stream, np.full((240, channels), 7, np.int16)) for _ in range(8)]
    for channel in np.concatenate(played).T:
        assert np.array_equal(channel, np.arange(4 * 480))


@pytest.mark.parametrize("channels", [1, 2])
def test_a_microphone_hears_blocks_of_pieces(channels):
    heard = []
    stream = Stream("microphone", None, heard.append)
    sound = np.repeat(np.arange(5 * 240, dtype=np.int16)[:, np.newaxis], channels, axis=1)
    buffer = np.zeros((240, channels), np.int16)  # PortAudio uses it again and again
    for piece in sound.reshape(5, 240, channels):
        buffer[:] = piece
        call(stream, buffer)
    assert np.array_equal(np.concatenate(heard), sound[: 4 * 240])


def test_calls_after_the_end_are_silence():
    heard = []
    for kind in ("speaker", "microphone"):
        stream = Stream(kind, None, heard.append)
        stream.close()
        data = call(stream, np.full((240, 1), 7, np.int16))
        assert kind == "microphone" or not data.any()
    assert not heard


def test_pieces_of_another_size_are_silence():
    stream = Stream("speaker", None, lambda block: pytest.fail("it is no block"))
    assert not call(stream, np.full((100, 1), 7, np.int16)).any()
    stream = Stream("microphone", None, lambda block: pytest.fail("it is no block"))
    call(stream, np.full((100, 1), 7, np.int16))


class Dry:
    output_underflow = True


def test_holes_are_counted_but_not_those_of_the_start():
    now = [0.0]
    stream = Stream("speaker", None, lambda block: None, lambda: now[0])
    stream._settled = 1.0
    for now[0] in (0.5, 1.5, 2.5):
        call(stream, np.zeros((240, 1), np.int16), Dry())
    assert stream.holes == 2
