import itertools

from hypothesis import given
from hypothesis import strategies as st

from tui.rtc.beat import ASK_SECONDS, SAY_SECONDS, SILENCE_SECONDS, STALL_SECONDS, Beat


def looks(beat: Beat, since: float, until: float, written: int = 0) -> list[float]:
    """Looks when it is due; returns the moments at which there was something to say."""
    said, now = [], since
    while (now := now + beat.next_look(now)) < until:
        if beat.look(now, written):
            said.append(now)
            written += 1
    return said


def test_who_writes_nothing_says_something_every_second() -> None:
    said = looks(Beat(10.0), 10.0, 20.0)
    gaps = [b - a for a, b in itertools.pairwise([10.0, *said])]
    assert 9 <= len(said) <= 11
    assert max(gaps) <= SAY_SECONDS + 0.06


def test_who_writes_all_the_time_says_nothing_more() -> None:
    beat, now, written = Beat(0.0), 0.0, 0
    said = 0
    for _ in range(60):
        now += beat.next_look(now)
        written += 25
        said += beat.look(now, written)
    assert said <= 1


@given(st.lists(st.floats(0.0, 30.0), max_size=40))
def test_between_two_signs_of_ours_is_never_more_than_a_second(writes: list[float]) -> None:
    beat, now, written, said = Beat(0.0), 0.0, 0, []
    while now < 30.0:
        before, now = now, now + beat.next_look(now)
        fresh = [x for x in writes if before < x <= now]
        written += len(fresh)
        said += fresh
        if beat.look(now, written):
            written += 1
            said.append(now)
    said = sorted([0.0, *said])
    assert max(b - a for a, b in itertools.pairwise(said)) <= SAY_SECONDS + 0.06


def test_silence_is_looked_at_when_it_is_time_to_ask_and_to_give_up() -> None:
    beat, now, moments = Beat(0.0), 0.0, []
    beat.look(0.0, 0)
    while beat.quiet_for(now) < SILENCE_SECONDS:
        now += beat.next_look(now)
        beat.look(now, 0)
        moments.append(round(now, 2))
    asked = [x for x in moments if ASK_SECONDS <= x < SILENCE_SECONDS]
    assert asked[0] == ASK_SECONDS
    assert len(asked) >= 3, "one question may be lost, and its answer"
    assert moments[-1] < SILENCE_SECONDS + 0.1
    assert beat.quiet_for(now) >= SILENCE_SECONDS


def test_any_sign_of_life_starts_the_silence_anew() -> None:
    beat = Beat(0.0)
    beat.heard(5.0)
    beat.look(5.0, 0)
    beat.next_look(5.0)
    assert beat.quiet_for(5.25) == 0.25


def test_our_own_sleep_proves_nothing() -> None:
    beat = Beat(0.0)
    beat.next_look(0.0)
    beat.look(1.0, 0)
    beat.next_look(1.0)
    late = 2.0 + STALL_SECONDS + 600.0
    assert beat.quiet_for(late) == 0.0
    beat.look(late, 0)
    beat.next_look(late)
    assert beat.quiet_for(late + 0.5) == 0.5
