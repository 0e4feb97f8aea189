from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tui.config import limits, schema
from tui.config.schema import (
    DEFAULT_RELAYS,
    InvalidSetting,
    Settings,
    describe,
)


def relay_url(text: str) -> str:
    if not text.startswith(("ws://", "wss://")):
        raise ValueError("no relay")
    return text.lower()


def load_settings(
    path: Path, environ: dict[str, str] | None = None, flags: dict[str, object] | None = None
) -> Settings:
    return schema.load_settings(path, environ or {}, flags or {}, relay_url)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


def test_without_anything_the_defaults_hold(file: Path) -> None:
    assert load_settings(file) == Settings()
    assert Settings().relays == DEFAULT_RELAYS


def test_flag_before_variable_before_file_before_default(file: Path) -> None:
    file.write_text('name = "file"\nspeaker = "file"\nmicrophone = "file"\nmax_outputs = 1\n')
    environ = {"SPACES_NAME": "variable", "SPACES_SPEAKER": "variable", "SPACES_MAX_OUTPUTS": "2"}
    found = load_settings(file, environ, {"name": "flag", "max_outputs": "3"})
    assert (found.name, found.speaker, found.microphone) == ("flag", "variable", "file")
    assert (found.max_outputs, found.theme) == (3, "dark")


def test_lists_in_variables_are_parted_by_commas_or_space(file: Path) -> None:
    found = load_settings(file, {"SPACES_RELAYS": "ws://a:1, wss://B ws://A:1"})
    assert found.relays == ("ws://a:1", "wss://b")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("max_outputs = -1", "max_outputs"),
        ('max_outputs = "4"', "max_outputs"),
        ("max_outputs = true", "max_outputs"),
        ("volume = 3", "volume"),
        ('relays = ["https://relay"]', "relays"),
        ("relays = []", "relays"),
        ("relays = [3]", "relays"),
        ("name = \n", "line 1"),
        (f'name = "{"x" * 200}"', "name"),
        ('secret = "nsec1qqqq"', "secret"),
        ("# " + "x" * limits.SETTINGS_BYTES, "bytes"),
        ("[name]\nx = 1", "name"),
        ("name = " + "[" * 30_000, "recursion"),
        ("max_outputs = " + "9" * 50_000, "digits"),
    ],
)
def test_a_bad_file_is_one_line_with_file_and_field(file: Path, text: str, named: str) -> None:
    file.write_text(text)
    with pytest.raises(InvalidSetting) as caught:
        load_settings(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert named in message
    assert "\n" not in message
    assert "nsec1" not in message


def test_a_bad_variable_and_a_bad_flag_are_named(file: Path) -> None:
    with pytest.raises(InvalidSetting, match="SPACES_MAX_OUTPUTS: max_outputs"):
        load_settings(file, {"SPACES_MAX_OUTPUTS": "many"})
    with pytest.raises(InvalidSetting, match="command line: max_outputs"):
        load_settings(file, {}, {"max_outputs": "9999"})


def test_a_file_that_cannot_be_read_is_one_line(file: Path) -> None:
    file.mkdir()
    with pytest.raises(InvalidSetting, match=r"settings\.toml: Is a directory"):
        load_settings(file)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_no_file_does_more_than_be_refused(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    try:
        load_settings(file)
    except InvalidSetting as error:
        assert str(error).startswith(f"{file}: ")


def test_every_setting_has_its_help() -> None:
    for field in Settings.__struct_fields__:
        assert describe(field)
