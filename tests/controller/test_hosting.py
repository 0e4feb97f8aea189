import gc
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from tui.controller import hosting

SCRIPT = """
import gc, sys, weakref
from tui.controller.hosting import collect_in_pause, tune_for_media

class Ring:
    def __init__(self):
        self.me = self

tune_for_media()
lost = weakref.ref(Ring())
full = gc.get_stats()[2]["collections"]
kept = [[] for _ in range(400_000)]  # that many make Python collect everything
assert gc.get_stats()[2]["collections"] == full, "collected while somebody may talk"
assert not collect_in_pause(talking=True)
assert collect_in_pause(talking=False)
assert lost() is None
assert gc.get_freeze_count() > 10_000
"""


def test_everything_is_collected_in_pauses_only():
    root = str(Path(__file__).parents[2])
    subprocess.run([sys.executable, "-c", SCRIPT], env={"PYTHONPATH": root}, check=True)


class Ring:
    def __init__(self) -> None:
        self.me = self


@pytest.mark.parametrize(
    ("waiting", "talking", "collects"),
    [(0, False, False), (20, False, True), (20, True, False), (200, True, True)],
)
def test_garbage_waits_for_a_pause_but_not_for_ever(
    waiting: int, talking: bool, collects: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = weakref.ref(Ring())
    monkeypatch.setattr(hosting.gc, "get_count", lambda: (0, 0, waiting))
    assert hosting.collect_in_pause(talking=talking) is collects
    assert not collects or lost() is None
    gc.collect()
