import asyncio
import shutil
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.recorded import length, seconds_of
from tui.config import limits
from tui.nostr.keys import LocalSigner
from tui.relay.server import RelayServer
from tui.spaces import announcer, inbox
from tui.spaces.roles import Role
from tui.spaces.session import SpaceCreation

Until = Callable[[Callable[[], object]], Awaitable[None]]
Sit = Callable[..., Awaitable[Any]]

TEA = SpaceCreation("Tea")


@pytest.fixture
async def two_speakers(
    sit: Sit, until: Until, host: LocalSigner, guest: LocalSigner
) -> tuple[Any, Any]:
    first = await sit(host, create=TEA, microphone="tone:440", muted=False, name="Ann")
    await until(lambda: first.diary.joins)
    second = await sit(guest, microphone="tone:660", muted=False, name="Bob")
    await until(lambda: first.session.is_present(guest.pubkey))
    first.session.promote(guest.pubkey)
    await until(lambda: second.sees(guest.pubkey, Role.SPEAKER))
    await until(lambda: first.session.is_talking(guest.pubkey))
    await until(lambda: second.session.is_talking(host.pubkey))
    return first, second


def ours(seat: Any) -> list[str]:
    return [state for by, state, _, _ in seat.diary.recordings if by == seat.me]


@pytest.mark.parametrize("separate", [True, False])
async def test_two_speakers_are_recorded_by_one_of_them(
    two_speakers: Any, until: Until, tmp_path: Path, separate: bool
) -> None:
    first, second = two_speakers
    first.session.recording.start(tmp_path / "new", separate=separate)
    assert first.session.recording.busy
    await until(lambda: ours(first) == ["started"])
    own = first.session.recording.own
    folder = Path(own.folder)
    assert folder.parent == tmp_path / "new" and folder.name.startswith("Tea 2")
    await until(lambda: second.session.recording.recorders == (first.me,))
    assert (first.me, "started", "", "") in second.diary.recordings
    assert first.session.recording.recorders == (first.me,)

    files = ["01", "02"] if separate else ["everybody"]
    await until(lambda: [*map(prefix, sorted(folder.iterdir()))] == files)
    tones = {hertz: path for hertz in (440, 660) for path in folder.iterdir()}
    if separate:
        tones = {440: by_name(folder, "Ann"), 660: by_name(folder, "Bob")}
    await until(lambda: all(seconds_of(path, hertz) >= 0.5 for hertz, path in tones.items()))
    if separate:
        assert seconds_of(tones[440], 660) == seconds_of(tones[660], 440) == 0
    first.session.recording.stop()
    await until(lambda: ours(first) == ["started", "stopped"])
    assert not first.session.recording.busy
    await until(lambda: second.session.recording.recorders == ())
    assert second.diary.recordings[-1][:2] == (first.me, "stopped")
    lengths = [length(path) for path in folder.iterdir()]
    assert max(lengths) - min(lengths) < 0.02, "they line up"
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def prefix(path: Path) -> str:
    return path.name.removesuffix(".opus").split()[0]


def by_name(folder: Path, name: str) -> Path:
    (path,) = folder.glob(f"* {name}.opus")
    return path


@pytest.mark.parametrize("separate", [True, False])
async def test_who_opts_out_is_silent_within_a_second_and_may_come_back(
    two_speakers: Any, until: Until, tmp_path: Path, separate: bool
) -> None:
    first, second = two_speakers
    first.session.recording.start(tmp_path, separate=separate)
    await until(lambda: ours(first))
    folder = Path(first.session.recording.own.folder)
    await until(lambda: len([*folder.iterdir()]) == 1 + separate)
    hers = by_name(folder, "Ann") if separate else folder / "everybody.opus"
    his = by_name(folder, "Bob") if separate else hers
    await until(lambda: seconds_of(his, 660) >= 0.3)
    clock = asyncio.get_running_loop().time
    second.session.recording.refuse(True)
    began = clock()
    await until(lambda: (second.me, "refused", "", "") in first.diary.recordings)
    assert clock() - began < 1
    assert first.session.recording.unrecorded == {second.me}
    silent = length(hers) + 0.8  # what waits for the disk is at most so long
    await until(lambda: length(hers) > silent + 0.7)
    before = seconds_of(his, 660)
    assert seconds_of(his, 660, since=silent) == 0
    assert seconds_of(hers, 440, since=silent) > 0.3
    second.session.recording.refuse(False)
    await until(lambda: second.me in first.session.state.speaking)
    await until(lambda: seconds_of(his, 660) > before + 0.3)
    assert (second.me, "allowed", "", "") in first.diary.recordings
    assert await first.leave() == "left"


async def test_our_own_wish_counts_at_once_in_our_own_recording(
    sit: Sit, until: Until, host: LocalSigner, tmp_path: Path
) -> None:
    seat = await sit(host, create=TEA, microphone="tone:440", muted=False)
    await until(lambda: seat.diary.joins)
    seat.session.recording.refuse(True)
    seat.session.recording.start(tmp_path, separate=False)
    await until(lambda: ours(seat))
    folder = Path(seat.session.recording.own.folder)
    await until(lambda: [*folder.iterdir()] and length(folder / "everybody.opus") > 1)
    assert seconds_of(folder / "everybody.opus", 440) == 0
    assert seat.session.recording.refuses and seat.session.recording.unrecorded == {seat.me}


async def test_leaving_ends_it_and_nothing_says_join_again(
    two_speakers: Any, until: Until, tmp_path: Path
) -> None:
    first, second = two_speakers
    second.session.recording.start(tmp_path, separate=True)
    await until(lambda: ours(second))
    await until(lambda: first.session.recording.recorders == (second.me,))
    folder = Path(second.session.recording.own.folder)
    assert await second.leave() == "left"
    assert ours(second) == ["started", "stopped"]
    await until(lambda: not first.session.is_present(second.me))
    await until(lambda: first.session.recording.recorders == ())
    assert all(path.read_bytes().count(b"OggS") > 2 for path in folder.iterdir())


async def test_a_folder_that_is_gone_ends_the_recording_and_nothing_else(
    two_speakers: Any, until: Until, tmp_path: Path
) -> None:
    first, second = two_speakers
    first.session.recording.start(tmp_path, separate=False)
    await until(lambda: ours(first))
    folder = Path(first.session.recording.own.folder)
    await until(lambda: [*folder.iterdir()])
    shutil.rmtree(folder)
    await until(lambda: ours(first) == ["started", "failed"])
    assert first.diary.recordings[-1][2:] == ("it was deleted: everybody.opus", str(folder))
    assert first.session.recording.own is None
    await until(lambda: second.session.recording.recorders == ())
    assert first.session.stage == "joined" and first.session.is_talking(second.me)


async def test_a_folder_that_cannot_be_made_is_told_to_us_only(
    sit: Sit, until: Until, host: LocalSigner, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    seat = await sit(host, create=TEA)
    await until(lambda: seat.diary.joins)
    seat.session.recording.start(tmp_path / "file", separate=False)
    await until(lambda: ours(seat) == ["failed"])
    assert seat.session.state.peer(seat.me).recording == 0
    seat.session.recording.start(tmp_path, separate=False)
    await until(lambda: ours(seat) == ["failed", "started"])


async def test_nothing_is_recorded_while_nobody_can_be_told(
    sit: Sit, until: Until, host: LocalSigner, tmp_path: Path
) -> None:
    async with RelayServer() as relay:
        seat = await sit(host, create=TEA, urls=(relay.url,))
        await until(lambda: seat.diary.joins)
    seat.session.recording.start(tmp_path, separate=False)
    await until(lambda: [*tmp_path.iterdir()])
    seat.session.recording.stop()
    await until(lambda: not seat.session.recording.busy)
    assert "started" not in ours(seat) and [*tmp_path.iterdir()] == []


async def test_who_comes_later_is_told_and_hears_the_chime(
    sit: Sit, until: Until, host: LocalSigner, guest: LocalSigner, tmp_path: Path
) -> None:
    first = await sit(host, create=TEA)
    await until(lambda: first.diary.joins)
    first.session.recording.start(tmp_path, separate=False)
    await until(lambda: ours(first))
    heard = tmp_path / "heard.wav"
    second = await sit(guest, speaker=f"file:{heard}")
    await until(lambda: (first.me, "started", "", "") in second.diary.recordings)
    assert second.diary.joins
    await until(lambda: seconds_of(heard, 880) >= 0.1)


async def test_in_a_crowd_the_host_says_who_records(
    sit: Sit,
    until: Until,
    host: LocalSigner,
    guest: LocalSigner,
    stranger: LocalSigner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "ROSTER_PEOPLE", 1)
    monkeypatch.setattr(announcer, "RECORDING_SECONDS", 0)
    monkeypatch.setattr(inbox, "NEAR_SECONDS", 0.1)
    first = await sit(host, create=TEA)
    await until(lambda: first.diary.joins)
    other, recorder = await sit(stranger), await sit(guest)
    await until(lambda: first.session._parts.people == 3)
    await until(lambda: other.session._inbox.is_narrow)
    recorder.session.recording.start(tmp_path, separate=False)
    await until(lambda: other.session.recording.recorders == (recorder.me,))
    near = other.session._inbox
    await until(lambda: recorder.me in near._scope.near)  # whose own word counts from then on
    recorder.session.recording.stop()
    await until(lambda: other.session.recording.recorders == ())
