import msgspec

from tui.controller.intents import ExportJournal
from tui.controller.messages import (
    IntentRefused,
    JournalExported,
)
from tui.controller.views import (
    JournalEntry,
)
from tui.devtools import samples
from tui.widgets.row_list import RowList


def act(number: int, **fields) -> JournalEntry:
    entry = JournalEntry(f"{number:04}", int(samples.NOW) + number, "removed", "aa" * 32, "Ann")
    return msgspec.structs.replace(entry, **fields)


async def opened(ui) -> RowList:
    await ui.press("J")
    await ui.until(lambda: ui.place == "journal" and ui.app.settled)
    return ui.screen.query_one(RowList)


async def test_who_did_what_to_whom_and_why(start) -> None:
    async with start(samples.space("host"), size=(100, 24)) as ui:
        await opened(ui)
        await ui.see("9 acts, 2 refused")
        rows = [" ".join(row.split()) for row in ui.text().splitlines()]
        assert "07:45 Jonas Weber denied Hannah after the next song, please" in rows
        refused = next(row for row in ui.text().splitlines() if "✗" in row)
        assert "CHEAP SATS" in refused and "refused: only the host and co" in refused
        assert "Amina Okafor npub1u2uu…kv83 asked Luca npub1j888…qxrq to mute" in " ".join(
            ui.line("act").split()
        )
        await ui.press("escape")
        await ui.until(lambda: ui.place == "space")


async def test_the_act_under_the_cursor_in_full(start) -> None:
    async with start(samples.space("host")) as ui:
        await opened(ui)
        await ui.press("up", "up", "up")
        await ui.until(lambda: "refused: nobody removes the host" in ui.line("act"))
        said = " ".join(ui.line("act").split())
        assert "CHEAP SATS" in said and "“mine now”" in said


async def test_the_newest_act_is_last_and_followed(start) -> None:
    async with start(samples.space("host")) as ui:
        rows = await opened(ui)
        ui.change(journal={e.id: e for e in (act(i, target_name=f"T{i}") for i in range(40))})
        await ui.see("T39")
        assert rows.cursor == rows.keys[-1] == "0039"
        await ui.press("home")
        ui.change(journal={"0050": act(50)})
        await ui.until(lambda: rows.keys[-1] == "0050")
        assert rows.cursor == rows.keys[0]


async def test_a_verdict_that_changes_is_shown(start) -> None:
    async with start(samples.space("host")) as ui:
        await opened(ui)
        ui.change(journal={"0001": act(1, refused="")})
        await ui.see("10 acts, 2 refused")
        ui.change(journal={"0001": act(1, refused="was no co-host any more")})
        await ui.see("10 acts, 3 refused", "refused: was no")


async def test_the_journal_is_filtered(start) -> None:
    async with start(samples.space("host")) as ui:
        rows = await opened(ui)
        await ui.press("slash")
        await ui.write("refused")
        await ui.until(lambda: len(rows.keys) == 2)
        await ui.press("enter", "escape")
        await ui.until(lambda: len(rows.keys) == 9)
        await ui.press("slash")
        await ui.write("hannah")
        await ui.until(lambda: len(rows.keys) == 1)
        await ui.write("xyz")
        await ui.see("No act matches the filter")


async def test_the_journal_is_exported(start, monkeypatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    async with start(samples.space("host")) as ui:
        await opened(ui)
        await ui.press("E")
        await ui.see("Write the journal to:", "~/journal-")
        await ui.press("enter")
        path = f"/home/ann/journal-{ui.app.desk.view.space.id[:8]}.jsonl"
        await ui.asked(ExportJournal(path))
        ui.put(JournalExported(path, 9))
        await ui.see(f"9 acts written to {path}")
        await ui.press("E", "ctrl+u", "enter")
        await ui.see("nothing was typed")
        await ui.write("/tmp/j")
        await ui.press("enter")
        await ui.asked(ExportJournal(path), ExportJournal("/tmp/j"))
        ui.put(IntentRefused("there is such a file already", "export_journal"))
        await ui.see("there is such a file already")


async def test_an_empty_journal(start) -> None:
    first = msgspec.structs.replace(samples.space("host"), journal={})
    async with start(first) as ui:
        await opened(ui)
        await ui.see("Nobody moderated.", "0 acts")
        await ui.press("E")
        await ui.see("there is nothing to write yet")
        assert ui.intents == []


async def test_whoever_mutes_everybody_names_nobody(start) -> None:
    async with start(samples.space("host")) as ui:
        await opened(ui)
        ui.change(journal={"0001": act(1, act="asked to mute")})
        await ui.until(lambda: "asked everybody to mute" in ui.line("act"))
        await ui.see("asked to mute   everybody")
