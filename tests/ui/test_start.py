import pytest

from tui.controller.intents import SetName, UseKey, UseKeyFile, UseThrowawayKey
from tui.controller.messages import (
    IntentRefused,
    ViewChanged,
)
from tui.controller.views import (
    Me,
)
from tui.devtools import samples

NSEC = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"


def nobody() -> ViewChanged:
    return ViewChanged(version=1, reset=True, me=Me())


def somebody(key: str = "throwaway") -> ViewChanged:
    return ViewChanged(version=2, me=Me("ab" * 32, "", "Ann", key))  # type: ignore[arg-type]


async def test_the_first_screen_needs_no_controller(start, controller) -> None:
    controller.refuse = OSError("nobody there")
    async with start(first_run=True) as ui:
        await ui.see("Try the demo", "Listen with a throw-away key", "Use my key", "Help")
        await ui.see("no controller, trying again: nobody there")


async def test_a_throwaway_key_leads_to_the_lobby(start) -> None:
    async with start(nobody(), first_run=True) as ui:
        await ui.press("down", "enter")
        await ui.until(lambda: ui.intents == [UseThrowawayKey()])
        assert ui.place == "start"
        ui.put(somebody())
        await ui.until(lambda: ui.place == "lobby")
        await ui.see("Ann")


async def test_a_choice_made_before_the_controller_is_there_is_kept(start, controller) -> None:
    controller.refuse = OSError("still starting")
    async with start(first_run=True) as ui:
        await ui.see("Try the demo")
        await ui.press("t")
        controller.refuse = None
        await ui.until(lambda: ui.intents == [UseThrowawayKey()])


async def test_who_has_a_key_already_is_not_asked(start) -> None:
    async with start(samples.lobby(), first_run=True) as ui:
        await ui.until(lambda: ui.place == "lobby")


async def test_who_is_in_a_space_already_sees_it(start) -> None:
    async with start(samples.space(), first_run=True) as ui:
        await ui.until(lambda: ui.place == "space")
        await ui.press("escape")
        await ui.until(lambda: ui.place == "lobby")


async def test_the_demo_attaches_anew(start, controller) -> None:
    started = []

    async def start_demo() -> None:
        started.append(True)

    async with start(nobody(), first_run=True, start_demo=start_demo) as ui:
        await ui.press("d")
        await ui.until(lambda: controller.attached == 2)
        assert started == [True] and controller.detached == 1
        ui.put(samples.lobby())
        await ui.until(lambda: ui.place == "lobby")


async def test_a_demo_that_does_not_start_says_why(start) -> None:
    async def start_demo() -> None:
        raise OSError("no port is free")

    async with start(nobody(), first_run=True, start_demo=start_demo) as ui:
        await ui.press("d")
        await ui.see("the demo did not start: no port is free")
        assert ui.place == "start"


async def test_without_a_demo_the_command_is_named(start) -> None:
    async with start(nobody(), first_run=True) as ui:
        await ui.press("d")
        await ui.see("run `spaces demo`")


async def test_an_nsec_is_sent_and_never_shown(start) -> None:
    async with start(nobody(), first_run=True) as ui:
        await ui.press("k")
        await ui.until(lambda: ui.place == "key")
        await ui.paste(NSEC)
        assert "nsec1" not in ui.text() and "•" * 20 in ui.text()
        await ui.press("enter")
        await ui.write("Ann")
        await ui.press("enter")
        await ui.until(lambda: ui.intents == [UseKey(NSEC), SetName("Ann")])
        assert "•" not in ui.text()
        assert NSEC not in repr(ui.intents)
        ui.put(somebody("memory"))
        await ui.until(lambda: ui.place == "lobby")


async def test_a_path_may_be_seen(start) -> None:
    async with start(nobody(), first_run=True) as ui:
        await ui.press("k")
        await ui.until(lambda: ui.place == "key")
        await ui.write("/keys/me")
        await ui.see("/keys/me")
        await ui.press("enter", "enter")
        await ui.until(lambda: ui.intents == [UseKeyFile("/keys/me")])
        ui.put(IntentRefused("others can read /keys/me", "use_key_file"))
        await ui.see("others can read /keys/me")
        assert ui.place == "key"


async def test_a_home_folder_is_understood(start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    async with start(nobody(), first_run=True) as ui:
        await ui.press("k")
        await ui.until(lambda: ui.place == "key")
        await ui.write("~/key")
        await ui.press("enter", "enter")
        await ui.until(lambda: ui.intents == [UseKeyFile("/home/ann/key")])


async def test_an_empty_key_is_not_sent(start) -> None:
    async with start(nobody(), first_run=True) as ui:
        await ui.press("k", "enter", "enter")
        await ui.see("paste an nsec or give the path of a key file")
        assert ui.intents == []
        await ui.press("escape")
        await ui.until(lambda: ui.place == "start")


async def test_a_secret_in_the_wrong_field_is_hidden_and_not_sent(start) -> None:
    async with start(nobody(), first_run=True) as ui:
        await ui.press("k")
        await ui.until(lambda: ui.place == "key")
        await ui.write("/keys/me")
        await ui.press("enter")
        await ui.paste(NSEC)
        assert "nsec1" not in ui.text()
        await ui.press("enter")
        await ui.see("that was a secret key")
        assert ui.intents == [] and "•" not in ui.text()
        await ui.press("enter", "enter")  # the field above has the focus again
        await ui.until(lambda: ui.intents == [UseKeyFile("/keys/me")])


async def test_a_refusal_is_shown_to_its_end(start) -> None:
    async with start(nobody(), first_run=True) as ui:
        path = "/home/ann/keys/" + "long/" * 8 + "key"
        ui.put(IntentRefused(f"others can read the key file {path}; run: chmod 600 {path}", "x"))
        await ui.see("others can read the key file", "chmod 600")
        assert ui.line("notice").replace(chr(10), "").count("/key") == 4
