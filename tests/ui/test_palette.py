import pytest

from tui.commands.actions import actions_of
from tui.controller.intents import Deny, Lock, PromoteSpeaker
from tui.devtools import samples
from tui.widgets.row_list import RowList


async def opened(ui, key: str = "colon") -> RowList:
    await ui.press(key)
    await ui.until(lambda: ui.place == "palette" and ui.app.settled)
    return ui.screen.query_one(RowList)


@pytest.mark.parametrize("key", ["colon", "ctrl+p"])
async def test_a_command_is_found_by_its_name(start, key) -> None:
    async with start(samples.space("host")) as ui:
        rows = await opened(ui, key)
        await ui.write("lock")
        await ui.until(lambda: rows.cursor == "space.lock")
        await ui.press("enter")
        await ui.until(lambda: ui.place == "space")
        await ui.asked(Lock(on=True))


async def test_every_command_of_the_screen_is_there(start) -> None:
    async with start(samples.space("host"), size=(100, 60)) as ui:
        rows = await opened(ui)
        skipped = {"palette.open"}
        wanted = {action.id for action in actions_of("space")} - skipped
        assert set(rows.keys) == {id_ for id_ in wanted if not id_.startswith(("list.", "answer."))}


async def test_it_is_about_the_row_that_one_came_from(start) -> None:
    async with start(samples.space("host")) as ui:
        await ui.press("q", "down")
        rows = await opened(ui)
        await ui.write("approve")
        await ui.until(lambda: rows.cursor == "queue.approve")
        await ui.press("enter")
        await ui.asked(PromoteSpeaker(samples.key_of("Noor")))


async def test_a_command_that_asks_asks_where_one_came_from(start) -> None:
    async with start(samples.space("host")) as ui:
        await ui.press("q")
        rows = await opened(ui)
        await ui.write("hand of the person")
        await ui.until(lambda: rows.keys == ["stage.demote"])
        await ui.press("enter")
        await ui.see("Deny the hand of Tomás?")
        await ui.write("no")
        await ui.press("enter")
        await ui.asked(Deny(samples.key_of("Tomás"), "no"))


async def test_what_cannot_be_done_says_why_and_comes_last(start) -> None:
    async with start(samples.space("listener"), size=(100, 60)) as ui:
        rows = await opened(ui)
        await ui.see("only the host and co-hosts do that")
        assert rows.keys.index("chat.write") < rows.keys.index("queue.approve")
        await ui.write("approve")
        await ui.until(lambda: rows.keys == ["queue.approve"])
        await ui.press("enter")
        await ui.until(lambda: ui.place == "space")
        await ui.see("only the host and co-hosts do that")
        assert ui.intents == []


async def test_up_and_down_move_while_one_types(start) -> None:
    async with start(samples.space("host")) as ui:
        rows = await opened(ui)
        first = rows.cursor
        await ui.press("down", "down", "up")
        await ui.until(lambda: rows.cursor == rows.keys[1])
        await ui.press("pagedown", "pageup")
        assert rows.cursor in rows.keys and first == rows.keys[0]
        await ui.write("zzz")
        await ui.see("No command is called that.")
        await ui.press("enter")
        assert ui.place == "palette"
        await ui.press("escape")
        await ui.until(lambda: ui.place == "space")


async def test_the_lobby_and_the_journal_have_one_too(start) -> None:
    async with start(samples.lobby()) as ui:
        rows = await opened(ui)
        assert "space.new" in rows.keys
        await ui.press("escape")
        await ui.until(lambda: ui.place == "lobby")
