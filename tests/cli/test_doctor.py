import asyncio
import os
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from tui.cli.doctor import clock_skew, describe_skew
from tui.relay.server import RelayServer

Run = Callable[..., Any]


async def test_a_report_has_what_a_bug_report_needs_and_nothing_private(
    spaces: Run, relay: RelayServer, key_file: Path
) -> None:
    secret = key_file.read_text().strip()
    ended = await asyncio.to_thread(
        spaces,
        *("doctor", "--name", "Ada Lovelace", "--key-file", str(key_file)),
        *("--relay", relay.url, "--relay", "ws://127.0.0.1:9", "--mic", "none"),
        SPACES_SECRET_KEY=secret,
    )
    assert (ended.status, ended.err) == (0, "")
    report = [line.split(None, 1) for line in ended.out.splitlines()]
    named = dict(report)
    for name in (
        *("spaces", "python", "system", "libraries", "terminal", "colours", "locale"),
        *("settings", "microphone", "speaker", "opus", "portaudio", "webrtc"),
    ):
        assert named[name]
    assert named["webrtc"] == "works"
    assert named["settings"].startswith("~/")
    assert named["variables"] == "SPACES_SECRET_KEY"
    good, bad = (text for name, text in report if name == "relay")
    assert good.startswith(f"{relay.url}: connected in ")
    assert "our clock agrees" in good
    assert bad == "ws://127.0.0.1:9: PROBLEM: connection refused"
    for private in (secret, "Ada Lovelace", os.environ["HOME"], str(key_file)):
        assert private not in ended.out


@pytest.mark.parametrize(
    ("ahead", "words"),
    [(0, "agrees"), (-3, "agrees"), (90, "90 s ahead"), (-600, "600 s behind")],
)
def test_a_clock_that_is_off_is_a_problem(ahead: int, words: str) -> None:
    now = 1_700_000_000
    skew = clock_skew(formatdate(now, usegmt=True), now + ahead + 0.5)
    assert skew == ahead
    assert words in describe_skew(skew)


@pytest.mark.parametrize("date", ["", "soon", "Tue, 99 Foo 2023 99:99:99 GMT", "0" * 5000])
def test_a_relay_that_tells_no_time(date: str) -> None:
    assert clock_skew(date, 1_700_000_000) is None
    assert describe_skew(None) == "tells no time"
