import msgspec
import pytest

from tui.commands.actions import BY_ID
from tui.controller.intents import Record, RefuseRecording, StopRecording
from tui.controller.messages import RecordingChanged
from tui.controller.views import OwnRecording
from tui.devtools import samples

AMINA, JONAS = samples.key_of("Amina Okafor"), samples.key_of("Jonas Weber")
OWN = OwnRecording("/home/ann/spaces-recordings/Radio 2026", int(samples.NOW) - 300)


@pytest.mark.parametrize("width", [80, 120, 200])
async def test_everybody_sees_who_records(start, width) -> None:
    async with start(samples.space(), size=(width, 24)) as ui:
        assert "REC" not in ui.text()
        ui.change_space(recorders=(AMINA, JONAS))
        await ui.see("REC by Amina Okafor +1")
        ui.change_space(recorders=())
        await ui.see_not("REC")


async def test_the_badge_is_seen_even_where_there_is_no_room_for_the_title(start) -> None:
    async with start(samples.space(name="A very long name of a space " * 5), size=(40, 12)) as ui:
        ui.change_space(recorders=(AMINA,))
        await ui.see("REC by Amina")


async def test_recording_asks_where_and_the_key_stops_it(start, monkeypatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    async with start(samples.space()) as ui:
        await ui.press("R")
        await ui.see("Everybody is told", "~/spaces-recordings")
        await ui.press("enter")
        await ui.asked(Record("/home/ann/spaces-recordings", separate=False))
        ui.change_space(recording=OWN, recorders=(ui.app.desk.view.me.pubkey,))
        await ui.see("REC by you, 5 min")
        await ui.press("R")
        await ui.until(lambda: ui.intents[-1] == StopRecording())


async def test_each_voice_in_a_file_of_its_own(start, tmp_path) -> None:
    async with start(samples.space("host")) as ui:
        await ui.press("T")
        await ui.press("ctrl+u")
        await ui.write(str(tmp_path))
        await ui.press("enter")
        await ui.asked(Record(str(tmp_path), separate=True))


async def test_giving_up_records_nothing(start) -> None:
    async with start(samples.space()) as ui:
        await ui.press("R", "escape")
        await ui.see_not("Everybody is told")
        assert ui.intents == []


async def test_who_speaks_is_told_how_to_be_left_out_and_sees_that_it_is_so(start) -> None:
    async with start(samples.space("speaker")) as ui:
        ui.change_space(recorders=(AMINA,))
        await ui.until(lambda: "O opts out" in ui.line("own"))
        await ui.press("O")
        await ui.asked(RefuseRecording(on=True))
        ui.change_space(refuses_recording=True)
        await ui.until(lambda: "off the record" in ui.line("own"))
        assert "opts out" not in ui.line("own")
        await ui.press("O")
        await ui.until(lambda: ui.intents[-1] == RefuseRecording(on=False))


async def test_who_records_sees_who_is_left_out(start) -> None:
    async with start(samples.space(), size=(120, 24)) as ui:
        ui.change_space(recording=OWN, recorders=(), unrecorded=(JONAS,))
        await ui.until(lambda: "left out: Jonas Weber" in ui.line("own"))
        ui.put(RecordingChanged(JONAS, "refused"))
        await ui.see("Jonas Weber wishes not to be recorded")


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (RecordingChanged(AMINA, "started"), "Amina Okafor records this space; O leaves your"),
        (RecordingChanged(AMINA, "stopped"), "Amina Okafor records no more"),
        (RecordingChanged("me", "started", "", "/r/Tea"), "the files are in /r/Tea"),
        (RecordingChanged("me", "stopped", "", "/r/Tea"), "recorded into /r/Tea"),
        (
            RecordingChanged("me", "failed", "No space left on device", "/r/Tea"),
            "nothing is recorded any more: No space left on device; what there is is in /r/Tea",
        ),
        (RecordingChanged("me", "failed", "no relay answers"), "any more: no relay answers"),
    ],
)
async def test_what_happens_is_told(start, message, says) -> None:
    async with start(samples.space(), size=(120, 24)) as ui:
        if message.by == "me":
            message = msgspec.structs.replace(message, by=ui.app.desk.view.me.pubkey)
        ui.put(message)
        await ui.see(says)


async def test_a_recorder_who_is_not_known_is_called_by_the_key(start) -> None:
    async with start(samples.space()) as ui:
        ui.change_space(recorders=("ab" * 32,))
        await ui.see("REC by npub1")


def test_labels_say_what_the_key_does(start) -> None:
    view = type("V", (), {})()
    view.space = samples.space(recording=OWN, refuses_recording=True).space
    for action, label in (("space.record", "Stop rec."), ("audio.off_record", "On record")):
        label_now = BY_ID[action].label_now
        assert label_now is not None and label_now(view, "") == label
