import pytest

from tui.controller.messages import (
    ViewChanged,
)
from tui.controller.views import (
    AudioView,
)
from tui.devtools import samples

SIZES = [
    (1, 1), (2, 3), (5, 50), (39, 24), (40, 11), (40, 12), (41, 13), (60, 15), (79, 23), (80, 24),
    (100, 12), (119, 24), (120, 40), (159, 24), (160, 50), (200, 60), (200, 2), (1, 60),
]  # fmt: skip


async def sweep(ui) -> None:
    for width, height in SIZES:
        await ui.resize(width, height)
        await ui.pilot.pause()
        assert ui.app.size == (width, height)
        strips = ui.app.screen._compositor.render_strips()
        assert len(strips) == height
        assert all(strip.cell_length == width for strip in strips)
        small = width < 40 or height < 12
        assert ui.screen.query_one("#too-small").display is small
        assert ui.screen.query_one("#keys").display is not small
        if small and width >= 34 and height > 1:
            assert "make the terminal larger (40x12)" in ui.text()


@pytest.mark.parametrize(
    "keys",
    [(), ("n",), ("g",), ("question_mark",), ("K",), ("K", "k"), ("slash", "x"), ("colon", "x")],
)
async def test_screens_around_the_lobby(start, keys) -> None:
    async with start(samples.lobby()) as ui:
        await ui.press(*keys)
        await ui.pilot.pause()
        await sweep(ui)


@pytest.mark.parametrize(
    "keys",
    [
        ("2",),
        ("q", "d", "x"),
        ("1", "o"),
        ("slash", "a"),
        ("c", "x"),
        ("4", "up"),
        ("r",),
        ("J",),
        ("J", "E", "x"),
        ("colon", "a"),
        ("S",),
        ("D",),
        ("C",),
    ],
)
async def test_the_space(start, keys) -> None:
    asked = {"invited_by": samples.key_of("Luca"), "invitation": "come up " * 20}
    fields = {"undo": "something " * 9, "locked": True, "access": "password", **asked}
    async with start(samples.space("host", **fields)) as ui:
        await ui.press(*keys)
        await sweep(ui)


@pytest.mark.parametrize("size", [(1, 1), (30, 10), (40, 12)])
async def test_beginning_small(start, size) -> None:
    async with start(samples.space(), size=size) as ui:
        await ui.resize(80, 24)
        await ui.see("Amina Okafor", "LISTENING")


async def test_the_smallest_size_shows_what_matters(start) -> None:
    async with start(samples.space("speaker"), size=(40, 12)) as ui:
        await ui.see("Sunday radio", "◆ H Amina", "MUTED", "? Keys", "Q Quit")


async def test_all_panes_are_named_where_there_is_little_room(start) -> None:
    async with start(samples.space("host"), size=(40, 12)) as ui:
        await ui.see("1 Stage 4 2 Aud. 17 3 Queue 2 4 Chat")
        await ui.resize(60, 12)
        await ui.see(" 1 Stage 4   2 Audience 17   3 Queue 2   4 Chat")


async def test_too_small_shows_nothing_else(start) -> None:
    async with start(samples.space("speaker"), size=(39, 12)) as ui:
        ui.put(ViewChanged(version=5, audio=AudioView(speaker_problem="no speaker")))
        await ui.resize(50, 14)
        await ui.see("no speaker")
        await ui.resize(39, 14)
        await ui.see("make the terminal larger")
        assert "no speaker" not in ui.text()
