import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.spaces import events
from tui.spaces.events import Metrics, SpaceEvent, SpaceRef
from tui.spaces.roles import Role
from tui.spaces.state import AWAY_SECONDS, HAND_LIFETIME, STALE_AFTER, SpaceState

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
    """A lifetime of 600 seconds is that of a JOIN which names none."""
    fields: dict[str, Any] = {"metrics": Metrics(), "until": at + lifetime, "nip44": True}
    fields["lasting"] = lifetime == events.OPEN_JOIN_LIFETIME
    return event(events.PeerJoined, who, at, id_, name=f"at {at}", **fields)


def left(who: str, at: int, id_: str = "") -> SpaceEvent:
    return event(events.PeerLeft, who, at, id_)


def promoted(signer: str, target: str, at: int, id_: str = "") -> SpaceEvent:
    return event(events.SpeakerPromoted, signer, at, id_, target=target)


def demoted(signer: str, target: str, at: int, id_: str = "") -> SpaceEvent:
    return event(events.PeerDemoted, signer, at, id_, target=target)


def cohost(signer: str, target: str, at: int, id_: str = "") -> SpaceEvent:
    return event(events.CohostPromoted, signer, at, id_, target=target)


def removed(signer: str, target: str, at: int, id_: str = "", reason: str = "") -> SpaceEvent:
    return event(events.PeerRemoved, signer, at, id_, target=target, reason=reason)


def invited(signer: str, target: str, at: int, id_: str = "") -> SpaceEvent:
    return event(events.PeerInvited, signer, at, id_, target=target)


def announced(
    at: int = START, id_: str = "", locked_at: int = 0, admitted: Iterable[str] = (), by: str = HOST
) -> SpaceEvent:
    lock: dict[str, Any] = {"locked": locked_at > 0, "locked_at": locked_at}
    return event(events.SpaceAnnounced, by, at, id_, admitted=frozenset(admitted), **lock)


def asked(who: str, at: int, id_: str = "", withdrawn: bool = False, since: int = 0) -> SpaceEvent:
    return event(events.SpeechAsked, who, at, id_, withdrawn=withdrawn, since=since)


def confirmed(
    asked_: str, asking: str, at: int, id_: str = "", type_: str = "consumer"
) -> SpaceEvent:
    return event(events.ConnectionConfirmed, asked_, at, id_, to=asking, type=type_)


def dropped(who: str, other: str, at: int, id_: str = "") -> SpaceEvent:
    return event(events.ConnectionDropped, who, at, id_, to=other)


def created(at: int = START, id_: str = "", name: str = "tea", **fields: Any) -> SpaceEvent:
    return event(events.SpaceCreated, HOST, at, id_, name=name, metrics=Metrics(), **fields)


def closed(signer: str, at: int, id_: str = "") -> SpaceEvent:
    return event(events.SpaceEnded, signer, at, id_)


def fold(history: Iterable[SpaceEvent]) -> SpaceState:
    folded = SpaceState(SPACE)
    for each in history:
        folded.apply(each)
    return folded


TIMES = [START + seconds for seconds in (0, 1, 3, 30, 46, 50, 100, 181, 205, 211, 615, 700, 20_000)]


def observed(folded: SpaceState) -> dict[str, Any]:
    """Everything that anybody can see of a state, now and later."""
    return {
        "created": folded.created,
        "announced": folded.announced,
        "ended": folded.ended,
        "access": (folded.access, folded.locked),
        "roles": [folded.role_of(who) for who in PEOPLE],
        "speaking": folded.speaking,
        "barred": list(folded.barred()),
        "acts": [folded.last_act(who) for who in PEOPLE],
        "admitted": [folded.is_admitted(who) for who in PEOPLE],
        "lowered": [folded.lowered_at(who) for who in PEOPLE],
        "shown": [folded.hand_shown_at(who) for who in PEOPLE],
        "peers": [folded.peer(who) for who in PEOPLE],
        "known": set(folded.known()),
        "refusals": folded.refusals,
        "present": [set(folded.present(now)) for now in TIMES],
        "away": [{who for who in PEOPLE if folded.is_away(who, now)} for now in TIMES],
        "queue": [folded.queue(now) for now in TIMES],
        "hands": [[folded.hand_since(who, now) for who in PEOPLE] for now in TIMES],
        "edges": [set(folded.edges(now)) for now in TIMES],
        "stale": [folded.is_stale(now) for now in TIMES],
    }


# -- any history, in any order


@st.composite
def histories(draw: st.DrawFn, kinds: Sequence[str] = (), size: int = 25) -> list[SpaceEvent]:
    """What host, guests and strangers say within a minute, most of it within the same seconds.

    Each history is about a few people and a few kinds of events, so that they have to do with one
    another.
    """
    ids = draw(st.lists(st.binary(min_size=32, max_size=32), unique=True, max_size=size))
    people = draw(st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3, unique=True))
    person = st.sampled_from(people)
    signer = st.sampled_from([HOST, HOST, *people])
    seconds = st.integers(0, 4) | st.sampled_from([15, 30, 45, 46, 60])
    writers: dict[str, Callable[[int, str], SpaceEvent]] = {
        "create": lambda at, id_: created(
            at, id_, name=id_[:4], access=draw(st.sampled_from(["open", "open", "invite"]))
        ),
        "announce": lambda at, id_: announced(
            at,
            id_,
            draw(st.sampled_from([0, START, START + 3])),
            draw(st.sets(person, max_size=2)),
            draw(signer),
        ),
        "close": lambda at, id_: closed(draw(person), at, id_),
        "join": lambda at, id_: joined(
            draw(person), at, id_, draw(st.sampled_from([1, 40, 180, 600, 600]))
        ),
        "leave": lambda at, id_: left(draw(person), at, id_),
        "promote": lambda at, id_: promoted(draw(signer), draw(person), at, id_),
        "cohost": lambda at, id_: cohost(draw(signer), draw(person), at, id_),
        "demote": lambda at, id_: demoted(draw(signer), draw(person), at, id_),
        "remove": lambda at, id_: removed(draw(signer), draw(person), at, id_),
        "invite": lambda at, id_: invited(draw(signer), draw(person), at, id_),
        "ask": lambda at, id_: asked(
            draw(person), at, id_, draw(st.booleans()), draw(st.sampled_from([0, START, at - 50]))
        ),
        "confirm": lambda at, id_: confirmed(
            draw(person), draw(person), at, id_, draw(st.sampled_from(["consumer", "mutual"]))
        ),
        "drop": lambda at, id_: dropped(draw(person), draw(person), at, id_),
    }
    if not kinds:
        others = st.sampled_from([name for name in writers if name not in ("close", "join")])
        kinds = ["join", "join", *draw(st.lists(others, min_size=1, max_size=4, unique=True))]
    kind = st.sampled_from(kinds)
    return [writers[draw(kind)](START + draw(seconds), id_.hex()) for id_ in ids]


class Told:
    """What a history says, as a newcomer would work it out who reads all of it again and again.

    Which acts of moderation count is taken from the state; `test_moderation` is about that.
    """

    def __init__(self, history: list[SpaceEvent], folded: SpaceState) -> None:
        self.history = sorted(history, key=lambda each: (each.at, each.id))
        self.counted = [each for each in self.history if folded.verdict(each.id) == ""]
        self.ended = any(isinstance(each, events.SpaceEnded) for each in self.counted)

    def said(self, kind: Any, who: str) -> list[Any]:
        return [each for each in self.history if isinstance(each, kind) and each.signer == who]

    def done(self, who: str, *kinds: Any) -> list[Any]:
        return [each for each in self.counted if isinstance(each, kinds) and each.target == who]

    def speaks(self, who: str) -> bool:
        acts = self.done(
            who,
            events.SpeakerPromoted,
            events.CohostPromoted,
            events.PeerDemoted,
            events.PeerRemoved,
        )
        lets = (events.SpeakerPromoted, events.CohostPromoted)
        return who == HOST or (bool(acts) and isinstance(acts[-1], lets))

    def is_barred(self, who: str) -> bool:
        acts = self.done(who, events.PeerRemoved, events.PeerDemoted)
        return bool(acts) and isinstance(acts[-1], events.PeerRemoved)

    def is_let_in(self, who: str) -> bool:
        if self.is_barred(who):
            return False
        lets = (events.SpeakerPromoted, events.CohostPromoted, events.PeerInvited)
        if who == HOST or self.done(who, *lets):
            return True
        creations = self.said(events.SpaceCreated, HOST)
        if creations and creations[0].access == "invite":
            return False
        said = self.said(events.SpaceAnnounced, HOST)
        newest = [each for each in said if each.at == said[-1].at][:1]
        if newest and newest[0].locked and who not in newest[0].admitted:
            return any(each.at <= newest[0].locked_at for each in self.said(events.PeerJoined, who))
        return True

    def went(self, who: str) -> int:
        leaving = [*self.said(events.PeerLeft, who), *self.done(who, events.PeerRemoved)]
        return max((each.at for each in leaving), default=0)

    def stays(self, who: str) -> Any:
        joins = self.said(events.PeerJoined, who)
        if self.ended or not joins or joins[-1].at <= self.went(who) or not self.is_let_in(who):
            return None
        return joins[-1]

    def living(self, now: float) -> list[tuple[str, str]]:
        pairs = {}
        talk = (events.ConnectionConfirmed, events.ConnectionDropped)
        said = [each for each in self.history if isinstance(each, talk)]
        for each in sorted(said, key=lambda e: (e.at, isinstance(e, events.ConnectionDropped))):
            pairs[frozenset((each.signer, each.to))] = each
        found = [
            (each.to, each.signer)
            for each in pairs.values()
            if isinstance(each, events.ConnectionConfirmed) and each.to != each.signer
            if each.at > max(self.went(each.to), self.went(each.signer))
        ]
        return found if now < START + events.CONNECTION_LIFETIME else []

    def is_present(self, who: str, now: float) -> bool:
        joined = self.stays(who)
        if joined is None or now < joined.until:
            return joined is not None
        others = [{one, two} - {who} for one, two in self.living(now) if who in (one, two)]
        beside = [self.stays(other) for (other,) in others]
        return joined.lasting and any(
            join is not None and (now < join.until or join.lasting) for join in beside
        )

    def is_away(self, who: str, now: float) -> bool:
        joined = self.stays(who)
        late = joined is not None and joined.until <= now < joined.until + AWAY_SECONDS
        return late and not self.is_present(who, now)

    def hand_since(self, who: str, now: float) -> int | None:
        if self.speaks(who) or not self.is_present(who, now):
            return None
        lowering = self.done(
            who,
            events.SpeakerPromoted,
            events.CohostPromoted,
            events.PeerDemoted,
            events.PeerRemoved,
        )
        lowered = ended = lowering[-1].at if lowering else 0
        up: list[Any] = []
        for each in self.said(events.SpeechAsked, who):
            if each.withdrawn:
                up, ended = [], max(ended, each.at)
            elif each.at > lowered:
                if up and each.at - up[-1].at > HAND_LIFETIME:
                    up = []
                up.append(each)
        if not up or int(now) - up[-1].at > HAND_LIFETIME:
            return None
        claim = min(each.since or each.at for each in up)
        return min(up[0].at, max(claim, ended + 1))

    def is_stale(self, now: float) -> bool:
        shown = [each.at for each in self.history if each.signer == HOST]
        return now - max(shown, default=0) > STALE_AFTER and not self.is_present(HOST, now)


@settings(max_examples=500)
@given(histories(), st.randoms(use_true_random=False), st.booleans())
def test_a_state_is_what_its_history_tells(
    history: list[SpaceEvent], rng: random.Random, ends: bool
) -> None:
    if ends:
        history = [*history, closed(EVE, START), closed(HOST, START + 2)]
    folded = fold(rng.sample(history, len(history)))
    told = Told(history, folded)
    for who in PEOPLE:
        assert folded.role_of(who).speaks == told.speaks(who)
        assert folded.is_barred(who) == told.is_barred(who)
        assert (folded.is_admitted(who) == "") == told.is_let_in(who)
    for now in TIMES:
        present = {who for who in PEOPLE if told.is_present(who, now)}
        assert set(folded.present(now)) == present
        assert {who for who in PEOPLE if folded.is_away(who, now)} == {
            who for who in PEOPLE if told.is_away(who, now)
        }
        waiting = {who: told.hand_since(who, now) for who in PEOPLE}
        assert {who: folded.hand_since(who, now) for who in PEOPLE} == waiting
        assert folded.queue(now) == sorted((at, who) for who, at in waiting.items() if at)
        if now < START + events.CONNECTION_LIFETIME:
            assert {(edge.asking, edge.asked) for edge in folded.edges(now)} == {
                pair for pair in told.living(now) if present.issuperset(pair)
            }
        assert folded.is_stale(now) == told.is_stale(now)


def served(history: list[SpaceEvent], folded: SpaceState, now: float) -> dict[str, str]:
    """Who is there, and who serves them, told from all that was said."""
    present = {who: folded.role_of(who).speaks for who in folded.present(now)}
    found = dict.fromkeys(present, "")
    edges = {(edge.asking, edge.asked) for edge in folded.edges(now) if edge.type == "consumer"}
    said = [each for each in history if isinstance(each, events.ConnectionConfirmed)]
    for each in sorted(said, key=lambda e: (present.get(e.signer, False), e.at, e.id)):
        if (each.to, each.signer) in edges and not present[each.to]:
            found[each.to] = each.signer
    return found


@settings(max_examples=300)
@given(histories(), st.randoms(use_true_random=False), st.booleans(), st.booleans())
def test_the_tree_is_what_the_state_says_now_and_later(
    history: list[SpaceEvent], rng: random.Random, ends: bool, late: bool
) -> None:
    """It is asked for from the beginning, or only at the end."""
    if ends:
        history = [*history, closed(HOST, START + 2)]
    folded = SpaceState(SPACE)
    for each in rng.sample(history, len(history)):
        folded.apply(each)
        if not late:
            assert len(folded.tree) == sum(1 for _ in folded.present(0))
    for now in TIMES:
        folded.look(now)
        if START + 600 < now < START + events.CONNECTION_LIFETIME:
            folded.look(now + 30)  # who has said no end is looked at again only then
            now += 30
        if now >= START + events.CONNECTION_LIFETIME:
            break
        tree, told = folded.tree, served(history, folded, now)
        assert {who: tree.parent(who) for who in PEOPLE if who in tree} == told
        assert len(tree) == len(told)


@given(histories(), st.randoms(use_true_random=False), st.integers(1, 4))
def test_it_does_not_matter_which_relay_says_what(
    history: list[SpaceEvent], rng: random.Random, relays: int
) -> None:
    """Each keeps some of it, together all of it, and each sends what it has newest first."""
    newest = sorted(history, key=lambda each: (each.at, each.id), reverse=True)
    kept = [[each for each in newest if rng.random() < 0.6] for _ in range(relays)]
    missing = [each for each in newest if not any(each in some for some in kept)]
    streams = [iter(some) for some in (*kept, missing)]
    heard: list[SpaceEvent] = []
    while streams:
        stream = rng.choice(streams)
        if (each := next(stream, None)) is None:
            streams.remove(stream)
        else:
            heard.append(each)
    assert observed(fold(heard)) == observed(fold(history))


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


MODERATION = ("promote", "demote", "remove", "cohost", "invite")


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


# -- the whole of it


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


def test_it_is_told_once_whom_and_what_has_changed() -> None:
    folded = fold([joined(ANN), joined(BOB)])
    assert not folded.take_touched()
    act = demoted(ANN, BOB, START + 5)
    folded.apply(act)
    assert (folded.take_judged(), folded.take_touched()) == ({act.id}, set())
    promotion = cohost(HOST, ANN, START)
    folded.apply(promotion)
    assert folded.verdict(act.id) == ""
    assert folded.take_judged() == {act.id, promotion.id}
    assert folded.take_touched() == {ANN, BOB}
    assert not folded.take_judged() | folded.take_touched()


def test_a_lock_and_another_access_may_concern_everybody() -> None:
    folded = fold([joined(ANN), joined(BOB)])
    folded.apply(announced(START, locked_at=START))
    assert folded.take_touched() == {ANN, BOB}
    folded.apply(announced(START + 60, locked_at=START))  # with other counts, say
    assert not folded.take_touched()
    folded.apply(created(access="password"))
    assert folded.take_touched() == {ANN, BOB}


def test_a_proposal_and_a_request_to_mute_are_judged_at_their_place() -> None:
    def proposed(signer: str, target: str, at: int) -> SpaceEvent:
        return event(events.SpeechProposed, signer, at, target=target, message="")

    def muting(signer: str, target: str, at: int) -> SpaceEvent:
        return event(events.MuteRequested, signer, at, target=target)

    folded = fold(
        [cohost(HOST, ANN, START), promoted(HOST, BOB, START), demoted(HOST, ANN, START + 10)]
    )
    during, after = START + 5, START + 11
    for who, at in ((HOST, after), (ANN, during)):
        assert folded.refusal(proposed(who, CEM, at)) == ""
        assert folded.refusal(muting(who, BOB, at)) == folded.refusal(muting(who, "", at)) == ""
    for who, at in ((ANN, after), (BOB, during), (EVE, during)):
        assert folded.refusal(proposed(who, CEM, at)) == "may not ask to speak"
        assert folded.refusal(muting(who, "", at)) == "may not ask to mute"
    assert folded.refusal(muting(ANN, HOST, during))
    assert folded.refusal(proposed(ANN, ANN, during))


def test_other_refusals_are_those_of_the_acts() -> None:
    forged = removed(EVE, ANN, START)
    folded = fold([forged, closed(EVE, START, "e" * 64), closed(HOST, START, "f" * 64)])
    assert folded.refusal(forged) == folded.verdict(forged.id) == "may not remove"
    assert folded.refusal(closed(EVE, START, "e" * 64)) == "only the host closes a space"
    assert folded.refusal(closed(HOST, START, "f" * 64)) == ""
    assert folded.refusal(created()) == folded.refusal(announced()) == ""
    assert folded.refusal(announced(by=EVE)) == "is not the host"
    assert folded.refusal(removed(HOST, ANN, START + 1)) is None  # never heard of
    assert folded.verdict("0" * 64) is None


def test_roles_before_a_place_in_order() -> None:
    folded = fold([promoted(HOST, ANN, START, "5" * 64), demoted(HOST, ANN, START + 9)])
    assert folded.role_at(ANN, START, "5" * 64) is Role.LISTENER
    assert folded.role_at(ANN, START, "6" * 64) is Role.SPEAKER
    assert folded.role_at(ANN, START + 10, "") is Role.LISTENER
    assert folded.role_at(HOST, 0, "") is Role.HOST
