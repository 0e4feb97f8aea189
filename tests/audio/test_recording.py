import asyncio
import random
import resource
import shutil
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tui.audio.capture import Capture
from tui.audio.health import Health
from tui.audio.opus import Samples
from tui.audio.packet import FRAME, RATE, OpusPacket
from tui.audio.recording import (
    MixedTape,
    Recording,
    SeparateTape,
    Voice,
    file_name,
    new_folder,
)
from tui.config import limits

ANN, BOB = Voice("a" * 64, "Ann"), Voice("b" * 64, "Bob")
Say = Callable[[float, float], list[OpusPacket]]


def decoded(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    return np.concatenate(frames) if frames else np.zeros(0, np.float32)


def share(sound: np.ndarray, hertz: float) -> float:
    """The part of the power that is at this tone."""
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    near = np.abs(np.fft.rfftfreq(len(sound), 1 / RATE) - hertz) < 20
    return float(power[near].sum() / (power.sum() + 1e-9))


@pytest.fixture
def say(tone: Callable[..., Samples]) -> Say:
    def packets(seconds: float, hertz: float) -> list[OpusPacket]:
        found: list[OpusPacket] = []
        capture = Capture(found.append, Health(), random.Random(int(hertz)))
        sound = tone(seconds, hertz, 0.2)
        for at in range(0, len(sound) - FRAME + 1, FRAME):
            capture.frame(sound[at : at + FRAME])
        return found

    return packets


def run(tape: Any, said: list[tuple[float, Voice, Any]], seconds: float) -> dict[str, bytes]:
    """The files after packets that arrived then; a packet that is None drops the voice."""
    files: dict[str, bytes] = {}
    said = sorted(said, key=lambda one: one[0])
    now = 0.0
    while now < seconds:
        now = min(now + 0.1, seconds)
        while said and said[0][0] <= now:
            at, voice, packet = said.pop(0)
            if packet is None:
                tape.drop(voice.origin)
            else:
                tape.push(voice, packet, at)
        for name, data in tape.finish(now) if now == seconds else tape.advance(now):
            files[name] = files.get(name, b"") + data
    return files


def arriving(voice: Voice, packets: list[OpusPacket], begin: float) -> list[Any]:
    return [(begin + 0.02 * (n + 1), voice, packet) for n, packet in enumerate(packets)]


@pytest.mark.parametrize("kind", [SeparateTape, MixedTape])
def test_two_voices_in_their_times(kind: Any, say: Say, tmp_path: Path) -> None:
    said = arriving(ANN, say(3, 440), 0.5) + arriving(BOB, say(2, 660), 2.5)
    files = run(kind({"TITLE": "Tea"}, lambda: 9), said, 5.0)
    sounds = {}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        sounds[name] = decoded(tmp_path / name)
        assert len(sounds[name]) == pytest.approx(5 * RATE, abs=RATE // 40)
    if kind is MixedTape:
        (mix,) = sounds.values()
        ann = bob = mix
    else:
        ann, bob = sounds["01 Ann.opus"], sounds["02 Bob.opus"]
        assert np.abs(bob[: 2 * RATE]).max() < 1e-3
        with av.open(str(tmp_path / "02 Bob.opus")) as container:
            tags = {key.lower(): text for key, text in container.streams[0].metadata.items()}
            assert (tags["artist"], tags["pubkey"]) == ("Bob", BOB.origin)
    assert share(ann[RATE : 2 * RATE], 440) > 0.9
    assert share(bob[int(3.8 * RATE) : int(4.3 * RATE)], 660) > 0.9
    assert np.abs(ann[: RATE // 4]).max() < 0.01
    assert np.abs(bob[int(4.8 * RATE) :]).max() < 0.05


@pytest.mark.parametrize("kind", [SeparateTape, MixedTape])
def test_a_voice_that_is_dropped_is_silent_at_once_and_the_others_go_on(
    kind: Any, say: Say, tmp_path: Path
) -> None:
    ann = [one for one in arriving(ANN, say(4, 440), 0.0) if one[0] < 2.0]
    said = [*ann, (2.0, ANN, None), *arriving(BOB, say(4, 660), 0.0)]
    files = run(kind({}, lambda: 9), said, 4.0)
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    sound = decoded(tmp_path / next(iter(files)))
    assert share(sound[RATE : RATE * 3 // 2], 440) > (0.3 if kind is MixedTape else 0.9)
    late = sound[int(2.7 * RATE) : int(3.7 * RATE)]
    assert share(late, 440) < 0.01 or np.abs(late).max() < 1e-3
    assert share(decoded(tmp_path / [*files][-1])[int(2.7 * RATE) : int(3.7 * RATE)], 660) > 0.9


def test_voices_beyond_the_bound_are_counted(say: Say) -> None:
    tape = SeparateTape({}, lambda: 1)
    packet = say(0.1, 440)[0]
    for number in range(limits.RECORDING_VOICES + 5):
        tape.push(Voice(f"{number:064}", "x"), packet, 0.1)
    assert len(dict(tape.advance(1.0))) == limits.RECORDING_VOICES
    assert tape.counts["too many voices"] == 5


def test_an_hour_of_speech_takes_some_14_megabytes(say: Say) -> None:
    """A tone is as much as it gets: pauses and silence take next to nothing."""
    files = run(MixedTape({}, lambda: 9), arriving(ANN, say(10, 440), 0.0), 10.0)
    assert len(next(iter(files.values()))) * 360 < 17e6
    silence = run(MixedTape({}, lambda: 9), [], 10.0)
    assert len(next(iter(silence.values()))) * 360 < 2e6


# -- on the disk


@pytest.fixture
async def running() -> AsyncIterator[Callable[..., Any]]:
    tasks: list[asyncio.Task[None]] = []

    def begin(recording: Recording) -> asyncio.Task[None]:
        tasks.append(asyncio.create_task(recording.run()))
        return tasks[-1]

    yield begin
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


async def speak(recording: Recording, packets: list[OpusPacket], voice: Voice = ANN) -> None:
    for packet in packets:
        recording.push(voice, packet)


async def test_the_files_are_private_and_grow_while_it_goes_on(
    running: Any, say: Say, tmp_path: Path
) -> None:
    folder = new_folder(tmp_path / "new", "Tea")
    recording = Recording(folder, separate=True)
    task = running(recording)
    for packet in say(1.0, 440):
        recording.push(ANN, packet)
        await asyncio.sleep(0.02)
    await until(lambda: recording.bytes > 1_000)
    path = folder / recording.files[0]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    playable = decoded(path)  # not finished yet
    assert share(playable[-RATE // 4 :], 440) > 0.9
    recording.stop()
    await task
    assert recording.bytes == path.stat().st_size
    assert len(decoded(path)) > len(playable)


async def test_nothing_is_overwritten(tmp_path: Path, running: Any, say: Say) -> None:
    first, second = new_folder(tmp_path, "Tea"), new_folder(tmp_path, "Tea")
    assert (first.name, second.name) == ("Tea", "Tea 2")
    (first / "01 Ann.opus").write_text("mine")
    recording = Recording(first, separate=True)
    task = running(recording)
    await speak(recording, say(0.2, 440))
    with pytest.raises(FileExistsError):
        await task
    assert (first / "01 Ann.opus").read_text() == "mine"


async def test_a_folder_that_is_deleted_ends_it(tmp_path: Path, running: Any, say: Say) -> None:
    recording = Recording(new_folder(tmp_path, "Tea"), separate=False)
    task = running(recording)
    await until(lambda: recording.files)
    shutil.rmtree(recording.folder)
    with pytest.raises(OSError, match="deleted"):
        await asyncio.wait_for(task, 10)


async def test_a_folder_that_is_not_there_ends_it(tmp_path: Path, running: Any) -> None:
    with pytest.raises(OSError):
        await running(Recording(tmp_path / "gone", separate=True))


@pytest.fixture
def small_disk() -> Iterator[Callable[[int], None]]:
    """No file of this process may grow beyond some bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_ends_it_and_what_is_there_plays(
    tmp_path: Path, running: Any, say: Say, small_disk: Any
) -> None:
    recording = Recording(new_folder(tmp_path, "Tea"), separate=True)
    small_disk(3_000)
    task = running(recording)

    async def talk() -> None:
        for packet in say(5.0, 440):
            recording.push(ANN, packet)
            await asyncio.sleep(0.02)

    talking = asyncio.create_task(talk())
    with pytest.raises(OSError):
        await asyncio.wait_for(task, 20)
    talking.cancel()
    await asyncio.gather(talking, return_exceptions=True)
    path = recording.folder / recording.files[0]
    assert 0 < path.stat().st_size == recording.bytes < 3_000, "whole pages only"
    assert share(decoded(path)[RATE // 10 :], 440) > 0.9


async def test_a_disk_that_is_too_slow_costs_packets_and_never_the_loop(
    tmp_path: Path, say: Say
) -> None:
    recording = Recording(tmp_path, separate=True)  # nobody writes
    packet = say(0.1, 440)[0]
    for _ in range(limits.RECORDING_INBOX + 7):
        recording.push(ANN, packet)
    assert recording.lost == 7
    for _ in range(3 * limits.RECORDING_INBOX):
        recording.drop(ANN.origin)
    assert len(recording._inbox) == 2 * limits.RECORDING_INBOX


def open_files() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


async def test_a_cancelled_recording_leaves_nothing_open(tmp_path: Path, running: Any) -> None:
    before = open_files()
    recording = Recording(new_folder(tmp_path, "Tea"), separate=False)
    task = running(recording)
    await until(lambda: recording.files)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await until(lambda: open_files() <= before)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Ann", "Ann"),
        ("../../etc/passwd", "etc-passwd"),
        ("a b\tc", "a-b-c"),
        ("Ünïcode 日本", "Ünïcode-日本"),
        ("..", "somebody"),
        ("", "somebody"),
        ("/", "somebody"),
        ("x" * 300, "x" * 60),
        ("日" * 300, "日" * 20),
        ("-rf", "rf"),
    ],
)
def test_names_of_files(text: str, name: str) -> None:
    assert file_name(text) == name
