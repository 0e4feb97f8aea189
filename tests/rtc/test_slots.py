from hypothesis import given
from hypothesis import strategies as st

from tui.rtc.slots import MARGIN, TENURE_SECONDS, Loudness, Slots


def loud(**levels: int) -> dict[str, Loudness]:
    known = {}
    for origin, level in levels.items():
        known[origin] = Loudness()
        known[origin].push(level, 0.0)
    return known


def test_everybody_gets_a_slot_while_there_are_some() -> None:
    slots = Slots(3)
    assert [slots.place(x, {}, 0.0) for x in "abc"] == [0, 1, 2]
    assert slots.place("d", {}, 0.0) is None
    assert slots.place("b", {}, 9.0) == 1


def test_a_louder_one_replaces_the_quietest_after_its_tenure() -> None:
    slots = Slots(2)
    known = loud(a=30, b=60, c=30)
    slots.place("a", known, 0.0)
    slots.place("b", known, 0.0)
    assert slots.place("c", known, TENURE_SECONDS / 2) is None
    known["c"].push(30, TENURE_SECONDS)
    assert slots.place("c", known, TENURE_SECONDS) == 1
    assert slots.holders == ["a", "c"]


def test_a_little_louder_is_not_enough() -> None:
    slots = Slots(1)
    known = loud(a=30, b=30 - int(MARGIN))
    slots.place("a", known, 0.0)
    assert slots.place("b", known, 0.0) is None


def test_the_pause_between_two_words_costs_no_slot() -> None:
    slots, known = Slots(1), loud(a=30, b=40)
    slots.place("a", known, 0.0)
    known["b"].push(40, 0.5)
    assert slots.place("b", known, 0.5) is None


def test_a_freed_slot_is_the_next_ones() -> None:
    slots = Slots(2)
    slots.place("a", {}, 0.0)
    slots.place("b", {}, 0.0)
    assert slots.free("a") == 0
    assert slots.free("a") is None
    assert slots.place("c", {}, 0.0) == 0


def test_without_slots_nobody_is_heard() -> None:
    assert Slots(0).place("a", {}, 0.0) is None


@given(
    st.integers(1, 3),
    st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 127)), max_size=300),
)
def test_nobody_flickers(count: int, spoken: list[tuple[str, int]]) -> None:
    slots, known = Slots(count), {x: Loudness() for x in "abcdef"}
    taken_at: dict[str, float] = {}
    for place, (origin, level) in enumerate(spoken):
        now = place * 0.02
        known[origin].push(level, now)
        before = list(slots.holders)
        slots.place(origin, known, now)
        for slot, (old, new) in enumerate(zip(before, slots.holders, strict=True)):
            if old == new:
                continue
            assert new == origin
            if old is not None:
                assert now - taken_at[old] >= TENURE_SECONDS
                assert None not in before, f"slot {slot} was taken although another one was free"
            taken_at[origin] = now
        held = [x for x in slots.holders if x is not None]
        assert len(set(held)) == len(held) <= count
