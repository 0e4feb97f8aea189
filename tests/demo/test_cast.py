import random

from tui.cli.arguments import parse
from tui.demo.cast import SPARE, choose_cast


def test_names_and_voices_differ_up_to_as_many_people_as_can_be_asked_for():
    most = parse(["demo", "--people", "64"]).people
    cast = choose_cast(most, random.Random(1))
    assert len(cast) == most + SPARE
    assert len({person.name for person in cast}) == len(cast)
    assert all(80 <= person.pitch <= 300 for person in cast)


def test_those_who_talk_with_one_another_sound_different():
    for before, after in zip(*(choose_cast(8, random.Random(1))[n:] for n in (0, 1)), strict=False):
        assert abs(before.pitch - after.pitch) > 20
