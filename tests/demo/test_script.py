from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tui.controller.intents import (
    Demote,
    JoinSpace,
    LeaveSpace,
    Mute,
    PromoteSpeaker,
    RequestSpeech,
)
from tui.demo.home import CONSIDERED, OUR_SEATS, SEATS
from tui.demo.script import Script

HOME = "P00:home"
OURS = "guest:space"
EVERYBODY_IN = 13.0  # seconds
SLOW = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SEEDS = st.integers(0, 2**32)


def opening(log):
    """Those who opened their microphones, one after the other."""
    return [who for _, who, intent in log if intent == Mute(on=False)]


@SLOW
@given(seed=SEEDS, people=st.integers(1, 16), delay=st.floats(0.1, 1.0))
def test_as_many_people_as_promised_are_there_and_the_host_always_is(theatre, seed, people, delay):
    play = theatre(people, seed, delay=delay)
    play.run(EVERYBODY_IN)

    def check() -> None:
        assert len(play.present()) >= people
        assert play.host in play.present()
        assert play.host in play.stage[HOME]

    play.run(300, check)
    assert not any(
        isinstance(intent, LeaveSpace | Demote) for _, who, intent in play.log if who == play.host
    )


@SLOW
@given(seed=SEEDS, people=st.integers(1, 16), delay=st.floats(0.1, 1.0))
def test_the_stage_is_never_fuller_than_it_has_seats(theatre, seed, people, delay):
    play = theatre(people, seed, delay=delay)

    def check() -> None:
        assert len(play.stage[HOME]) <= OUR_SEATS < SEATS

    play.run(300, check)


@SLOW
@given(seed=SEEDS)
def test_nobody_gets_on_stage_without_having_asked(theatre, seed):
    play = theatre(8, seed)
    play.run(300)
    asked: set[str] = set()
    promoted = 0
    for _, who, intent in play.log:
        match intent:
            case RequestSpeech():
                asked.add(who)
            case PromoteSpeaker(pubkey=pubkey):
                assert who == play.host
                assert pubkey in asked
                promoted += 1
            case Demote():
                asked.discard(who)
    assert promoted > 3


@SLOW
@given(seed=SEEDS)
def test_there_is_life_from_the_beginning(theatre, seed):
    play = theatre(8, seed)
    play.run(6)
    assert len(play.stage[HOME]) == 3
    assert opening(play.log)


@SLOW
@given(seed=SEEDS)
def test_it_goes_on_for_ever(theatre, seed):
    play = theatre(8, seed)
    play.run(900)
    late = [(who, intent) for at, who, intent in play.log if at > 600]
    kinds = {type(intent) for _, intent in late}
    assert {JoinSpace, LeaveSpace, RequestSpeech, PromoteSpeaker, Demote, Mute} <= kinds
    talkers = {who for who, intent in late if intent == Mute(on=False)}
    assert len(talkers) > 3


@SLOW
@given(seed=SEEDS)
def test_one_talks_at_a_time(theatre, seed):
    play = theatre(8, seed, delay=0.1)  # cues take effect before the next pause is over

    def check() -> None:
        assert len(play.open) <= 1

    play.run(300, check)


@SLOW
@given(seed=SEEDS)
def test_what_is_lost_is_done_again(theatre, seed):
    play = theatre(8, seed, lost=0.3)
    play.run(150)
    assert len(play.present()) >= 7  # somebody may be on the way
    assert len(set(opening(play.log))) > 1


def test_a_seed_is_a_script_and_another_seed_another(theatre):
    logs = []
    for seed in (5, 5, 6):
        play = theatre(8, seed)
        play.run(120)
        logs.append(play.log)
    assert logs[0] == logs[1] != logs[2]


def test_those_who_are_not_alive_yet_have_nothing_to_do():
    assert Script(["a", "b", "c"], 3, 1).step(0.0, {}) == []


# -- real people among them


def assert_full(play) -> None:
    assert len(play.present(HOME)) >= 8


def guest_on_stage(theatre, seed):
    """A play in which a real person was just let on stage, after how long, and the log before."""
    play = theatre(8, seed)
    play.run(20)
    play.do("guest", JoinSpace(HOME))
    play.do("guest", RequestSpeech())
    asked = play.now
    before = 0
    while "guest" not in play.stage[HOME]:
        before = len(play.log)
        play.run(0.25)
        assert play.now < asked + 10
    return play, play.now - asked, before


@SLOW
@given(seed=SEEDS)
def test_a_real_hand_is_considered_and_granted(theatre, seed):
    _, waited, _ = guest_on_stage(theatre, seed)
    shortest, longest = CONSIDERED
    assert shortest <= waited <= longest + 1.0


@SLOW
@given(seed=SEEDS)
def test_a_newcomer_is_greeted_and_then_has_the_floor(theatre, seed):
    play, _, before = guest_on_stage(theatre, seed)
    play.run(2)
    after = len(play.log)  # whoever had the word has come to an end
    play.run(7)
    assert play.host in opening(play.log[before:])
    assert set(opening(play.log[after:])) <= {play.host}
    assert not play.open


@SLOW
@given(seed=SEEDS)
def test_nobody_talks_over_a_real_person(theatre, seed):
    play, _, _ = guest_on_stage(theatre, seed)
    play.do("guest", Mute(on=False))
    play.run(1.0)

    def only_the_guest() -> None:
        assert play.open == {"guest"}

    play.run(12, only_the_guest)
    play.do("guest", Mute(on=True))
    play.run(8)
    assert any(
        isinstance(intent, Mute) and not intent.on
        for at, _, intent in play.log
        if at > play.now - 8
    )


@SLOW
@given(seed=SEEDS)
def test_an_open_microphone_that_hears_noise_does_not_end_the_conversation(theatre, seed):
    play, _, _ = guest_on_stage(theatre, seed)
    play.do("guest", Mute(on=False))
    start = len(play.log)
    play.run(60)
    assert opening(play.log[start:])


@SLOW
@given(seed=SEEDS)
def test_a_space_of_a_real_person_gets_visitors(theatre, seed):
    play = theatre(8, seed)
    play.run(30)
    play.space["guest"] = OURS
    play.stage[OURS].add("guest")
    play.elsewhere.add(OURS)
    play.run(12)
    visitors = play.present(OURS) - {"guest"}
    assert visitors
    play.run(10)
    assert len(play.hands[OURS]) == 1
    asker = play.hands[OURS][0]
    play.do("guest", PromoteSpeaker(asker))
    start = len(play.log)
    play.run(30)
    assert asker in opening(play.log[start:])
    while play.present(OURS) != {"guest"}:
        play.run(1, lambda: assert_full(play))
        assert play.now < 250
    assert asker not in play.open


def test_when_a_real_host_closes_the_visitors_are_free_again(theatre):
    play = theatre(8, 3)
    play.run(30)
    play.space["guest"] = OURS
    play.elsewhere.add(OURS)
    play.run(12)
    visitors = play.present(OURS) - {"guest"}
    play.elsewhere.discard(OURS)
    for person in (*visitors, "guest"):
        play.do(person, LeaveSpace())
    play.run(300)
    assert play.present(OURS) == frozenset()
    assert any(
        isinstance(intent, JoinSpace) and who in visitors and at > 42
        for at, who, intent in play.log
    )
