import time
import wave
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest

from tui.audio.errors import InvalidAudioSpec
from tui.audio.packet import OpusPacket
from tui.spaces.sound import Sound

Until = Callable[[Callable[[], object]], Awaitable[None]]


async def test_a_microphone_that_is_gone_is_a_problem_and_nothing_more(until: Until) -> None:
    changes: list[str] = []
    async with AsyncExitStack() as devices:
        sound = make("file:/nowhere/voice.wav", changed=lambda: changes.append("changed"))
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
    async with AsyncExitStack() as devices:
        sound = make("tone:440")
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
    microphone: str,
    *,
    speaker: str = "null",
    changed: Callable[[], None] = lambda: None,
) -> Sound:
    return Sound(
        "a" * 64,
        microphone=microphone,
        speaker=speaker,
        on_talking=lambda _origin, _change: None,
        on_changed=changed,
        monotonic=time.monotonic,
    )


async def test_microphone_and_speaker_are_exchanged_while_it_runs(
    until: Until, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spoken: list[OpusPacket] = []
    async with AsyncExitStack() as devices:
        sound = make("tone:440")
        monkeypatch.setattr(sound.forwarder, "send_own", spoken.append)
        await sound.open(devices)
        sound.set_microphone(may_speak=True, muted=False)
        await until(lambda: len(spoken) > 2)
        for spec in ("tone:660", "tone:880"):
            before = len(spoken)
            sound.use_microphone(spec)
            await until(lambda: len(spoken) > before + 60)  # noqa: B023  # of this round
        numbers = [packet.sequence for packet in spoken]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        path = tmp_path / "heard.wav"
        sound.use_speaker(f"file:{path}")
        await until(path.exists)
        assert sound.devices == ("tone:880", f"file:{path}")
        assert sound.problems == ("", "", "")


async def test_a_device_that_cannot_be_is_told_and_the_present_one_stays(
    until: Until, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spoken: list[OpusPacket] = []
    words = tmp_path / "words.wav"
    words.write_text("these are words")
    async with AsyncExitStack() as devices:
        sound = make("tone:440")
        monkeypatch.setattr(sound.forwarder, "send_own", spoken.append)
        await sound.open(devices)
        sound.set_microphone(may_speak=True, muted=False)
        await until(lambda: spoken)
        with pytest.raises(InvalidAudioSpec):
            sound.use_microphone("tone:x")
        with pytest.raises(InvalidAudioSpec):
            sound.use_speaker("file:/nowhere/sound.wav")
        sound.use_microphone(f"file:{words}")
        await until(lambda: sound.problems[0])
        before = len(spoken)
        await until(lambda: len(spoken) > before + 5)
        assert sound.has_microphone


async def test_volumes_outlive_a_speaker(tmp_path: Path) -> None:
    async with AsyncExitStack() as devices:
        sound = make("none")
        sound.set_volume("b" * 64, 0.5)
        await sound.open(devices)
        assert sound.volume("b" * 64) == 0.5
        assert sound.volume("c" * 64) == 1.0
        assert sound.stats() == {}


async def test_a_chime_is_heard_here_and_sent_to_nobody(until: Until, tmp_path: Path) -> None:
    path = tmp_path / "heard.wav"
    sound = make("none", speaker=f"file:{path}")
    sent: list[OpusPacket] = []
    sound.forwarder.send_own = sent.append  # type: ignore[method-assign]
    async with AsyncExitStack() as devices:
        await sound.open(devices)
        sound.chime()
        sound.chime()  # in place of the first
        await until(lambda: path.stat().st_size > 48_000 * 2)
        assert sound.stats() == {}
    with wave.open(str(path)) as file:
        heard = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert np.abs(heard).max() > 1000
    assert not sent
