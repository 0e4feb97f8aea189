import asyncio
import itertools
import json
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from tui.audio import devices, portaudio
from tui.audio.opus import Decoder

ROOT = str(Path(__file__).parents[2])

HEAR = """
import asyncio, json, sys
from tui.audio.capture import open_capture

def say(**words):
    print(json.dumps(words), flush=True)

async def main():
    def on_packet(packet):
        say(sequence=packet.sequence, level=packet.level, payload=packet.payload.hex())
    async with open_capture(sys.argv[1], on_packet, on_problem=lambda p: say(problem=p and str(p))):
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
say(over=True)
"""

SPEAK = """
import asyncio, json, sys
from tui.audio.capture import open_capture
from tui.audio.playback import open_playback

def say(**words):
    print(json.dumps(words), flush=True)

async def main():
    def on_problem(problem):
        say(problem=problem and str(problem))
    async with open_playback(sys.argv[1], on_problem=on_problem) as playback:
        async with open_capture("tone:440", lambda packet: playback.push("a", packet)):
            await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
say(over=True)
"""


BOTH = """
import asyncio, contextlib, json, sys
from tui.audio.capture import open_capture
from tui.audio.devices import list_devices
from tui.audio.playback import open_playback
from tui.audio.swap import Swap
import msgspec

def say(**words):
    print(json.dumps(words), flush=True)

async def main():
    def told(who):
        return lambda problem: say(who=who, problem=problem and str(problem))
    def heard(packet):
        say(level=packet.level)
    def play(packet):
        if speaker.current:
            speaker.current.push("a", packet)
    speaker = Swap(lambda spec: open_playback(spec, on_problem=told("speaker")), lambda *_: None)
    mic = Swap(lambda spec: open_capture(spec, heard, on_problem=told("mic")), lambda *_: None)
    async with speaker.running(), mic.running(), open_capture("tone:440", play):
        while line := await asyncio.to_thread(sys.stdin.readline):
            who, _, spec = line.strip().partition(" ")
            if who == "list":
                say(devices=msgspec.to_builtins(await list_devices()))
                continue
            end = {"speaker": speaker, "mic": mic}[who]
            end.want(spec)
            await end.settled()
            say(settled=who, refused=end.refused and str(end.refused))

asyncio.run(main())
say(over=True)
"""


class Child:
    """A process of ours beside a sound server; it ends when its input does."""

    def __init__(self, process):
        self.process = process

    async def says(self, wanted, seconds=20.0):
        """The first line that `wanted` accepts."""
        async with asyncio.timeout(seconds):
            while line := await self.process.stdout.readline():
                words = json.loads(line)
                if wanted(words):
                    return words
        raise AssertionError(await self.process.stderr.read())

    async def does(self, command, seconds=20.0):
        """Whether what it was told to use could not be used."""
        await self.told(command)
        return (await self.says(lambda words: "settled" in words, seconds))["refused"]

    async def told(self, command):
        self.process.stdin.write(command.encode() + b"\n")
        await self.process.stdin.drain()

    async def ends(self):
        self.process.stdin.close()
        await self.says(lambda words: "over" in words)
        assert await asyncio.wait_for(self.process.wait(), 10) == 0


@pytest.fixture
async def child():
    children = []

    async def start(script, spec, env=None):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", script, spec),
            env={**(env or {}), "PYTHONPATH": ROOT},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            limit=2**20,
        )
        children.append(process)
        return Child(process)

    yield start
    for process in children:
        if process.returncode is None:
            process.kill()
            await process.wait()


def works(words):
    return "problem" in words and words["problem"] is None


def fails(words):
    return bool(words.get("problem"))


@pytest.mark.needs("pulseaudio", "pactl", "paplay")
async def test_microphone_hears_what_is_played_to_it(pulse, child, tone, peak, tmp_path):
    path = tmp_path / "tone.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes((tone(20.0) * 32767).astype("<i2").tobytes())
    microphone = await child(HEAR, "default", pulse.env)
    await microphone.says(works)
    player = await pulse.spawn("paplay", "--device=micfeed", str(path))
    try:
        await microphone.says(lambda words: words.get("level", 127) < 20)
        heard = [await microphone.says(lambda words: "payload" in words) for _ in range(60)]
    finally:
        player.terminate()
        await player.wait()
    await microphone.ends()
    assert {b["sequence"] - a["sequence"] for a, b in itertools.pairwise(heard)} <= {1, -65_535}
    decoder = Decoder()
    sound = np.concatenate([decoder.decode(bytes.fromhex(words["payload"])) for words in heard])
    assert peak(sound[9600:]) == pytest.approx(440, abs=2)


def is_clean_tone(second):
    """440 Hz at the level at which it was sent, for every 10 ms; a busy machine has gaps."""
    power = np.sqrt((second.reshape(-1, 480) ** 2).mean(axis=1))
    spectrum = np.abs(np.fft.rfft(second * np.hanning(len(second))))
    near = np.sum(spectrum[435:446] ** 2) / max(np.sum(spectrum**2), 1e-9)
    return power.min() > 0.15 and power.max() < 0.25 and near > 0.95


async def hear_clean_second(pulse, speaker="speaker"):
    """Returns once the speaker has played a whole second of the tone."""
    recorder = await pulse.spawn(
        *("parec", f"--device={speaker}.monitor", "--raw", "--format=s16le"),
        *("--rate=48000", "--channels=1", "--latency-msec=20"),
        stdout=subprocess.PIPE,
    )
    heard = b""
    try:
        async with asyncio.timeout(30):
            while True:
                heard = heard[-48_000:] + await recorder.stdout.readexactly(48_000)
                if len(heard) == 96_000 and is_clean_tone(np.frombuffer(heard, "<i2") / 32768):
                    return
    finally:
        recorder.terminate()
        await recorder.communicate()


@pytest.mark.needs("pulseaudio", "pactl", "parec")
async def test_speaker_is_heard(pulse, child):
    speaker = await child(SPEAK, "default", pulse.env)
    await speaker.says(works)
    await hear_clean_second(pulse)
    await speaker.ends()


@pytest.mark.needs("pulseaudio", "pactl", "parec")
async def test_lost_sound_server_comes_back(pulse, child):
    """Both directions, and soon, however long it was away."""
    both = await child(BOTH, "", pulse.env)
    for command in ("speaker default", "mic default"):
        assert await both.does(command) is None
    await hear_clean_second(pulse)
    for _ in range(2):
        pulse.server.kill()
        await pulse.server.wait()
        for _ in range(4):  # "has stopped", "cannot be opened"; from now on it waits
            await both.says(fails)
        await pulse.start()
        begun, back = time.monotonic(), set()
        while len(back) < 2:
            back.add((await both.says(works))["who"])
        assert time.monotonic() - begun < 2  # the machine may be busy; 0.1 s where it is not
        await hear_clean_second(pulse)
    await both.says(lambda words: "level" in words)
    await both.ends()


async def plug_in(pulse):
    """A speaker more, named headset; returns what unplugs it."""
    process = await pulse.spawn(
        *("pactl", "load-module", "module-null-sink", "norewinds=1", "sink_name=headset"),
        *("rate=48000", "channels=1", "channel_map=mono"),
        stdout=subprocess.PIPE,
    )
    number, _ = await process.communicate()
    return "pactl", "unload-module", number.decode().strip()


@pytest.mark.needs("pulseaudio", "pactl", "parec")
async def test_devices_of_the_server_are_listed_and_used_by_name(pulse, child):
    both = await child(BOTH, "", pulse.env)
    assert await both.does("speaker default") is None
    assert "headset" in await both.does("speaker headset")  # and the default stays
    await hear_clean_second(pulse)
    await plug_in(pulse)
    await both.told("list")
    listed = (await both.says(lambda words: "devices" in words))["devices"]
    names = {(device["kind"], device["name"]) for device in listed}
    assert {("microphone", "mic"), ("speaker", "speaker"), ("speaker", "headset")} <= names
    assert [d["name"] for d in listed if d["default"]] == ["mic", "speaker"]
    assert await both.does("speaker headset") is None
    await hear_clean_second(pulse, "headset")
    assert await both.does("speaker speaker") is None
    await hear_clean_second(pulse)
    await both.ends()


@pytest.mark.needs("pulseaudio", "pactl", "parec")
async def test_a_named_device_is_replaced_by_the_default_until_it_is_back(pulse, child):
    unplug = await plug_in(pulse)
    speaker = await child(SPEAK, "headset", pulse.env)
    await speaker.says(works)
    await hear_clean_second(pulse, "headset")
    await pulse.run(*unplug)
    replaced = await speaker.says(lambda words: "default is used" in (words.get("problem") or ""))
    assert "headset" in replaced["problem"]
    await hear_clean_second(pulse)
    await plug_in(pulse)
    await speaker.says(works)
    await hear_clean_second(pulse, "headset")
    await speaker.ends()


@pytest.mark.needs("pulseaudio", "pactl", "parec")
async def test_a_device_that_came_later_is_found_by_its_name(pulse, child):
    """PortAudio has to be started anew for that; what plays meanwhile is there again at once."""
    both = await child(BOTH, "", pulse.env)
    for command in ("speaker default", "mic default"):
        assert await both.does(command) is None
    (pulse.folder / ".asoundrc").write_text("pcm.late { type pulse hint.description late }\n")
    assert await both.does("mic late") is None
    await hear_clean_second(pulse)
    await both.ends()


@pytest.mark.needs("pulseaudio", "pactl", "parec")
async def test_a_sound_server_that_hangs_holds_up_nobody(pulse, child):
    both = await child(BOTH, "", pulse.env)
    for command in ("speaker default", "mic default"):
        assert await both.does(command) is None
    await hear_clean_second(pulse)
    try:
        for state, sign in (("stopped", fails), ("goes on", works), ("stopped", fails)):
            number = signal.SIGSTOP if state == "stopped" else signal.SIGCONT
            pulse.server.send_signal(number)
            who = set()
            while len(who) < 2:
                who.add((await both.says(sign))["who"])
        await both.ends()
    finally:
        pulse.server.send_signal(signal.SIGCONT)


@pytest.mark.needs("pulseaudio", "pactl")
async def test_unknown_device_is_a_problem_that_names_it(pulse, child):
    speaker = await child(SPEAK, "no such device", pulse.env)
    await speaker.says(lambda words: "no such device" in (words.get("problem") or ""))
    await speaker.ends()


WITHOUT_PORTAUDIO = """
import asyncio, ctypes.util, json, time
find = ctypes.util.find_library
ctypes.util.find_library = lambda name: None if "portaudio" in name else find(name)
from tui.audio.capture import open_capture
from tui.audio.playback import open_playback

async def main():
    sent = []
    async with open_capture("default", sent.append) as lost, open_playback("default") as silent:
        async with open_playback("null"), open_capture("tone:440", sent.append) as fake:
            deadline = time.monotonic() + 20
            while len(sent) < 10 and time.monotonic() < deadline:
                silent.push("a", sent[-1]) if sent else None
                await asyncio.sleep(0.01)
        print(json.dumps({
            "problems": [str(lost.problem), str(silent.problem)],
            "hint": lost.problem.hint,
            "available": [lost.available, silent.available, fake.available],
            "sent": len(sent),
        }))

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="wheels for other systems carry PortAudio")
def test_without_portaudio_only_sound_is_missing():
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_PORTAUDIO],
        env={"PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert all("PortAudio" in problem for problem in told["problems"])
    assert told["hint"]
    assert told["available"] == [False, False, True]
    assert told["sent"] >= 10
    assert "Traceback" not in run.stderr


def test_nothing_of_portaudio_is_loaded_before_it_is_needed():
    modules = "tui.audio.capture, tui.audio.playback, tui.audio.specs, tui.audio.devices"
    script = f"import sys, {modules}; print('sounddevice' in sys.modules, 'av' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split() == ["False", "False"]


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "apt install libportaudio2"),
        ("ID=fedora\n", "dnf install portaudio"),
        ("ID=alpine\n", "apk add portaudio"),
        ("ID=arch", "pacman -S portaudio"),
        ("ID=plan9\n", "install PortAudio"),
        (None, "install PortAudio"),
    ],
)
def test_hint_names_the_packages_of_the_distribution(release, command, tmp_path, monkeypatch):
    path = tmp_path / "os-release"
    if release is not None:
        path.write_text(release)
    monkeypatch.setattr(portaudio.sys, "platform", "linux")
    assert command in portaudio.hint(installed=False, os_release=path)
    assert "sound server" in portaudio.hint(installed=True, os_release=path)


class Listener:
    def __init__(self):
        self.frames, self.skipped = [], 0

    def frame(self, samples):
        self.frames.append(samples)

    def skip(self, frames):
        self.skipped += frames


def blocks(microphone, first, count):
    for number in range(first, first + count):
        microphone.hear(np.full(480, number, np.float32), number * 0.01)


def test_frames_of_the_microphone_keep_their_order():
    microphone, listener = devices.DeviceMicrophone(None), Listener()
    blocks(microphone, 1, 6)
    microphone.drain(listener)
    blocks(microphone, 7, 1)
    microphone.drain(listener)
    assert [set(frame) for frame in listener.frames] == [{1, 2}, {3, 4}, {5, 6}]
    assert listener.skipped == 0


def test_blocks_that_nobody_fetched_are_time_that_went_by():
    microphone, listener = devices.DeviceMicrophone(None), Listener()
    blocks(microphone, 1, 150)
    microphone.drain(listener)
    assert len(listener.frames) == 25
    assert listener.skipped == 50
    assert set(listener.frames[-1]) == {149, 150}


def test_time_without_the_device_went_by():
    microphone, listener = devices.DeviceMicrophone(None), Listener()
    blocks(microphone, 1, 4)
    microphone.drain(listener)
    blocks(microphone, 1005, 4)
    microphone.drain(listener)
    assert len(listener.frames) == 4
    assert listener.skipped == pytest.approx(500, abs=1)
