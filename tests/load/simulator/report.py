"""What a run has shown, as a row of a table."""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tests.load.simulator.optimum import best_levels
from tests.load.simulator.space import Space


class Spread(NamedTuple):
    """Median, 99th percentile, and the most."""

    median: float
    p99: float
    most: float


class Row(NamedTuple):
    """One run; rates are events in a second, of the time after the crowd has come, and the most in
    any second."""

    listeners: int
    neighbourhood: bool
    depth: Spread
    optimum: Spread
    served: float
    """Share of the listeners who have a path at the end."""
    waited: Spread
    orphaned: Spread
    dropped: Spread
    by_standby: float
    """Share of those whose parent left or crashed whom the second parent served at once."""
    without: float
    """Share of the time that listeners were without a path."""
    refused: float
    """Refused and unanswered requests for each parent found, standby connections left out."""
    relay_in: tuple[float, int]
    relay_out: tuple[float, int]
    node_in: tuple[float, int]
    stage_in: int
    roster: float
    """What one person more costs a relay who shows the roster, events in a second."""
    stage_to_all: tuple[float, int]
    """What it would cost that everybody hears of the stage's connections."""
    counts: Counter[str]


def spread(values: Iterable[float]) -> Spread:
    """Of values in any order; NaN where there are none."""
    found: Sequence[float] = sorted(values)
    if not found:
        return Spread(*[float("nan")] * 3)
    return Spread(found[len(found) // 2], found[len(found) * 99 // 100], found[-1])


def sum_up(space: Space, *, neighbourhood: bool) -> Row:
    """Read off a space after its run."""
    traffic, listeners, counts = space.traffic, list(space.listeners), space.counts
    levels = [level for node in listeners if (level := node.level)]
    stage_outputs = sum(node.person.outputs for node in space.stage)
    calm = range(int(space.crowded) + 1, int(space.clock.now))

    def rate(events: Counter[int]) -> tuple[float, int]:
        return statistics.fmean(events[second] for second in calm), max(events.values(), default=0)

    people = traffic.people
    to_all = Counter({second: traffic.stage[second] * people[second] for second in traffic.stage})
    mean_in, peak_to_all = rate(traffic.to_all)
    return Row(
        listeners=len(listeners),
        neighbourhood=neighbourhood,
        depth=spread(levels),
        optimum=spread(best_levels(stage_outputs, (node.person.outputs for node in listeners))),
        served=len(levels) / max(1, len(listeners)),
        waited=spread(space.waited),
        orphaned=spread(space.orphaned),
        dropped=spread(space.dropped),
        by_standby=counts["to standby"] / max(1, len(space.orphaned)),
        without=statistics.fmean(space.without or [0.0]),
        refused=(counts["refused"] + counts["unanswered"]) / max(1, len(space.waited)),
        relay_in=rate(traffic.published),
        relay_out=rate(traffic.delivered),
        node_in=(mean_in, max(traffic.node_peak, peak_to_all, traffic.history_peak)),
        stage_in=max(traffic.stage_peak, peak_to_all),
        roster=rate(traffic.roster)[0],
        stage_to_all=rate(to_all),
        counts=counts,
    )


HEAD = (
    f"{'listeners':>9} {'hears of':13} {'depth':>9} {'optimum':>8} {'served':>7}"
    f" {'parent after s':>14} {'orphaned s':>12} {'standby':>8} {'no path':>8} {'refused':>8}"
    f" {'relay in /s':>15} {'relay out /s':>25} {'to a node':>9} {'on stage':>9}"
    f" {'stage to all /s':>22} {'a roster':>8}"
)


def line(row: Row) -> str:
    """A row as text, under `HEAD`."""

    def number(value: float) -> str:
        return f"{value:,.0f}"

    def both(rates: tuple[float, int]) -> str:
        return f"{number(rates[0])} ({number(rates[1])})"

    depth, best = row.depth, row.optimum
    return (
        f"{row.listeners:9,} {'neighbours' if row.neighbourhood else 'everybody':13}"
        f" {depth.median:3}/{depth.p99}/{depth.most:<2} {best.median:3}/{best.p99}/{best.most}"
        f" {row.served:7.2%}"
        f" {row.waited.median:7.2f}/{row.waited.p99:<6.2f}"
        f" {row.orphaned.median:5.2f}/{row.orphaned.p99:<6.2f}"
        f" {row.by_standby:8.0%} {row.without:8.2%} {row.refused:8.2f}"
        f" {both(row.relay_in):>15} {both(row.relay_out):>25}"
        f" {number(row.node_in[1]):>9} {number(row.stage_in):>9}"
        f" {both(row.stage_to_all) if row.neighbourhood else '-':>22}"
        f" {number(row.roster) if row.neighbourhood else '-':>8}"
    )
