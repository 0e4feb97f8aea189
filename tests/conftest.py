import os
import shutil
import tempfile

import hypothesis
import pytest

pytest_plugins = [
    "tests.networks",
    "tests.participants",
    "tests.remote_signers",
    "tests.virtual_devices",
]

hypothesis.settings.register_profile("spaces", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("spaces")

_FOLDER = pytest.StashKey[str]()

# Where Debian keeps servers, which is on nobody's path but root's.
os.environ["PATH"] += os.pathsep + "/usr/sbin"

CI = os.environ.get("CI", "").lower() == "true"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """The address of a Unix socket is short; below the folder of a worker it would not fit."""
    if hasattr(config, "workerinput"):
        config.stash[_FOLDER] = config.option.basetemp = tempfile.mkdtemp(prefix="t")


def pytest_unconfigure(config: pytest.Config) -> None:
    if (folder := config.stash.get(_FOLDER, None)) is not None:
        shutil.rmtree(folder, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for marker in item.iter_markers("needs"):
            missing = [program for program in marker.args if shutil.which(program) is None]
            if missing and not CI:
                item.add_marker(pytest.mark.skip(reason=f"needs {', '.join(missing)}"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        missing = [program for program in marker.args if shutil.which(program) is None]
        if missing:
            pytest.fail(f"this machine lacks {', '.join(missing)}, and CI must have it")


@pytest.fixture(autouse=True)
def _private_home(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No test reads or writes the user's own settings, keys, sockets, colours or size."""
    home = tmp_path_factory.mktemp("home", numbered=True)
    runtime = home / "run"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    ours = [name for name in os.environ if name.startswith(("SPACES_", "TEXTUAL", "XDG_"))]
    for name in {*ours, "NO_COLOR", "COLUMNS", "LINES"} - {"XDG_RUNTIME_DIR"}:
        monkeypatch.delenv(name, raising=False)
