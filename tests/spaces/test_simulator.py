import pytest

from tests.load.simulator.optimum import best_levels
from tests.load.simulator.report import Row, line, sum_up
from tests.load.simulator.space import Space


def simulate(seed: int, *, neighbourhood: bool, listeners: int = 150) -> tuple[Space, Row]:
    space = Space(seed, neighbourhood=neighbourhood)
    space.run(listeners, 30)
    return space, sum_up(space, neighbourhood=neighbourhood)


@pytest.mark.parametrize("neighbourhood", [False, True])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_crowd_that_comes_and_goes_is_served_without_loops_and_within_capacity(
    seed: int, neighbourhood: bool
) -> None:
    space, row = simulate(seed, neighbourhood=neighbourhood)
    assert space.counts["over capacity"] == 0
    for node in (*space.listeners, *space.stage):
        assert len(node.consumers) <= node.person.outputs
        assert node not in node.above()
    assert row.served > 0.97  # who has just come, or lost a parent, is on the way
    assert row.waited.p99 < 5
    assert row.depth.most <= row.optimum.most + 5
    assert row.without < 0.02
    assert space.clock.now == space.crowded + 30


def test_the_same_seed_gives_the_same_table_and_another_one_another() -> None:
    tables = [line(simulate(seed, neighbourhood=True)[1]) for seed in (1, 1, 2)]
    assert tables[0] == tables[1] != tables[2]


def test_relays_carry_far_less_where_only_neighbours_are_heard_of() -> None:
    rows = {
        (neighbourhood, listeners): simulate(1, neighbourhood=neighbourhood, listeners=listeners)[1]
        for neighbourhood in (False, True)
        for listeners in (100, 400)
    }
    before = rows[False, 400].relay_out[0] / rows[False, 100].relay_out[0]
    after = rows[True, 400].relay_out[0] / rows[True, 100].relay_out[0]
    assert before > 10  # with the square of the audience
    assert after < 8
    assert rows[True, 400].relay_out[0] < rows[False, 400].relay_out[0] / 10


def test_the_flattest_tree_has_those_in_front_who_serve_most() -> None:
    assert best_levels(2, [0, 0, 0, 3, 1]) == [1, 1, 2, 2, 2]
    assert best_levels(1, [0, 0]) == [1]
    assert best_levels(0, [5]) == []
    assert sum(best_levels(2, [2] * 14)) == 2 + 4 * 2 + 8 * 3
