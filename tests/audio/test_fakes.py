import asyncio
import random
import wave

import numpy as np
import pytest

from tui.audio.fakes import FileMicrophone, ToneMicrophone
from tui.audio.files import FileReader, open_writer
from tui.audio.packet import FRAME


class Clock:
    """Time that passes only in sleeps, each of which takes longer than asked for."""

    def __init__(self, late=lambda: 0.0):
        self.now = 1000.0
        self.late = late

    def monotonic(self):
        return self.now

    async def sleep(self, seconds):
        self.now += seconds + self.late()
        await asyncio.sleep(0)


class Listener:
    def __init__(self, clock, frames):
        self.clock, self.wanted = clock, frames
        self.times, self.frames, self.skipped = [], [], 0
        self.done = asyncio.Event()

    def report(self, problem):
        assert problem is None

    def skip(self, frames):
        self.skipped += frames

    def frame(self, samples):
        assert samples.shape == (FRAME,)
        assert samples.dtype == np.float32
        self.times.append(self.clock.now)
        self.frames.append(samples)
        if len(self.frames) == self.wanted:
            self.done.set()


async def listen(microphone, listener):
    running = asyncio.create_task(microphone.run(listener))
    await asyncio.wait_for(listener.done.wait(), 20)
    running.cancel()
    await asyncio.wait([running])
    return np.concatenate(listener.frames[: listener.wanted])


@pytest.fixture
def sound_file(tmp_path, tone):
    """Writes a tone of so many seconds in the format that the ending names."""

    def write(name, seconds=1.0):
        path = tmp_path / name
        writer = open_writer(path)
        samples = tone(seconds)
        for start in range(0, len(samples), FRAME):
            writer.write(samples[start : start + FRAME])
        writer.close()
        return path

    return write


async def test_tone_keeps_time_however_late_sleeps_are(peak):
    rng = random.Random(1)
    clock = Clock(lambda: rng.random() * 0.015)
    listener = Listener(clock, 500)
    heard = await listen(ToneMicrophone(440, **vars_of(clock)), listener)
    ideal = 1000.0 + np.arange(500) * 0.02
    assert np.abs(np.array(listener.times[:500]) - ideal).max() < 0.03
    assert listener.skipped == 0
    assert peak(heard) == 440
    assert np.abs(heard).max() == pytest.approx(0.3, abs=0.001)
    assert np.abs(np.diff(heard)).max() < 0.02  # frames join without a step


async def test_stall_is_followed_by_no_burst():
    stalls = iter([0.0] * 100 + [0.3] + [0.0] * 1000)
    clock = Clock(lambda: next(stalls))
    listener = Listener(clock, 300)
    await listen(ToneMicrophone(440, **vars_of(clock)), listener)
    assert np.diff(listener.times).min() > 0.0099
    assert listener.times[299] == pytest.approx(1000.0 + 299 * 0.02)
    assert listener.skipped == 0


async def test_suspended_machine_skips_what_is_past():
    stalls = iter([0.0] * 100 + [60.0] + [0.0] * 1000)
    clock = Clock(lambda: next(stalls))
    listener = Listener(clock, 300)
    await listen(ToneMicrophone(440, **vars_of(clock)), listener)
    assert listener.skipped == pytest.approx(3000, abs=1)
    assert listener.times[299] == pytest.approx(1000.0 + (299 + listener.skipped) * 0.02)


@pytest.mark.parametrize("name", ["a.wav", "a.ogg", "a.mp3", "a.flac", "a.m4a"])
async def test_file_of_any_format_is_played_once(name, sound_file, peak):
    clock = Clock()
    reader = FileReader(sound_file(name, 3.0))
    heard = await listen(FileMicrophone(reader, **vars_of(clock)), Listener(clock, 200))
    assert peak(heard[48_000:96_000]) == 440
    loud = np.flatnonzero(np.abs(heard) > 0.1) / 48_000
    assert loud[0] < 0.1
    assert loud[-1] == pytest.approx(3.0, abs=0.1)
    assert np.abs(heard[4800 : 2 * 48_000]).reshape(-1, 480).max(axis=1).min() > 0.2  # no seam


async def test_file_of_another_rate_and_two_channels(tmp_path, tone, peak):
    path = tmp_path / "stereo.wav"
    samples = (tone(2.0)[: 2 * 44_100] * 32767).astype("<i2")  # 440 Hz * 44.1 / 48
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(np.repeat(samples, 2).tobytes())
    clock = Clock()
    heard = await listen(FileMicrophone(FileReader(path), **vars_of(clock)), Listener(clock, 90))
    assert peak(heard[9600:57_600]) == pytest.approx(440 * 44.1 / 48, abs=1)


async def test_long_file_is_not_loaded_whole(sound_file):
    path = sound_file("long.wav", 60.0)
    reader = FileReader(path)
    assert len(reader.read()) < 2 * 48_000
    reader.close()


async def test_damaged_file_ends_but_breaks_nothing(sound_file):
    path = sound_file("a.ogg", 3.0)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = random.Random(1).randbytes(len(data) - len(data) // 2)
    path.write_bytes(data)
    clock = Clock()
    heard = await listen(FileMicrophone(FileReader(path), **vars_of(clock)), Listener(clock, 200))
    assert np.abs(heard[:48_000]).max() > 0.2
    assert not heard[-4800:].any()


def vars_of(clock):
    return {"monotonic": clock.monotonic, "sleep": clock.sleep}
