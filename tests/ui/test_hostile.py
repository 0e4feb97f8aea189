import msgspec
import pytest

from tui.controller.messages import (
    Denied,
    Failed,
    IntentRefused,
    JournalExported,
    MuteAsked,
    Reacted,
    Removed,
    RoleChanged,
    ViewChanged,
)
from tui.controller.views import (
    Barred,
    ChatLine,
    JournalEntry,
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


CASES = [*((name, (80, 24)) for name in NAMES), *((name, (160, 30)) for name in NAMES[2:6])]


@pytest.mark.parametrize(("name", "size"), CASES, ids=[str(i) for i in range(len(CASES))])
async def test_names_do_no_harm(start, name: str, size) -> None:
    base = samples.space("host")
    key = samples.key_of("x")
    people = {
        **base.participants,
        key: Participant(key, name, "speaker", link="failed"),
        "aa" * 32: Participant("aa" * 32, name, "listener", hand_since=samples.NOW, queue=1),
        "bb" * 32: Participant("bb" * 32, name, "listener", followed=True, verified=name),
        "no key": Participant("no key", name, "listener"),
    }
    hostile = msgspec.structs.replace(
        base,
        participants=people,
        space=msgspec.structs.replace(
            base.space,
            name=name,
            summary=name,
            reason=name,
            topics=(name, name),
            language=name,
            invited_by=key,
            invitation=name,
            undo=name,
            share=name,
        ),
        chat={"1": ChatLine("1", key, name, name, 2**60), "2": ChatLine("2", key, name, name, -1)},
        journal={
            "1": JournalEntry("1", 2**60, name, key, name, key, name, name, name),
            "2": JournalEntry("2", -1, name, "no key", "", "no key", "", name),
        },
        barred={"cc" * 32: Barred("cc" * 32, name, "dd" * 32, name, name, 2**60)},
        spaces={"x:1": SpaceSummary("x:1", "x", name, name, name, -5, summary=name)},
        relays={name: RelayView(name, "waiting", name)},
        dropped={name: 3},
        log=(LogLine(0.0, "error", name),),
        me=msgspec.structs.replace(base.me, name=name),
    )
    async with start(hostile, size=size) as ui:
        ui.put(Reacted(key, name))
        walk = (("2", "end"), ("b", "n"), ("q", "d"), ("escape",), ("4",), ("X",), ("escape",),
                ("S",), ("i", "escape"), ("colon",), ("escape",), ("J",), ("escape",),
                ("question_mark", "escape"), ("g",))  # fmt: skip
        for keys in walk:
            await ui.press(*keys)
            await ui.pilot.pause()
            text = ui.text()
            assert "\x1b" not in text and "\u202e" not in text and "\x07" not in text
            for strip in ui.app.screen._compositor.render_strips():
                assert strip.cell_length == size[0]
        for message in (
            Failed(name),
            Denied(key, name),
            MuteAsked("no key"),
            RoleChanged(key, "speaker", "no key"),
            Removed(key, key, name),
            IntentRefused(name, "chat"),
            JournalExported(name, -1),
        ):
            ui.app._received(message)
            assert all(c.isprintable() for c in ui.line("notice").replace("\n", ""))
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
