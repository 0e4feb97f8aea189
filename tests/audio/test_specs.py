import os
from pathlib import Path

import pytest

from tui.audio.errors import InvalidAudioSpec
from tui.audio.specs import Count, Device, File, Nothing, Tone, parse_microphone, parse_speaker


def test_every_microphone(tmp_path):
    file = tmp_path / "a:b.ogg"
    file.touch()
    assert parse_microphone("default") == Device(None)
    assert parse_microphone("USB: Headset") == Device("USB: Headset")
    assert parse_microphone("tone:440") == Tone(440.0)
    assert parse_microphone("none") == Nothing()
    assert parse_microphone(f"file:{file}") == File(file)


def test_every_speaker(tmp_path):
    assert parse_speaker("default") == Device(None)
    assert parse_speaker("USB") == Device("USB")
    assert parse_speaker("null") == Nothing()
    assert parse_speaker("count") == Count()
    assert parse_speaker(f"file:{tmp_path}/new.wav") == File(tmp_path / "new.wav")


def test_home_is_understood():
    home = Path(os.environ["HOME"])
    assert parse_speaker("file:~/heard.wav") == File(home / "heard.wav")


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("", "no name"),
        ("  ", "no name"),
        ("tone:", "20 to 20000 hertz"),
        ("tone:loud", "'loud'"),
        ("tone:5", "hertz"),
        ("tone:nan", "hertz"),
        ("tone:1e9", "hertz"),
        ("null", "'none' means no microphone"),
        ("file:", "has no name"),
        ("file:a\0b", "has no name"),
        ("file:/nowhere/x.wav", "does not exist: /nowhere/x.wav"),
        ("file:/", "is not a file"),
    ],
)
def test_bad_microphone_is_one_clear_line(spec, says):
    with pytest.raises(InvalidAudioSpec) as caught:
        parse_microphone(spec)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("", "no name"),
        ("none", "'null' means no speaker"),
        ("tone:440", "only a microphone"),
        ("file:/nowhere/x.wav", "folder does not exist: /nowhere"),
        ("file:/tmp", "is not a file"),
        ("file:/tmp/without-ending", "needs an ending"),
    ],
)
def test_bad_speaker_is_one_clear_line(spec, says):
    with pytest.raises(InvalidAudioSpec) as caught:
        parse_speaker(spec)
    assert says in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write and read everything")
def test_forbidden_files(tmp_path):
    tmp_path.joinpath("secret.wav").touch(0o000)
    with pytest.raises(InvalidAudioSpec, match="cannot be read"):
        parse_microphone(f"file:{tmp_path}/secret.wav")
    with pytest.raises(InvalidAudioSpec, match="cannot be written"):
        parse_speaker(f"file:{tmp_path}/secret.wav")
