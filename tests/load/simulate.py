"""The listening tree of up to 100,000 listeners, simulated; and what relays have to carry for it.

    python tests/load/simulate.py [--listeners 100 1000 10000 100000] [--seconds 60] [--seed 1]

A stage of six, then a crowd (all within 10 s, or 1,000 a second), then that many seconds in which
a tenth of the listeners in a minute leave, a fifth of those without a word, and as many come. Once
with everybody hearing of everybody's coming, going and connections, and once with the stage and
one's own neighbourhood only, where full nodes name others who have room. The decisions are those of
`tui/spaces/tree.py`; the same seed gives the same table. 100,000 listeners take some minutes.
"""

import argparse
import gc
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.load.simulator.report import HEAD, Row, line, sum_up
from tests.load.simulator.space import Space

LEGEND = """
depth, optimum   times the sound is passed on from the stage: median/99 %/most; and the flattest
                 tree of the same capacities
served           listeners with a path at the end
parent after s   from coming to the first sound: median/99 %
orphaned s       without a parent after it left or crashed: median/99 %
standby          of them, served at once by the second parent
no path          share of the time after the crowd has come, own or anybody's above
refused          requests refused or unanswered, for each newcomer's first parent
relay in, out    events published to each relay, and handed out by it: calm (most in a second)
to a node        most events in one second to one listener, what is stored when it comes included
on stage         the same to somebody on stage
stage to all     what a relay would hand out more if everybody heard of the stage's connections
a roster         what it hands out more for each who hears of everybody who comes and goes
"""


def more(row: Row) -> str:
    """What does not fit into the table."""
    counts = ", ".join(f"{what} {number:,}" for what, number in sorted(row.counts.items()))
    dropped = f"{row.dropped.median:.2f}/{row.dropped.p99:.2f} s" if row.counts["made room"] else ""
    return f"{'':9} {counts}; orphaned where room was made {dropped or '-'}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listeners", type=int, nargs="+", default=[100, 1_000, 10_000, 100_000])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--more", action="store_true", help="also print what was counted")
    options = parser.parse_args()
    gc.disable()  # nothing of a run is garbage before its end
    print(LEGEND)
    print(HEAD)
    for listeners in options.listeners:
        for neighbourhood in (False, True):
            began = time.process_time()
            space = Space(options.seed, neighbourhood=neighbourhood)
            space.run(listeners, options.seconds)
            row = sum_up(space, neighbourhood=neighbourhood)
            print(line(row), f" {time.process_time() - began:.0f} s of CPU", flush=True)
            if options.more:
                print(more(row), flush=True)
            del space
            gc.collect()


if __name__ == "__main__":
    main()
