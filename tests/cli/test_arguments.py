import subprocess
import sys
import time

import pytest

from tui.cli.arguments import parse
from tui.cli.status import MEANINGS, ExitStatus
from tui.config.schema import Settings


def test_options_may_stand_before_and_after_the_command() -> None:
    before = "--relay ws://a --name Ada --profile p"
    after = "--id fri --relay ws://b --name Grace --headless"
    found = parse([*before.split(), "host", "Friday night", *after.split()])
    assert (found.command, found.space_name, found.id) == ("host", "Friday night", "fri")
    assert found.headless
    assert found.flags == {"relays": ("ws://a", "ws://b"), "name": "Grace"}
    assert found.profile == "p"


def test_what_is_not_given_is_no_flag() -> None:
    found = parse([])
    assert (found.command, found.flags, found.profile) == (None, {}, None)


def test_every_option_is_a_setting() -> None:
    line = "join R --mic none --speaker null --key-file k --account a --name n --max-outputs 3"
    found = parse([*line.split(), "--relay", "ws://a", "--ice-server", "stun:a"])
    of_the_file_alone = {
        *("theme", "space_relays", "plain_signalling", "check_names"),
        *("echo_cancelling", "noise_suppression", "automatic_gain"),
    }
    assert set(found.flags) == set(Settings.__struct_fields__) - of_the_file_alone


def test_every_command_of_the_contract_is_understood() -> None:
    for line in (
        "",
        "demo --people 9 --seed 3",
        "host NAME --id ID --headless",
        "host NAME --summary S --access invite --topic a --topic b --language en --headless",
        "host NAME --access password --password-file F --starts 2130-05-01T20:00",
        "join REF --headless",
        "join REF --password-file -",
        "headless",
        "list --json",
        "list music #radio lang:en host:ada",
        "journal --json",
        "journal --export PATH",
        "relay --listen 127.0.0.1:0 --store x",
        "status --json",
        "stop",
        "doctor",
    ):
        assert parse(line.split()).command == (line.split() or [None])[0]


@pytest.mark.parametrize(
    "line",
    [
        "fly",
        "host",
        "join",
        "host a b",
        "join R --head",
        "join R --password hunter2",
        "host R --password=hunter2",
        "host R --access secret",
        "host R --starts tomorrow",
        "host R --starts 2001-05-01T20:00",
        "host R --starts 99999-05-01",
        "join R --access open",
        "list --rel ws://a",
        "demo --people 0",
        "demo --people x",
        "demo --seed x",
        "relay --listen 7447",
        "relay --listen 127.0.0.1:65536",
        "relay --listen :1",
        "relay --relay ws://a",
        "--nsec nsec1",
    ],
)
def test_bad_arguments_are_one_line(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(line.split())
    assert caught.value.code == ExitStatus.USAGE
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("spaces")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2130-05-01T20:00Z", 5_059_569_600),
        ("2130-05-01T20:00+02:00", 5_059_562_400),
        ("2130-05-01 20:00:00+00:00", 5_059_569_600),
    ],
)
def test_a_time_may_name_its_zone(text: str, at: int) -> None:
    assert parse(["host", "Tea", "--starts", text]).starts == at


def test_a_time_without_a_zone_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC-3")
    time.tzset()
    try:
        assert parse(["host", "Tea", "--starts", "2130-05-01T20:00"]).starts == 5_059_558_800
    finally:
        monkeypatch.undo()
        time.tzset()


def test_an_address_may_be_of_version_6() -> None:
    assert parse(["relay", "--listen", "[::1]:0"]).listen == ("::1", 0)


def test_the_help_tells_every_status(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"])
    text = capsys.readouterr().out
    for status in ExitStatus:
        assert f"{status.value:<4} {MEANINGS[status]}" in text


def test_nothing_heavy_is_loaded_before_the_command_is_known() -> None:
    script = "import sys, tui.cli; print(*{m.partition('.')[0] for m in sys.modules})"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    loaded = set(found.stdout.decode().split())
    assert "tui" in loaded
    assert not loaded & {"asyncio", "msgspec", "textual", "rich", "aiortc", "numpy", "websockets"}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("45m", 2_700), ("1h30m", 5_400), ("1h1s", 3_601)],
)
def test_how_long_to_record(text: str, seconds: float) -> None:
    assert parse(["record-audio", "x", "--for", text]).seconds == seconds
    assert parse(["record-audio", "x"]).seconds == 0


@pytest.mark.parametrize("text", ["", "0", "0s", "-5", "1x", "m", "1.5h", "30m1h", "٣s", "9" * 9])
def test_what_is_no_duration(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse(["record-audio", "x", f"--for={text}"])
    assert "no duration" in capsys.readouterr().err
