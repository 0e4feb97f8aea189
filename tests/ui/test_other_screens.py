import msgspec
import pytest

from tui.commands.actions import actions_of
from tui.config import limits
from tui.controller.intents import HostSpace
from tui.controller.messages import (
    IntentRefused,
    SpaceScheduled,
    ViewChanged,
)
from tui.controller.views import (
    LogLine,
    RelayView,
)
from tui.devtools import samples
from tui.widgets.row_list import RowList


async def test_a_space_is_created(start) -> None:
    async with start(samples.lobby()) as ui:
        await ui.press("n")
        await ui.until(lambda: ui.place == "create")
        await ui.write("Tea & cake")
        await ui.press("enter")
        await ui.write("What we bake")
        await ui.press("f2")
        await ui.until(lambda: ui.intents)
        assert ui.intents == [HostSpace("Tea & cake", summary="What we bake", muted=True)]
        ui.put(IntentRefused("no relay is connected", "host_space"))
        await ui.see("no relay is connected")
        assert "Tea & cake" in ui.text()  # nothing typed is lost
        ui.put(samples.space("host"))
        await ui.until(lambda: ui.place == "space")
        await ui.press("escape")
        await ui.until(lambda: ui.place == "lobby")


async def test_a_space_for_later_closes_the_form_and_says_so(start) -> None:
    async with start(samples.lobby()) as ui:
        await ui.press("n")
        await ui.until(lambda: ui.place == "create")
        await ui.write("Tea")
        await ui.press("shift+tab")
        await ui.write("2130-05-01 20:00")
        await ui.press("f2")
        await ui.until(lambda: ui.intents)
        starts = ui.intents[0].starts
        assert starts > 5_000_000_000
        ui.put(SpaceScheduled(f"{'0' * 64}:tea", starts))
        await ui.until(lambda: ui.place == "lobby")
        await ui.see("announced")


async def test_a_space_needs_a_name(start) -> None:
    async with start(samples.lobby()) as ui:
        await ui.press("n")
        await ui.until(lambda: ui.place == "create")
        await ui.press(*["enter"] * 7)
        await ui.see("a space needs a name")
        await ui.paste("x" * (limits.NAME_LENGTH - 2))
        await ui.write("yyyy")
        await ui.press("tab", "shift+tab", "down", "ctrl+o")
        await ui.until(lambda: ui.intents)
        assert len(ui.intents[0].name) == limits.NAME_LENGTH
        await ui.press("escape")
        await ui.until(lambda: ui.place == "lobby")


async def test_letters_that_are_commands_can_be_typed(start) -> None:
    async with start(samples.lobby()) as ui:
        await ui.press("n")
        await ui.until(lambda: ui.place == "create")
        await ui.write("Q l m / ?")
        assert "Q l m / ?" in ui.text()
        assert ui.place == "create" and ui.intents == []


async def test_help_names_every_key_of_the_screen(start) -> None:
    async with start(samples.space(), size=(100, 140)) as ui:
        await ui.press("question_mark")
        await ui.until(lambda: ui.place == "help")
        text = " ".join(ui.text().split())
        for action in actions_of("space"):
            assert " ".join(action.help.split()) in text, action.id
        assert "In the lobby" in text and "hand up, and its place" in text
        await ui.press("escape")
        await ui.until(lambda: ui.place == "space")


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (200, 60)])
async def test_help_fits(start, size) -> None:
    async with start(samples.lobby(), size=size) as ui:
        await ui.press("question_mark", "end")
        await ui.see("cannot be reached")


async def test_the_log_shows_relays_drops_and_lines(start) -> None:
    async with start(samples.lobby()) as ui:
        await ui.press("g")
        await ui.until(lambda: ui.place == "log")
        await ui.see("✗ wss://old.example  not reached — connection refused")
        assert ui.line("dropped") == "dropped: 3 bad signature · 1 too large"
        ui.change(dropped={f"some cause {number}": 9 - number for number in range(8)})
        await ui.until(lambda: "2 some cause 7" in " ".join(ui.line("dropped").split()))
        assert ui.line("dropped").endswith("1 too large")
        assert "connected to wss://relay.example" in ui.text()


async def test_the_log_follows_its_end_until_one_looks_elsewhere(start) -> None:
    async with start(samples.lobby()) as ui:
        await ui.press("g")
        await ui.until(lambda: ui.place == "log")
        lines = tuple(LogLine(samples.NOW, "info", f"line {i}") for i in range(600))
        ui.put(ViewChanged(version=2, log=lines))
        await ui.see("line 599")
        rows = ui.screen.query_one(RowList)
        assert len(rows.keys) == limits.LOG_LINES
        await ui.press("up", "up")
        here = rows.cursor
        ui.put(ViewChanged(version=3, log=(LogLine(samples.NOW, "error", "one more"),)))
        await ui.until(lambda: rows.keys[-1] == "603")
        assert rows.cursor == here
        assert ui.line("line") == "line 597"


async def test_a_long_line_is_shown_in_full_below(start) -> None:
    text = "the relay said: " + "word " * 20 + "end"
    first = msgspec.structs.replace(samples.lobby(), log=(LogLine(samples.NOW, "error", text),))
    async with start(first) as ui:
        await ui.press("g")
        await ui.until(lambda: "end" in ui.line("line"))


async def test_many_relays_do_not_crowd_out_the_log(start) -> None:
    relays = {f"wss://r{i:02}": RelayView(f"wss://r{i:02}", "connected") for i in range(12)}
    first = msgspec.structs.replace(samples.lobby(), relays=relays)
    async with start(first) as ui:
        await ui.press("g")
        await ui.see("wss://r03", "and 8 more", "connected to wss://relay.example")


async def test_what_every_session_drops_is_told_apart_from_the_rest(start) -> None:
    async with start(samples.lobby()) as ui:
        await ui.press("g")
        ui.change(dropped={"relays: duplicate": 40, "relays: unsolicited": 2, "space: late": 1})
        told = "40 events that several relays have · 2 events that came when nobody"
        await ui.until(lambda: told in " ".join(ui.line("dropped").split()))
        rows = ui.line("dropped").splitlines()
        assert rows[0] == "dropped: 3 bad signature · 1 too large"
        assert rows[1].startswith("dropped as in every session: 40 events")
        few, many = "2 packets before it was said", "200 space: not theirs to send"
        ui.change(dropped={"relays: duplicate": 1, "space: not theirs to send": 2})
        await ui.until(lambda: few in " ".join(ui.line("dropped").split()))
        ui.change(dropped={"space: not theirs to send": 200})
        await ui.until(lambda: many in ui.line("dropped"))
