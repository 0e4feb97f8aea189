from dataclasses import dataclass

from tui.spaces.watch import (
    CALM_SECONDS,
    DEAD_SECONDS,
    IDLE_SECONDS,
    JUDGE_SECONDS,
    QUIET_SECONDS,
    REST_SECONDS,
    USELESS_SECONDS,
    Watch,
)

TICK = 0.05
PACKETS = 2  # in one tick


@dataclass
class Line:
    """A parent and a standby, and who of them brings sound."""

    watch: Watch
    now: float = 100.0
    heard: float = 100.0
    parent: int = 0
    standby: int | None = 0
    talks: bool = True

    def pass_(self, seconds: float, *, parent: bool, standby: bool, answers: bool = True) -> str:
        """Let time pass; the first verdict. Only a standby that is listened to sends."""
        for _ in range(round(seconds / TICK)):
            self.now += TICK
            if parent:
                self.parent += PACKETS
            if parent or (answers and self.now - self.heard > 1.0) or self.answers_ping(answers):
                self.heard = self.now
            if standby and self.watch.suspected and self.standby is not None:
                self.standby += PACKETS
            verdict = self.watch.look(
                self.now,
                quiet=self.now - self.heard,
                expected=self.talks or self.watch.suspected,
                parent=self.parent,
                standby=self.standby,
            )
            if verdict:
                return verdict
        return ""

    def answers_ping(self, answers: bool) -> bool:
        return answers and self.watch.suspected


def line(**fields: object) -> Line:
    return Line(Watch(), **fields)  # type: ignore[arg-type]


def test_a_parent_that_brings_sound_is_not_suspected() -> None:
    assert line().pass_(10, parent=True, standby=True) == ""


def test_a_silence_in_a_pause_is_not_suspicious() -> None:
    assert line(talks=False).pass_(10, parent=False, standby=True) == ""


def test_a_dead_parent_is_suspected_at_once_and_replaced_when_the_standby_brings_sound() -> None:
    one = line()
    assert one.pass_(1, parent=True, standby=True) == ""
    died = one.now
    assert one.pass_(1, parent=False, standby=True, answers=False) == "suspected"
    assert one.now - died <= QUIET_SECONDS + 2 * TICK
    assert one.pass_(2, parent=False, standby=True, answers=False) == "dead"
    assert one.now - died <= QUIET_SECONDS + JUDGE_SECONDS + 4 * TICK
    assert one.watch.silent_since is not None
    assert one.watch.relieved_at is not None
    assert died - TICK <= one.watch.silent_since <= died + TICK
    assert one.watch.relieved_at - died <= QUIET_SECONDS + 4 * TICK


def test_without_a_standby_a_dead_parent_is_given_up_when_it_does_not_answer() -> None:
    one = line(standby=None)
    assert one.pass_(1, parent=False, standby=False, answers=False) == "suspected"
    began = one.now
    assert one.pass_(2, parent=False, standby=False, answers=False) == "dead"
    assert one.now - began <= DEAD_SECONDS + 2 * TICK


def test_a_standby_that_comes_only_then_is_counted_from_when_it_came() -> None:
    one = line(standby=None)
    assert one.pass_(1, parent=False, standby=False, answers=False) == "suspected"
    one.standby = 5_000
    assert one.pass_(0.3, parent=False, standby=False, answers=False) == ""
    assert one.watch.relieved_at is None
    assert one.pass_(2, parent=False, standby=True, answers=False) == "dead"
    assert one.watch.relieved_at is not None


def test_a_parent_that_brings_sound_again_is_fine_and_not_suspected_again_at_once() -> None:
    one = line()
    assert one.pass_(1, parent=False, standby=True, answers=False) == "suspected"
    assert one.pass_(0.2, parent=True, standby=True) == "fine"
    assert not one.watch.suspected
    assert one.pass_(REST_SECONDS - TICK, parent=False, standby=True, answers=False) == ""
    assert one.pass_(1, parent=False, standby=True, answers=False) == "suspected"


def test_a_parent_that_answers_is_believed_when_the_standby_brings_nothing_either() -> None:
    one = line()
    assert one.pass_(1, parent=False, standby=False, answers=False) == "suspected"
    assert one.pass_(CALM_SECONDS + 2 * TICK, parent=False, standby=False) == "fine"


def test_a_parent_that_answers_and_brings_no_sound_is_left_for_a_standby_that_does() -> None:
    one = line()
    assert one.pass_(1, parent=False, standby=True, answers=False) == "suspected"
    assert one.pass_(CALM_SECONDS, parent=False, standby=True) == "dead"


def test_a_silent_connection_is_suspected_even_in_a_pause() -> None:
    one = line(talks=False)
    assert one.pass_(IDLE_SECONDS - TICK, parent=False, standby=True, answers=False) == ""
    assert one.pass_(3 * TICK, parent=False, standby=True, answers=False) == "suspected"


def test_a_parent_that_brings_nothing_while_others_hear_somebody_talk_is_suspected() -> None:
    """A free rider claims a way to the stage and answers all questions."""
    one = line(talks=False)
    assert one.pass_(5, parent=False, standby=True) == ""
    one.watch.somebody_talks(one.now)
    assert one.pass_(USELESS_SECONDS, parent=False, standby=True) == ""
    assert one.pass_(2 * TICK, parent=False, standby=True) == "suspected"
    assert one.pass_(1, parent=False, standby=True) == "dead"


def test_who_only_says_that_somebody_talks_does_not_get_the_place_of_an_honest_parent() -> None:
    one = line(talks=False)
    one.watch.somebody_talks(one.now)
    assert one.pass_(USELESS_SECONDS + 2 * TICK, parent=False, standby=False) == "suspected"
    assert one.pass_(CALM_SECONDS + 2 * TICK, parent=False, standby=False) == "fine"
    one.watch.somebody_talks(one.now)
    assert one.pass_(10, parent=True, standby=True) == ""
