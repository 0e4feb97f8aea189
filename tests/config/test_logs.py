import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tui.config import limits
from tui.config.logs import LogFile, Redacting, open_log


@pytest.fixture
def descriptor() -> Iterator[int]:
    """A descriptor that a log may take over, in place of 2."""
    spare = os.open(os.devnull, os.O_WRONLY)
    yield spare
    os.close(spare)


def test_a_log_is_private_even_if_it_was_not(tmp_path: Path) -> None:
    log = tmp_path / "controller.log"
    log.write_text("before\n")
    log.chmod(0o644)
    os.close(open_log(log))
    assert log.stat().st_mode & 0o777 == 0o600
    assert log.read_text() == "before\n"


def test_a_log_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="log"):
        open_log(tmp_path / "log")


def test_a_full_log_is_put_aside_whoever_filled_it(tmp_path: Path, descriptor: int) -> None:
    path = tmp_path / "controller.log"
    log = LogFile(path, descriptors=(descriptor,))
    for round_ in range(3):
        os.write(descriptor, b"%d" % round_ * limits.LOG_FILE_BYTES)  # as a native library would
        log.bound()
    os.write(descriptor, b"end")
    assert path.read_bytes() == b"end"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.with_name("controller.log.1").read_bytes()[:1] == b"2"
    assert len(list(tmp_path.iterdir())) == 2


def test_no_nsec_reaches_a_log_even_in_a_traceback() -> None:
    secret = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"
    try:
        raise ValueError(secret)
    except ValueError as error:
        record = logging.LogRecord("n", logging.ERROR, "", 0, "key %s", (secret,), None)
        record.exc_info = (ValueError, error, error.__traceback__)
    text = Redacting("%(message)s").format(record)
    assert "nsec1..." in text
    assert "vl029" not in text
    assert "ValueError" in text
