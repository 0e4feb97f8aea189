from tui.spaces.refusals import PATIENCE, PAUSE_SECONDS, Refusals


class Clock:
    now = 100.0


def made() -> tuple[Refusals, Clock]:
    clock = Clock()
    return Refusals("me", lambda: clock.now), clock


def test_one_who_does_not_answer_is_just_one_who_does_not_answer() -> None:
    refusals, _ = made()
    refusals.note("ann", answered=False)
    assert not refusals.pauses
    assert refusals.patience == 1
    assert refusals.lately() == {"ann"}


def test_when_nobody_answers_fewer_are_asked_and_each_gets_longer() -> None:
    refusals, clock = made()
    pauses, patience = [], []
    for number in range(12):
        refusals.note(f"peer {number}", answered=False)
        began = clock.now
        while refusals.pauses:
            clock.now += 0.1
        pauses.append(clock.now - began)
        patience.append(refusals.patience)
    assert pauses[0] == 0
    assert pauses[1] > 0
    assert pauses[4] > pauses[2]
    assert PAUSE_SECONDS / 2 <= pauses[-1] <= PAUSE_SECONDS * 1.5 + 0.2
    assert patience == sorted(patience)
    assert patience[-1] == PATIENCE


def test_any_answer_ends_the_pauses() -> None:
    for answer in (lambda x: x.note("bob"), lambda x: x.forget("bob")):
        refusals, _ = made()
        for number in range(9):
            refusals.note(f"peer {number}", answered=False)
        assert refusals.pauses
        answer(refusals)
        assert not refusals.pauses
        assert refusals.patience == 1


def test_listeners_do_not_come_back_all_at_once() -> None:
    ends = set()
    for name in range(20):
        clock = Clock()
        refusals = Refusals(f"me {name}", lambda clock=clock: clock.now)
        for number in range(7):
            refusals.note(f"peer {number}", answered=False)
        while refusals.pauses:
            clock.now += 0.1
        ends.add(round(clock.now, 1))
    assert len(ends) > 10
