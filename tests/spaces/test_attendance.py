from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tui.spaces.attendance import Attendance

NOW = 1_000.0


def fill(attendance: Attendance[str], room: str, count: int, *, at: int = 990) -> None:
    for number in range(count):
        attendance.meet(room, f"{room} {number}", at, at + 180, NOW)


def present(attendance: Attendance[str], room: str, now: float = NOW) -> int:
    return len(list(attendance.present(room, now)))


_WORDS = st.lists(
    st.tuples(
        st.sampled_from(["tea", "coffee"]),
        st.sampled_from(["ann", "ben", "cat"]),
        st.integers(900, 1_000),
        st.booleans(),
    ),
    max_size=12,
)


@given(_WORDS, st.randoms(use_true_random=False))
def test_any_order_and_repetition_gives_the_same_people(words: list[Any], rng: Any) -> None:
    def people(words: list[Any]) -> dict[str, set[str]]:
        attendance: Attendance[str] = Attendance(100)
        for room, who, at, left in words:
            (attendance.part if left else attendance.meet)(room, who, at, at + 180, NOW)
        assert len(attendance) == len({(room, who) for room, who, _, _ in words})
        return {room: set(attendance.present(room, NOW)) for room in ("tea", "coffee")}

    expected: dict[str, set[str]] = {"tea": set(), "coffee": set()}
    for room, here in expected.items():
        for who in ("ann", "ben", "cat"):
            said = [(at, left) for r, w, at, left in words if (r, w) == (room, who)]
            if said and not max(said)[1]:
                here.add(who)
    shuffled = words * 2
    rng.shuffle(shuffled)
    assert people(words) == people(shuffled) == expected


def test_who_says_nothing_is_gone_in_time() -> None:
    attendance: Attendance[str] = Attendance(100)
    fill(attendance, "tea", 3)
    assert present(attendance, "tea", 1_169) == 3
    assert present(attendance, "tea", 1_170) == 0
    attendance.meet("tea", "late", 500, 680, NOW)  # long over
    assert len(attendance) == 3


def test_whoever_floods_one_room_is_counted_less_there_and_nowhere_else() -> None:
    attendance: Attendance[str] = Attendance(1_000)
    for number in range(20):
        fill(attendance, f"quiet {number}", 40)
    fill(attendance, "flooded", 50_000)
    assert len(attendance) <= 1_000
    assert {present(attendance, f"quiet {number}") for number in range(20)} == {40}
    assert 100 <= present(attendance, "flooded") <= 200


def test_who_is_gone_makes_room_for_who_comes() -> None:
    attendance: Attendance[str] = Attendance(1_000)
    fill(attendance, "yesterday", 900, at=830)  # until 1010
    for number in range(200):
        attendance.meet("today", f"{number}", 1_000, 1_180, 1_015.0)
    assert present(attendance, "today", 1_015) == 200
    assert len(attendance) == 200


def test_a_room_that_is_forgotten_costs_nothing() -> None:
    attendance: Attendance[str] = Attendance(100)
    fill(attendance, "tea", 10)
    attendance.forget("tea")
    attendance.forget("tea")
    assert (len(attendance), present(attendance, "tea")) == (0, 0)


def test_many_equal_rooms_share_what_there_is() -> None:
    attendance: Attendance[str] = Attendance(1_000)
    for room in range(100):
        fill(attendance, f"{room}", 30)
    counts = Counter(present(attendance, f"{room}") for room in range(100))
    assert len(attendance) <= 1_000
    assert min(counts) >= 5
