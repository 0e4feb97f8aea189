import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.audio.pacer import Pacer

PERIOD = 0.02


@given(st.lists(st.floats(0, 0.015), min_size=200, max_size=400))
def test_oversleeping_makes_no_drift(delays):
    now, pacer = 100.0, Pacer(PERIOD, 100.0)
    for number, late in enumerate(delays):
        now += pacer.wait(now) + late
        assert pacer.due(now)
        assert abs(now - (100.0 + number * PERIOD)) < 0.04
        assert pacer.advance(now) == 0


def test_stall_is_made_up_for_at_twice_the_pace():
    now, pacer = 0.0, Pacer(PERIOD, 0.0)
    pacer.advance(now)
    now = 0.3  # asleep from 0 to 0.3
    done = [now]
    pacer.advance(now)
    while now < 1.0:
        now += pacer.wait(now)
        done.append(now)
        assert pacer.advance(now) == 0
    gaps = [later - earlier for earlier, later in itertools.pairwise(done)]
    assert min(gaps) > PERIOD / 2 - 1e-9
    assert done[-1] == pytest.approx(1.0, abs=PERIOD)
    assert len(done) == pytest.approx(50, abs=1)  # nothing was left out


@given(st.floats(0.6, 10_000))
def test_long_sleep_is_given_up(stall):
    pacer = Pacer(PERIOD, 0.0)
    given_up = pacer.advance(stall)
    assert given_up == pytest.approx(stall / PERIOD, abs=2)
    assert pacer.wait(stall) <= PERIOD
