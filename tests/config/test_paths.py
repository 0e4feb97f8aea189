import os
import tempfile
from pathlib import Path

import pytest

from tui.config import limits
from tui.config.paths import InvalidProfile, Paths, UnsafeDirectory


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    directory = tmp_path / "run"
    directory.mkdir(mode=0o700)
    return directory


def test_places_follow_the_base_directories(tmp_path: Path, runtime: Path) -> None:
    environ = {
        "XDG_RUNTIME_DIR": str(runtime),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    paths = Paths("work", environ)
    assert paths.socket == runtime / "spaces/work/controller.sock"
    assert paths.lock == runtime / "spaces/work/controller.lock"
    assert paths.controller_log == tmp_path / "state/spaces/work/controller.log"
    assert paths.settings == tmp_path / "config/spaces/work/settings.toml"
    assert mode(paths.runtime) == mode(paths.runtime.parent) == mode(paths.state) == 0o700
    assert paths.cache == tmp_path / "cache/spaces/work/events.sqlite"
    assert not (tmp_path / "config").exists()


def test_relative_base_directories_are_ignored(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "XDG_STATE_HOME": "state", "XDG_RUNTIME_DIR": "run"}
    paths = Paths("default", environ, shared=tmp_path)
    assert paths.state == tmp_path / ".local/state/spaces/default"
    assert paths.runtime == tmp_path / f"spaces-{os.getuid()}/default"


@pytest.mark.parametrize("profile", ["", "a/b", "..", ".", "a b", "x" * 33, "ä", "a\n", "-\0"])
def test_a_profile_that_could_leave_its_directory_is_refused(profile: str) -> None:
    with pytest.raises(InvalidProfile):
        Paths(profile)


@pytest.mark.parametrize("unusable", ["missing", "writable by all"])
def test_an_unusable_runtime_directory_gives_way_to_one_of_ours(
    tmp_path: Path, runtime: Path, unusable: str
) -> None:
    if unusable == "missing":
        runtime.rmdir()
    else:
        runtime.chmod(0o777)
    paths = Paths("p", {"XDG_RUNTIME_DIR": str(runtime)}, shared=tmp_path)
    assert paths.runtime == tmp_path / f"spaces-{os.getuid()}/p"
    assert mode(paths.runtime) == mode(paths.runtime.parent) == 0o700


def test_a_link_in_the_shared_place_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (tmp_path / f"spaces-{os.getuid()}").symlink_to(elsewhere)
    with pytest.raises(UnsafeDirectory, match="not a directory of ours"):
        _ = Paths("p", {}, shared=tmp_path).runtime
    assert list(elsewhere.iterdir()) == []


def test_a_directory_open_to_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / f"spaces-{os.getuid()}").mkdir(mode=0o700)
    (tmp_path / f"spaces-{os.getuid()}").chmod(0o755)
    with pytest.raises(UnsafeDirectory, match="open to others"):
        _ = Paths("p", {}, shared=tmp_path).runtime


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a directory of somebody else")
def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    taken = tmp_path / f"spaces-{os.getuid()}"
    taken.mkdir(mode=0o700)
    os.chown(taken, 65534, 65534)
    with pytest.raises(UnsafeDirectory, match="not a directory of ours"):
        _ = Paths("p", {}, shared=tmp_path).runtime


def test_two_long_runtime_directories_get_two_short_ones(tmp_path: Path) -> None:
    found = set()
    with tempfile.TemporaryDirectory(dir="/tmp") as shared:
        for letter in "ab":
            deep = tmp_path / (letter * limits.SOCKET_PATH_BYTES)
            deep.mkdir(mode=0o700)
            paths = Paths("p", {"XDG_RUNTIME_DIR": str(deep)}, shared=Path(shared))
            found.add(paths.socket)
            assert len(os.fsencode(paths.socket)) <= limits.SOCKET_PATH_BYTES
    assert len(found) == 2
