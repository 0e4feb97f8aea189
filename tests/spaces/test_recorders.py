from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.nostr.event import Event
from tui.spaces import codec, events
from tui.spaces.events import Metrics, SpaceCreated, SpaceRef
from tui.spaces.rooms import ANNOUNCEMENT_LIFETIME, write_announcement
from tui.spaces.state import SpaceState
from tui.spaces.writer import Writer

Make = Callable[..., Event]

HOST, ANN, BOB = ("1" * 64, "a" * 64, "b" * 64)
SPACE = SpaceRef(HOST, "tea")
AT = 1_000


def event(signer: str, draft: Any) -> Event:
    return Event(
        id=f"{draft.created_at:064x}",
        pubkey=signer,
        created_at=draft.created_at,
        kind=draft.kind,
        tags=draft.tags,
        content=draft.content,
        sig="0" * 128,
    )


def join(signer: str, at: int = AT, **fields: Any) -> Any:
    return codec.decode(event(signer, Writer(SPACE, signer).join(at, "me", Metrics(), **fields)))


def announced(at: int, **fields: Any) -> Any:
    created = SpaceCreated(
        space=SPACE, signer=HOST, at=1, id="1" * 64, name="Tea", metrics=Metrics()
    )
    return codec.decode(event(HOST, write_announcement(created, at, status="live", **fields)))


def state_of(*said: Any) -> SpaceState:
    state = SpaceState(SPACE)
    for one in said:
        state.apply(one)
    return state


def test_a_join_says_who_records_and_who_does_not_want_to_be_recorded() -> None:
    recorder, shy, both = join(ANN, recording=900), join(BOB, unrecorded=True), join(HOST)
    assert (recorder.recording, recorder.unrecorded) == (900, False)
    assert (shy.recording, shy.unrecorded) == (0, True)
    assert (both.recording, both.unrecorded) == (0, False)
    both = join(HOST, recording=900, unrecorded=True)
    assert (both.recording, both.unrecorded) == (900, True)
    state = state_of(recorder, shy)
    assert state.recorders(AT) == (ANN,)
    assert state.may_record(ANN)
    assert not state.may_record(BOB)


@pytest.mark.parametrize(
    ("words", "since", "shy"),
    [
        (["yes"], 0, False),
        ([""], 0, False),
        (["-5"], 0, False),
        (["nan"], 0, False),
        (["inf"], AT, False),
        (["9" * 30], 0, False),
        ([str(AT + 99)], AT, False),
        (["no", "no"], 0, True),
        (["NO"], 0, False),
        (["700", "no", "800"], 800, True),
    ],
)
def test_what_others_may_write_there(words: list[str], since: int, shy: bool, make: Make) -> None:
    tags = [("recording", word) for word in words] + [("recording",)]
    found = codec.decode(make(events.JOIN_SPACE, ANN, "{}", tags, at=AT))
    assert (found.recording, found.unrecorded) == (since, shy)


def test_who_has_recorded_longest_comes_first_and_only_those_who_are_here() -> None:
    state = state_of(join(ANN, recording=950), join(BOB, recording=900))
    assert state.recorders(AT) == (BOB, ANN)
    state.apply(codec.decode(event(BOB, Writer(SPACE, BOB).leave(AT + 5))))
    assert state.recorders(AT + 6) == (ANN,)
    state.apply(join(ANN, AT + 7))
    assert state.recorders(AT + 8) == ()
    state.apply(join(BOB, AT + 9, recording=AT))
    assert state.recorders(AT + 10) == (BOB,)
    assert state.recorders(AT + 10 + events.JOIN_LIFETIME) == (), "a crash ends it, too"


def test_nobody_is_recorded_before_it_is_known_what_they_say() -> None:
    state = state_of(join(ANN))
    assert state.may_record(ANN)
    assert not state.may_record(BOB)
    state.apply(join(ANN, AT + 1, unrecorded=True))
    assert not state.may_record(ANN)
    state.apply(join(ANN, AT + 2))
    assert state.may_record(ANN)


def test_the_newer_of_the_host_and_the_join_counts() -> None:
    state = state_of(join(ANN), announced(AT + 5, recorders=[ANN, BOB], unrecorded=[ANN, BOB]))
    assert state.recorders(AT + 6) == (ANN, BOB)
    assert not state.may_record(ANN)
    state.apply(join(ANN, AT + 7))
    assert state.recorders(AT + 8) == (BOB,)
    assert state.may_record(ANN)
    assert state.recorders(AT + 5 + ANNOUNCEMENT_LIFETIME) == ()
    state.apply(announced(AT + 9))
    assert state.recorders(AT + 9) == ()


def test_of_the_same_second_the_join_counts_and_a_host_never_repeats_itself() -> None:
    state = state_of(join(ANN), announced(AT, recorders=[ANN, BOB], unrecorded=[ANN]))
    assert state.recorders(AT + 1) == (BOB,)
    assert state.may_record(ANN)
    assert state.known_recorders(AT + 1) == ()


def test_an_announcement_names_a_bounded_number() -> None:
    crowd = [f"{number:064x}" for number in range(1_000)]
    found = announced(AT, recorders=crowd, unrecorded=crowd)
    assert found.recorders == tuple(crowd[: limits.ROOM_RECORDERS])
    assert found.unrecorded == frozenset(crowd[: limits.ROOM_STAGE])


def test_a_flood_of_recorders_pushes_out_nobody_who_speaks(make: Make) -> None:
    state = state_of(join(HOST, recording=10))
    for number in range(3 * limits.RECORDERS):
        state.apply(join(f"{number:064x}", recording=20))
    assert len(state.recorders(AT)) == limits.RECORDERS
    assert state.recorders(AT)[0] == HOST


@given(
    said=st.lists(
        st.tuples(st.sampled_from([ANN, BOB]), st.integers(1, 60), st.sampled_from([0, 500])),
        max_size=12,
        unique_by=lambda one: one[:2],
    ),
    random=st.randoms(),
)
def test_the_order_of_arrival_changes_nothing(said: list[Any], random: Any) -> None:
    heard = [join(who, AT + later, recording=since) for who, later, since in said]
    shuffled = random.sample(heard, len(heard))
    newest = {
        one.signer: one
        for one in heard
        if one.at == max(other.at for other in heard if other.signer == one.signer)
    }
    recording = {who for who, one in newest.items() if one.recording}
    for order in (heard, shuffled):
        assert set(state_of(*order).recorders(AT + 60)) == recording
