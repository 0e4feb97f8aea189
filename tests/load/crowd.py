"""A space of one host, five speakers and two hundred listeners on this machine, for ten minutes.

    python tests/load/crowd.py [--listeners 200] [--minutes 10] [--outputs 8] [--churn 0.1]

Every node is a whole session with real WebRTC connections and a relay connection of its own; many
share a process. Each minute a tenth of the audience leaves and others come; some of those who go
are killed (`kill -9` of a process with a few listeners). At the end: who heard whom, holes in the
sound, depth of the tree, moves from parent to parent, CPU and memory of a node.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

from tests.load.crowd_nodes import report  # noqa: E402
from tui.nostr.keys import LocalSigner, SecretKey  # noqa: E402

KILLED_TOGETHER = 4  # listeners in the process that is killed
STAGE = 6


class Worker:
    """A process of a part of the crowd; `lines` are what it has said."""

    def __init__(self, options: dict[str, Any], *, speaks: bool = False) -> None:
        self.lines: list[dict[str, Any]] = []
        self.report = Path(options["report"])
        self._ready = threading.Event()
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "tests.load.crowd_nodes", json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.popen.stdout or ():
            self.lines.append(json.loads(line))
            if "ready" in self.lines[-1]:
                self._ready.set()

    def wait_ready(self, seconds: float) -> None:
        if not self._ready.wait(seconds):
            raise SystemExit("a part of the crowd did not get ready")

    def end(self) -> dict[str, Any]:
        """Let it finish; what it has to report."""
        assert self.popen.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.popen.stdin.close()
        try:
            self.popen.wait(60)
        except subprocess.TimeoutExpired:
            self.popen.kill()
        try:
            found: dict[str, Any] = json.loads(self.report.read_text())
        except (FileNotFoundError, ValueError):
            return {"reports": [], "cpu": 0.0, "megabytes": 0.0, "seconds": 1.0}
        return found

    def kill(self) -> None:
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()


class Crowd:
    """Everything that runs, and its end."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options = options
        self.folder = folder
        self.host = LocalSigner(SecretKey((1).to_bytes(32, "big"))).pubkey
        self.killed: list[float] = []
        self._made = 0
        self.relay = subprocess.Popen(
            [sys.executable, "-m", "tui", "relay", "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )
        assert self.relay.stdout is not None
        self.url = self.relay.stdout.readline().removeprefix("listening on ").strip()
        self._number = 100

    def worker(self, role: str, count: int, **more: Any) -> Worker:
        self._made += 1
        numbers = list(range(self._number, self._number + count))
        self._number += count
        if role == "stage":
            numbers[0] = 1
        return Worker(
            {
                "role": role,
                "relay": self.url,
                "host": self.host,
                "numbers": numbers,
                "outputs": self.options.outputs,
                "report": str(self.folder / f"{self._made}.json"),
                **more,
            }
        )

    def run(self) -> None:
        options = self.options
        stage = self.worker("stage", STAGE)
        stage.wait_ready(90)
        print(f"{STAGE} on stage", flush=True)
        share, rest = divmod(options.listeners - KILLED_TOGETHER, options.processes)
        parts = [
            self.worker(
                "audience", share + (place < rest), churn=options.churn, spread=options.come
            )
            for place in range(options.processes)
        ]
        brief = self.worker("audience", KILLED_TOGETHER, churn=0, spread=1)
        for part in (*parts, brief):
            part.wait_ready(options.come * 3 + 60)
        print(f"{options.listeners} listeners", flush=True)
        steady = time.monotonic() + options.settle
        until = steady + options.minutes * 60
        while time.monotonic() < until:
            left = until - time.monotonic()
            print(f"{left:4.0f} s to go", file=sys.stderr, flush=True)
            time.sleep(min(60.0 if options.churn else 3_600.0, max(left, 0.1)))
            if options.churn and until - time.monotonic() > 20:
                brief.kill()
                self.killed.append(time.monotonic())
                brief = self.worker("audience", KILLED_TOGETHER, churn=0, spread=1)
        ended = time.monotonic()
        found = [part.end() for part in (*parts, brief)]
        on_stage = stage.end()
        report.show(
            audience=found,
            stage=on_stage,
            talks=[line for line in stage.lines if "talks" in line],
            steady=steady,
            ended=ended,
            killed=self.killed,
            relay=_cpu(self.relay.pid),
        )
        self.relay.terminate()


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--listeners", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--outputs", type=int, default=8, help="of every node")
    parser.add_argument("--churn", type=float, default=0.1, help="share replaced in a minute")
    parser.add_argument("--processes", type=int, default=3, help="of the audience")
    parser.add_argument("--come", type=float, default=60, help="seconds within which they come")
    parser.add_argument("--settle", type=float, default=15, help="seconds until it is steady")
    with tempfile.TemporaryDirectory() as folder:
        Crowd(parser.parse_args(), Path(folder)).run()


if __name__ == "__main__":
    main()
