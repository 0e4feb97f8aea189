import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tui.config import limits
from tui.spaces import events
from tui.spaces.events import Moderation, PeerDemoted, PeerInvited, PeerRemoved, SpaceRef
from tui.spaces.moderation import Judge, Standing
from tui.spaces.roles import Role

HOST, ANN, BOB, CEM, EVE = PEOPLE = [digit * 64 for digit in "1a2b3"]
SPACE = SpaceRef(HOST, "tea")
START = 10_000
KINDS: list[type[Moderation]] = [
    events.SpeakerPromoted,
    events.CohostPromoted,
    events.PeerDemoted,
    events.PeerRemoved,
    events.PeerInvited,
]
rng = random.Random(5)


def act(
    kind: type[Moderation], signer: str, target: str, at: int = START, id_: str = ""
) -> Moderation:
    return kind(
        space=SPACE, signer=signer, at=at, id=id_ or f"{rng.getrandbits(256):064x}", target=target
    )


def promoted(signer: str, target: str, at: int = START) -> Moderation:
    return act(events.SpeakerPromoted, signer, target, at)


def cohost(signer: str, target: str, at: int = START) -> Moderation:
    return act(events.CohostPromoted, signer, target, at)


def demoted(signer: str, target: str, at: int = START) -> Moderation:
    return act(PeerDemoted, signer, target, at)


def removed(signer: str, target: str, at: int = START) -> Moderation:
    return act(PeerRemoved, signer, target, at)


def invited(signer: str, target: str, at: int = START) -> Moderation:
    return act(PeerInvited, signer, target, at)


def judged(history: Iterable[Moderation]) -> Judge:
    judge = Judge(HOST)
    for each in history:
        judge.add(each)
    return judge


def in_any_order(*history: Moderation) -> Iterator[Judge]:
    yield judged(history)
    yield judged(reversed(history))
    yield judged(random.Random(3).sample(history, len(history)))


def role(judge: Judge, who: str) -> Role:
    return judge.standing(who).role


# -- the rules, said a second time: sort everything, then judge one after the other


class Reference:
    def __init__(self, history: Iterable[Moderation]) -> None:
        self.role = dict.fromkeys(PEOPLE, "listener") | {HOST: "host"}
        self.bar: dict[str, PeerRemoved] = {}
        self.invited = {HOST}
        self.lowered: dict[str, int] = {}
        self.removed: dict[str, int] = {}
        self.last: dict[str, Moderation] = {}
        self.counted: dict[str, bool] = {}
        for each in sorted(history, key=lambda act: (act.at, act.id)):
            self.counted[each.id] = self.may(each)
            if self.counted[each.id]:
                self.do(each)

    def may(self, each: Moderation) -> bool:
        actor, target = self.role[each.signer], self.role[each.target]
        if target == "host":
            return False
        if isinstance(each, PeerDemoted) and each.signer == each.target:
            return target in ("speaker", "cohost")
        lets_in = not isinstance(each, PeerDemoted | PeerRemoved)
        if lets_in and each.target in self.bar:
            return False
        if isinstance(each, events.CohostPromoted):
            return actor == "host"
        return actor == "host" or (actor == "cohost" and target in ("speaker", "listener"))

    def do(self, each: Moderation) -> None:
        who = each.target
        self.last[who] = each
        if isinstance(each, PeerInvited):
            self.invited.add(who)
            return
        self.lowered[who] = each.at
        match each:
            case events.SpeakerPromoted():
                self.role[who] = "cohost" if self.role[who] == "cohost" else "speaker"
                self.invited.add(who)
            case events.CohostPromoted():
                self.role[who] = "cohost"
                self.invited.add(who)
            case PeerDemoted():
                self.role[who] = "listener"
                self.bar.pop(who, None)
            case PeerRemoved():
                self.role[who] = "listener"
                self.bar[who] = each
                self.removed[who] = each.at

    def standing(self, who: str) -> Standing:
        return Standing(
            role=Role[self.role[who].upper()],
            bar=self.bar.get(who),
            invited=who in self.invited,
            last=self.last.get(who),
            lowered=self.lowered.get(who, 0),
            removed=self.removed.get(who, 0),
        )


@st.composite
def histories(draw: st.DrawFn, size: int = 30) -> list[Moderation]:
    """Acts of everybody on everybody, most of them within the same seconds; often of co-hosts."""
    ids = draw(st.lists(st.binary(min_size=32, max_size=32), unique=True, max_size=size))
    kinds = st.sampled_from(KINDS)
    signers = st.sampled_from([HOST, HOST, ANN, ANN, BOB, CEM, EVE])
    targets = st.sampled_from([ANN, ANN, BOB, BOB, CEM, EVE, HOST])
    seconds = st.integers(0, 5)
    return [
        act(draw(kinds), draw(signers), draw(targets), START + draw(seconds), id_.hex())
        for id_ in ids
    ]


@given(histories(), st.randoms(use_true_random=False))
def test_any_history_in_any_order_is_judged_as_if_it_were_sorted(
    history: list[Moderation], rng: random.Random
) -> None:
    arriving = history + rng.choices(history, k=len(history)) if history else []
    rng.shuffle(arriving)
    judge, expected = judged(arriving), Reference(history)
    assert {who: judge.standing(who) for who in PEOPLE} == {
        who: expected.standing(who) for who in PEOPLE
    }
    assert {each.id: judge.verdict(each.id) == "" for each in history} == expected.counted
    refused = [each for each in history if not expected.counted[each.id]]
    assert [refusal.event for refusal in judge.refusals] == sorted(
        refused, key=lambda each: (each.at, each.id)
    )
    assert judge.speaking == {who for who in PEOPLE if expected.standing(who).role.speaks}
    assert {bar.target for bar in judge.barred()} == expected.bar.keys()


@given(histories(), st.randoms(use_true_random=False))
def test_each_event_as_it_comes_is_judged_as_if_all_had_been_judged_anew(
    history: list[Moderation], rng: random.Random
) -> None:
    """And what is told of changes is all that has changed."""
    rng.shuffle(history)
    judge = Judge(HOST)
    verdicts: dict[str, str | None] = {}
    standings = dict.fromkeys(PEOPLE, Standing()) | {HOST: judge.standing(HOST)}
    for number, each in enumerate(history, start=1):
        judge.add(each)
        changed = judge.take_judged()
        verdicts |= {id_: judge.verdict(id_) for id_ in changed}
        standings |= {who: judge.standing(who) for who in judge.take_touched()}
        expected = Reference(history[:number])
        assert standings == {who: expected.standing(who) for who in PEOPLE}
        assert {id_: verdict == "" for id_, verdict in verdicts.items()} == expected.counted
        assert each.id in changed
        assert not judge.take_judged() | judge.take_touched()


@given(histories(size=20), st.integers(-1, 6), st.binary(min_size=32, max_size=32))
def test_what_somebody_was_at_any_place_in_order(
    history: list[Moderation], second: int, place: bytes
) -> None:
    at, id_ = START + second, place.hex()
    before = Reference(each for each in history if (each.at, each.id) < (at, id_))
    judge = judged(history)
    for who in PEOPLE:
        assert judge.standing_at(who, at, id_) == before.standing(who)


@given(histories(), histories())
@example([], [act(kind, EVE, who) for kind in KINDS for who in PEOPLE])
def test_nothing_that_strangers_do_changes_anything(
    history: list[Moderation], forged: list[Moderation]
) -> None:
    """Whoever was never let on stage acts in vain, on others and on themselves."""
    honest = [each for each in history if EVE not in (each.target, each.signer)]
    known = {each.id for each in honest}
    forged = [act(type(each), EVE, each.target, each.at, each.id) for each in forged]
    forged = [each for each in forged if each.id not in known]
    judge, without = judged([*forged, *honest]), judged(honest)
    for who in PEOPLE:
        assert judge.standing(who) == without.standing(who)
    assert {refusal.event.id for refusal in judge.refusals} >= {each.id for each in forged}


@given(histories(), st.sampled_from([PeerDemoted, PeerRemoved]))
def test_who_was_demoted_or_removed_has_no_authority_afterwards(
    history: list[Moderation], kind: type[Moderation]
) -> None:
    end = START + 10
    later = [act(each, ANN, who, end + 1) for each in KINDS for who in PEOPLE]
    before, after = judged(history), judged([*later, act(kind, HOST, ANN, end), *history])
    assert role(after, ANN) is Role.LISTENER
    assert all(after.verdict(each.id) for each in later)
    for who in set(PEOPLE) - {ANN}:
        assert after.standing(who) == before.standing(who)


# -- what follows from them, one by one


def test_a_cohost_acts_on_those_below_from_promotion_to_demotion() -> None:
    early, late = promoted(BOB, CEM, START), promoted(BOB, EVE, START + 20)
    while_cohost = promoted(BOB, ANN, START + 10)
    history = [cohost(HOST, BOB, START + 5), demoted(HOST, BOB, START + 15)]
    for judge in in_any_order(early, *history, while_cohost, late):
        assert judge.speaking == {HOST, ANN}
        assert judge.verdict(while_cohost.id) == ""
        assert judge.verdict(early.id) == judge.verdict(late.id) == "may not promote"


@pytest.mark.parametrize("act_on", [promoted, demoted, removed, invited, cohost])
def test_nobody_acts_on_the_host_and_no_cohost_on_another(
    act_on: Callable[[str, str, int], Moderation],
) -> None:
    vain = [act_on(BOB, who, START + 5) for who in (HOST, CEM)] + [act_on(HOST, HOST, START + 5)]
    for judge in in_any_order(cohost(HOST, BOB), cohost(HOST, CEM), *vain):
        assert all(judge.verdict(each.id) for each in vain)
        assert (role(judge, HOST), role(judge, CEM)) == (Role.HOST, Role.COHOST)
        assert judge.barred() == []


def test_a_cohost_may_step_down() -> None:
    for judge in in_any_order(cohost(HOST, BOB), demoted(BOB, BOB, START + 1)):
        assert role(judge, BOB) is Role.LISTENER
        assert not judge.refusals


def test_removal_takes_the_role_and_only_a_demotion_pardons() -> None:
    bar = removed(BOB, ANN, START + 2)
    history = [promoted(HOST, ANN), cohost(HOST, BOB), bar]
    vain = [promoted(HOST, ANN, START + 3), cohost(HOST, ANN, START + 4)]
    vain += [invited(BOB, ANN, START + 5), demoted(ANN, ANN, START + 6)]
    for judge in in_any_order(*history, *vain):
        assert role(judge, ANN) is Role.LISTENER
        assert judge.barred() == [bar]
        assert [refusal.event for refusal in judge.refusals] == vain
        assert "was removed" in (judge.verdict(vain[0].id) or "")
        judge.add(demoted(BOB, ANN, START + 7))
        assert judge.barred() == []
        judge.add(promoted(HOST, ANN, START + 8))
        assert role(judge, ANN) is Role.SPEAKER


def test_a_removed_cohost_acts_no_more_and_is_no_cohost_after_the_pardon() -> None:
    history = [cohost(HOST, BOB), removed(HOST, BOB, START + 1), demoted(HOST, BOB, START + 2)]
    vain = [promoted(BOB, ANN, START + 1 + seconds) for seconds in (1, 2)]
    for judge in in_any_order(*history, *vain):
        assert judge.speaking == {HOST}
        assert judge.barred() == []
        assert all(judge.verdict(each.id) for each in vain)


def test_letting_a_cohost_speak_does_not_make_them_less() -> None:
    for judge in in_any_order(cohost(HOST, BOB), promoted(HOST, BOB, START + 1)):
        assert role(judge, BOB) is Role.COHOST


@pytest.mark.parametrize("let_in", [promoted, cohost, invited])
def test_an_invitation_and_any_promotion_let_in_for_good(
    let_in: Callable[[str, str, int], Moderation],
) -> None:
    gone = removed(HOST, ANN, START + 2)
    for judge in in_any_order(let_in(HOST, ANN, START), demoted(HOST, ANN, START + 1)):
        assert judge.standing(ANN).invited
        judge.add(gone)
        judge.add(demoted(HOST, ANN, START + 3))
        assert judge.standing(ANN).invited
    assert not judged([let_in(EVE, ANN, START)]).standing(ANN).invited


def test_the_authority_of_authority_turns_up_late() -> None:
    """A removal by a co-host makes another's promotion void, and with it all that one did."""
    bar, pardon = removed(BOB, CEM, START + 5), demoted(BOB, CEM, START + 6)
    history = [cohost(HOST, CEM, START + 8), promoted(CEM, ANN, START + 9), bar]
    judge = judged(history)
    assert judge.speaking == {HOST, CEM, ANN}
    judge.add(cohost(HOST, BOB, START + 1))
    assert judge.speaking == {HOST, BOB}
    judge.add(pardon)
    assert judge.speaking == {HOST, BOB, CEM, ANN}
    judge.add(demoted(HOST, BOB, START + 2))
    assert judge.speaking == {HOST, CEM, ANN}


def test_a_close_by_anybody_but_the_host_is_refused() -> None:
    ends = [
        events.SpaceEnded(space=SPACE, signer=who, at=START, id=f"{who[:60]}end.")
        for who in (HOST, BOB)
    ]
    judge = judged([cohost(HOST, BOB)])
    for end in ends:
        judge.add(end)
    assert judge.verdict(ends[0].id) == ""
    assert judge.verdict(ends[1].id) == "only the host closes a space"


# -- how much work, and how much memory


class Counting(Judge):
    judgements = 0

    def _judge(self, entry: Any) -> None:
        self.judgements += 1
        super()._judge(entry)

    def cost(self, event: Moderation) -> int:
        """How many acts are judged, again or for the first time, for one more."""
        before = self.judgements
        self.add(event)
        self.standing(ANN)
        return self.judgements - before


def crowd(number: int) -> list[str]:
    return [f"{person:064x}" for person in range(1_000, 1_000 + number)]


def long_history() -> Counting:
    """Two co-hosts who let 300 people each on stage."""
    judge = Counting(HOST)
    for number, who in enumerate(crowd(600)):
        judge.add(promoted((BOB, CEM)[number % 2], who, START + 10 + number))
    judge.add(cohost(HOST, BOB, START))
    judge.add(cohost(HOST, CEM, START))
    assert len(judge.speaking) == 603
    return judge


def test_in_whatever_order_the_past_comes_it_is_judged_once_when_it_is_looked_at() -> None:
    assert long_history().judgements == 602


def test_one_more_act_has_only_those_judged_again_that_depend_on_it() -> None:
    judge, people = long_history(), crowd(600)
    assert judge.cost(promoted(BOB, EVE, START + 700)) == 1
    assert judge.cost(invited(HOST, people[0], START + 1)) == 2  # and what was done to them next
    assert judge.cost(removed(HOST, people[1], START + 5)) == 2  # the promotion, now void
    assert judge.cost(promoted(EVE, people[2], START)) == 0
    assert judge.cost(demoted(EVE, EVE, START)) == 1  # in vain, so that nothing follows
    # BOB was no co-host for a while: the six promotions of that time, and the next act on BOB.
    judge.add(cohost(HOST, BOB, START + 31))
    assert judge.cost(demoted(HOST, BOB, START + 19)) == 1 + 1 + 6


def test_acts_that_repeat_or_are_forged_cost_nothing() -> None:
    judge = long_history()
    act_ = promoted(BOB, ANN, START + 800)
    assert judge.cost(act_) == 1
    assert judge.cost(act_) == 0
    assert sum(judge.cost(removed(who, ANN, START + 700)) for who in crowd(50)) == 0
    assert role(judge, ANN) is Role.SPEAKER


def flood(number: int, signers: int) -> list[Moderation]:
    return [
        act(rng.choice(KINDS), f"{0xBAD + n % signers:064x}", rng.choice(PEOPLE), START + n)
        for n in range(number)
    ]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(limits, "MODERATION_EVENTS", 200)
    return 200


@pytest.mark.parametrize("signers", [1, 3, 5_000])
@pytest.mark.parametrize("when", ["before", "after", "between"])
def test_no_flood_of_forged_acts_pushes_out_what_host_and_cohosts_do(
    small: int, signers: int, when: str
) -> None:
    host = [cohost(HOST, BOB), *(promoted(HOST, who, START + 1) for who in crowd(90))]
    by_bob = [removed(BOB, who, START + 2) for who in crowd(30)]
    forged = flood(5_000, signers)
    expected = judged([*host, *by_bob])
    history = {
        "before": [*forged, *host, *by_bob],
        "after": [*host, *by_bob, *forged],
        "between": [*host, *forged, *by_bob],
    }[when]
    judge = judged(history)
    assert judge.speaking == expected.speaking
    assert judge.barred() == expected.barred()
    assert len(judge.refusals) <= small
    assert judge.forgotten == 5_000 - len(judge.refusals)


@pytest.mark.parametrize("signers", [1, 3, 50])
def test_acts_of_a_cohost_whose_promotion_comes_last_outlast_a_flood(
    small: int, signers: int
) -> None:
    by_bob = [removed(BOB, who, START + 2) for who in crowd(3)]
    judge = judged([*flood(1_000, signers), *by_bob, *flood(1_000, signers)])
    assert judge.barred() == []
    judge.add(cohost(HOST, BOB))
    assert {bar.id for bar in judge.barred()} == {each.id for each in by_bob}


def test_where_everybody_forges_a_late_cohost_is_named_so_that_their_acts_are_asked_for_again(
    small: int,
) -> None:
    by_bob = [removed(BOB, who, START + 2) for who in crowd(30)]
    judge = judged([*flood(1_000, 1_000), *by_bob])
    assert judge.take_missing() == set()
    judge.add(cohost(HOST, BOB))
    assert judge.take_missing() == {BOB}
    assert judge.take_missing() == set()
    for each in by_bob:
        judge.add(each)
    assert len(judge.barred()) == 30


def test_a_cohost_who_floods_crowds_out_neither_host_nor_another_cohost(small: int) -> None:
    others = [promoted(CEM, who, START + 5) for who in crowd(40)]
    judge = judged([cohost(HOST, BOB), cohost(HOST, CEM), *others])
    for number in range(1_000):
        judge.add(act(rng.choice(KINDS), BOB, f"{number + 5_000:064x}", START + 10 + number))
    assert set(crowd(40)) <= judge.speaking
    judge.add(demoted(HOST, BOB, START + 9))
    assert judge.speaking == {HOST, CEM, *crowd(40)}


def test_a_speaker_who_stepped_down_stays_down_in_a_flood(small: int) -> None:
    judge = judged([promoted(HOST, ANN), *flood(1_000, 1_000), demoted(ANN, ANN, START + 1)])
    for each in flood(1_000, 1_000):
        judge.add(each)
    assert role(judge, ANN) is Role.LISTENER


def test_of_too_many_acts_of_one_the_first_stay_and_the_forgotten_ones_are_undone(
    small: int,
) -> None:
    people = crowd(300)
    judge = judged([promoted(HOST, who, START + n) for n, who in enumerate(people)])
    assert set(people[: small * 9 // 10]) <= judge.speaking
    assert len(judge.speaking) <= small + 1
    assert judge.forgotten == 301 - len(judge.speaking)
    for who in people:
        assert judge.standing(who).role.speaks == (who in judge.speaking)
