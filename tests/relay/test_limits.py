from tui.relay.limits import Allowance


def test_a_burst_then_as_many_as_are_earned() -> None:
    allowance = Allowance(per_second=2, burst=3)
    assert [allowance.take(1000.0) for _ in range(5)] == [True, True, True, False, False]
    assert [allowance.take(1000.5) for _ in range(2)] == [True, False]
    assert [allowance.take(1001.5) for _ in range(3)] == [True, True, False]


def test_waiting_earns_no_more_than_a_burst() -> None:
    allowance = Allowance(per_second=100, burst=2)
    assert [allowance.take(10**6) for _ in range(3)] == [True, True, False]
    assert [allowance.take(2 * 10**6) for _ in range(3)] == [True, True, False]


def test_a_clock_that_steps_back_earns_nothing() -> None:
    allowance = Allowance(per_second=1, burst=1)
    assert allowance.take(100.0)
    assert not allowance.take(50.0)
