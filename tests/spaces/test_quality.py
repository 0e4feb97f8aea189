import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.spaces.quality import Meter, Place, Quality, Reading

HEARD = Place(depth=2, outputs_used=3, outputs_max=8, parent="p")
GOOD = Reading("parent", loss=0.0, round_trip=0.04, jitter=0.004)


def after(meter: Meter, readings: dict[str, Reading], *, concealed: float = 0.0) -> Quality:
    """What is told once these have been so for long."""
    quality = Quality()
    for at in range(60):
        quality = meter.look(1000.0 + at, readings, concealed, HEARD)
    return quality


def test_a_good_parent() -> None:
    assert Meter().look(0.0, {"p": GOOD}, 0.0, HEARD) == Quality(
        badge="good",
        loss=0.0,
        round_trip=0.04,
        jitter=0.005,
        depth=2,
        outputs_used=3,
        outputs_max=8,
        parent="p",
        links=after(Meter(), {"p": GOOD}).links,
    )


@pytest.mark.parametrize(
    ("changes", "concealed", "badge", "worst"),
    [
        ({"loss": 0.03}, 0.0, "good", ""),
        ({"loss": 0.05}, 0.0, "fair", "loss"),
        ({"loss": 0.2}, 0.0, "poor", "loss"),
        ({"round_trip": 0.4}, 0.0, "fair", "round_trip"),
        ({"round_trip": 0.9}, 0.0, "poor", "round_trip"),
        ({"jitter": 0.06}, 0.0, "fair", "jitter"),
        ({"jitter": 0.2}, 0.0, "poor", "jitter"),
        ({}, 0.05, "fair", "concealed"),
        ({}, 0.2, "poor", "concealed"),
        ({"loss": 0.05}, 0.2, "poor", "concealed"),
        ({"loss": 0.05, "jitter": 0.2}, 0.0, "poor", "jitter"),
        ({"quiet": 3.0}, 0.0, "lost", ""),
        ({"round_trip": None}, 0.0, "good", ""),
    ],
)
def test_the_worst_number_gives_the_word(
    changes: dict[str, float], concealed: float, badge: str, worst: str
) -> None:
    quality = Meter().look(0.0, {"p": GOOD._replace(**changes)}, concealed, HEARD)
    assert (quality.badge, quality.worst) == (badge, worst)


def test_without_a_connection_the_sound_is_lost_only_if_there_was_any() -> None:
    meter = Meter()
    assert meter.look(0.0, {}, 0.0, HEARD).badge == ""
    assert meter.look(1.0, {"p": GOOD}, 0.0, HEARD).badge == "good"
    assert meter.look(2.0, {}, 0.0, HEARD).badge == "lost"
    assert meter.look(3.0, {}, 0.0, HEARD._replace(alone=True)).badge == ""
    assert meter.look(4.0, {}, 0.0, HEARD).badge == ""


def test_a_parent_that_brings_nothing_is_none_however_good_the_line() -> None:
    meter = Meter()
    meter.look(0.0, {"p": GOOD}, 0.0, HEARD)
    assert meter.look(1.0, {"p": GOOD}, 0.0, HEARD._replace(parent="")).badge == "lost"


def test_alone_on_stage_it_is_about_those_who_hear_us() -> None:
    meter, alone = Meter(), Place(depth=0, outputs_used=1, outputs_max=8, alone=True)
    child = GOOD._replace(kind="child", loss=0.2)
    assert meter.look(0.0, {"c": child}, 0.0, alone).badge == "poor"
    assert meter.look(1.0, {}, 0.0, alone).badge == ""


def test_reserves_and_those_who_hear_us_say_nothing_of_what_we_hear() -> None:
    bad = GOOD._replace(loss=0.5)
    links = {"p": GOOD, "s": bad._replace(kind="standby"), "c": bad._replace(kind="child")}
    quality = after(Meter(), links)
    assert quality.badge == "good"
    assert {link.pubkey: link.badge for link in quality.links} == {
        "p": "good",
        "s": "poor",
        "c": "poor",
    }


def test_on_stage_one_bad_line_of_several_is_not_ours() -> None:
    good, bad = GOOD._replace(kind="mutual"), GOOD._replace(kind="mutual", loss=0.3)
    assert after(Meter(), {"a": good, "b": bad}).badge == "good"
    assert after(Meter(), {"a": good, "b": good, "c": bad}).badge == "good"
    most = after(Meter(), {"a": good, "b": bad, "c": bad})
    assert (most.badge, most.worst, most.loss) == ("poor", "loss", 0.3)


def test_one_bad_second_is_no_bad_connection() -> None:
    meter = Meter()
    after(meter, {"p": GOOD})
    spike = meter.look(1060.0, {"p": GOOD._replace(round_trip=0.8)}, 0.0, HEARD)
    assert spike.badge == "good"
    assert after(meter, {"p": GOOD._replace(round_trip=0.8)}).badge == "poor"


def test_better_is_told_later_than_worse() -> None:
    meter = Meter()
    assert after(meter, {"p": GOOD._replace(loss=0.035)}).badge == "fair"
    assert after(meter, {"p": GOOD._replace(loss=0.025)}).badge == "fair"
    assert after(meter, {"p": GOOD._replace(loss=0.01)}).badge == "good"


def test_a_number_that_trembles_is_told_once() -> None:
    meter = Meter()
    told = set()
    for at in range(200):
        tremble = 0.004 * (-1) ** at
        reading = GOOD._replace(round_trip=0.085 + tremble, jitter=0.0075 + tremble / 4)
        told.add(meter.look(float(at), {"p": reading}, 0.0, HEARD))
    assert len(told) <= 2  # the first look, and what the smoothed number settles on


def test_a_connection_that_comes_again_is_judged_anew() -> None:
    meter = Meter()
    assert after(meter, {"p": GOOD._replace(loss=0.5)}).badge == "poor"
    meter.look(2000.0, {}, 0.0, HEARD)
    assert meter.look(2000.1, {"p": GOOD}, 0.0, HEARD).badge == "good"


numbers = st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(st.tuples(numbers, numbers, numbers, numbers), max_size=20))
def test_whatever_is_measured_is_told_as_a_number(
    measured: list[tuple[float, float, float, float]],
) -> None:
    meter = Meter()
    for at, (loss, trip, jitter, concealed) in enumerate(measured):
        reading = Reading("parent", loss, trip, jitter)
        quality = meter.look(float(at), {"p": reading}, concealed, HEARD)
        told = (quality.loss, quality.round_trip, quality.jitter, quality.concealed)
        assert all(math.isfinite(number) and number >= 0 for number in told if number is not None)
        msgspec.json.encode(quality)
