from hypothesis import given
from hypothesis import strategies as st

from tui.controller.views import (
    Barred,
    Participant,
)
from tui.widgets.people import METER_CELLS, barred_row, meter_cells, person_row
from tui.widgets.roster import PEOPLE_PANES, Roster
from tui.widgets.text import width_of

PEOPLE = st.builds(
    Participant,
    pubkey=st.sampled_from([f"{i:064x}" for i in range(12)]),
    name=st.sampled_from(["", "Ann", "ann", "Bob", "語学", "[red]x"]),
    role=st.sampled_from(["host", "cohost", "speaker", "listener"]),
    present=st.booleans(),
    speaking=st.booleans(),
    hand_since=st.sampled_from([0.0, 10.0, 20.0]),
    queue=st.integers(0, 200),
    link=st.sampled_from(["", "connecting", "connected", "failed"]),
    me=st.booleans(),
    later=st.booleans(),
    away=st.booleans(),
    plain=st.booleans(),
    muted=st.booleans(),
    hidden=st.booleans(),
    followed=st.booleans(),
    verified=st.sampled_from(["", "ann@example.org", "語" * 40]),
)
EMOJIS = st.sampled_from(["", "👏", "abcd"])


@given(st.lists(st.one_of(PEOPLE, st.integers(0, 11)), max_size=40))
def test_step_by_step_is_the_same_as_all_at_once(steps: list) -> None:
    people: dict[str, Participant] = {}
    roster = Roster()
    for step in steps:
        if isinstance(step, int):
            pubkey = f"{step:064x}"
            people.pop(pubkey, None)
        else:
            pubkey = step.pubkey
            people[pubkey] = step
        roster.update(people, [pubkey])
    whole = Roster()
    whole.rebuild(people)
    for pane in PEOPLE_PANES:
        assert roster.keys(pane) == whole.keys(pane)
        assert roster.count(pane) == len(whole.keys(pane))


def test_many_changes_at_once() -> None:
    people = {f"{i:064x}": Participant(f"{i:064x}", f"P{i}", "listener") for i in range(3_000)}
    roster = Roster()
    roster.update(people, people)
    assert roster.count("audience") == 3_000
    assert roster.keys("audience")[:2] == [f"{0:064x}", f"{1:064x}"]


def test_orders() -> None:
    people = [
        Participant("1", "Zoe", "host"),
        Participant("2", "Abe", "speaker"),
        Participant("3", "cat", "listener", hand_since=5.0, queue=2),
        Participant("4", "Bea", "listener", hand_since=9.0, queue=1),
        Participant("5", "Own", "listener", me=True),
        Participant("6", "Aaa", "listener", present=False),
        Participant("7", "Aab", "listener", away=True),
        Participant("8", "Dan", "listener", hand_since=1.0, queue=1, later=True),
        Participant("9", "Eve", "cohost"),
    ]
    roster = Roster()
    roster.rebuild({person.pubkey: person for person in people})
    assert roster.keys("stage") == ["1", "9", "2"]
    # Oneself first, who is away last.
    assert roster.keys("audience") == ["5", "4", "3", "8", "6", "7"]
    assert roster.keys("queue") == ["4", "3", "8"]  # "later" is last, whatever the place


@given(PEOPLE, st.sampled_from(PEOPLE_PANES), st.integers(24, 120), EMOJIS)
def test_a_row_fits_its_pane(person: Participant, pane, width: int, emoji: str) -> None:
    assert width_of(person_row(pane, person, width, 1_000.0, emoji)) == width


@given(st.text(max_size=90), st.text(max_size=200), st.integers(1, 120))
def test_the_row_of_somebody_removed_fits_too(name: str, reason: str, width: int) -> None:
    row = barred_row(Barred("aa" * 32, name, "bb" * 32, name, reason, 5), width)
    assert width_of(row) == width


def test_the_meter_shows_rfc_6464_levels() -> None:
    assert meter_cells(127) == meter_cells(60) == 0
    assert meter_cells(0) == meter_cells(6) == METER_CELLS
    assert 0 < meter_cells(40) < meter_cells(20) < METER_CELLS
