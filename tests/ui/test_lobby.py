import base64

import msgspec
import pytest

from tui.commands.npub import whole_npub
from tui.controller.intents import JoinSpace, LeaveSpace, SetName
from tui.controller.messages import (
    ViewChanged,
)
from tui.controller.views import (
    Me,
    RelayView,
    SpaceSummary,
)
from tui.devtools import samples
from tui.widgets.row_list import RowList


async def test_spaces_are_listed_with_host_counts_and_age(start) -> None:
    async with start(samples.lobby()) as ui:
        rows = ui.text().splitlines()
        row = next(row for row in rows if "Nostr developers" in row)
        assert row.split()[-5:] == ["Weber", "6", "31", "13", "min"]
        assert "5 live" in ui.text()
        assert next(row for row in rows if "Garage" in row).endswith("stale")
        assert "Samuel" in ui.line("bar") and "throw-away key" in ui.line("bar")
        assert "2/3 relays" in ui.line("own")
        assert "wss://old.example  not reached — connection refused" in ui.line("own")


async def test_newest_first_and_stale_last(start) -> None:
    async with start(samples.lobby()) as ui:
        spaces = ui.app.desk.view.spaces
        names = [spaces[ref].name[:5] for ref in ui.screen.query_one(RowList).keys]
        assert names == ["Nostr", "Book ", "Sunda", "語学カフェ"[:5], "Night", "Garag"]


async def test_enter_joins_with_the_microphone_closed(start) -> None:
    async with start(samples.lobby()) as ui:
        await ui.press("down", "enter")
        ref = next(s.ref for s in ui.app.desk.view.spaces.values() if s.name.startswith("Book"))
        await ui.until(lambda: ui.intents)
        assert ui.intents == [JoinSpace(ref, muted=True)]


async def test_without_a_relay_nothing_is_said_of_what_is_live(start) -> None:
    gone = {"wss://old.example": RelayView("wss://old.example", "waiting", "connection refused")}
    async with start(msgspec.structs.replace(samples.lobby(), spaces={}, relays=gone)) as ui:
        assert "No relay has answered yet." in ui.text() and "No live" not in ui.text()


async def test_the_empty_lobby_says_what_each_relay_does(start) -> None:
    empty = msgspec.structs.replace(samples.lobby(), spaces={})
    async with start(empty) as ui:
        text = ui.text()
        assert "No live spaces right now." in text
        assert "● wss://relay.example  connected" in text
        assert "✗ wss://old.example  not reached — connection refused" in text
        await ui.press("enter")
        await ui.see("there is no space to join yet")
        assert ui.intents == []
        ui.put(
            ViewChanged(
                version=9, relays={"wss://old.example": RelayView("wss://old.example", "connected")}
            )
        )
        await ui.see("● wss://old.example  connected", "3/3 relays")


async def test_no_relay_at_all(start) -> None:
    async with start(ViewChanged(version=1, reset=True, me=Me("ab" * 32, key="file"))) as ui:
        assert "no relay is set" in ui.text()


async def test_without_a_key_no_relay_is_missed(start) -> None:
    async with start(ViewChanged(version=1, reset=True)) as ui:
        assert "no key yet" in ui.line("bar")
        assert "K lets you choose one" in ui.text()
        assert "no relay is set" not in ui.text()


async def test_without_a_key_nothing_is_joined(start) -> None:
    async with start(msgspec.structs.replace(samples.lobby(), me=Me())) as ui:
        await ui.press("enter")
        await ui.see("choose a key first (K)")
        await ui.press("K")
        await ui.until(lambda: ui.place == "start")
        assert ui.intents == []


async def test_filter(start) -> None:
    async with start(samples.lobby()) as ui:
        await ui.press("slash")
        await ui.write("book")
        await ui.see_not("Night shift")
        assert "Book club" in ui.text()
        await ui.press("enter", "enter")
        await ui.until(lambda: ui.intents)
        await ui.press("escape")
        await ui.see("Night shift", "Book club")
        await ui.press("slash")
        await ui.write("qqq")
        await ui.see("No space matches the filter")
        await ui.press("escape")
        await ui.see("Night shift")
        assert ui.place == "lobby"


async def test_the_cursor_stays_on_its_space(start) -> None:
    async with start(samples.lobby()) as ui:
        await ui.press("down")
        rows = ui.screen.query_one(RowList)
        before = rows.cursor
        newer = SpaceSummary("z:1", "z", "Zed", "1", "Brand new", int(samples.NOW))
        ui.put(ViewChanged(version=2, spaces={"z:1": newer}))
        await ui.see("Brand new")
        assert rows.cursor == before
        assert rows.keys.index(before) == 2
        ui.put(ViewChanged(version=3, spaces={before: None}))
        await ui.see_not("Book club")
        assert rows.cursor in rows.keys


async def test_the_space_one_is_in_is_shown_and_returned_to(start) -> None:
    async with start(samples.space()) as ui:
        await ui.until(lambda: ui.place == "space")
        await ui.press("escape")
        await ui.until(lambda: ui.place == "lobby")
        await ui.see("in Sunday radio", "LISTENING")
        rows = ui.screen.query_one(RowList)
        rows.move_to(ui.app.desk.view.space.ref)
        await ui.press("enter")
        await ui.until(lambda: ui.place == "space")
        await ui.press("escape")
        await ui.until(lambda: ui.place == "lobby")
        await ui.press("home", "enter")
        await ui.see("leave “Sunday radio: what we heard this week” first (l)")
        assert ui.intents == []
        await ui.press("l")
        await ui.until(lambda: ui.intents == [LeaveSpace()])


@pytest.mark.parametrize("width", [60, 80, 120, 200])
async def test_details_where_there_is_room(start, width: int) -> None:
    async with start(samples.lobby(), size=(width, 30)) as ui:
        assert ("NIPs in flight" in ui.text()) is (width >= 120)
        await ui.press("down")
        await ui.pilot.pause()
        assert ("Chapters five and six." in ui.text()) is (width >= 120)


async def test_a_mouse_click_selects_and_a_double_click_joins(start) -> None:
    async with start(samples.lobby()) as ui:
        await ui.pilot.click(RowList, offset=(5, 2))
        rows = ui.screen.query_one(RowList)
        assert rows.cursor == rows.keys[2]
        await ui.pilot.click(RowList, offset=(5, 1), times=2)
        await ui.until(lambda: ui.intents)
        assert ui.intents == [JoinSpace(rows.keys[1], muted=True)]


async def test_the_own_npub_is_copied_and_shown_whole(start) -> None:
    async with start(samples.lobby()) as ui:
        npub = whole_npub(ui.app.desk.view.me.pubkey)
        written = []
        driver = ui.app._driver
        driver.write = written.append
        await ui.press("S")
        await ui.see(npub)
        del driver.write
        (sent,) = (text for text in written if text.startswith("\x1b]52;c;"))
        assert base64.b64decode(sent[7:].rstrip("\a")).decode() == npub


async def test_the_own_name_is_changed_and_no_secret_taken_for_one(start) -> None:
    async with start(samples.lobby()) as ui:
        await ui.press("N")
        await ui.see("Your name:", "Samuel")
        await ui.press("ctrl+u")
        await ui.write("nsec1qqqq")
        await ui.press("enter")
        await ui.see("that is a secret key, no name")
        await ui.press("ctrl+u")
        await ui.write("Sam")
        await ui.press("enter")
        await ui.until(lambda: ui.intents == [SetName("Sam")])
