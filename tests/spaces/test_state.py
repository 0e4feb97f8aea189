import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.spaces import events
from tui.spaces.events import Metrics, SpaceEvent, SpaceRef
from tui.spaces.roles import Role
from tui.spaces.state import Edge, SpaceState

HOST, ANN, BOB, CEM, EVE = PEOPLE = [digit * 64 for digit in "1a2b3"]
SPACE = SpaceRef(HOST, "tea")
START = 10_000


class Ids:
    """Event ids as hashes are: without any order."""

    def __init__(self) -> None:
        self._rng = random.Random(5)

    def __call__(self) -> str:
        return f"{self._rng.getrandbits(256):064x}"


new_id = Ids()


def event(kind: type[SpaceEvent], signer: str, at: int, id_: str = "", **fields: Any) -> SpaceEvent:
    return kind(space=SPACE, signer=signer, at=at, id=id_ or new_id(), **fields)


def joined(who: str, at: int = START, id_: str = "", lifetime: int = 180) -> SpaceEvent:
    fields: dict[str, Any] = {"metrics": Metrics(), "until": at + lifetime, "nip44": True}
    return event(events.PeerJoined, who, at, id_, name=f"at {at}", **fields)


def left(who: str, at: int, id_: str = "") -> SpaceEvent:
    return event(events.PeerLeft, who, at, id_)


def promoted(signer: str, target: str, at: int, id_: str = "") -> SpaceEvent:
    return event(events.SpeakerPromoted, signer, at, id_, target=target)


def demoted(signer: str, target: str, at: int, id_: str = "") -> SpaceEvent:
    return event(events.PeerDemoted, signer, at, id_, target=target)


def asked(who: str, at: int, id_: str = "", withdrawn: bool = False) -> SpaceEvent:
    return event(events.SpeechAsked, who, at, id_, withdrawn=withdrawn)


def confirmed(
    asked_: str, asking: str, at: int, id_: str = "", type_: str = "consumer"
) -> SpaceEvent:
    return event(events.ConnectionConfirmed, asked_, at, id_, to=asking, type=type_)


def dropped(who: str, other: str, at: int, id_: str = "") -> SpaceEvent:
    return event(events.ConnectionDropped, who, at, id_, to=other)


def created(at: int = START, id_: str = "", name: str = "tea") -> SpaceEvent:
    return event(events.SpaceCreated, HOST, at, id_, name=name, metrics=Metrics())


def closed(signer: str, at: int, id_: str = "") -> SpaceEvent:
    return event(events.SpaceEnded, signer, at, id_)


def fold(history: Iterable[SpaceEvent]) -> SpaceState:
    folded = SpaceState(SPACE)
    for each in history:
        folded.apply(each)
    return folded


def observed(folded: SpaceState) -> dict[str, Any]:
    """Everything that anybody can see of a state, now and later."""
    times = [START + seconds for seconds in (0, 1, 3, 30, 46, 50, 100, 181, 700)]
    return {
        "created": folded.created,
        "ended": folded.ended,
        "roles": [folded.role_of(who) for who in PEOPLE],
        "speaking": folded.speaking,
        "lowered": [folded.lowered_at(who) for who in PEOPLE],
        "shown": [folded.hand_shown_at(who) for who in PEOPLE],
        "peers": [folded.peer(who) for who in PEOPLE],
        "known": set(folded.known()),
        "refusals": folded.refusals,
        "present": [set(folded.present(now)) for now in times],
        "queue": [folded.queue(now) for now in times],
        "hands": [[folded.hand_since(who, now) for who in PEOPLE] for now in times],
        "edges": [set(folded.edges(now)) for now in times],
        "stale": [folded.is_stale(now) for now in times],
    }


# -- any history, in any order


@st.composite
def histories(draw: st.DrawFn, kinds: Sequence[str] = (), size: int = 25) -> list[SpaceEvent]:
    """What host, guests and strangers say within a minute, most of it within the same seconds."""
    ids = draw(st.lists(st.binary(min_size=32, max_size=32), unique=True, max_size=size))
    person = st.sampled_from(PEOPLE)
    seconds = st.integers(0, 4) | st.sampled_from([15, 30, 45, 46, 60])
    writers: dict[str, Callable[[int, str], SpaceEvent]] = {
        "create": lambda at, id_: created(at, id_, name=id_[:4]),
        "close": lambda at, id_: closed(draw(person), at, id_),
        "join": lambda at, id_: joined(draw(person), at, id_, draw(st.sampled_from([1, 40, 180]))),
        "leave": lambda at, id_: left(draw(person), at, id_),
        "promote": lambda at, id_: promoted(draw(person), draw(person), at, id_),
        "demote": lambda at, id_: demoted(draw(person), draw(person), at, id_),
        "ask": lambda at, id_: asked(draw(person), at, id_, draw(st.booleans())),
        "confirm": lambda at, id_: confirmed(
            draw(person), draw(person), at, id_, draw(st.sampled_from(["consumer", "mutual"]))
        ),
        "drop": lambda at, id_: dropped(draw(person), draw(person), at, id_),
    }
    kind = st.sampled_from(kinds or [name for name in writers if name != "close"])
    return [writers[draw(kind)](START + draw(seconds), id_.hex()) for id_ in ids]


@given(histories(), st.randoms(use_true_random=False), st.booleans())
def test_no_order_and_no_repetition_changes_the_state(
    history: list[SpaceEvent], rng: random.Random, ends: bool
) -> None:
    if ends:
        history = [*history, closed(HOST, START + 2), closed(HOST, START + 3), closed(EVE, START)]
    expected = observed(fold(history))
    again = history + rng.choices(history, k=len(history)) if history else []
    rng.shuffle(again)
    assert observed(fold(again)) == expected


@given(histories(), st.randoms(use_true_random=False))
def test_looking_in_between_changes_nothing(history: list[SpaceEvent], rng: random.Random) -> None:
    expected = observed(fold(history))
    rng.shuffle(history)
    folded = SpaceState(SPACE)
    for each in history:
        folded.apply(each)
        observed(folded)
    assert observed(folded) == expected


MODERATION = ("promote", "demote")


@given(histories(MODERATION, size=40))
def test_roles_are_what_the_table_of_permissions_says(history: list[SpaceEvent]) -> None:
    """Judged by a plain loop over the table, for spaces without co-hosts."""
    folded = fold(history)
    stage, refused, lowered = {HOST}, [], {}
    for each in sorted(history, key=lambda e: (e.at, e.id)):
        assert isinstance(each, events.SpeakerPromoted | events.PeerDemoted)
        by_host = each.signer == HOST and each.target != HOST
        if isinstance(each, events.SpeakerPromoted) and by_host:
            stage.add(each.target)
        elif isinstance(each, events.PeerDemoted) and (
            by_host or (each.signer == each.target != HOST and each.target in stage)
        ):
            stage.discard(each.target)
        else:
            refused.append(each)
            continue
        lowered[each.target] = each.at
    assert folded.speaking == stage
    assert [refusal.event for refusal in folded.refusals] == refused
    assert {who: at for who in PEOPLE if (at := folded.lowered_at(who))} == lowered
    assert folded.role_of(HOST) is Role.HOST


@given(histories(), histories(MODERATION))
def test_nothing_that_strangers_say_changes_a_role(
    history: list[SpaceEvent], forged: list[SpaceEvent]
) -> None:
    """Whoever was never on stage acts in vain, on others and on themselves."""
    history = [each for each in history if getattr(each, "target", None) != EVE]
    by_eve = [type(each)(**{**fields(each), "signer": EVE}) for each in forged]
    by_eve = [each for each in by_eve if each.id not in {known.id for known in history}]
    with_eve, without = fold([*by_eve, *history]), fold(history)
    assert with_eve.speaking == without.speaking
    assert [with_eve.role_of(who) for who in PEOPLE] == [without.role_of(who) for who in PEOPLE]
    assert with_eve.queue(START + 60) == without.queue(START + 60)
    assert {refusal.event.id for refusal in with_eve.refusals} >= {each.id for each in by_eve}


def fields(each: SpaceEvent) -> dict[str, Any]:
    return {name: getattr(each, name) for name in each.__struct_fields__}


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


def test_only_the_host_ends_a_space_and_nobody_is_in_it_after_that() -> None:
    folded = fold([joined(ANN), closed(EVE, START + 1)])
    assert folded.ended is None
    assert folded.is_present(ANN, START + 2)
    assert [refusal.event.signer for refusal in folded.refusals] == [EVE]
    end = closed(HOST, START + 5)
    folded.apply(end)
    assert observed(folded)["ended"] is end
    assert not folded.is_present(ANN, START + 2)


def test_the_first_creation_counts() -> None:
    for folded in both_ways(created(START, name="tea"), created(START + 9, name="coffee")):
        assert folded.created is not None
        assert folded.created.name == "tea"


def test_events_of_another_space_change_nothing() -> None:
    folded = SpaceState(SpaceRef(HOST, "coffee"))
    for each in (created(), joined(ANN), promoted(HOST, ANN, START), closed(HOST, START)):
        folded.apply(each)
    assert observed(folded) == observed(SpaceState(SpaceRef(HOST, "coffee")))


# -- who may speak


@pytest.mark.parametrize("ids", [("0" * 64, "f" * 64), ("f" * 64, "0" * 64)])
def test_in_the_same_second_moderation_beats_a_join(ids: tuple[str, str]) -> None:
    history = [promoted(HOST, ANN, START), joined(ANN, START + 1, ids[0])]
    for folded in both_ways(*history, demoted(HOST, ANN, START + 1, ids[1])):
        assert folded.role_of(ANN) is Role.LISTENER
        assert folded.is_present(ANN, START + 2)


def test_a_role_does_not_depend_on_being_there() -> None:
    for folded in both_ways(
        promoted(HOST, ANN, START), joined(ANN, START + 1), left(ANN, START + 2)
    ):
        assert folded.role_of(ANN) is Role.SPEAKER
        assert folded.speaking == {HOST, ANN}


def test_a_speaker_may_step_down_and_a_listener_may_not() -> None:
    for folded in both_ways(promoted(HOST, ANN, START), demoted(ANN, ANN, START + 1)):
        assert folded.role_of(ANN) is Role.LISTENER
        assert folded.refusals == ()
    for folded in both_ways(promoted(HOST, ANN, START + 1), demoted(ANN, ANN, START)):
        assert folded.role_of(ANN) is Role.SPEAKER
        assert [refusal.event.signer for refusal in folded.refusals] == [ANN]


def test_nobody_takes_the_host_off_the_stage() -> None:
    for folded in both_ways(demoted(HOST, HOST, START), demoted(EVE, HOST, START)):
        assert folded.role_of(HOST) is Role.HOST
        assert len(folded.refusals) == 2


def test_a_refusal_is_taken_back_when_earlier_authority_turns_up() -> None:
    folded = fold([demoted(ANN, ANN, START + 5)])
    assert [refusal.event.signer for refusal in folded.refusals] == [ANN]
    folded.apply(promoted(HOST, ANN, START))
    assert not folded.refusals


def test_what_an_act_did_is_undone_when_earlier_acts_turn_up_that_leave_it_no_authority() -> None:
    folded = fold([promoted(HOST, ANN, START), demoted(ANN, ANN, START + 5)])
    assert folded.lowered_at(ANN) == START + 5
    folded.apply(demoted(HOST, ANN, START + 3))
    assert folded.lowered_at(ANN) == START + 3
    assert [refusal.event.signer for refusal in folded.refusals] == [ANN]


# -- the queue


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


@pytest.mark.parametrize("act", [promoted, demoted])
@pytest.mark.parametrize("after", [0, 3])
@pytest.mark.parametrize("ids", [("0" * 64, "f" * 64), ("f" * 64, "0" * 64)])
def test_a_promotion_or_demotion_of_that_second_or_later_takes_the_hand_down(
    act: Callable[..., SpaceEvent], after: int, ids: tuple[str, str]
) -> None:
    history = [joined(ANN), asked(ANN, START, ids[0]), act(HOST, ANN, START + after, ids[1])]
    for folded in both_ways(*history):
        assert folded.queue(START + 4) == []
        folded.apply(demoted(HOST, ANN, START + 5))
        assert folded.queue(START + 6) == []
        folded.apply(asked(ANN, START + 7))
        assert folded.queue(START + 8) == [(START + 7, ANN)]


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


# -- how much work, and how much memory


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


def test_hands_and_edges_are_bounded_and_the_newest_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HANDS", 10)
    monkeypatch.setattr(limits, "EDGES", 10)
    crowd = [f"{number:064x}" for number in range(25)]
    folded = fold([joined(who, START, lifetime=600) for who in (HOST, *crowd)])
    for number, who in enumerate(crowd):
        folded.apply(asked(who, START + number))
        folded.apply(confirmed(HOST, who, START + number))
    now = START + 30
    waiting = [who for _, who in folded.queue(now)]
    assert waiting == crowd[-len(waiting) :]
    assert 5 < len(waiting) <= 10
    connected = {edge.asking for edge in folded.edges(now)}
    assert connected == set(crowd[-len(connected) :])
    assert 5 < len(connected) <= 10


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
