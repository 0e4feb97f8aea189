import pytest

from tui.audio import sound_server
from tui.audio.sound_server import SoundDevice


@pytest.mark.parametrize(
    ("address", "remote", "path"),
    [
        ("", False, "/run/user/7/pulse/native"),
        ("unix:/tmp/pulse.socket", False, "/tmp/pulse.socket"),
        ("/tmp/pulse.socket", False, "/tmp/pulse.socket"),
        ("{7a}unix:/tmp/pulse.socket tcp:elsewhere", False, "/tmp/pulse.socket"),
        ("tcp:localhost:4713", True, None),
        ("10.0.0.1", True, None),
        ("laptop.example", True, None),
    ],
)
def test_where_the_server_is(address, remote, path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    monkeypatch.setenv("PULSE_SERVER", address)
    found = sound_server.socket_path()
    assert (str(found) if found else None) == path
    assert sound_server.is_remote() is remote
    assert sound_server.round_trip() is None
    assert not sound_server.is_up()


FAKE = """#!/bin/sh
test "$LC_NUMERIC" = C || exit 1
case "$*" in
"--format=json info") cat "$FAKE/info" ;;
"--format=json list sources") cat "$FAKE/sources" ;;
"--format=json list sinks") cat "$FAKE/sinks" ;;
esac
"""


@pytest.fixture
def pactl(tmp_path, monkeypatch):
    """A sound server's words, by what was asked."""
    program = tmp_path / "pactl"
    program.write_text(FAKE)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("FAKE", str(tmp_path))
    monkeypatch.setattr(sound_server, "is_up", lambda: True)
    for what in ("sources", "sinks"):
        (tmp_path / what).write_text("[]")
    (tmp_path / "info").write_text('{"default_sink_name": "b"}')
    return tmp_path


def test_the_servers_own_choice_comes_first(pactl):
    (pactl / "sinks").write_text('[{"name": "a", "description": "A"}, {"name": "b"}]')
    assert sound_server.server_devices() == [
        SoundDevice("speaker", "b", "b", default=True),
        SoundDevice("speaker", "a", "A"),
    ]
    assert sound_server.offers("speaker", "a")
    assert sound_server.offers("microphone", "a") is False


@pytest.mark.parametrize(
    "words",
    [
        '[{"name": "a\\u001b[2J"}, {"name": 7}, 8, {"name": ""}, {}]',
        '[{"name": "' + 2000 * "a" + '"}]',
    ],
)
def test_names_that_cannot_be_shown_are_left_out(pactl, words):
    (pactl / "sinks").write_text(words)
    assert sound_server.server_devices() == []


def test_a_label_that_cannot_be_shown_is_replaced_by_the_name(pactl):
    (pactl / "sinks").write_text('[{"name": "a", "description": "A\\u202e"}]')
    assert [device.label for device in sound_server.server_devices()] == ["a"]


@pytest.mark.parametrize("words", ["", "null", "{", "7", '{"a": [}', '{"a": 1,5}'])
def test_a_server_that_says_nonsense_has_no_devices(pactl, words):
    (pactl / "info").write_text(words)
    assert sound_server.server_devices() is None
    (pactl / "sinks").write_text(words)
    assert sound_server.offers("speaker", "a") is None


def test_a_list_without_end_is_not_read(pactl):
    devices = ",".join(f'{{"name": "{number}"}}' for number in range(500))
    (pactl / "sinks").write_text(f"[{devices}]")
    assert len(sound_server.server_devices()) == 64
    (pactl / "sinks").write_text(f"[{1000 * devices}]")
    assert sound_server.offers("speaker", "1") is None
