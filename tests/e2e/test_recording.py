import asyncio
import signal
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.recorded import length, seconds_of

pytestmark = pytest.mark.timeout(150)


@pytest.fixture
async def two_speakers(stage: Any) -> tuple[str, Any, Any]:
    """A relay, and a host and a guest on stage."""
    relay, _ = await stage.relay()
    host = await stage.node(
        "ann", "host", "Tea", "--id", "tea", "--mic", "tone:440", relays=(relay,), speaker="null"
    )
    await host.until("joined")
    guest = await stage.node(
        "bob", "join", "tea", "--mic", "tone:660", relays=(relay,), speaker="null"
    )
    her = await guest.pubkey()
    await guest.until("joined")
    await guest.do("request_speech")
    await host.until("speech_request", pubkey=her)
    await host.do("promote_speaker", pubkey=her)
    await host.until("audio", **{"from": her, "state": "started"})
    return relay, host, guest


Recorder = Callable[..., Awaitable[tuple[Any, Path]]]


@pytest.fixture
def record(stage: Any, two_speakers: Any, tmp_path: Path) -> Recorder:
    """`spaces record-audio`, and the folder of its files."""
    relay, host, _ = two_speakers

    async def begin(*arguments: str) -> tuple[Any, Path]:
        folder = tmp_path / "recordings"
        process = await stage.start(
            "record-audio", "tea", "--relay", relay, "--out", str(folder), *arguments
        )
        node = type(host)("recorder", process)
        began = await node.until("recording", by=await node.pubkey(), state="started")
        assert Path(began["folder"]).parent == folder
        return node, Path(began["folder"])

    return begin


async def test_a_space_is_recorded_with_everybodys_knowledge(
    stage: Any, two_speakers: Any, record: Recorder
) -> None:
    _, host, guest = two_speakers
    recorder, folder = await record("--separate", "--name", "Rec")
    mixer, mixed = await record("--for", "6s")
    for node in (host, guest, mixer):
        await node.until("recording", by=await recorder.pubkey(), state="started")

    await stage.wait_until(lambda: len([*folder.iterdir()]) == 2, "a file for each voice")
    (ann,), (bob,) = folder.glob("* ann.opus"), folder.glob("* bob.opus")
    both = mixed / "everybody.opus"
    await stage.wait_until(
        lambda: min(seconds_of(ann, 440), seconds_of(bob, 660)) >= 1, "two tones in two files"
    )
    assert seconds_of(ann, 660) == seconds_of(bob, 440) == 0
    await stage.wait_until(
        lambda: min(seconds_of(both, 440), seconds_of(both, 660)) >= 1, "two tones in one file"
    )

    began = asyncio.get_running_loop().time()
    await guest.do("refuse_recording", on=True)
    await recorder.until("recording", by=await guest.pubkey(), state="refused")
    out = length(ann) + asyncio.get_running_loop().time() - began + 1.0
    await stage.wait_until(lambda: length(ann) > out + 1, "a while without the guest")
    assert seconds_of(bob, 660, since=out) == 0, "silent within a second"
    assert seconds_of(ann, 440, since=out) > 0.5

    assert await recorder.stop() == 0
    stopped = await recorder.until("recording", by=await recorder.pubkey(), state="stopped")
    assert stopped["folder"] == str(folder)
    assert recorder.events[-1]["event"] == "closed"
    assert abs(length(ann) - length(bob)) < 0.02
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    await host.until("recording", by=await recorder.pubkey(), state="stopped")

    assert await asyncio.wait_for(mixer.process.wait(), 30) == 0, "its time is over"
    assert 5 < length(both) < 12
    assert stat.S_IMODE(both.stat().st_mode) == 0o600


@pytest.mark.parametrize("more", [(), ("--separate",)])
async def test_killed_it_leaves_files_that_play_to_the_last_second(
    stage: Any, record: Recorder, more: tuple[str, ...]
) -> None:
    recorder, folder = await record(*more)
    began = asyncio.get_running_loop().time()
    await stage.wait_until(lambda: any(length(p) > 1 for p in folder.iterdir()), "some sound")
    await stage.wait_until(
        lambda: all(seconds_of(path, 440) + seconds_of(path, 660) > 1 for path in folder.iterdir()),
        "a tone in each file",
    )
    recorder.process.send_signal(signal.SIGKILL)
    lived = asyncio.get_running_loop().time() - began
    await recorder.process.wait()
    for path in folder.iterdir():
        assert length(path) > lived - 1.5
        assert seconds_of(path, 440) + seconds_of(path, 660) > 1


async def test_a_folder_that_cannot_be_made_is_a_status_of_its_own(
    stage: Any, two_speakers: Any, tmp_path: Path
) -> None:
    relay, host, _ = two_speakers
    (tmp_path / "file").write_text("")
    process = await stage.start(
        "record-audio", "tea", "--relay", relay, "--out", str(tmp_path / "file")
    )
    node = type(host)("recorder", process)
    failed = await node.until("recording", state="failed")
    assert "file" in failed["reason"] and failed["folder"] == ""
    await node.until("closed")
    assert await asyncio.wait_for(process.wait(), 20) == 11
