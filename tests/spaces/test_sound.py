import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from tui.audio.packet import OpusPacket
from tui.spaces.sound import Sound
from tui.spaces.tasks import Tasks

Until = Callable[[Callable[[], object]], Awaitable[None]]


async def test_a_microphone_that_is_gone_is_a_problem_and_nothing_more(until: Until) -> None:
    changes: list[str] = []
    async with AsyncExitStack() as devices, Tasks() as tasks:
        sound = make(tasks, "file:/nowhere/voice.wav", changed=lambda: changes.append("changed"))
        await sound.open(devices)
        assert sound.has_microphone
        sound.set_microphone(may_speak=True, muted=False)
        await until(lambda: not sound.has_microphone)
        sound.look()
        assert changes
        assert "file" in sound.problems[0]
        sound.set_microphone(may_speak=False, muted=True)


async def test_the_microphone_is_heard_only_by_right_and_unmuted(
    until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken: list[OpusPacket] = []
    async with AsyncExitStack() as devices, Tasks() as tasks:
        sound = make(tasks, "tone:440")
        monkeypatch.setattr(sound.forwarder, "send_own", spoken.append)
        await sound.open(devices)
        for _ in range(3):  # also when the right comes back before the device is closed
            sound.set_microphone(may_speak=True, muted=False)
            await until(lambda: len(spoken) > 2)
            sound.set_microphone(may_speak=False, muted=False)
            spoken.clear()
        sound.set_microphone(may_speak=True, muted=True)
        sound.set_microphone(may_speak=False, muted=False)
    assert spoken == []


def make(
    tasks: Tasks,
    microphone: str,
    *,
    changed: Callable[[], None] = lambda: None,
) -> Sound:
    return Sound(
        "a" * 64,
        microphone=microphone,
        speaker="null",
        spawn=tasks.spawn,
        on_talking=lambda _origin, _change: None,
        on_changed=changed,
        monotonic=time.monotonic,
    )
