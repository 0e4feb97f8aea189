"""Coverage-guided fuzzing of everything that reads what others wrote.

    python tests/fuzz/run.py TARGET SECONDS [--corpus FOLDER]
    python tests/fuzz/run.py all SECONDS       each target for so long, one after the other
    python tests/fuzz/run.py --list

Ends with status 1 if an input broke something; the input is then in a file that is named, and
`--input FILE` runs a target on it once. With a corpus the interesting inputs are kept for the next
time. Needs atheris (Linux).
"""

import argparse
import logging
import subprocess
import sys
import tempfile
from pathlib import Path

import atheris

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY))

with atheris.instrument_imports(include=["tui"]):
    from tests.fuzz.targets import TARGETS

LONGEST_INPUT = 32 * 1024  # bytes; larger ones only make it slower
SLOW_SECONDS = 10  # one input that takes longer is a finding
MEMORY_MB = 2048


def fuzz(name: str, seconds: int, corpus: Path, found: Path) -> None:
    """Does not return: libFuzzer ends the process."""
    target = TARGETS[name]
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = {
        "max_total_time": seconds,
        "max_len": LONGEST_INPUT,
        "timeout": SLOW_SECONDS,
        "rss_limit_mb": MEMORY_MB,
        "artifact_prefix": f"{found}/{name}-",
        "print_final_stats": 1,
        "verbosity": 0,
    }
    logging.disable()  # what is reported once becomes a flood here
    with target.open() as run:
        words = [f"-{option}={value}" for option, value in options.items()]
        atheris.Setup([sys.argv[0], *words, str(corpus)], run)
        atheris.Fuzz()


def fuzz_in_process(name: str, seconds: int, corpus: Path | None, found: Path) -> bool:
    """Fuzz one target in a process of its own; whether nothing was broken."""
    with tempfile.TemporaryDirectory() as passing:
        inputs = Path(passing) if corpus is None else corpus / name
        inputs.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, __file__, name, str(seconds), "--found", str(found)]
        ended = subprocess.run(
            [*command, "--here", str(inputs)], stderr=subprocess.PIPE, text=True, errors="replace"
        )
    lines = ended.stderr.splitlines()
    tried = [line.split()[-1] for line in lines if "number_of_executed_units" in line]
    print(f"{name}: {tried[0] if tried else 'an unknown number of'} inputs", flush=True)
    if ended.returncode:
        print("\n".join(line for line in lines[-80:] if not line.startswith("INFO: ")))
    return not ended.returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", nargs="?", choices=["all", *TARGETS], metavar="TARGET")
    parser.add_argument("seconds", nargs="?", type=int, default=10)
    parser.add_argument("--corpus", type=Path, help="folder of inputs to begin with and add to")
    parser.add_argument("--found", type=Path, default=Path(), help="where broken inputs go")
    parser.add_argument("--input", type=Path, help="run the target once, on this file")
    parser.add_argument("--list", action="store_true", help="name the targets")
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.list or options.target is None:
        print("\n".join(TARGETS))
    elif options.input:
        with TARGETS[options.target].open() as run:
            run(options.input.read_bytes())
    elif options.here:
        fuzz(options.target, options.seconds, options.here, options.found)
    else:
        names = list(TARGETS) if options.target == "all" else [options.target]
        sound = [
            fuzz_in_process(name, options.seconds, options.corpus, options.found) for name in names
        ]
        print(f"{sum(sound)} of {len(sound)} targets held")
        return 0 if all(sound) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
