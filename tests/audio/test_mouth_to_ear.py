import json
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(__file__).parents[1] / "load" / "mouth_to_ear.py"


@pytest.mark.timeout(180)
@pytest.mark.needs("pulseaudio", "pactl", "paplay", "parec", "espeak-ng")
def test_a_voice_is_heard_soon():
    """85 ms where nothing else runs; a busy machine gets three attempts for 120 ms."""
    median = float("inf")
    for _ in range(3):
        if median > 120:
            run = subprocess.run(
                [sys.executable, str(COMMAND), "--seconds", "8", "--json"],
                capture_output=True,
                text=True,
                check=True,
            )
            median = json.loads(run.stdout).get("median_ms", median)
    assert median <= 120
