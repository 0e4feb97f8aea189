from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from tui.config import limits
from tui.spaces import events
from tui.spaces.events import Metrics, SpaceEvent, SpaceRef
from tui.spaces.state import Edge, SpaceState

HOST, ANN, BOB, CEM, EVE = PEOPLE = [digit * 64 for digit in "1a2b3"]
SPACE = SpaceRef(HOST, "tea")
START = 10_000
numbers = iter(range(10**9))


def event(kind: type[SpaceEvent], signer: str, at: int, id_: str = "", **fields: Any) -> SpaceEvent:
    return kind(space=SPACE, signer=signer, at=at, id=id_ or f"{next(numbers):08x}" * 8, **fields)


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


def lasting(who: str, at: int = START) -> SpaceEvent:
    """A JOIN without `expiration`, as others write it."""
    fields: dict[str, Any] = {"metrics": Metrics(), "until": at + 600, "nip44": False}
    return event(events.PeerJoined, who, at, name="", lasting=True, **fields)


def invited(signer: str, target: str, at: int) -> SpaceEvent:
    return event(events.PeerInvited, signer, at, target=target)


def created(at: int = START, **fields: Any) -> SpaceEvent:
    return event(events.SpaceCreated, HOST, at, name="tea", metrics=Metrics(), **fields)


def announced(at: int = START, locked_at: int = 0, admitted: Iterable[str] = ()) -> SpaceEvent:
    lock: dict[str, Any] = {"locked": locked_at > 0, "locked_at": locked_at}
    return event(events.SpaceAnnounced, HOST, at, admitted=frozenset(admitted), **lock)


def confirmed(
    asked: str, asking: str, at: int, id_: str = "", type_: str = "consumer"
) -> SpaceEvent:
    return event(events.ConnectionConfirmed, asked, at, id_, to=asking, type=type_)


def dropped(who: str, other: str, at: int, id_: str = "") -> SpaceEvent:
    return event(events.ConnectionDropped, who, at, id_, to=other)


def fold(history: Iterable[SpaceEvent]) -> SpaceState:
    folded = SpaceState(SPACE)
    for each in history:
        folded.apply(each)
    return folded


def both_ways(*history: SpaceEvent) -> Iterator[SpaceState]:
    yield fold(history)
    yield fold(reversed(history))


# -- who is there


def test_presence_lasts_as_long_as_the_join_says() -> None:
    folded = fold([joined(ANN, START, lifetime=180)])
    assert folded.is_present(ANN, START + 179.9)
    assert not folded.is_present(ANN, START + 180)
    folded.apply(joined(ANN, START + 60))
    assert folded.is_present(ANN, START + 239.9)
    assert list(folded.present(START + 239.9)) == [ANN]
    assert not folded.is_present(BOB, START)
    assert list(folded.known()) == [ANN]


@pytest.mark.parametrize("ids", [("0" * 64, "f" * 64), ("f" * 64, "0" * 64)])
def test_in_the_same_second_leave_beats_join_and_a_later_join_beats_leave(
    ids: tuple[str, str],
) -> None:
    for folded in both_ways(joined(ANN, START, ids[0]), left(ANN, START, ids[1])):
        assert not folded.is_present(ANN, START)
        assert folded.peer(ANN) is not None
        folded.apply(joined(ANN, START + 1))
        assert folded.is_present(ANN, START + 1)


def test_the_newest_join_says_who_somebody_is() -> None:
    for folded in both_ways(joined(ANN, START), joined(ANN, START + 5), left(ANN, START + 7)):
        peer = folded.peer(ANN)
        assert peer is not None
        assert peer.at == START + 5


def test_a_space_is_stale_when_its_host_has_not_been_seen_for_ten_minutes() -> None:
    folded = fold([created(START)])
    assert not folded.is_stale(START + 600)
    assert folded.is_stale(START + 601)
    folded.apply(joined(HOST, START + 60))
    assert not folded.is_stale(START + 660)
    assert folded.is_stale(START + 661)
    folded.apply(joined(ANN, START + 661))
    assert folded.is_stale(START + 661)


# -- who is away


def test_who_was_not_heard_of_in_time_is_away_and_then_gone() -> None:
    folded = fold([joined(ANN)])
    assert not folded.is_away(ANN, START + 179.9)
    assert folded.is_away(ANN, START + 180)
    assert folded.is_away(ANN, START + 209.9)
    assert not folded.is_away(ANN, START + 210)
    folded.apply(joined(ANN, START + 200))
    assert not folded.is_away(ANN, START + 200)
    assert not folded.is_away(BOB, START)


@pytest.mark.parametrize("goes", [left(ANN, START + 9), removed(HOST, ANN, START + 9)])
def test_who_left_or_was_removed_is_not_away(goes: SpaceEvent) -> None:
    for folded in both_ways(joined(ANN), goes):
        assert not folded.is_away(ANN, START + 185)


# -- JOINs without an end of their own


def test_a_join_without_end_counts_for_ten_minutes_and_then_it_is_away() -> None:
    folded = fold([lasting(ANN)])
    assert folded.is_present(ANN, START + 599)
    assert not folded.is_present(ANN, START + 600)
    assert folded.is_away(ANN, START + 600)
    assert not folded.is_away(ANN, START + 630)


def test_and_it_counts_as_long_as_a_connection_of_it_lives() -> None:
    late = START + 3_000
    history = [lasting(ANN), confirmed(HOST, ANN, START + 2), joined(HOST, late - 50)]
    for folded in both_ways(*history):
        assert folded.is_present(ANN, late)
        assert not folded.is_away(ANN, START + 610)
        assert list(folded.edges(late)) == [Edge(ANN, HOST, "consumer")]
        assert not folded.is_present(ANN, late + 200)  # nobody has heard of the other side, either
        folded.apply(dropped(HOST, ANN, late))
        assert not folded.is_present(ANN, late)


def test_two_without_end_keep_each_other_present_for_some_hours() -> None:
    """A space of clients that never say when a JOIN ends is not empty after ten minutes."""
    end = START + 5 + events.CONNECTION_LIFETIME
    for folded in both_ways(lasting(HOST), lasting(ANN), confirmed(HOST, ANN, START + 5)):
        assert set(folded.present(end - 1)) == {HOST, ANN}
        assert not folded.is_stale(end - 1)
        assert set(folded.present(end)) == set()
        assert folded.is_stale(end)


def test_a_connection_keeps_nobody_here_who_said_when_they_would_be_gone() -> None:
    folded = fold([joined(ANN), joined(HOST, START + 100), confirmed(HOST, ANN, START)])
    assert not folded.is_present(ANN, START + 190)


@pytest.mark.parametrize("goes", [left(HOST, START + 9), removed(HOST, ANN, START + 9)])
def test_a_connection_ends_with_the_presence_of_its_ends(goes: SpaceEvent) -> None:
    late = START + 1_000
    history = [lasting(ANN), confirmed(HOST, ANN, START + 2), goes]
    for folded in both_ways(*history, joined(HOST, late), demoted(HOST, ANN, START + 10)):
        assert not folded.is_present(ANN, late)


# -- who is let in


def test_a_removal_bars_and_gives_its_reason_until_the_pardon() -> None:
    bar = removed(HOST, ANN, START + 5, reason="noise")
    for folded in both_ways(joined(ANN), bar, joined(ANN, START + 6)):
        assert folded.is_barred(ANN)
        assert folded.is_admitted(ANN) == "removed: noise"
        assert not folded.is_present(ANN, START + 7)
        assert [bar.target for bar in folded.barred()] == [ANN]
        folded.apply(demoted(HOST, ANN, START + 8))
        assert not folded.is_barred(ANN)
        assert folded.is_admitted(ANN) == ""
        assert folded.is_present(ANN, START + 9)  # who knocks is let in
    assert fold([removed(HOST, ANN, START)]).is_admitted(ANN) == "removed"


@pytest.mark.parametrize("ids", [("0" * 64, "f" * 64), ("f" * 64, "0" * 64)])
def test_a_removal_ends_the_joins_of_that_second_and_before_for_good(ids: tuple[str, str]) -> None:
    history = [removed(HOST, ANN, START + 5, ids[0]), demoted(HOST, ANN, START + 6)]
    for folded in both_ways(joined(ANN, START + 5, ids[1]), *history):
        assert not folded.is_present(ANN, START + 7)
        folded.apply(joined(ANN, START + 7))
        assert folded.is_present(ANN, START + 7)


@pytest.mark.parametrize("by", [HOST, BOB])
@pytest.mark.parametrize("act", [invited, promoted])
def test_a_space_for_invited_people_lets_in_who_was_invited_or_promoted_by_who_may(
    by: str, act: Callable[[str, str, int], SpaceEvent]
) -> None:
    bob = event(events.CohostPromoted, HOST, START, target=BOB)
    history = [created(access="invite"), bob, *map(joined, PEOPLE)]
    for folded in both_ways(*history, act(EVE, CEM, START + 1)):
        assert set(folded.present(START + 2)) == {HOST, BOB}
        assert folded.is_admitted(ANN) == folded.is_admitted(CEM) == "for invited people"
        folded.apply(act(by, ANN, START + 1))
        folded.apply(demoted(HOST, ANN, START + 2))
        assert folded.is_present(ANN, START + 3)


def test_a_lock_lets_in_who_was_there_on_stage_invited_or_named() -> None:
    history = [joined(ANN), joined(BOB, START + 11), joined(CEM, START + 11), joined(HOST, START)]
    for folded in both_ways(*history, announced(START + 11, START + 10, [CEM])):
        assert folded.locked
        assert set(folded.present(START + 12)) == {HOST, ANN, CEM}
        assert folded.is_admitted(BOB) == folded.is_admitted(EVE) == "the space is locked"
        folded.apply(joined(ANN, START + 70))  # nobody new
        assert folded.is_present(ANN, START + 71)
        folded.apply(invited(HOST, BOB, START + 70))
        assert folded.is_present(BOB, START + 71)
        folded.apply(promoted(HOST, EVE, START + 70))
        assert folded.is_admitted(EVE) == ""
        folded.apply(announced(START + 80))
        assert not folded.locked


def test_of_two_announcements_the_newest_counts_and_only_the_hosts() -> None:
    lock = announced(START, START)
    stranger = event(events.SpaceAnnounced, EVE, START + 9)
    for folded in both_ways(lock, announced(START - 1), stranger):
        assert folded.announced is lock


def test_a_space_that_is_yet_to_start_is_not_stale() -> None:
    folded = fold([created(START, starts=START + 5_000)])
    assert not folded.is_stale(START + 5_600)
    assert folded.is_stale(START + 5_601)


# -- the graph


def test_edges_join_people_who_are_there_until_one_of_them_drops_it() -> None:
    folded = fold(
        [joined(HOST), joined(ANN), confirmed(HOST, ANN, START), confirmed(HOST, EVE, START)]
    )
    assert list(folded.edges(START)) == [Edge(asking=ANN, asked=HOST, type="consumer")]
    for who, other in ((HOST, ANN), (ANN, HOST)):
        again = fold([joined(HOST), joined(ANN), confirmed(HOST, ANN, START)])
        again.apply(dropped(who, other, START))
        assert list(again.edges(START)) == []
        again.apply(confirmed(ANN, HOST, START + 1, type_="mutual"))
        assert list(again.edges(START)) == [Edge(asking=HOST, asked=ANN, type="mutual")]
    folded.apply(left(ANN, START + 1))
    assert list(folded.edges(START + 1)) == []


def test_nobody_is_connected_to_themselves() -> None:
    assert list(fold([joined(EVE), confirmed(EVE, EVE, START)]).edges(START)) == []


@pytest.mark.parametrize("ids", [("0" * 64, "f" * 64), ("f" * 64, "0" * 64)])
def test_in_the_same_second_a_drop_beats_a_confirmation(ids: tuple[str, str]) -> None:
    said = [confirmed(HOST, ANN, START, ids[0]), dropped(ANN, HOST, START, ids[1])]
    for folded in both_ways(joined(HOST), joined(ANN), *said):
        assert list(folded.edges(START + 1)) == []


@pytest.mark.parametrize("goes", [left(ANN, START + 9), removed(HOST, ANN, START + 9)])
def test_who_comes_again_has_none_of_the_connections_of_before(goes: SpaceEvent) -> None:
    history = [joined(HOST), joined(ANN), confirmed(HOST, ANN, START), goes]
    history += [demoted(HOST, ANN, START + 10), joined(ANN, START + 11)]
    for folded in both_ways(*history):
        assert folded.is_present(ANN, START + 12)
        assert list(folded.edges(START + 12)) == []
        folded.apply(confirmed(HOST, ANN, START + 12))
        assert list(folded.edges(START + 12)) == [Edge(ANN, HOST, "consumer")]


# -- how much memory


def test_a_crowd_is_bounded_hides_no_speaker_and_keeps_no_newcomer_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "PEOPLE", 20)
    crowd = [f"{number:064x}" for number in range(100)]
    folded = fold([joined(ANN, START), promoted(HOST, ANN, START), joined(HOST, START)])
    for number, who in enumerate(crowd):
        folded.apply(joined(who, START + number, lifetime=600))
        assert folded.is_present(who, START + number)
        assert len(list(folded.known())) <= 20
    assert {ANN, HOST} <= set(folded.present(START + 100))
    folded.apply(left(crowd[-1], START + 100))
    folded.apply(joined(BOB, START + 100))
    assert folded.is_present(BOB, START + 100)
    assert not folded.is_present(crowd[-1], START + 100)


def test_who_is_connected_outlasts_a_crowd_that_only_says_to_be_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "PEOPLE", 20)
    listeners = [f"{number:064x}" for number in range(10)]
    folded = fold([joined(HOST), *map(joined, listeners)])
    for who in listeners:
        folded.apply(confirmed(HOST, who, START + 1))
    for number in range(100, 1_000):
        folded.apply(joined(f"{number:064x}", START + 2))
    assert {HOST, *listeners} <= set(folded.present(START + 3))


def test_whom_the_stage_serves_outlasts_a_crowd_that_confirms_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "PEOPLE", 20)
    monkeypatch.setattr(limits, "EDGES", 40)
    listeners = [f"{number:064x}" for number in range(10)]
    folded = fold([joined(HOST), *map(joined, listeners)])
    for who in listeners:
        folded.apply(confirmed(HOST, who, START + 1))
    for number in range(100, 1_000):
        mallory = f"{number:064x}"
        for other in (HOST, listeners[0], f"{number - 1:064x}"):
            folded.apply(confirmed(mallory, other, START + 2))
        folded.apply(joined(mallory, START + 2))
    assert {HOST, *listeners} <= set(folded.present(START + 3))
    edges = {edge for edge in folded.edges(START + 3) if edge.asked == HOST}
    assert edges == {Edge(who, HOST, "consumer") for who in listeners}


def test_edges_are_bounded_and_those_of_strangers_go_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "EDGES", 10)
    crowd = [f"{number:064x}" for number in range(25)]
    folded = fold([joined(who, START, lifetime=600) for who in (HOST, ANN, BOB, *crowd)])
    folded.apply(confirmed(HOST, ANN, START))
    for number in range(500):
        folded.apply(confirmed(EVE, f"{10**6 + number:064x}", START + 10))
    assert list(folded.edges(START + 30)) == [Edge(ANN, HOST, "consumer")]
    for number, who in enumerate(crowd):
        folded.apply(confirmed(HOST, who, START + number))
    connected = {edge.asking for edge in folded.edges(START + 30)}
    assert connected == set(crowd[-len(connected) :])
    assert 5 < len(connected) <= 10
    assert all(folded.is_present(who, START + 30) for who in crowd)
