import asyncio
import contextlib

import pytest

from tui.audio.errors import AudioUnavailable, InvalidAudioSpec
from tui.audio.swap import Swap


class End:
    def __init__(self, name):
        self.name = name
        self.problem = AudioUnavailable(f"{name} is broken") if "broken" in name else None
        self.available = self.problem is None


class House:
    """Ends by their names, and what became of them."""

    def __init__(self):
        self.diary = []
        self.swap = Swap(self.open, lambda new, old: self.note("adopt", new, old))

    def note(self, what, *ends):
        self.diary.append(" ".join([what, *(end.name for end in ends if end)]))

    @contextlib.asynccontextmanager
    async def open(self, name):
        if name == "invalid":
            raise InvalidAudioSpec("there is no such thing")
        end = End(name)
        self.note("open", end)
        try:
            yield end
        finally:
            await asyncio.sleep(0)
            self.note("close", end)

    async def want(self, name):
        self.swap.want(name)
        await self.swap.settled()


@pytest.fixture
async def house():
    house = House()
    async with house.swap.running():
        yield house


async def test_the_new_one_opens_before_the_old_one_closes(house):
    await house.want("a")
    await house.want("b")
    assert house.swap.current.name == "b"
    assert house.diary == ["open a", "adopt a", "open b", "adopt b a", "close a"]


@pytest.mark.parametrize("name", ["broken", "invalid"])
async def test_what_does_not_work_does_not_replace_what_does(house, name):
    await house.want("a")
    await house.want(name)
    assert house.swap.current.name == "a"
    assert house.swap.refused
    assert "close a" not in house.diary
    await house.want("a")
    assert house.swap.refused is None
    await house.want(name)
    assert house.swap.refused


async def test_the_first_is_taken_even_if_it_does_not_work_yet(house):
    await house.want("broken")
    assert house.swap.current.name == "broken"
    await house.want("a")
    assert house.swap.current.name == "a"


async def test_of_many_wishes_the_last_counts(house):
    for name in ("a", "b", None, "c"):
        house.swap.want(name)
    await house.swap.settled()
    assert house.swap.current.name == "c"
    assert house.diary == ["open c", "adopt c"]
    await house.want(None)
    assert house.swap.current is None
    assert house.diary[-1] == "close c"


@pytest.mark.parametrize("at_once", [True, False])
async def test_nothing_is_left_open(at_once):
    house, tasks = House(), asyncio.all_tasks()
    async with house.swap.running():
        house.swap.want("a")
        if not at_once:
            await house.swap.settled()
    assert asyncio.all_tasks() == tasks
    assert house.swap.current is None
    assert house.diary in ([], ["open a", "adopt a", "close a"])
