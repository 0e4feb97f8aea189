from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tui.controller import intents
from tui.controller.intents import HostSpace, JoinSpace
from tui.controller.messages import IntentRefused, Joined, RecordingChanged, SpaceFound

Run = Callable[..., Awaitable[Any]]


@pytest.fixture
async def pair(run: Run) -> tuple[Any, Any]:
    """A host and a listener."""
    host = await run(name="Grace")
    host.do(HostSpace("Tea"))
    ref = (await host.hears(SpaceFound)).ref
    await host.hears(Joined)
    guest = await run(name="Ann")
    guest.do(JoinSpace(ref))
    await guest.hears(Joined)
    await host.sees(lambda view: guest.view.me.pubkey in view.participants)
    return host, guest


async def test_a_listener_records_and_everybody_sees_it(
    pair: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    host, guest = pair
    hers = guest.view.me.pubkey
    guest.do(intents.Record(separate=True))
    started = await guest.hears(RecordingChanged, by=hers, state="started")
    assert Path(started.folder).parent == tmp_path / "spaces-recordings"
    own = await guest.sees(lambda view: view.space.recording)
    assert (own.folder, own.separate) == (started.folder, True)
    await guest.sees(lambda view: view.space.recorders == (hers,))
    told = await host.hears(RecordingChanged, by=hers)
    assert (told.state, told.folder) == ("started", "")
    await host.sees(lambda view: view.space.recorders == (hers,))
    assert host.view.space.recording is None
    await host.sees(lambda view: any("Ann records" in line.text for line in view.log))

    guest.do(intents.Record())
    assert (await guest.hears(IntentRefused)).reason == "you record already"
    guest.do(intents.StopRecording())
    await guest.hears(RecordingChanged, by=hers, state="stopped")
    await guest.sees(lambda view: view.space.recording is None and not view.space.recorders)
    await host.hears(RecordingChanged, by=hers, state="stopped")
    await host.sees(lambda view: not view.space.recorders)


async def test_a_wish_not_to_be_recorded_is_seen_by_all(pair: Any, tmp_path: Path) -> None:
    host, guest = pair
    his = host.view.me.pubkey
    guest.do(intents.Record(str(tmp_path)))
    await guest.hears(RecordingChanged, state="started")
    host.do(intents.RefuseRecording())
    await host.sees(lambda view: view.space.refuses_recording)
    await guest.hears(RecordingChanged, by=his, state="refused")
    await guest.sees(lambda view: view.space.unrecorded == (his,))
    await host.sees(lambda view: view.space.unrecorded == (his,))
    host.do(intents.RefuseRecording(on=False))
    await guest.hears(RecordingChanged, by=his, state="allowed")
    await guest.sees(lambda view: view.space.unrecorded == ())


async def test_what_cannot_be_written_is_told(pair: Any, tmp_path: Path) -> None:
    _, guest = pair
    (tmp_path / "file").write_text("")
    guest.do(intents.Record(str(tmp_path / "file" / "deeper")))
    failed = await guest.hears(RecordingChanged)
    assert (failed.state, failed.folder) == ("failed", "")
    assert "directory" in failed.reason
    assert guest.view.space.recording is None
