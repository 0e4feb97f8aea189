from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from tui.config import limits
from tui.spaces import events
from tui.spaces.events import Metrics, SpaceEvent, SpaceRef
from tui.spaces.state import SpaceState

HOST, ANN, BOB, CEM, EVE = PEOPLE = [digit * 64 for digit in "1a2b3"]
SPACE = SpaceRef(HOST, "tea")
START = 10_000
numbers = iter(range(10**9))


def event(kind: type[SpaceEvent], signer: str, at: int, id_: str = "", **fields: Any) -> SpaceEvent:
    return kind(space=SPACE, signer=signer, at=at, id=id_ or f"{next(numbers):08x}" * 8, **fields)


def confirmed(asked: str, asking: str, at: int) -> SpaceEvent:
    return event(events.ConnectionConfirmed, asked, at, to=asking, type="consumer")


def joined(who: str, at: int = START, id_: str = "", lifetime: int = 180) -> SpaceEvent:
    fields: dict[str, Any] = {"metrics": Metrics(), "until": at + lifetime, "nip44": True}
    return event(events.PeerJoined, who, at, id_, name="", **fields)


def left(who: str, at: int, id_: str = "") -> SpaceEvent:
    return event(events.PeerLeft, who, at, id_)


def promoted(signer: str, target: str, at: int, id_: str = "") -> SpaceEvent:
    return event(events.SpeakerPromoted, signer, at, id_, target=target)


def demoted(signer: str, target: str, at: int, id_: str = "") -> SpaceEvent:
    return event(events.PeerDemoted, signer, at, id_, target=target)


def removed(signer: str, target: str, at: int, id_: str = "", reason: str = "") -> SpaceEvent:
    return event(events.PeerRemoved, signer, at, id_, target=target, reason=reason)


def asked(who: str, at: int, id_: str = "", withdrawn: bool = False, since: int = 0) -> SpaceEvent:
    return event(events.SpeechAsked, who, at, id_, withdrawn=withdrawn, since=since)


def fold(history: Iterable[SpaceEvent]) -> SpaceState:
    folded = SpaceState(SPACE)
    for each in history:
        folded.apply(each)
    return folded


def both_ways(*history: SpaceEvent) -> Iterator[SpaceState]:
    yield fold(history)
    yield fold(reversed(history))


def test_a_hand_is_up_for_45_seconds_and_longer_when_it_is_shown_again() -> None:
    folded = fold([joined(ANN, START), asked(ANN, START)])
    assert folded.hand_since(ANN, START) == START
    assert folded.hand_since(ANN, START + 45) == START
    assert folded.hand_since(ANN, START + 46) is None
    folded.apply(asked(ANN, START + 45))
    assert folded.hand_since(ANN, START + 90) == START
    assert folded.hand_since(ANN, START + 91) is None
    folded.apply(asked(ANN, START + 91))  # after a gap it is another hand
    assert folded.hand_since(ANN, START + 91) == START + 91


def test_a_hand_is_taken_down_by_its_owner_and_may_go_up_again() -> None:
    for folded in both_ways(joined(ANN), asked(ANN, START), asked(ANN, START + 2, withdrawn=True)):
        assert folded.queue(START + 3) == []
        folded.apply(asked(ANN, START + 4))
        assert folded.queue(START + 5) == [(START + 4, ANN)]


@pytest.mark.parametrize("act", [promoted, demoted, removed])
@pytest.mark.parametrize("after", [0, 3])
@pytest.mark.parametrize("ids", [("0" * 64, "f" * 64), ("f" * 64, "0" * 64)])
def test_a_promotion_demotion_or_removal_of_that_second_or_later_takes_the_hand_down(
    act: Callable[..., SpaceEvent], after: int, ids: tuple[str, str]
) -> None:
    history = [joined(ANN), asked(ANN, START, ids[0]), act(HOST, ANN, START + after, ids[1])]
    for folded in both_ways(*history):
        assert folded.queue(START + 4) == []
        folded.apply(demoted(HOST, ANN, START + 5))
        assert folded.queue(START + 6) == []
        folded.apply(joined(ANN, START + 6))
        folded.apply(asked(ANN, START + 7))
        assert folded.queue(START + 8) == [(START + 7, ANN)]


def test_an_invitation_leaves_the_hand_up() -> None:
    invitation = event(events.PeerInvited, HOST, START + 1, target=ANN)
    for folded in both_ways(joined(ANN), asked(ANN, START), invitation):
        assert folded.queue(START + 2) == [(START, ANN)]


def test_hands_of_the_same_second_are_in_the_same_order_for_everybody() -> None:
    people = [ANN, BOB, CEM]
    for folded in both_ways(*map(joined, people), *(asked(who, START) for who in people)):
        assert folded.queue(START) == [(START, who) for who in sorted(people)]


# -- what a hand says of itself to those who did not see it go up


def test_who_comes_late_sees_the_same_queue() -> None:
    people = [joined(ANN), joined(BOB, START + 60)]
    heard = [asked(ANN, START), asked(BOB, START + 10)]
    later = [asked(BOB, START + 55, since=START + 10), asked(ANN, START + 50, since=START)]
    between = [asked(ANN, START + 30), asked(BOB, START + 40)]
    early, late = fold([*people, *heard, *between, *later]), fold([*people, *later])
    assert early.queue(START + 60) == late.queue(START + 60) == [(START, ANN), (START + 10, BOB)]


def test_a_hand_that_was_not_seen_for_a_while_keeps_its_place() -> None:
    history = [joined(ANN, START + 200), asked(ANN, START), asked(ANN, START + 200, since=START)]
    for folded in both_ways(*history):
        assert folded.hand_since(ANN, START + 201) == START


@pytest.mark.parametrize("act", [demoted, asked])
def test_nobody_claims_the_time_before_the_hand_was_down(act: Callable[..., SpaceEvent]) -> None:
    down = demoted(HOST, ANN, START + 5) if act is demoted else asked(ANN, START + 5, "", True)
    claims = [asked(ANN, START + 9, since=START), asked(ANN, START + 99, since=START)]
    for folded in both_ways(joined(ANN, START + 90), asked(ANN, START), down, *claims):
        assert folded.hand_since(ANN, START + 99) == START + 6


def test_nobody_claims_more_than_an_hour_or_the_future() -> None:
    folded = fold([joined(ANN), asked(ANN, START, since=1), joined(BOB), asked(BOB, START)])
    assert folded.hand_since(ANN, START) == START - limits.HAND_CLAIM_SECONDS
    assert fold([joined(ANN), asked(ANN, START, since=START + 50)]).hand_since(ANN, START) == START


# -- how much memory


@pytest.mark.parametrize("known", [True, False])
def test_hands_are_bounded_the_newest_count_and_strangers_go_first(
    monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    monkeypatch.setattr(limits, "HANDS", 10)
    crowd = [f"{number:064x}" for number in range(25)]
    folded = fold([joined(ANN), asked(ANN, START)])
    for number, who in enumerate(crowd):
        if known:
            folded.apply(joined(who, START))
        folded.apply(asked(who, START + number))
    waiting = [who for _, who in folded.queue(START + 30)]
    if known:
        assert waiting == crowd[-len(waiting) :]
        assert 5 < len(waiting) <= 10
    else:
        assert waiting == [ANN]


def test_a_hand_of_whom_the_stage_serves_outlasts_those_of_a_crowd(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "HANDS", 10)
    folded = fold([joined(HOST), joined(ANN), confirmed(HOST, ANN, START), asked(ANN, START)])
    for number in range(100):
        mallory = f"{number:064x}"
        folded.apply(joined(mallory, START))
        folded.apply(confirmed(mallory, HOST, START + 1))
        folded.apply(asked(mallory, START + number // 10))
    assert (START, ANN) in folded.queue(START + 10)


def test_a_stranger_takes_no_hand_down() -> None:
    for folded in both_ways(joined(ANN), asked(ANN, START), demoted(EVE, ANN, START + 1)):
        assert folded.queue(START + 2) == [(START, ANN)]


def test_the_queue_holds_listeners_who_are_there_longest_waiting_first() -> None:
    folded = fold(
        [
            *(joined(who) for who in (ANN, BOB, CEM)),
            asked(BOB, START + 1),
            asked(ANN, START + 2),
            asked(CEM, START),
            asked(EVE, START),  # who has not joined
            promoted(HOST, CEM, START - 1),
        ]
    )
    assert folded.queue(START + 9) == [(START + 1, BOB), (START + 2, ANN)]
    folded.apply(left(BOB, START + 10))
    assert folded.queue(START + 11) == [(START + 2, ANN)]


def test_repetition_uses_up_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MODERATION_EVENTS", 2)
    monkeypatch.setattr(limits, "HAND_EVENTS", 2)
    history = [promoted(HOST, ANN, START), joined(BOB), asked(BOB, START), asked(BOB, START + 40)]
    folded = fold([*history, *history, *history, promoted(HOST, CEM, START)])
    assert folded.speaking == {HOST, ANN, CEM}
    assert folded.queue(START + 50) == [(START, BOB)]


def test_of_one_persons_hand_only_the_last_showings_are_remembered() -> None:
    shown = [asked(ANN, START + 15 * number) for number in range(limits.HAND_EVENTS + 50)]
    now = shown[-1].at
    for folded in both_ways(joined(ANN, now), *shown):
        assert folded.hand_since(ANN, now) == shown[50].at
