import asyncio
import os
import signal
import stat
import sys
import time
import wave

import numpy as np
import pytest

from tui.audio.capture import open_capture
from tui.audio.errors import InvalidAudioSpec
from tui.audio.files import FileReader
from tui.audio.packet import OpusPacket
from tui.audio.playback import open_playback


def read(path):
    reader, pieces = FileReader(path), []
    while len(piece := reader.read()):
        pieces.append(piece)
    reader.close()
    return np.concatenate(pieces)


async def until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("name", ["heard.wav", "heard.ogg"])
async def test_tone_from_microphone_to_file(name, tmp_path, peak):
    path = tmp_path / name
    sent = []
    async with open_playback(f"file:{path}") as playback:
        assert playback.available

        def on_packet(packet):
            sent.append(packet)
            playback.push("someone", packet)

        async with open_capture("tone:440", on_packet):
            await until(lambda: len(sent) >= 75)
        stats = playback.stats()["someone"]
        assert stats.counts.played >= 70
    heard = read(path)
    assert peak(heard[24_000:48_000]) == 440
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_two_people_are_both_heard(tmp_path, tone, encode):
    path = tmp_path / "heard.wav"
    async with open_playback(f"file:{path}") as playback:
        for hertz in (440, 1000):
            for _, packet in encode(tone(0.4, hertz)):
                playback.push(str(hertz), packet)
        playback.set_volume("1000", 0.5)
        await until(lambda: len(playback.stats()) == 2)
        # Something is made up behind the end, so all before it has been played.
        await until(lambda: all(s.counts.concealed for s in playback.stats().values()))
    heard = read(path)

    def part(hertz):
        wave = np.exp(-2j * np.pi * hertz * np.arange(len(heard)) / 48_000)
        return abs(np.dot(heard, wave))

    assert part(1000) == pytest.approx(part(440) / 2, rel=0.1)
    assert part(1500) < part(440) / 20


async def test_dropped_origin_falls_silent(tmp_path, tone, encode):
    path = tmp_path / "heard.wav"
    async with open_playback(f"file:{path}") as playback:
        for _, packet in encode(tone(0.4)):
            playback.push("a", packet)
        await until(lambda: "a" in playback.stats())
        playback.drop("a")
        await until(lambda: not playback.stats())


async def test_null_takes_everything_and_does_nothing(tone, encode):
    async with open_playback("null") as playback:
        for _, packet in encode(tone(0.1)):
            playback.push("a", packet)
        playback.drop("a")
        assert playback.problem is None
        assert not playback.available
        assert playback.stats() == {}


@pytest.mark.parametrize("name", ["x.unknown", "x.png", "nowhere/x.wav"])
async def test_bad_file_is_told_early(name, tmp_path):
    with pytest.raises(InvalidAudioSpec):
        async with open_playback(f"file:{tmp_path / name}"):
            pytest.fail("it opened")


async def test_unusable_packets_do_no_harm(tmp_path, tone, encode, peak):
    path = tmp_path / "heard.wav"
    async with open_playback(f"file:{path}") as playback:
        for number in range(50):
            playback.push("bad", OpusPacket(number, number * 960, os.urandom(60)))
        for _, packet in encode(tone(0.4)):
            playback.push("good", packet)
        await until(
            lambda: playback.stats().get("good") and playback.stats()["good"].counts.played >= 15
        )
        assert playback.problem is None


CHILD = """
import asyncio, sys
from tui.audio.capture import open_capture
from tui.audio.playback import open_playback

async def main():
    async with open_playback(sys.argv[1]) as playback:
        async with open_capture("tone:440", lambda packet: playback.push("a", packet)):
            await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_killed_process_leaves_a_file_that_plays(tmp_path, peak):
    path = tmp_path / "heard.wav"
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", CHILD, f"file:{path}")
    try:
        await until(lambda: path.exists() and path.stat().st_size > 96_000)
    finally:
        child.send_signal(signal.SIGKILL)
        await child.wait()
    with wave.open(str(path)) as file:
        assert file.getframerate() == 48_000
        assert file.getnframes() >= (path.stat().st_size - 44) // 2 - 960
        heard = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
    assert peak(heard[24_000:]) == pytest.approx(440, abs=2)


async def test_tap_gets_what_is_played(tmp_path, tone, encode):
    tapped = []
    path = tmp_path / "heard.wav"
    async with open_playback(f"file:{path}") as playback:
        playback.tap = lambda block: tapped.append(block.copy())
        for _, packet in encode(tone(0.2)):
            playback.push("a", packet)
        await until(lambda: len(tapped) >= 30)
    played = read(path)
    given = np.concatenate(tapped)[-len(played) :]
    assert np.abs(given).max() > 0.2
    assert played[-len(given) :] == pytest.approx(given, abs=1e-4)
