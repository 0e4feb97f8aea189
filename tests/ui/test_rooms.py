import msgspec

from tui.controller.intents import HostSpace, JoinSpace, WatchRoom
from tui.controller.messages import ViewChanged
from tui.controller.views import ChatLine, Participant, RoomView, SpaceSummary
from tui.devtools import samples

HOST = "ab" * 32
GUEST = "cd" * 32
STREAM = SpaceSummary(
    ref="naddr1stream",
    host=HOST,
    host_name="DJ Ada",
    id="stream",
    name="Vinyl night",
    started_at=int(samples.NOW) - 600,
    kind="stream",
    url="https://stream.example/live.m3u8",
    topics=("music",),
)
LATER = SpaceSummary(
    ref=f"{GUEST}:later",
    host=GUEST,
    host_name="Zoé",
    id="later",
    name="Tomorrow's talk",
    started_at=int(samples.NOW),
    state="scheduled",
    starts=int(samples.NOW) + 1800,
    followed=True,
    access="password",
)
ROOM = RoomView(
    STREAM.ref, STREAM.name, "stream", HOST, "DJ Ada", "live", "Records only", STREAM.url
)


def lobby(*more: SpaceSummary) -> ViewChanged:
    first = samples.lobby()
    spaces = {**first.spaces, **{summary.ref: summary for summary in more}}
    return msgspec.structs.replace(first, spaces=spaces)


async def test_rooms_of_others_are_marked_and_only_read(start) -> None:
    async with start(lobby(STREAM)) as ui:
        await ui.press("slash")
        await ui.write("is:stream")
        await ui.press("enter")
        await ui.see("Vinyl night", "stream")
        await ui.press("enter")
        await ui.until(lambda: ui.intents)
        assert ui.intents == [WatchRoom(STREAM.ref)]
        person = Participant(GUEST, "Bo", "listener")
        said = ChatLine("11" * 32, GUEST, "Bo", "what a record", int(samples.NOW))
        ui.put(
            ViewChanged(version=99, room=ROOM, participants={GUEST: person}, chat={said.id: said})
        )
        await ui.until(lambda: ui.place == "room")
        await ui.see("Vinyl night", "Bo", "what a record", "stream.example", "1 person")
        await ui.press("enter")
        await ui.see("its sound is not for this program")
        await ui.press("escape")
        await ui.until(lambda: ui.place == "lobby")
        assert ui.intents == [WatchRoom(STREAM.ref), WatchRoom()]
        ui.put(ViewChanged(version=100, me=msgspec.structs.replace(ui.app.desk.view.me, name="x")))
        await ui.until(lambda: ui.app.desk.view.version == 100 and ui.app.settled)
        assert ui.place == "lobby"  # it is not shown again by the next change


async def test_a_room_that_ends_takes_its_screen_with_it(start) -> None:
    async with start(lobby(STREAM)) as ui:
        ui.put(ViewChanged(version=99, room=ROOM))
        await ui.until(lambda: ui.place == "room")
        ui.put(ViewChanged(version=100, room=None))
        await ui.until(lambda: ui.place == "lobby")
        ui.put(ViewChanged(version=101, room=ROOM))
        await ui.until(lambda: ui.place == "room")


async def test_a_space_can_be_looked_into_and_then_joined(start) -> None:
    async with start(samples.lobby()) as ui:
        ref = ui.screen.target
        await ui.press("p")
        await ui.until(lambda: ui.intents == [WatchRoom(ref)])
        ui.put(ViewChanged(version=99, room=msgspec.structs.replace(ROOM, ref=ref, kind="space")))
        await ui.until(lambda: ui.place == "room")
        await ui.see("looking in, unannounced")
        await ui.press("enter")
        await ui.until(lambda: len(ui.intents) == 2)
        assert vars_of(ui.intents[1]) == (ref, "")


def vars_of(intent: object) -> tuple[str, str]:
    assert isinstance(intent, JoinSpace)
    return intent.ref, intent.password


async def test_a_password_is_asked_for_and_not_shown(start) -> None:
    async with start(lobby(LATER)) as ui:
        await ui.press("slash")
        await ui.write("is:password")
        await ui.press("enter")
        await ui.see("Tomorrow's talk", "password", "in 30 min")
        await ui.press("enter")
        await ui.write("opensesame")
        assert "opensesame" not in ui.text()
        await ui.press("enter")
        await ui.until(lambda: ui.intents)
        assert vars_of(ui.intents[0]) == (LATER.ref, "opensesame")


async def test_the_search_knows_topics_and_follows(start) -> None:
    async with start(lobby(STREAM, LATER)) as ui:
        await ui.press("slash")
        await ui.write("#music")
        await ui.see("Vinyl night")
        await ui.see_not("Tomorrow's talk")
        await ui.press("escape", "slash")
        await ui.write("follows")
        await ui.see("Tomorrow's talk")
        await ui.see_not("Vinyl night")


async def test_a_new_space_with_everything(start) -> None:
    async with start(samples.lobby()) as ui:
        await ui.press("n")
        await ui.until(lambda: ui.place == "create")
        await ui.write("Night talk")
        await ui.press("enter", "enter")
        await ui.write("password")
        await ui.press("f2")
        await ui.see("which password?")
        await ui.write("moon")
        await ui.press("enter")
        await ui.write("#nostr, audio")
        await ui.press("f2")
        await ui.until(lambda: ui.intents)
        (asked,) = ui.intents
        assert isinstance(asked, HostSpace)
        assert (asked.name, asked.access, asked.password) == ("Night talk", "password", "moon")
        assert asked.topics == ("nostr", "audio")
        assert "moon" not in ui.text()


async def test_a_secret_key_in_a_form_is_neither_shown_nor_sent(start) -> None:
    async with start(samples.lobby()) as ui:
        await ui.press("n")
        await ui.until(lambda: ui.place == "create")
        await ui.paste("nsec1" + "q" * 40)
        assert "nsec1" not in ui.text()
        await ui.press("f2")
        await ui.see("that was a secret key")
        assert ui.intents == []


async def test_a_time_in_the_past_is_refused(start) -> None:
    async with start(samples.lobby()) as ui:
        await ui.press("n")
        await ui.until(lambda: ui.place == "create")
        await ui.write("Yesterday")
        await ui.press("enter", "enter", "enter", "enter", "enter", "enter")
        await ui.write("2001-01-01 10:00")
        await ui.press("enter")
        await ui.see("in the future")
        assert ui.intents == []
