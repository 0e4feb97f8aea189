"""Every measurement, one after the other: the one command for all figures.

    python tests/load/all.py [--whole] [NAME...]

Without `--whole` they are short, a few minutes in all; with it they last as long as the figures of
the design ask for, the crowd ten minutes. Run it on a machine that does nothing else.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent


class Measurement(NamedTuple):
    """`short` are its arguments unless everything is measured in whole."""

    what: str
    short: str = ""
    whole: str = ""


MEASUREMENTS = {
    "outputs": Measurement("listeners that one core feeds, beside aiortc's MediaRelay"),
    "delay": Measurement("what a hop adds, with a busy screen beside it"),
    "peers": Measurement("joining, and another parent after a death"),
    "churn": Measurement("memory over connections that come and go", "--cycles 200"),
    "loss": Measurement("sound over a network that loses packets", "--seconds 20"),
    "voices": Measurement("decoding and mixing of many speakers"),
    "mouth_to_ear": Measurement("from the microphone to the speaker, through virtual devices"),
    "echo": Measurement("the echo canceller in an acoustic loop"),
    "tree": Measurement("the choice of a parent among ten thousand"),
    "simulate": Measurement("a hundred thousand listeners, on paper", "--listeners 100 1000", ""),
    "crowd": Measurement(
        "two hundred real listeners", "--listeners 60 --minutes 1 --come 15", "--minutes 10"
    ),
    "space": Measurement("joining a space, and what a node costs", "--listeners 5 --joins 5"),
    "fold": Measurement("histories of 50,000 events"),
    "ingest": Measurement("events taken in through the pool"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[*MEASUREMENTS, []], help="only these")
    parser.add_argument("--whole", action="store_true", help="as long as the design asks for")
    options = parser.parse_args()
    failed = []
    for name in options.names or MEASUREMENTS:
        found = MEASUREMENTS[name]
        arguments = (found.whole if options.whole else found.short).split()
        print(f"\n== {name}: {found.what}", flush=True)
        command = [sys.executable, str(FOLDER / f"{name}.py"), *arguments]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
