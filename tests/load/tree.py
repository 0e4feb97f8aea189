"""What it costs to choose a parent, against walking all who are there, in the same run.

    python tests/load/tree.py [--people 10000]

CPU time of this thread. The walk finds each score by going up to the stage, as the formula stands,
and needs each one's consumers and the depth from one more pass over everybody.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tui.spaces.tree import Tree

STAGE = 6
OPTIMUM_KBPS = 500.0

Claim = tuple[bool, int, float]


def walk(people: dict[str, Claim], parents: dict[str, str]) -> str | None:
    """The best parent for a newcomer, by looking at everybody."""
    consumers = Counter(parents.values())
    paths = {}
    for who in people:
        path = [who]
        while not people[path[-1]][0] and path[-1] in parents:
            path.append(parents[path[-1]])
        if people[path[-1]][0]:
            paths[who] = path
    depth = max(len(path) - 1 for path in paths.values()) or 1
    best: tuple[float, str] = (0.0, "")
    for who, path in paths.items():
        free = people[who][1] - consumers[who]
        if free > 0:
            near = (depth - len(path) + 1) / depth
            shares = (people[each][2] / people[each][1] for each in path if people[each][1])
            network = min(1.0, min(shares) / OPTIMUM_KBPS)
            best = max(best, (0.4 * near + 0.4 * network + 0.2 * free / people[who][1], who))
    return best[1] or None


def grow(number: int, *, equal: bool) -> tuple[Tree, dict[str, Claim], dict[str, str]]:
    """A space in which one after another has come and chosen."""
    rng = Random(1)
    names = [f"{rng.getrandbits(256):064x}" for _ in range(number)]
    tree, people, parents = Tree(names[0]), {}, {}
    for place, who in enumerate(names):
        outputs = 8 if equal or place < STAGE else rng.choice((0, 2, 8, 16))
        upload = 8_000.0 if equal else 10_000 * rng.lognormvariate(0, 1)
        people[who] = (place < STAGE, outputs, upload)
        tree.put(who, speaks=place < STAGE, outputs=outputs, upload_kbps=upload)
        parent = tree.choose(who)
        if parent is not None:
            parents[who] = parent
            tree.connect(who, parent, "consumer", order=(place, who))
    return tree, people, parents


def timed(times: int, work: Callable[[int], object]) -> float:
    """Seconds for one."""
    began = time.thread_time()
    for number in range(times):
        work(number)
    return (time.thread_time() - began) / times


def measure(number: int, *, equal: bool) -> None:
    """Print the figures for a space of so many."""
    grown: list[tuple[Tree, dict[str, Claim], dict[str, str]]] = []
    whole = timed(1, lambda _: grown.append(grow(number, equal=equal)))
    tree, people, parents = grown[0]
    host, known = next(iter(people)), tree.parent
    some = Random(2).sample(list(parents), min(1_000, len(parents)))

    def apart(number: int) -> None:
        parent = known(some[number])
        tree.choose(some[number], avoid=(parent,), apart_from=parent)

    def move(number: int) -> None:
        who = some[number]
        tree.disconnect(who, parents[who])
        tree.connect(who, parents[who], "consumer", order=(number, ""))

    print(f"{number:,} people, {'all alike' if equal else 'all different'}, {tree.depth} deep")
    naive = timed(3, lambda _: walk(people, parents))
    print(f"  {'a walk of everybody':44} {naive * 1e6:12,.1f} µs")
    for what, seconds in (
        ("choose, somebody new", timed(1_000, lambda n: tree.choose(f"{n:064x}"))),
        ("choose apart from the parent", timed(len(some), apart)),
        ("better", timed(len(some), lambda n: tree.better(some[n]))),
        ("instead", timed(1_000, lambda n: tree.instead(host, f"{n:064x}"))),
        ("one moves, with all below", timed(len(some), move)),
        ("come, choose and be served, each", whole / number),
    ):
        print(f"  {what:44} {seconds * 1e6:12,.1f} µs   1/{naive / seconds:,.0f}")


def main() -> None:
    """Measure with people who are all alike, and with none who are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=10_000)
    number = parser.parse_args().people
    for equal in (True, False):
        measure(number, equal=equal)


if __name__ == "__main__":
    main()
