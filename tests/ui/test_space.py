import msgspec
import pytest

from tui.controller.intents import (
    CloseSpace,
    LeaveSpace,
    LowerHand,
    Mute,
    RequestSpeech,
    ShowRoster,
)
from tui.controller.messages import (
    IntentRefused,
    SpaceClosed,
    SpeechRequested,
    ViewChanged,
)
from tui.controller.views import (
    AudioView,
    Hearing,
    LinkQuality,
    Quality,
    RelayView,
)
from tui.devtools import samples
from tui.widgets.row_list import RowList


def changed(ui, **fields) -> ViewChanged:
    """The present space with some fields changed."""
    space = msgspec.structs.replace(ui.app.desk.view.space, **fields)
    return ViewChanged(version=ui.app.desk.view.version + 1, space=space)


def person(ui, who: str, **fields) -> ViewChanged:
    key = samples.key_of(who)
    now = msgspec.structs.replace(ui.app.desk.view.participants[key], **fields)
    return ViewChanged(version=ui.app.desk.view.version + 1, participants={key: now})


def shown(ui, pane: str) -> RowList:
    return ui.screen.query_one(f"#{pane}-list", RowList)


async def test_attaching_shows_the_space_that_one_is_in(start) -> None:
    async with start(samples.space()) as ui:
        assert ui.place == "space"
        assert "Sunday radio" in ui.line("bar") and "live 42 min" in ui.line("bar")
        assert ui.line("about").startswith("hosted by Amina Okafor ✓ · #music #radio · en · Ne")
        assert ui.line("about").endswith("you · L listener")
        assert "hearing via Amina Okafor" in ui.line("sound")


async def test_the_stage(start) -> None:
    async with start(samples.space()) as ui:
        rows = ui.text().splitlines()
        host = next(row for row in rows if "Amina" in row and "@" in row)
        assert "◆ H Amina Okafor ★" in host and "✓ amina@radio" in host and "●" in host
        assert "◇ C Jonas Weber" in ui.text() and "npub1dpqa…f4r8" in ui.text()
        luca = next(row for row in rows if "Luca" in row)
        assert "▪ S Luca ★" in luca and "⊘ muted" in luca
        assert " 1 Stage 4 " in ui.text() and " 2 Audience 18 " in ui.text()


async def test_panes_by_number_and_tab(start) -> None:
    async with start(samples.space(), size=(80, 30)) as ui:
        await ui.press("2")
        await ui.see("· L ▲3  Samuel (you)", "Oleksandr (away)", "Ibrahim (hidden)", "ada !")
        await ui.press("3")
        await ui.see("1   Tomás", "6 min", "2   Noor", "3 min")
        await ui.press("tab")
        await ui.see("That tape hiss")
        await ui.press("tab")
        await ui.see("Amina Okafor ★", "◆ H")
        await ui.press("shift+tab")
        await ui.see("That tape hiss")
        await ui.press("shift+tab")
        await ui.see("1   Tomás")
        await ui.press("1", "q")
        await ui.see("1   Tomás")
        await ui.press("4")
        await ui.see("That tape hiss")


@pytest.mark.parametrize(
    ("width", "panes"), [(80, 1), (119, 1), (120, 2), (159, 2), (160, 3), (200, 4)]
)
async def test_as_many_panes_as_fit(start, width: int, panes: int) -> None:
    async with start(samples.space(), size=(width, 30)) as ui:
        for key in ("1", "2", "3", "4", "tab"):
            await ui.press(key)
            await ui.pilot.pause()
            assert sum(pane.display for pane in ui.screen.query(".pane")) == panes
        await ui.resize(80, 24)
        await ui.until(lambda: sum(pane.display for pane in ui.screen.query(".pane")) == 1)


async def test_a_hand_that_was_turned_down_is_told(start) -> None:
    async with start(samples.space()) as ui:
        ui.put(changed(ui, hand_since=0.0))
        await ui.see("your hand is down")


async def test_a_notice_goes_with_the_next_key(start) -> None:
    async with start(samples.space("host")) as ui:
        await ui.press("a")
        await ui.see("is on stage already")
        await ui.press("tab")
        await ui.see_not("is on stage already")


async def test_the_hand(start) -> None:
    async with start(samples.space()) as ui:
        assert "hand up, place 3 in the queue, just now" in ui.line("own")
        assert "h Hand down" in ui.line("keys")
        await ui.press("h")
        await ui.until(lambda: ui.intents == [LowerHand()])
        ui.put(changed(ui, hand_since=0.0))
        await ui.see("h asks to speak", "h Hand up")
        await ui.press("h")
        await ui.until(lambda: ui.intents == [LowerHand(), RequestSpeech()])


async def test_the_microphone_in_word_glyph_and_title(start) -> None:
    async with start(samples.space("speaker")) as ui:
        assert "⊘ MUTED" in ui.line("own")
        assert ui.app._shown_title == "muted · Sunday radio: what we heard this week · spaces"
        await ui.press("m")
        await ui.until(lambda: ui.intents == [Mute(on=False)])
        ui.put(changed(ui, microphone="open"))
        await ui.see("● MIC OPEN", "m Mute")
        await ui.until(lambda: ui.app._shown_title.startswith("● MIC OPEN"))
        await ui.press("space")
        await ui.until(lambda: ui.intents == [Mute(on=False), Mute(on=True)])


async def test_two_quick_presses_end_with_a_closed_microphone(start) -> None:
    async with start(samples.space("speaker")) as ui:
        await ui.press("m", "m")
        await ui.until(lambda: len(ui.intents) == 2)
        assert ui.intents == [Mute(on=False), Mute(on=True)]


async def test_a_held_key_ends_with_a_closed_microphone(start, monkeypatch) -> None:
    async with start(samples.space("speaker")) as ui:
        moments = iter([10.0, 10.5, *(10.53 + i * 0.03 for i in range(20)), 30.0])
        monkeypatch.setattr(ui.app.desk, "_monotonic", lambda: next(moments))
        await ui.press("space")
        await ui.until(lambda: ui.intents)
        ui.put(changed(ui, microphone="open"))
        await ui.see("MIC OPEN")
        await ui.press("space")
        ui.put(changed(ui, microphone="muted"))
        await ui.see("MUTED")
        await ui.press(*["space"] * 20)
        assert ui.intents == [Mute(on=False), Mute(on=True)]
        await ui.press("space")
        await ui.until(lambda: ui.intents[2:] == [Mute(on=False)])


async def test_news_of_other_things_do_not_reopen_the_microphone(start) -> None:
    async with start(samples.space("speaker")) as ui:
        await ui.press("m")
        ui.put(changed(ui, heard_from=samples.key_of("Luca")))
        await ui.see("hearing via Luca")
        await ui.press("m")
        await ui.until(lambda: ui.intents == [Mute(on=False), Mute(on=True)])


async def test_after_a_refusal_the_next_press_opens_again(start, monkeypatch) -> None:
    monkeypatch.setattr("tui.config.limits.KEY_REPEAT_SECONDS", 0.0)
    async with start(samples.space("speaker")) as ui:
        await ui.press("m")
        ui.put(IntentRefused("the device is busy", "mute"))
        await ui.see("the device is busy")
        await ui.press("m")
        await ui.until(lambda: ui.intents == [Mute(on=False), Mute(on=False)])


async def test_listeners_have_no_microphone_to_open(start) -> None:
    async with start(samples.space()) as ui:
        await ui.press("space", "m")
        await ui.see("people on stage speak; raise your hand first (h)")
        assert ui.intents == []


async def test_a_missing_device_is_said_with_what_helps(start) -> None:
    async with start(samples.space("speaker")) as ui:
        assert not ui.screen.query_one("#problem").display
        ui.put(
            ViewChanged(
                version=5,
                audio=AudioView(
                    microphone_problem="no PortAudio", hint="apt install libportaudio2"
                ),
            )
        )
        ui.put(changed(ui, microphone="unavailable"))
        await ui.see("NO MICROPHONE", "no PortAudio — apt install libportaudio2")
        await ui.press("m")
        await ui.until(lambda: "no PortAudio" in ui.line("notice"))
        assert ui.intents == []


async def test_a_long_problem_takes_two_rows(start) -> None:
    first = samples.space()
    audio = AudioView(speaker_problem="cannot be opened: " + "why " * 20, hint="plug one in")
    async with start(msgspec.structs.replace(first, audio=audio)) as ui:
        await ui.see("cannot be opened", "plug one in")
        assert len(ui.line("problem").splitlines()) == 2
        ui.put(ViewChanged(version=5, audio=AudioView()))
        await ui.see_not("plug one in")


async def test_no_sound_at_all_is_said_with_what_helps(start) -> None:
    why = "cannot be opened: Error querying device -1"
    install = "PulseAudio and PipeWire also need: apt install libportaudio2 libasound2-plugins"
    audio = AudioView(
        speaker_problem=f"the speaker 'default' {why}",
        microphone_problem=f"the microphone 'default' {why}",
        hint=f"is a sound server running? {install}",
    )
    first = msgspec.structs.replace(samples.space("speaker"), audio=audio)
    async with start(first, size=(80, 24)) as ui:
        await ui.until(lambda: install in " ".join(ui.line("problem").split()))
        assert "the speaker 'default' and the microphone 'default'" in ui.line("problem")


async def test_a_change_of_role_is_said(start) -> None:
    async with start(samples.space()) as ui:
        assert ui.line("notice") == ""
        ui.put(changed(ui, role="speaker", microphone="muted", hand_since=0.0))
        await ui.see("you are on stage; nobody hears you until you open the microphone (m)")
        ui.put(changed(ui, role="listener", microphone="closed"))
        await ui.see("you are in the audience again")
        assert ui.intents == []


async def test_somebody_without_a_name_is_called_by_the_key_once(start) -> None:
    async with start(samples.space()) as ui:
        for name in ("", "npub1j888…qxrq"):
            ui.put(person(ui, "Luca", name=name))
            await ui.until(lambda: "Luca" not in ui.text() and ui.app.settled)
            await ui.pilot.pause()
            assert ui.text().count("npub1j888…qxrq") == 1


async def test_leaving_as_listener_needs_no_question(start) -> None:
    async with start(samples.space()) as ui:
        await ui.press("l")
        await ui.until(lambda: ui.intents == [LeaveSpace()])


async def test_leaving_and_ending_as_host_do(start) -> None:
    async with start(samples.space("host")) as ui:
        await ui.press("l")
        await ui.see("Leave your space without a host?", "y yes")
        await ui.press("E")
        assert ui.intents == []
        await ui.press("E")
        await ui.see("End this space for everybody?")
        await ui.press("y")
        await ui.until(lambda: ui.intents == [CloseSpace()])


async def test_when_the_space_ends_the_lobby_says_why(start) -> None:
    async with start(samples.space()) as ui:
        await ui.press("question_mark")
        await ui.until(lambda: ui.place == "help")
        ui.put(SpaceClosed("the host has ended it"))
        ui.put(changed(ui, stage="closed"))
        await ui.until(lambda: ui.place == "lobby")
        await ui.see("you are out of the space: the host has ended it")
        await ui.until(lambda: ui.app._shown_title == "spaces")


async def test_a_refused_join_says_why(start) -> None:
    async with start(samples.space()) as ui:
        ui.put(changed(ui, stage="joining"))
        await ui.see("entering the space…")
        ui.put(IntentRefused("no relay took the JOIN", "join_space"))
        await ui.see("no relay took the JOIN")
        ui.put(ViewChanged(version=9, space=None))
        await ui.until(lambda: ui.place == "lobby")
        await ui.see("you are out of the space: no relay took the JOIN")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"access": "invite"}, "invited people only · ● live"),
        ({"access": "password", "locked": True}, "password · locked · ● live"),
        ({"stale": True}, "○ stale: the host is away"),
        ({"starts": int(samples.NOW) + 600}, "begins in 10 min"),
        ({"started_at": 0}, "● live"),
    ],
)
async def test_the_head_says_who_may_come_in(start, fields, says) -> None:
    async with start(samples.space(**fields)) as ui:
        assert says in ui.line("bar")


async def test_who_joins_reads_the_name_from_the_lobby(start) -> None:
    async with start(samples.space(stage="joining", name="")) as ui:
        assert "Sunday radio" in ui.line("bar")


@pytest.mark.parametrize(
    ("fields", "links", "says"),
    [
        ({"heard_from": ""}, {}, "no sound yet"),
        ({"heard_from": ""}, {"ada": "connecting"}, "connecting to ada…"),
        ({"heard_from": ""}, {"ada": "failed"}, "no connection to ada"),
        ({"heard_from": samples.key_of("ada")}, {"ada": "connected"}, "hearing via ada"),
        ({"heard_from": "ff" * 32}, {}, "hearing via npub1"),
    ],
)
async def test_the_connection_in_words(start, fields, links, says) -> None:
    first = samples.space()
    people = {
        key: msgspec.structs.replace(person, link=links.get(person.name, ""))
        for key, person in first.participants.items()
    }
    space = msgspec.structs.replace(first.space, **fields)
    async with start(msgspec.structs.replace(first, participants=people, space=space)) as ui:
        assert says in ui.line("sound")


async def test_meters_rise_and_fall(start) -> None:
    async with start(samples.space()) as ui:
        ui.put(samples.levels())
        await ui.see("● ━━━━━━━─", "● ━━━━────")
        await ui.see_not("━")  # no more levels: nothing is heard


async def test_who_talks_is_marked_without_moving_anybody(start) -> None:
    async with start(samples.space()) as ui:
        await ui.press("down", "down")
        rows = shown(ui, "stage")
        cursor, keys = rows.cursor, list(rows.keys)
        ui.put(person(ui, "Luca", speaking=True))
        await ui.until(lambda: "●" in next(r for r in ui.text().splitlines() if "Luca" in r))
        assert (rows.cursor, rows.keys) == (cursor, keys)


async def test_the_cursor_follows_its_person_through_a_move(start) -> None:
    async with start(samples.space("host")) as ui:
        await ui.press("q", "down")
        rows = shown(ui, "queue")
        noor = samples.key_of("Noor")
        assert rows.cursor == noor
        ui.put(person(ui, "Noor", queue=1))
        ui.put(person(ui, "Tomás", queue=2))
        await ui.until(lambda: rows.keys[0] == noor)
        assert rows.cursor == noor
        ui.put(person(ui, "Noor", role="speaker", hand_since=0.0, queue=0))
        await ui.see("1 Stage 5", "3 Queue 1")
        assert rows.cursor == samples.key_of("Tomás")


async def test_the_host_hears_of_a_hand(start) -> None:
    async with start(samples.space("host")) as ui:
        ui.put(SpeechRequested(samples.key_of("Greta")))
        await ui.see("Greta asks to speak; q shows the queue")
        ui.change_person("Greta", hand_since=samples.NOW, queue=3)
        await ui.see("3 Queue 3", "Greta asks to speak")
        ui.change_person("Greta", role="speaker", hand_since=0.0, queue=0)
        await ui.see_not("asks to speak")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"locked": True}, "the space is locked; a moderator has to let you in"),
        ({"access": "invite"}, "for invited people; a moderator has to let you in"),
        ({"access": "password"}, "entering the space…"),
    ],
)
async def test_who_waits_at_the_door_reads_why(start, fields, says) -> None:
    async with start(samples.space(stage="joining", **fields)) as ui:
        assert says in ui.line("own")


async def test_the_filter_narrows_all_panes(start) -> None:
    async with start(samples.space()) as ui:
        await ui.press("2", "slash")
        await ui.write("ka")
        await ui.see("Katya")
        await ui.see_not("Priya")
        await ui.press("enter", "escape")
        await ui.see("Priya")
        assert ui.place == "space"


async def test_a_long_list_says_which_part_is_shown(start) -> None:
    async with start(samples.space(), size=(80, 18)) as ui:
        await ui.press("2")
        await ui.see("1-9 of 18")
        await ui.press("end")
        await ui.see("10-18 of 18", "Oleksandr (away)")
        await ui.press("home")
        await ui.see("1-9 of 18", "Samuel (you)")
        await ui.press("pagedown", "pagedown")
        await ui.until(lambda: shown(ui, "audience").cursor == shown(ui, "audience").keys[16])


async def test_ages_go_on(start) -> None:
    clock = [samples.NOW]
    async with start(samples.space(), now=lambda: clock[0]) as ui:
        clock[0] += 120
        ui.app._time_passed()
        await ui.see("live 44 min", "place 3 in the queue, 2 min")


PARENT = samples.key_of("Amina Okafor")
GOOD = Quality(
    badge="good",
    loss=0.0,
    round_trip=0.04,
    jitter=0.005,
    depth=2,
    outputs_used=1,
    outputs_max=8,
    parent=PARENT,
    links=(LinkQuality(PARENT, "parent", "good", 0.0, 0.04, 0.005),),
)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "▆ good  hearing via Amina Okafor · 2 hops · sends to 1 of 8"),
        ({"badge": "fair", "worst": "jitter", "jitter": 0.06}, "▄ fair, jitter 60 ms  hearing"),
        ({"badge": "poor", "worst": "loss", "loss": 0.12}, "▂ poor, 12 % lost  hearing via"),
        ({"badge": "poor", "worst": "round_trip", "round_trip": 0.7}, "▂ poor, RTT 700 ms  "),
        ({"badge": "poor", "worst": "concealed", "concealed": 0.1}, "▂ poor, 10 % concealed  "),
        ({"badge": "lost"}, "✗ lost  hearing via Amina Okafor"),
        ({"badge": ""}, "hearing via Amina Okafor"),
        (
            {"links": (msgspec.structs.replace(GOOD.links[0], relayed=True),)},
            "hearing via Amina Okafor through a TURN server",
        ),
    ],
)
async def test_how_good_the_sound_is_in_words(start, fields, says) -> None:
    first = samples.space()
    quality = msgspec.structs.replace(GOOD, **fields)
    async with start(msgspec.structs.replace(first, quality=quality)) as ui:
        assert says in ui.line("sound")
        assert ui.line("sound").endswith("● 2/3 relays")


async def test_a_wide_screen_has_all_numbers(start) -> None:
    first = msgspec.structs.replace(samples.space(), quality=GOOD)
    async with start(first, size=(140, 30)) as ui:
        numbers = "0 % lost · RTT 40 ms · 0 % concealed · jitter 5 ms"
        assert f"sends to 1 of 8 · {numbers}" in ui.line("sound")


@pytest.mark.parametrize(
    ("hearing", "links", "says"),
    [
        (Hearing(lost=True), {"ada": "connecting"}, "✗ lost  sound lost, moving to ada…"),
        (Hearing(lost=True), {}, "sound lost, looking for somebody else"),
        (Hearing(lost=True, asked=4), {}, "sound lost, waiting for a place (asked 4 people)"),
        (Hearing(asked=2), {}, "waiting for a place (asked 2 people)"),
        (Hearing(lost=True, asked=1), {"ada": "failed"}, "sound lost, no connection to ada"),
    ],
)
async def test_what_is_done_about_lost_sound(start, hearing, links, says) -> None:
    first = samples.space(heard_from="", hearing=hearing)
    people = {
        key: msgspec.structs.replace(person, link=links.get(person.name, ""))
        for key, person in first.participants.items()
    }
    async with start(msgspec.structs.replace(first, participants=people)) as ui:
        assert says in ui.line("sound")


async def test_a_move_is_told_with_its_time(start) -> None:
    first = samples.space(hearing=Hearing(moved=True, moved_in=0.3))
    async with start(msgspec.structs.replace(first, quality=GOOD)) as ui:
        assert "▆ good  moved to Amina Okafor in 0.3 s" in ui.line("sound")
        ui.change_space(hearing=Hearing())
        await ui.see("▆ good  hearing via Amina Okafor")


async def test_the_sign_of_a_connection_follows_its_quality(start) -> None:
    first = msgspec.structs.replace(samples.space(), quality=GOOD)
    async with start(first) as ui:

        def host() -> str:
            return next(row for row in ui.text().splitlines() if "◆ H Amina" in row)

        assert " ▆ " in host()
        bad = msgspec.structs.replace(GOOD.links[0], badge="poor")
        ui.change(quality=msgspec.structs.replace(GOOD, links=(bad,)))
        await ui.until(lambda: " ▂ " in host())


async def test_without_a_relay_the_next_attempt_is_counted_down(start) -> None:
    clock = [samples.NOW]
    gone = {
        url: RelayView(url, "waiting", "connection refused", retry_at=samples.NOW + wait)
        for url, wait in (("wss://a.example", 7.0), ("wss://b.example", 40.0))
    }
    first = msgspec.structs.replace(samples.space(), relays=gone)
    async with start(first, now=lambda: clock[0]) as ui:
        assert "no relay is connected, sound goes on; next try in 7 s — t" in ui.line("problem")
        clock[0] += 3
        await ui.see("next try in 4 s")
        ui.change(relays={"wss://a.example": RelayView("wss://a.example", "connected")})
        await ui.see_not("no relay is connected")


async def test_a_host_who_is_away(start) -> None:
    async with start(samples.space()) as ui:
        ui.change_person("Amina Okafor", away=True, present=False)
        await ui.see("○ the host is away")


async def test_in_a_crowd_the_audience_is_counted_and_heard_only_where_it_is_looked_at(
    start,
) -> None:
    async with start(samples.space(crowd=1204)) as ui:
        assert " 2 Audience 1200 " in ui.text()
        assert ui.intents == []
        await ui.press("2")
        await ui.until(lambda: ui.intents == [ShowRoster(True)])
        await ui.press("q")
        await ui.asked(ShowRoster(True), ShowRoster(False))


async def test_in_a_small_space_everybody_is_heard_anyway(start) -> None:
    async with start(samples.space()) as ui:
        await ui.press("2", "1")
        await ui.see(" 2 Audience 18 ")
        assert ui.intents == []


async def test_a_sound_server_that_is_gone_is_looked_for(start) -> None:
    async with start(samples.space()) as ui:
        ui.change(audio=AudioView(speaker_problem="the speaker has stopped"))
        await ui.see("! the speaker has stopped; trying again")
        ui.change(audio=AudioView(speaker_problem="PortAudio is missing: no", hint="install it"))
        await ui.see("! PortAudio is missing: no — install it")
        ui.change(audio=AudioView())
        await ui.see_not("PortAudio")
