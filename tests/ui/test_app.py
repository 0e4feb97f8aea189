import asyncio

import msgspec
import pytest

from tui.controller.intents import LeaveSpace
from tui.controller.messages import (
    Failed,
    Levels,
    ViewChanged,
)
from tui.controller.views import (
    Participant,
)
from tui.devtools import samples
from tui.screens.base import SpacesScreen


async def test_a_lost_controller_is_said_and_the_view_stays(start, controller, monkeypatch) -> None:
    monkeypatch.setattr("tui.config.limits.RECONNECT_SECONDS", (0.01, 0.02))
    async with start(samples.space()) as ui:
        controller.refuse = ConnectionRefusedError("nobody listens")
        controller.end()
        await ui.see("no controller, trying again: nobody listens", "Amina Okafor")
        await ui.press("l")
        await ui.see("the controller cannot be reached right now")
        assert ui.intents == []
        controller.refuse = None
        await ui.until(lambda: controller.attached == 2)
        ui.put(samples.space())
        await ui.until(lambda: not ui.app.desk.trouble)
        await ui.press("l")
        await ui.until(lambda: ui.intents == [LeaveSpace()])


async def test_a_new_controller_knows_of_no_space(start, controller, monkeypatch) -> None:
    monkeypatch.setattr("tui.config.limits.RECONNECT_SECONDS", (0.01, 0.02))
    async with start(samples.space()) as ui:
        controller.end()
        await ui.until(lambda: controller.attached == 2)
        ui.put(samples.lobby())
        await ui.until(lambda: ui.place == "lobby")
        await ui.see("you are out of the space")


async def test_wishes_do_not_outlive_their_link(start, controller, monkeypatch) -> None:
    monkeypatch.setattr("tui.config.limits.RECONNECT_SECONDS", (0.01, 0.02))
    async with start(samples.space()) as ui:
        controller.refuse = OSError("gone")
        controller.end()
        await ui.see("no controller")
        await ui.press("h", "h", "h")
        controller.refuse = None
        await ui.until(lambda: controller.attached == 2)
        await ui.until(lambda: not ui.app.desk.trouble)
        assert ui.intents == []


async def test_the_end_of_the_app_detaches(start, controller) -> None:
    async with start(samples.space()) as ui:
        await ui.press("Q")
        await ui.until(lambda: not ui.app.is_running or ui.app._exit)
        farewell = [str(text) for text in ui.app._exit_renderables]
    assert controller.detached == 1
    assert ui.intents == []  # the space goes on
    assert farewell == [
        "still in Sunday radio: what we heard t…; `spaces` returns, `spaces stop` ends it"
    ]


async def test_a_demo_ends_with_its_screens_and_says_nothing(start) -> None:
    async with start(samples.space(), controller_stays=False) as ui:
        await ui.press("Q")
        await ui.until(lambda: ui.app._exit)
        assert ui.app._exit_renderables == []


async def test_outside_of_spaces_the_end_says_nothing(start) -> None:
    async with start(samples.lobby()) as ui:
        await ui.press("Q")
        await ui.until(lambda: ui.app._exit)
        assert ui.app._exit_renderables == []


async def test_ctrl_c_tells_how_to_quit_and_ctrl_q_is_left_alone(start) -> None:
    async with start(samples.lobby()) as ui:
        await ui.press("ctrl+q", "ctrl+c")
        await ui.see("Q quits")
        assert not ui.app._exit


async def test_many_changes_are_drawn_at_once(start, monkeypatch) -> None:
    drawn = []
    tell = SpacesScreen.tell
    monkeypatch.setattr(
        SpacesScreen, "tell", lambda self, changed: (drawn.append(changed), tell(self, changed))
    )
    async with start(samples.space()) as ui:
        drawn.clear()
        for i in range(200):
            key = f"{i:064x}"
            ui.app._received(
                ViewChanged(
                    version=10 + i, participants={key: Participant(key, f"P{i}", "listener")}
                )
            )
        await ui.see(" 2 Audience 218 ")
        assert len(drawn) == 1 and len(drawn[0].people) == 200


async def test_failures_are_said(start) -> None:
    async with start(samples.lobby()) as ui:
        ui.put(Failed("the relay wss://x took nothing", "relay"))
        await ui.see("the relay wss://x took nothing")


async def test_a_notice_goes_by_itself(start, monkeypatch) -> None:
    monkeypatch.setattr("tui.config.limits.NOTICE_SECONDS", 0.05)
    async with start(samples.lobby()) as ui:
        ui.app._received(Failed("gone soon"))
        await ui.until(lambda: ui.line("notice") == "")


async def test_ten_thousand_people(start) -> None:
    people = {}
    for i in range(10_000):
        key = f"{i:064x}"
        people[key] = Participant(key, f"Person {i:05}", "listener")
    async with start(samples.space("host")) as ui:
        ui.put(ViewChanged(version=5, participants=people))
        await ui.see(" 2 Audience 10017 ")
        await ui.press("2", "end")
        await ui.see("of 10018", "Person 09999")
        first = next(iter(people.values()))
        gone = dict.fromkeys(list(people)[:5000])
        ui.put(ViewChanged(version=6, participants=gone))
        await ui.see(" 2 Audience 5017 ")
        assert first.pubkey not in ui.app.desk.roster.keys("audience")


async def test_what_connect_raises_never_ends_the_app(start, controller) -> None:
    controller.refuse = RuntimeError("the controller did not start; its log is in /tmp/x")
    async with start() as ui:
        await ui.see("no controller, trying again: the controller did not start")


async def test_a_message_that_is_not_understood_is_passed_over(start, controller) -> None:
    async with start(samples.lobby()) as ui:
        link = ui.app._attachment._link
        receive, bad = link.receive, [True]

        async def once_bad():
            if bad.pop() if bad else False:
                raise msgspec.ValidationError("Invalid value 'new_thing'")
            return await receive()

        link.receive = once_bad
        ui.put(Levels({}))
        ui.put(Failed("still here"))
        await ui.see("still here")


@pytest.mark.parametrize("place_keys", [(), ("n",), ("g",), ("question_mark",), ("K",)])
async def test_nothing_is_left_behind(start, controller, place_keys) -> None:
    before = asyncio.all_tasks()
    async with start(samples.lobby()) as ui:
        await ui.press(*place_keys)
        await ui.pilot.pause()
    assert controller.attached == controller.detached == 1
    assert asyncio.all_tasks() == before


async def test_without_a_controller_no_open_microphone_is_claimed(start, controller) -> None:
    async with start(samples.space("speaker")) as ui:
        space = msgspec.structs.replace(ui.app.desk.view.space, microphone="open")
        ui.put(ViewChanged(version=9, space=space))
        await ui.see("MIC OPEN")
        controller.refuse = OSError("gone")
        controller.end()
        await ui.see("NO CONTROLLER")
        await ui.until(lambda: "MIC OPEN" not in ui.text() + ui.app._shown_title)
        await ui.press("escape")
        await ui.until(lambda: ui.place == "lobby")
        assert "NO CONTROLLER" in ui.text() and "MIC OPEN" not in ui.text()


async def test_the_key_says_what_it_does_to_the_person(start) -> None:
    async with start(samples.space("host")) as ui:
        await ui.press("down")
        await ui.see("d Demote")
        await ui.press("q")
        await ui.see("d Deny")
