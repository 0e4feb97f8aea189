from hypothesis import given
from hypothesis import strategies as st

from tui.rtc.beat import BEAT_SECONDS, SILENCE_SECONDS, Beat


def test_silence_of_a_second_and_a_half_is_death() -> None:
    beat, lives = Beat(10.0), []
    for look in range(1, 5):
        lives.append(beat.tick(10.0 + look * BEAT_SECONDS))
    assert lives == [True, True, False, False]


def test_any_sign_of_life_starts_the_silence_anew() -> None:
    beat = Beat(0.0)
    for look in range(1, 20):
        if look % 2:
            beat.heard()
        assert beat.tick(look * BEAT_SECONDS)


def test_our_own_sleep_kills_nobody() -> None:
    beat = Beat(0.0)
    assert beat.tick(0.5)
    assert beat.tick(600.0)
    assert beat.tick(600.5)
    assert not beat.tick(601.5)


@given(st.lists(st.booleans(), max_size=60))
def test_death_is_exactly_three_looks_without_a_sign(signs: list[bool]) -> None:
    beat, since = Beat(0.0), 0.0
    for look, sign in enumerate(signs, 1):
        now = look * BEAT_SECONDS
        if sign:
            beat.heard()
            since = now
        assert beat.tick(now) == (now - since < SILENCE_SECONDS)
