import msgspec
import pytest

from tui.controller.messages import (
    Failed,
    ViewChanged,
)
from tui.controller.views import (
    LogLine,
    Participant,
    RelayView,
    SpaceSummary,
)
from tui.devtools import samples

NAMES = [
    "\x1b[2J\x1b[31mred\x1b]0;owned\x07",
    "[red]bold[/red] [link=http://x]x[/link] [/nonsense]",
    "\u202eevil\u2066\u200f",
    "\ud800 half a surrogate",
    "Z" + "\u0300" * 500,
    "A" * 100_000,
    "語" * 5_000,
    "👩‍👩‍👧‍👦👍🏽🇩🇪",
    "\r\n\t\v\f\0",
    "",
    "$accent {color} %s \\ `x`",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(80, 24), (160, 30)])
async def test_names_do_no_harm(start, name: str, size) -> None:
    base = samples.space("host")
    key = samples.key_of("x")
    people = {
        **base.participants,
        key: Participant(key, name, "speaker", link="failed"),
        "aa" * 32: Participant("aa" * 32, name, "listener", hand_since=samples.NOW, queue=1),
        "no key": Participant("no key", name, "listener"),
    }
    hostile = msgspec.structs.replace(
        base,
        participants=people,
        space=msgspec.structs.replace(base.space, name=name, summary=name, reason=name),
        spaces={"x:1": SpaceSummary("x:1", "x", name, name, name, -5, summary=name)},
        relays={name: RelayView(name, "waiting", name)},
        dropped={name: 3},
        log=(LogLine(0.0, "error", name),),
        me=msgspec.structs.replace(base.me, name=name),
    )
    async with start(hostile, size=size) as ui:
        for keys in (("2",), ("q", "d", "n"), ("escape",), ("question_mark", "escape"), ("g",)):
            await ui.press(*keys)
            await ui.pilot.pause()
            text = ui.text()
            assert "\x1b" not in text and "\u202e" not in text and "\x07" not in text
            for strip in ui.app.screen._compositor.render_strips():
                assert strip.cell_length == size[0]
        ui.app._received(Failed(name))
        assert all(c.isprintable() for c in ui.app._shown_title)


async def test_markup_is_shown_as_it_was_written(start) -> None:
    async with start(samples.space()) as ui:
        key = samples.key_of("Luca")
        person = ui.app.desk.view.participants[key]
        named = msgspec.structs.replace(person, name="[b]Luca[/b]")
        ui.put(ViewChanged(version=9, participants={key: named}))
        await ui.see("[b]Luca[/b]")
        ui.app._received(Failed("[red]no[/red]"))
        await ui.see("[red]no[/red]")
