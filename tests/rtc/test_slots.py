from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.rtc.slots import (
    LOUDEST,
    MARGIN,
    NEWCOMER_SECONDS,
    PAUSE_SECONDS,
    TENURE_SECONDS,
    Loudness,
    Slots,
)


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


class Talk:
    """Four slots, and people who speak in turns of 20 ms."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slots = Slots(LOUDEST + 1)
        self.known: dict[str, Loudness] = {}

    def say(self, seconds: float = 0.02, **levels: int) -> list[int | None]:
        """Everybody talks at once for so long; the slots that they have then."""
        for _ in range(max(1, round(seconds / 0.02))):
            self.now += 0.02
            for origin, level in levels.items():
                self.known.setdefault(origin, Loudness()).push(level, self.now)
            got = [self.slots.place(x, self.known, self.now) for x in levels]
        return got

    @property
    def held(self) -> set[str | None]:
        return set(self.slots.holders)


def test_an_interruption_is_heard_at_once_however_soft_it_is() -> None:
    talk = Talk()
    talk.say(2.0, a=20, b=21, c=22, d=23)
    assert talk.say(e=45) == [3]
    assert talk.held == {"a", "b", "c", "e"}


def test_two_interruptions_take_turns_of_a_second() -> None:
    talk = Talk()
    crowd = {"a": 20, "b": 21, "c": 22, "d": 25}
    talk.say(2.0, **crowd)
    talk.say(0.1, **crowd, e=30)
    assert talk.say(0.1, **crowd, e=30, f=31)[-1] is None
    assert talk.say(TENURE_SECONDS, **crowd, e=30, f=31)[-1] == 3


def test_who_goes_on_talking_is_no_newcomer_and_nobody_flickers() -> None:
    talk = Talk()
    crowd = {"a": 20, "b": 21, "c": 22, "d": 23, "e": 24}
    talk.say(NEWCOMER_SECONDS + TENURE_SECONDS, **crowd)
    held = talk.held
    for _ in range(20):
        talk.say(0.5, **crowd)
        assert talk.held == held
    talk.say(PAUSE_SECONDS, **{x: level for x, level in crowd.items() if x in held})
    (outside,) = crowd.keys() - held
    talk.say(0.02, **crowd)
    assert outside in talk.held


def test_breath_and_noise_are_no_interruption() -> None:
    talk = Talk()
    talk.say(2.0, a=20, b=21, c=22, d=23)
    talk.say(2.0, a=20, b=21, c=22, d=23, e=limits.QUIET_LEVEL)
    assert talk.held == {"a", "b", "c", "d"}


def test_with_few_slots_a_newcomer_waits_for_the_loudest() -> None:
    talk = Talk()
    talk.slots = Slots(LOUDEST)
    talk.say(2.0, a=20, b=21, c=22)
    assert talk.say(0.5, a=20, b=21, c=22, d=30)[-1] is None


@given(st.permutations([10, 20, 30, 40, 45, 48]), st.permutations("abcdef"))
def test_the_three_loudest_are_always_among_the_holders(
    levels: list[int], order: list[str]
) -> None:
    talk = Talk()
    crowd = dict(zip(order, levels, strict=True))
    talk.say(NEWCOMER_SECONDS + 4 * TENURE_SECONDS, **crowd)
    loudest = sorted(crowd, key=crowd.__getitem__)[:LOUDEST]
    assert set(loudest) <= talk.held


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.sampled_from("abcdefg"), st.integers(0, 127)), max_size=300),
)
def test_nobody_flickers(count: int, spoken: list[tuple[str, int]]) -> None:
    slots, known = Slots(count), {x: Loudness() for x in "abcdefg"}
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
