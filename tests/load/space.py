"""What a space costs: join to first sound, CPU and memory of a listener and of a busy speaker.

    python tests/load/space.py [--listeners 10] [--joins 10] [--seconds 10]

Real processes of the real command, one relay, all on loopback. CPU is per cent of one core.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).parents[2]
TICKS = os.sysconf("SC_CLK_TCK")


class Process:
    """One `spaces ...` process and what it prints."""

    def __init__(self, *arguments: str) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "tui", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )

    def line(self) -> str:
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline()
        if not line:
            raise SystemExit(f"{self.popen.args} ended")
        return line

    def until(self, event: str, **fields: Any) -> dict[str, Any]:
        while True:
            seen: dict[str, Any] = json.loads(self.line())
            if seen["event"] == event and fields.items() <= seen.items():
                return seen

    def cpu(self) -> float:
        fields = Path(f"/proc/{self.popen.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> float:
        status = Path(f"/proc/{self.popen.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", status)
        assert found
        return int(found[1]) / 1024

    def end(self) -> None:
        self.popen.terminate()
        self.popen.communicate(timeout=20)


def first_sound(path: Path) -> float:
    """Seconds from the opening of the recording, which is when joining begins, to loud sound."""
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(1 << 30), "<i2")
    loud = np.flatnonzero(np.abs(samples) > 1000)
    return float(loud[0]) / 48_000 if len(loud) else float("nan")


def measure_joins(relay: str, folder: Path, count: int) -> list[float]:
    times = []
    for number in range(count):
        path = folder / f"join{number}.wav"
        guest = Process(
            "join", "load", "--headless", "--relay", relay, "--mic", "none", "--speaker",
            f"file:{path}",
        )  # fmt: skip
        guest.until("audio", state="started")
        time.sleep(0.5)  # what has arrived is also to be played
        guest.end()
        times.append(first_sound(path))
    return times


def measure_cost(named: dict[str, list[Process]], seconds: float) -> None:
    before = {name: [p.cpu() for p in processes] for name, processes in named.items()}
    began = time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - began
    print(f"{'':34}{'CPU %':>8}{'MB':>8}")
    for name, processes in named.items():
        used = [
            (p.cpu() - old) / passed * 100 for p, old in zip(processes, before[name], strict=True)
        ]
        memory = statistics.median(p.memory() for p in processes)
        print(f"{name:34}{statistics.median(used):8.1f}{memory:8.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listeners", type=int, default=10)
    parser.add_argument("--joins", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    started: list[Process] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            relay = Process("relay", "--listen", "127.0.0.1:0")
            started.append(relay)
            url = relay.line().removeprefix("listening on ").strip()
            common = ("--headless", "--relay", url)
            host = Process(
                "host", "Load", "--id", "load", *common, "--mic", "tone:440", "--speaker", "null",
                "--max-outputs", str(options.listeners),
            )  # fmt: skip
            started.append(host)
            host.until("joined")
            joins = sorted(measure_joins(url, Path(folder), options.joins))
            print(
                f"join to first sound, {len(joins)} times, ms: median "
                f"{statistics.median(joins) * 1000:.0f}, best {joins[0] * 1000:.0f}, "
                f"worst {joins[-1] * 1000:.0f}"
            )
            listeners = [
                Process(
                    "join", "load", *common, "--mic", "none", "--speaker",
                    f"file:{folder}/listener{number}.wav",
                )
                for number in range(options.listeners)
            ]  # fmt: skip
            started += listeners
            for listener in listeners:
                listener.until("audio", state="started")
            measure_cost(
                {
                    f"speaker with {options.listeners} listeners": [host],
                    "listener (decodes, writes a file)": listeners,
                    "relay": [relay],
                },
                options.seconds,
            )
        finally:
            for process in reversed(started):
                process.end()


if __name__ == "__main__":
    main()
