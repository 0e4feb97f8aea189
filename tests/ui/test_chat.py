import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.controller.intents import Chat, React
from tui.controller.messages import (
    IntentRefused,
    Reacted,
    ViewChanged,
)
from tui.controller.views import (
    ChatLine,
)
from tui.devtools import samples
from tui.widgets.chat import chat_rows
from tui.widgets.chat_log import ChatLog
from tui.widgets.chat_pane import ChatInput, ChatPane
from tui.widgets.reactions import Reactions
from tui.widgets.text import width_of

ADA, ME = samples.key_of("ada"), samples.key_of("Samuel")


def line(number: int, text: str, who: str = "ada", **fields) -> ChatLine:
    at = int(samples.NOW) + number
    return ChatLine(f"new {number}", samples.key_of(who), who, text, at, **fields)


def say(ui, *lines: ChatLine) -> None:
    ui.change(chat={one.id: one for one in lines})


def field(ui) -> ChatInput:
    return ui.screen.query_one(ChatInput)


async def test_the_chat_is_read(start) -> None:
    async with start(samples.space()) as ui:
        await ui.press("4")
        await ui.see("07:41  Priya Raman  That tape hiss is half of the charm.")
        await ui.see("Gdańsk, at four in the morning", "        hum is the cooling of a freighter")
        assert "  …    Samuel  It is 40 seconds long." in ui.text()  # on its way


async def test_to_write(start) -> None:
    async with start(samples.space()) as ui:
        await ui.press("c")
        await ui.write("l: is this /on? y")
        assert "l: is this /on? y" in ui.text()
        assert ui.intents == []
        await ui.press("enter")
        await ui.asked(Chat("l: is this /on? y"))
        assert field(ui).value == "" and field(ui).has_focus
        await ui.write("more")
        await ui.press("escape")
        await ui.until(lambda: not field(ui).has_focus)
        assert ui.place == "space" and "more" in ui.text()  # what was typed is kept
        await ui.press("c", "enter")
        await ui.asked(Chat("l: is this /on? y"), Chat("more"))
        await ui.press("enter")  # nothing to say: the line goes
        await ui.until(lambda: not field(ui).display)
        await ui.press("1")
        await ui.see("◆ H Amina")


async def test_an_empty_line_goes_with_its_pane(start) -> None:
    async with start(samples.space(), size=(120, 24)) as ui:
        await ui.press("c")
        await ui.until(lambda: field(ui).display)
        await ui.press("tab")
        await ui.until(lambda: not field(ui).display)


async def test_own_messages_tell_how_far_they_are(start) -> None:
    async with start(samples.space()) as ui:
        await ui.press("4")
        own = line(5, "Hello out there", "Samuel", state="waiting")
        say(ui, own)
        await ui.see("  …    Samuel  Hello out there")
        say(ui, line(5, "Hello out there", "Samuel", state="sent"))
        await ui.see("08:00  Samuel  Hello out there")
        say(ui, line(5, "Hello out there", "Samuel", state="failed"))
        await ui.see("✗ no relay took it")


async def test_what_was_refused_can_be_sent_again(start) -> None:
    async with start(samples.space()) as ui:
        await ui.press("c", "h", "i", "enter")
        await ui.asked(Chat("hi"))
        ui.put(IntentRefused("too many messages", "chat"))
        await ui.see("too many messages")
        assert field(ui).value == "hi"
        await ui.press("enter")
        await ui.asked(Chat("hi"), Chat("hi"))


async def test_what_cannot_be_handed_over_stays(start, controller, monkeypatch) -> None:
    monkeypatch.setattr("tui.config.limits.RECONNECT_SECONDS", (5.0, 5.0))
    async with start(samples.space()) as ui:
        controller.refuse = OSError("gone")
        controller.end()
        await ui.see("no controller")
        await ui.press("c", "h", "i", "enter")
        await ui.see("the controller cannot be reached right now")
        assert field(ui).value == "hi" and ui.intents == []


async def test_nobody_writes_before_being_in(start) -> None:
    async with start(samples.space(stage="joining")) as ui:
        await ui.press("c")
        await ui.see("you are not in the space yet")
        await ui.press("r")
        await ui.see("you are not in the space yet")
        assert not field(ui).display


async def test_unread_messages_are_counted_on_the_tab(start) -> None:
    async with start(samples.space()) as ui:
        assert "4 Chat" in ui.text() and " new" not in ui.text()  # what was there is no news
        say(ui, line(1, "one"), line(2, "two"), line(3, "mine", "Samuel", state="sent"))
        await ui.see("4 Chat 2 new")
        say(ui, line(4, "👏", reaction=True))
        say(ui, line(-4000, "from before we came"))
        await ui.until(lambda: ui.app.settled)
        assert "4 Chat 2 new" in ui.text()
        await ui.press("escape")
        await ui.until(lambda: ui.place == "lobby")
        say(ui, line(6, "three"))
        await ui.press("escape")
        await ui.see("4 Chat 3 new")
        await ui.press("4")
        await ui.see("three", "one")
        await ui.see_not("new ")
        say(ui, line(7, "seen at once"))
        await ui.see("seen at once")
        assert ui.app.desk.chat.unread == 0
        assert "👏" not in ui.text()


async def test_a_message_to_oneself_is_said(start) -> None:
    async with start(samples.space()) as ui:
        say(ui, line(1, "Samuel, are you there?", mentions_me=True))
        await ui.see("ada: Samuel, are you there? (4 shows the chat)", "4 Chat 1 new")
        await ui.press("4")
        await ui.see_not("4 shows the chat")
        say(ui, line(2, "Samuel?", mentions_me=True))
        await ui.see("ada  Samuel?")
        assert ui.line("notice") == ""  # it is on the screen already


async def test_the_chat_follows_its_end_until_one_looks_elsewhere(start) -> None:
    async with start(samples.space(), size=(80, 18)) as ui:
        await ui.press("4")
        say(ui, *(line(i, f"message {i}") for i in range(1, 30)))
        await ui.see("message 29")
        await ui.press("home")
        await ui.see("That tape hiss")
        say(ui, line(40, "the last one"))
        await ui.until(lambda: "new 40" in ui.app.desk.view.chat and ui.app.settled)
        assert "That tape hiss" in ui.text() and "the last one" not in ui.text()
        await ui.press("end")
        await ui.see("the last one")


async def test_keys_are_about_who_wrote(start) -> None:
    async with start(samples.space("host")) as ui:
        await ui.press("4")
        await ui.press("up")
        await ui.until(lambda: ui.screen.target == ADA)
        await ui.press("X")
        await ui.see("Remove and bar ada?")


async def test_hidden_people_are_not_read(start) -> None:
    async with start(samples.space()) as ui:
        await ui.press("4")
        await ui.see("+1 for the lighthouse")
        ui.change_person("ada", hidden=True)
        await ui.see_not("+1 for the lighthouse")
        ui.change_person("ada", hidden=False)
        await ui.see("+1 for the lighthouse")


async def test_the_filter_searches_the_chat(start) -> None:
    async with start(samples.space()) as ui:
        await ui.press("4", "slash")
        await ui.write("harbour")
        await ui.see_not("That tape hiss")
        await ui.see("Which harbour was it?")


async def test_another_width_breaks_the_text_anew(start) -> None:
    async with start(samples.space(), size=(160, 24)) as ui:
        await ui.see("Gdańsk, at four in the")
        before = len(ui.screen.query_one(ChatPane).rows.keys)
        await ui.press("4")
        await ui.resize(50, 24)
        await ui.until(lambda: len(ui.screen.query_one(ChatPane).rows.keys) > before)
        await ui.see("40 seconds")


async def test_a_message_that_goes_is_gone(start) -> None:
    async with start(samples.space()) as ui:
        await ui.press("4")
        await ui.see("+1 for the lighthouse")
        gone = next(one for one in samples.chat().values() if one and "+1" in one.text)
        ui.change(chat={gone.id: None})
        await ui.see_not("+1 for the lighthouse")
        ui.change(chat=dict.fromkeys(ui.app.desk.view.chat))
        await ui.see("Nobody has written; c writes.")


async def test_reactions_by_number_and_typed(start) -> None:
    async with start(samples.space()) as ui:
        await ui.press("r")
        await ui.see("1 👍 2 👏", "8 👋")
        await ui.press("2")
        await ui.asked(React("👏"))
        await ui.see_not("1 👍")
        await ui.press("r", "9", "enter")
        await ui.asked(React("👏"), React("9"))
        await ui.press("r")
        await ui.paste("🐙")
        await ui.press("enter")
        await ui.asked(React("👏"), React("9"), React("🐙"))
        await ui.press("r", "enter")
        await ui.see("nothing was typed")
        await ui.press("escape")
        await ui.see_not("1 👍")
        assert len(ui.intents) == 3


async def test_reactions_stand_beside_the_name_for_a_while(start) -> None:
    clock = [samples.NOW]
    async with start(samples.space(), now=lambda: clock[0]) as ui:
        ui.put(Reacted(samples.key_of("Luca"), "🔥"))
        ui.put(Reacted(ADA, "🔥"))
        ui.put(Reacted(samples.key_of("Amina Okafor"), "+"))
        await ui.see("Luca ★ 🔥", "🔥2 👍1")
        clock[0] += limits.REACTION_SECONDS + 1
        ui.app._fade_reactions()
        await ui.see_not("🔥")
        assert "👍" not in ui.text()


async def test_a_message_of_any_shape_does_no_harm(start) -> None:
    texts = ["\x1b[2Jx", "[red]x[/]", "\u202eevil", "語" * 900, "A" * 5_000, "a\n\n\nb", "", " ",
             "\ud800", "Z" + "\u0300" * 500]  # fmt: skip
    async with start(samples.space(), size=(41, 20)) as ui:
        await ui.press("4")
        say(ui, *(ChatLine(f"{n}", ADA, text, text, n) for n, text in enumerate(texts)))
        say(ui, ChatLine("far", ADA, "ada", "from the future", 2**53))
        await ui.see("--:--", "from the future")
        for key in ("home", *["pagedown"] * 8):
            await ui.press(key)
            text = ui.text()
            assert "\x1b" not in text and "\u202e" not in text
            for strip in ui.app.screen._compositor.render_strips():
                assert strip.cell_length == 41


@given(
    st.text(max_size=300), st.text(max_size=40), st.integers(1, 120),
    st.sampled_from(["", "waiting", "sent", "failed"]),
)  # fmt: skip
def test_rows_fit_and_are_bounded(text: str, name: str, width: int, state) -> None:
    message = ChatLine("1", ADA, name, text, 5, state=state)
    rows = chat_rows(message, width, lambda _at: "07:41", ME)
    assert 0 < len(rows) <= limits.CHAT_ROWS + 2
    if width >= 40:
        assert all(width_of(row) <= width for row in rows)


@given(st.text("ab \n", max_size=2_000), st.integers(20, 80))
def test_nothing_of_a_message_is_lost_while_it_fits(text: str, width: int) -> None:
    rows = chat_rows(ChatLine("1", ADA, "n", text, 5), width, lambda _at: "07:41", ME)
    shown = "".join("".join(part for part, _ in row) for row in rows)
    if len(rows) < limits.CHAT_ROWS:
        letters = shown.replace("07:41", "").replace("n", "", 1).split()
        assert "".join(letters) == "".join(text[: limits.CHAT_LENGTH].split())


LINES = st.builds(
    ChatLine,
    id=st.sampled_from("abcdef"),
    pubkey=st.sampled_from([ADA, ME]),
    name=st.just("n"),
    text=st.just("t"),
    at=st.integers(0, 20),
    reaction=st.booleans(),
    mentions_me=st.booleans(),
)


@given(st.lists(st.lists(st.one_of(LINES, st.sampled_from("abcdef")), max_size=5), max_size=10))
def test_step_by_step_is_the_same_as_all_at_once(steps: list) -> None:
    chat: dict[str, ChatLine] = {}
    log = ChatLog()
    for step in steps:
        for change in step:
            if isinstance(change, str):
                chat.pop(change, None)
            else:
                chat[change.id] = change
        changed = {change if isinstance(change, str) else change.id for change in step}
        for new in log.update(chat, changed, me=ME, since=10):
            assert new.pubkey != ME and new.at >= 10 and not new.reaction
    whole = ChatLog()
    whole.rebuild(chat)
    assert log.keys == whole.keys
    assert whole.unread == 0
    assert log.unread <= sum(one.pubkey == ADA for one in chat.values()) or len(steps) > 1
    log.read()
    assert log.unread == 0 and not log.mentioned


def test_reactions_are_few_and_short() -> None:
    shown = Reactions()
    for i in range(limits.SHOWN_REACTIONS + 50):
        shown.add(str(i), "text in place of an emoji\x1b[2J", 10.0)
    assert shown.of("0") == "" and width_of([(shown.of("249"), "")]) <= 4
    assert len(shown.fade(10.0 + limits.REACTION_SECONDS)) == limits.SHOWN_REACTIONS
    assert not shown and shown.summary() == ""


async def test_the_link_is_copied(start) -> None:
    async with start(samples.space()) as ui:
        written = []
        driver = ui.app._driver
        ui.app._driver.write = written.append
        await ui.press("S")
        nevent = "nostr:nevent1qqsample0space0which0nobody0can0open"
        await ui.see("copied, if your terminal allows it; S copies the other form", nevent[:40])
        await ui.press("S")
        await ui.see("nostr:naddr1qqsample0room")
        del driver.write
        sent = [text for text in written if text.startswith("\x1b]52;c;")]
        copied = [base64.b64decode(text[7:].rstrip("\a")).decode() for text in sent]
        assert copied == [nevent, "nostr:naddr1qqsample0room0which0nobody0can0open"]


async def test_a_link_is_whole_on_a_small_screen(start) -> None:
    link = "nostr:nevent1" + "q" * 290 + "end"
    async with start(samples.space(share_room="", share=link), size=(80, 24)) as ui:
        await ui.press("S")
        await ui.until(lambda: link in "".join(ui.line("notice").split()))


async def test_a_link_of_one_form_is_copied_again(start) -> None:
    async with start(samples.space(share_room="", share="nostr:nevent1x")) as ui:
        await ui.press("S", "S")
        await ui.see("copied, if your terminal allows it: nostr:nevent1x")


@pytest.mark.parametrize("order", [0, 1])
async def test_a_snapshot_is_no_news(start, order: int) -> None:
    async with start(samples.space()) as ui:
        again = samples.space()
        ui.put(ViewChanged(**{**_fields(again), "version": 9}))
        await ui.until(lambda: ui.app.desk.view.version == 9 and ui.app.settled)
        assert ui.app.desk.chat.unread == 0


def _fields(change: ViewChanged) -> dict:
    return {name: getattr(change, name) for name in change.__struct_fields__}
