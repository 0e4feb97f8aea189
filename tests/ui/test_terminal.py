"""The real application in a real terminal: what it writes, and how it leaves."""

import os
import re
import signal
import termios

import pytest

from tui.controller.intents import Mute
from tui.controller.messages import (
    Levels,
    Reacted,
    ViewChanged,
)
from tui.controller.views import (
    ChatLine,
    Participant,
)
from tui.devtools import samples


async def in_the_space(terminal, role="host", **options):
    opened = await terminal(**options)
    await opened.until(lambda: opened.writers)
    opened.say(samples.space(role))
    await opened.until(lambda: b"Amina" in opened.seen or b"Jonas" in opened.seen)
    await opened.read(quiet=0.4)
    return opened


async def test_nothing_is_written_while_nothing_happens(terminal) -> None:
    ui = await in_the_space(terminal)
    assert await ui.read(quiet=1.5) == b""
    ui.type("g")
    await ui.until(lambda: b"nothing" in ui.seen or b"dropped" in ui.seen)
    await ui.read(quiet=0.4)
    assert await ui.read(quiet=1.0) == b""


async def test_what_a_key_and_a_meter_cost(terminal) -> None:
    ui = await in_the_space(terminal)
    people = {}
    for i in range(10_000):
        key = f"{i:064x}"
        people[key] = Participant(key, f"Aaron {i:05}", "listener")
    ui.say(ViewChanged(version=3, participants=people))
    await ui.until(lambda: b"10017" in ui.seen)
    assert len(await ui.read(quiet=0.4)) < 2_000  # only counts are to be seen on this pane
    ui.type("2")
    await ui.until(lambda: b"Aaron 00005" in ui.seen)
    await ui.read(quiet=0.4)
    for _ in range(5):
        ui.type("\x1b[B")
        assert 0 < len(await ui.read(quiet=0.3)) <= 1_000
    ui.type("1")
    await ui.read(quiet=0.4)
    jonas, luca = samples.key_of("Jonas Weber"), samples.key_of("Luca")
    ui.say(Levels({jonas: 40, luca: 40}))
    await ui.read(quiet=0.2)
    ui.say(Levels({jonas: 20, luca: 10}))
    assert 0 < len(await ui.read(quiet=0.2)) <= 400  # twenty of these a second are 8 kB


async def test_what_messages_and_emojis_cost(terminal) -> None:
    ui = await in_the_space(terminal)
    ada, luca = samples.key_of("ada"), samples.key_of("Luca")

    def message(number: int) -> ViewChanged:
        said = ChatLine(str(number), ada, "ada", "a few words", int(samples.NOW))
        return ViewChanged(version=number, chat={said.id: said})

    ui.type("\x1b[B")  # Textual paints a list once more with the first change in it
    await ui.read(quiet=0.4)
    ui.say(message(10))
    assert 0 < len(await ui.read(quiet=0.4)) <= 300  # only the mark on the tab
    ui.say(Reacted(luca, "+"))
    assert 0 < len(await ui.read(quiet=0.4)) <= 600
    ui.type("4")
    await ui.until(lambda: b"a few words" in ui.seen)
    await ui.read(quiet=0.4)
    ui.say(message(11))
    assert 0 < len(await ui.read(quiet=0.4)) <= 2_500  # the list, which may have to scroll
    ui.type("c")
    await ui.read(quiet=0.4)
    assert await ui.read(quiet=1.0) == b""  # no cursor blinks
    ui.type("x")
    assert 0 < len(await ui.read(quiet=0.4)) <= 300


async def test_the_title_shows_the_microphone_and_is_given_back(terminal) -> None:
    ui = await in_the_space(terminal, role="speaker")
    assert b"\x1b[22;0t\x1b]2;spaces\x07" in ui.seen  # the title before it is kept
    assert b"\x1b]2;muted \xc2\xb7 Sunday radio" in ui.seen
    ui.type("m")
    await ui.until(lambda: ui.intents == [Mute(on=False)])
    ui.type("Q")
    assert await ui.ended() == 0
    assert b"\x1b]2;\x07\x1b[23;0t" in ui.seen


async def test_the_terminal_is_as_it_was_and_the_space_goes_on(terminal) -> None:
    ui = await in_the_space(terminal)
    ui.type("Q")
    assert await ui.ended() == 0
    text = ui.seen.decode()
    assert text.endswith(
        "still in Sunday radio: what we heard t…; `spaces` returns, `spaces stop` ends it\r\n"
    )
    assert "\x1b[?1049l" in text and text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert termios.tcgetattr(ui.slave) == ui.modes_before
    assert ui.intents == []


async def test_a_closed_terminal_ends_the_screen(terminal) -> None:
    ui = await in_the_space(terminal)
    os.close(ui.slave)
    os.close(ui.fd)
    ui.process.wait(timeout=20)
    assert ui.process.returncode in (-signal.SIGHUP, 0, 1)


@pytest.mark.parametrize(
    "environ",
    [
        {"TERM": "xterm", "COLORTERM": ""},
        {"TERM": "linux"},
        {"COLORTERM": "truecolor"},
        {"NO_COLOR": "1"},
        {"TEXTUAL_COLOR_SYSTEM": ""},
        {"LANG": "C", "LC_ALL": "C"},
    ],
    ids=lambda environ: " ".join(f"{name}={value}" for name, value in environ.items()),
)
async def test_terminals_of_all_kinds(terminal, environ) -> None:
    ui = await in_the_space(terminal, environ=environ)
    if "NO_COLOR" in environ:
        assert not re.search(rb"\x1b\[[0-9;]*[34]8;", ui.seen)
        assert re.search(rb"\x1b\[[0-9;]*\b7[;m]", ui.seen)  # the cursor's row is inverted
    for keys in ("4", "c", "\x1b", "r", "\x1b", "X", "\x1b", "J", "\x1b", "S", ":", "\x1b"):
        ui.type(keys)
        await ui.read(quiet=0.15)
    if environ.get("LC_ALL") == "C":
        assert ui.seen.isascii()
    ui.type("Q")
    assert await ui.ended() == 0
