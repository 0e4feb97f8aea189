import asyncio
from pathlib import Path

import pytest

from tui.accounts.store import Accounts
from tui.cli.arguments import parse
from tui.cli.keys import has_open_account, public_key
from tui.cli.start import controller_options, first_intent, make_directories, set_up
from tui.cli.status import CommandFailed, ExitStatus
from tui.config import limits
from tui.config.paths import Paths
from tui.controller.intents import HostSpace, JoinSpace
from tui.controller.options import ControllerOptions
from tui.nostr.keys import SecretKey

OTHER = "0000000000000000000000000000000000000000000000000000000000000001"


def options_of(line: str, environ: dict[str, str], *, throwaway: bool = False) -> ControllerOptions:
    arguments = parse(line.split())
    setup = set_up(arguments, environ)
    return controller_options(arguments, setup, throwaway=throwaway, environ=environ)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}


def test_a_key_file_on_the_command_line_comes_before_the_variable(
    environ: dict[str, str], key_file: Path
) -> None:
    found = options_of(f"--key-file {key_file}", environ | {"SPACES_SECRET_KEY": OTHER})
    assert (found.key_file, found.secret) == (str(key_file), "")
    assert public_key(found).startswith("7e7e9c42")


def test_the_variable_comes_before_the_key_file_of_the_settings(
    environ: dict[str, str], key_file: Path, tmp_path: Path
) -> None:
    settings = tmp_path / ".config/spaces/default/settings.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f'key_file = "{key_file}"')
    found = options_of("", environ | {"SPACES_SECRET_KEY": OTHER})
    assert (found.key_file, found.secret) == ("", OTHER)
    assert options_of("", environ).key_file == str(key_file)


def test_a_throwaway_key_is_made_only_where_no_other_is_given(
    environ: dict[str, str], key_file: Path
) -> None:
    assert options_of("", environ, throwaway=True).throwaway
    assert not options_of(f"--key-file {key_file}", environ, throwaway=True).throwaway


def test_files_are_found_from_anywhere(
    environ: dict[str, str], key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(key_file.parent)
    Path("voice.wav").touch()
    line = "--key-file key --mic file:voice.wav --speaker file:out.wav"
    found = options_of(line, environ)
    assert found.key_file == str(key_file)
    assert found.microphone == f"file:{key_file.parent}/voice.wav"
    assert found.speaker == f"file:{key_file.parent}/out.wav"


@pytest.mark.parametrize(
    ("line", "variables", "status"),
    [
        ("--mic tone:1", {}, ExitStatus.USAGE),
        ("--mic file:/nowhere", {}, ExitStatus.USAGE),
        ("--speaker tone:440", {}, ExitStatus.USAGE),
        ("--max-outputs many", {}, ExitStatus.USAGE),
        ("--relay http://a", {}, ExitStatus.USAGE),
        ("--profile a/b", {}, ExitStatus.USAGE),
        ("", {"SPACES_RELAYS": "x"}, ExitStatus.USAGE),
        ("--key-file /nowhere", {}, ExitStatus.KEY),
        ("", {"SPACES_SECRET_KEY": "nsec1secretsecret"}, ExitStatus.KEY),
    ],
)
def test_what_cannot_be_used_is_one_line_with_its_status(
    environ: dict[str, str], line: str, variables: dict[str, str], status: ExitStatus
) -> None:
    with pytest.raises(CommandFailed) as caught:
        options_of(line, environ | variables)
    assert caught.value.status is status
    assert "\n" not in str(caught.value)
    assert "secretsecret" not in str(caught.value)


def test_a_key_file_that_others_can_read_is_refused(
    environ: dict[str, str], key_file: Path
) -> None:
    key_file.chmod(0o644)
    with pytest.raises(CommandFailed, match="chmod 600") as caught:
        options_of(f"--key-file {key_file}", environ)
    assert caught.value.status is ExitStatus.KEY


def test_a_directory_that_cannot_be_made_is_one_line(environ: dict[str, str]) -> None:
    setup = set_up(parse([]), environ | {"XDG_STATE_HOME": "/dev/null/x"})
    with pytest.raises(CommandFailed, match="/dev/null") as caught:
        make_directories(setup.paths)
    assert caught.value.status is ExitStatus.CONTROLLER


def test_what_host_and_join_ask_for() -> None:
    host = parse(["host", " Friday ", "--id", "fri"])
    assert first_intent(host) == HostSpace(name="Friday", id="fri", muted=True)
    assert first_intent(parse(["join", "R"]), muted=False) == JoinSpace(ref="R", muted=False)


@pytest.mark.parametrize("name", ["", "  ", "x" * (limits.NAME_LENGTH + 1)])
def test_a_space_has_a_name_of_some_length(name: str) -> None:
    with pytest.raises(CommandFailed):
        first_intent(parse(["host", name]))


def test_all_that_a_new_space_says_of_itself_is_asked_for() -> None:
    line = "--summary Songs --access invite --topic music --topic radio --language pt"
    found = first_intent(parse(["host", "Tea", *line.split(), "--starts", "2130-05-01T20:00Z"]))
    assert found == HostSpace(
        name="Tea",
        summary="Songs",
        access="invite",
        topics=("music", "radio"),
        language="pt",
        starts=5_059_569_600,
    )


@pytest.mark.parametrize(
    "line",
    [
        f"--summary {'x' * (limits.SUMMARY_LENGTH + 1)}",
        f"--topic {'x' * (limits.TOPIC_LENGTH + 1)}",
        "--topic=",
        "--topic a " * (limits.TOPICS + 1),
        f"--language {'x' * (limits.LANGUAGE_LENGTH + 1)}",
        f"--id {'x' * (limits.SPACE_ID_LENGTH + 1)}",
    ],
)
def test_what_a_space_says_of_itself_is_bounded(line: str) -> None:
    with pytest.raises(CommandFailed) as caught:
        first_intent(parse(["host", "Tea", *line.split()]))
    assert caught.value.status is ExitStatus.USAGE


@pytest.fixture
def kept(environ: dict[str, str]) -> tuple[str, str]:
    """Two kept keys: `ada`, which the profile uses, and `bob` behind a password."""

    async def keep() -> tuple[str, str]:
        accounts = Accounts(Paths("default", environ).shared_config)
        ada = await accounts.save(SecretKey.generate(), store="insecure-plaintext", label="ada")
        secret, password = SecretKey.generate(), "correct horse"
        bob = await accounts.save(secret, store="encrypted", label="bob", password=password)
        await accounts.use("default", ada)
        return ada.pubkey, bob.pubkey

    return asyncio.run(keep())


def test_a_kept_key_is_used_where_it_is_named_and_at_once_on_the_screens(
    environ: dict[str, str], kept: tuple[str, str], key_file: Path
) -> None:
    ada, bob = kept
    found = options_of("--account ada", environ | {"SPACES_SECRET_KEY": OTHER}, throwaway=True)
    assert (found.account, found.secret, found.throwaway) == (ada, "", False)
    with_password = environ | {"SPACES_KEY_PASSWORD": "correct horse"}
    found = options_of("--account bob", with_password, throwaway=True)
    assert (found.account, found.account_password) == (bob, "correct horse")
    assert options_of("", environ, throwaway=True).throwaway, "a bot has a key of its own"
    arguments = parse(["host", "Tea"])
    setup = set_up(arguments, environ)
    at_once = controller_options(arguments, setup, throwaway=True, kept=True, environ=environ)
    assert (at_once.account, at_once.throwaway) == (ada, False)
    assert has_open_account(setup.paths)


def test_a_key_that_needs_a_password_is_opened_before_anything_starts(
    environ: dict[str, str], tmp_path: Path
) -> None:
    secret = SecretKey.generate()
    encrypted = secret.to_ncryptsec("correct horse", log_n=4)
    path = tmp_path / "encrypted"
    path.write_text(encrypted)
    path.chmod(0o600)
    environ |= {"SPACES_KEY_PASSWORD": "correct horse"}
    found = options_of(f"--key-file {path}", environ)
    assert (public_key(found), found.key_file) == (secret.public, str(path))
    found = options_of("", environ | {"SPACES_SECRET_KEY": encrypted})
    assert public_key(found) == secret.public
    with pytest.raises(CommandFailed) as caught:
        options_of(f"--key-file {path}", environ | {"SPACES_KEY_PASSWORD": "wrong horse"})
    assert caught.value.status is ExitStatus.KEY
    assert "horse" not in str(caught.value)
