import pytest
from textual import events

from tui.controller.intents import (
    AcceptInvite,
    AskMute,
    DeclineInvite,
    Defer,
    Demote,
    Deny,
    Hide,
    Invite,
    Lock,
    Mute,
    MuteAll,
    Pardon,
    PromoteCohost,
    PromoteSpeaker,
    Remove,
    Undo,
)
from tui.controller.messages import (
    Denied,
    MuteAsked,
    Removed,
    RoleChanged,
    SpaceClosed,
)
from tui.devtools import samples
from tui.widgets.prompt_bar import PromptBar
from tui.widgets.row_list import RowList

TOMAS, NOOR, ADA = (samples.key_of(name) for name in ("Tomás", "Noor", "ada"))
LUCA, JONAS = samples.key_of("Luca"), samples.key_of("Jonas Weber")
SPAMMER = samples.key_of("CHEAP SATS")


@pytest.mark.parametrize("role", ["host", "cohost"])
async def test_a_moderator_lets_somebody_on_stage(start, role) -> None:
    async with start(samples.space(role)) as ui:
        await ui.press("q", "down", "a")
        await ui.asked(PromoteSpeaker(NOOR))


@pytest.mark.parametrize("key", ["a", "w", "X", "x", "i", "b", "o", "L", "M", "I"])
async def test_others_moderate_nothing_and_are_told_why(start, key) -> None:
    async with start(samples.space("speaker")) as ui:
        await ui.press("q", key)
        await ui.see("only the host")
        assert ui.intents == []


async def test_a_hand_is_denied_with_a_reason(start) -> None:
    async with start(samples.space("host")) as ui:
        await ui.press("q", "d")
        await ui.see("Deny the hand of Tomás?")
        await ui.write("after the song, please?")
        await ui.press("enter")
        await ui.asked(Deny(TOMAS, "after the song, please?"))
        await ui.see_not("Deny the hand")
        await ui.press("down")  # the keys are for the list again
        await ui.until(lambda: ui.screen.target == NOOR)


async def test_a_hand_is_denied_without_a_reason_or_not_at_all(start) -> None:
    async with start(samples.space("host")) as ui:
        await ui.press("q", "d", "x", "escape")
        await ui.see_not("Deny the hand")
        assert ui.intents == [] and ui.place == "space"
        await ui.press("d", "enter")
        await ui.asked(Deny(TOMAS))


async def test_to_demote_takes_a_second_key(start) -> None:
    async with start(samples.space("host")) as ui:
        await ui.press("down", "d")
        await ui.see("Take Jonas Weber off the stage?")
        assert ui.intents == []
        await ui.press("enter")
        await ui.asked(Demote(JONAS))


async def test_to_step_down_is_a_question(start) -> None:
    async with start(samples.space("speaker")) as ui:
        await ui.point_at("Samuel")
        await ui.press("d")
        await ui.see("Leave the stage and listen?", "y yes")
        await ui.press("n")
        await ui.see_not("Leave the stage")
        await ui.press("y")
        await ui.see("nobody asks you anything")
        await ui.press("d", "y")
        await ui.asked(Demote(""))


async def test_a_line_is_about_the_row_it_was_asked_for(start) -> None:
    async with start(samples.space("host")) as ui:
        await ui.press("q", "d")
        await ui.see("Deny the hand of Tomás?")
        ui.change_person("Noor", queue=1)
        ui.change_person("Tomás", queue=2)
        ui.screen.query_one("#queue-list", RowList).move_to(NOOR)
        await ui.press("enter")
        await ui.asked(Deny(TOMAS))


async def test_what_has_become_impossible_is_not_done(start) -> None:
    async with start(samples.space("host")) as ui:
        await ui.press("q", "d")
        await ui.see("Deny the hand of Tomás?")
        ui.change_person("Tomás", hand_since=0.0, queue=0)
        await ui.see("3 Queue 1")
        await ui.press("enter")
        await ui.see("Tomás is not on stage")
        assert ui.intents == []


async def test_what_has_come_to_mean_something_else_is_not_done(start) -> None:
    async with start(samples.space("host")) as ui:
        await ui.press("q", "d")
        await ui.see("Deny the hand of Tomás?")
        ui.change_person("Tomás", role="speaker", hand_since=0.0, queue=0)
        await ui.see("1 Stage 5")
        await ui.press("enter")
        await ui.see("this has changed meanwhile; nothing was done")
        assert ui.intents == []


async def test_later(start) -> None:
    async with start(samples.space("host")) as ui:
        await ui.press("q", "w")
        await ui.asked(Defer(TOMAS))
        ui.change_person("Tomás", later=True)
        rows = ui.screen.query_one("#queue-list", RowList)
        await ui.until(lambda: rows.keys == [NOOR, TOMAS])
        await ui.see("1   Tomás (later)")
        assert rows.cursor == TOMAS


async def test_to_invite_with_and_without_words(start) -> None:
    async with start(samples.space("cohost")) as ui:
        await ui.press("2")
        await ui.point_at("ada")
        await ui.press("i")
        await ui.see("Ask ada to speak:")
        await ui.write("come up")
        await ui.press("enter", "i", "enter")
        await ui.asked(Invite(ADA, "come up"), Invite(ADA))


async def test_to_invite_by_key(start) -> None:
    async with start(samples.space("host", access="invite")) as ui:
        await ui.press("I")
        await ui.see("Invite by key:")
        await ui.write("nobody")
        await ui.press("enter")
        await ui.see("that is no npub", "nobody")  # and what was typed can be mended
        assert ui.intents == []
        ui.screen.query_one(PromptBar).field.value = ""
        await ui.paste("npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg")
        await ui.press("enter")
        await ui.asked(Invite("7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"))


async def test_to_mute_one_and_all(start) -> None:
    async with start(samples.space("host")) as ui:
        await ui.point_at("Luca")
        await ui.press("x", "M")
        await ui.asked(AskMute(LUCA), MuteAll())


async def test_to_remove_takes_a_second_key(start) -> None:
    async with start(samples.space("cohost")) as ui:
        await ui.press("2")
        await ui.point_at("ada")
        await ui.press("X")
        await ui.see("Remove and bar ada?")
        await ui.press("escape", "X")
        assert ui.intents == []
        await ui.write("spam")
        await ui.press("enter")
        await ui.asked(Remove(ADA, "spam"))


async def test_who_was_removed_is_shown_to_moderators_and_pardoned(start) -> None:
    async with start(samples.space("host")) as ui:
        await ui.press("2", "end")
        await ui.see("⊘       CHEAP SATS  removed by Jonas Weber: selling things", "b Pardon")
        assert " 2 Audience 17 " in ui.text()
        await ui.press("b")
        await ui.see("Let CHEAP SATS in again?")
        await ui.press("y")
        await ui.asked(Pardon(SPAMMER))
        ui.change(barred={SPAMMER: None})
        await ui.see_not("CHEAP SATS")


async def test_others_do_not_see_who_was_removed(start) -> None:
    async with start(samples.space("listener"), size=(80, 40)) as ui:
        await ui.press("2", "end")
        await ui.see("Oleksandr (away)")
        assert "CHEAP SATS" not in ui.text()


async def test_somebody_removed_has_one_row(start) -> None:
    async with start(samples.space("host"), size=(80, 40)) as ui:
        ui.change(barred={ADA: samples.barred()[SPAMMER]})
        await ui.press("2")
        rows = ui.screen.query_one("#audience-list", RowList)
        await ui.until(lambda: " 2 Audience 16 " in ui.text())
        assert rows.keys.count(ADA) <= 1


async def test_to_bar_is_to_remove(start) -> None:
    async with start(samples.space("host")) as ui:
        await ui.press("2")
        await ui.point_at("ada")
        await ui.press("b")
        await ui.see("Remove and bar ada?")
        await ui.press("enter")
        await ui.asked(Remove(ADA))


async def test_cohosts_are_made_and_unmade_after_a_question(start) -> None:
    async with start(samples.space("host")) as ui:
        await ui.point_at("Luca")
        await ui.press("o")
        await ui.see("Let Luca moderate as co-host?")
        await ui.press("y")
        await ui.asked(PromoteCohost(LUCA))
        await ui.point_at("Jonas Weber")
        await ui.press("o")
        await ui.see("End that Jonas Weber is co-host, and on stage?")
        await ui.press("y")
        await ui.asked(PromoteCohost(LUCA), Demote(JONAS))


async def test_nobody_is_made_cohost_unasked(start) -> None:
    async with start(samples.space("host")) as ui:
        await ui.press("2")
        await ui.point_at("ada")
        await ui.press("o")
        await ui.see("ada is not on stage; i asks them first")
        assert ui.intents == []


async def test_the_lock(start) -> None:
    async with start(samples.space("host"), size=(120, 24)) as ui:
        await ui.press("L")
        await ui.asked(Lock(on=True))
        ui.change_space(locked=True)
        await ui.see("locked · ● live", "L Unlock")
        await ui.press("L")
        await ui.asked(Lock(on=True), Lock(on=False))


async def test_undo_is_offered_while_it_can_be_done(start) -> None:
    async with start(samples.space("host")) as ui:
        await ui.press("u")
        await ui.see("there is nothing to undo")
        ui.change_space(undo="letting Tomás on stage")
        await ui.see("u undoes: letting Tomás on stage")
        await ui.press("u")
        await ui.asked(Undo())
        ui.change_space(undo="")
        await ui.see_not("u undoes")


async def test_to_hide_and_to_show_again(start) -> None:
    async with start(samples.space("listener")) as ui:
        await ui.press("2")
        await ui.point_at("ada")
        await ui.press("H")
        await ui.point_at("Ibrahim")
        await ui.press("H")
        await ui.asked(Hide(ADA, on=True), Hide(samples.key_of("Ibrahim"), on=False))


async def test_an_invitation_is_answered_with_y_and_n_only(start) -> None:
    async with start(samples.space("listener")) as ui:
        assert not ui.screen.query_one("#banner").display
        ui.change_space(invited_by=JONAS, invitation="the lighthouse!")
        await ui.see(
            "Jonas Weber asks whether you want to speak: “the lighthouse!”", "y yes · n no"
        )
        await ui.press("enter", "2", "down")
        assert ui.intents == []
        assert ui.screen.query_one("#banner").display
        await ui.press("y")
        await ui.asked(AcceptInvite())
        ui.change_space(invited_by="", role="speaker", microphone="muted", hand_since=0.0)
        await ui.see("you are on stage; nobody hears you until you open the microphone (m)")
        assert not ui.screen.query_one("#banner").display


@pytest.mark.parametrize("keys", [(), ("escape",), ("g",), ("J",), ("question_mark",)])
async def test_an_invitation_is_declined_from_any_screen(start, keys) -> None:
    async with start(samples.space("listener", invited_by=JONAS)) as ui:
        await ui.press(*keys)
        await ui.until(lambda: "Jonas Weber asks whether you want to speak" in ui.line("banner"))
        place = ui.place
        await ui.press("n")
        await ui.asked(DeclineInvite())
        assert ui.place == place


async def test_a_question_goes_before_an_invitation(start) -> None:
    async with start(samples.space("speaker", invited_by=JONAS)) as ui:
        await ui.point_at("Samuel")
        await ui.press("d", "n")
        assert ui.intents == []
        await ui.press("n")
        await ui.asked(DeclineInvite())


async def test_who_writes_when_an_invitation_comes_goes_on_writing(start) -> None:
    async with start(samples.space("listener")) as ui:
        await ui.press("c", "h")
        ui.change_space(invited_by=JONAS)
        await ui.until(lambda: ui.screen.query_one("#banner").display)
        await ui.write("yny")
        await ui.see("hyny")
        assert ui.intents == []


async def test_who_was_muted_is_told_by_whom_until_the_microphone_is_open(start) -> None:
    async with start(samples.space("speaker")) as ui:
        ui.change_space(muted_by=JONAS)
        ui.put(MuteAsked(JONAS))
        await ui.until(lambda: ui.line("notice") == "Jonas Weber muted you; m to unmute")
        await ui.until(lambda: "Jonas Weber muted you; m to unmute" in ui.line("own"))
        await ui.press("m")
        await ui.asked(Mute(on=False))


@pytest.mark.parametrize("before", [True, False])
async def test_a_denial_is_told_with_its_reason(start, before) -> None:
    async with start(samples.space("listener")) as ui:
        if before:
            ui.put(Denied(JONAS, "after the song"))
        ui.change_space(hand_since=0.0)
        if not before:
            await ui.see("your hand is down")
            ui.put(Denied(JONAS, "after the song"))
        await ui.see("Jonas Weber turned your hand down: after the song", "h asks to speak")


async def test_who_is_removed_reads_why_in_the_lobby(start) -> None:
    async with start(samples.space("listener")) as ui:
        ui.put(Removed(ui.app.desk.view.me.pubkey, JONAS, "spam"))
        ui.put(SpaceClosed("removed: spam"))
        ui.change_space(stage="left", reason="removed: spam")
        await ui.until(lambda: ui.place == "lobby")
        await ui.see("you were removed by Jonas Weber: spam")
        assert ui.screen._notice_timer is None  # it stays until the next key


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        ("removed: spam", "you were removed: spam"),
        ("not admitted: the space is locked", "you were not let in: the space is locked"),
        ("not admitted: for invited people", "the host can invite you by your npub (S copies it)"),
        ("closed by host", "you are out of the space: closed by host"),
        ("left", "you have left the space"),
    ],
)
async def test_why_one_is_out(start, reason, says) -> None:
    async with start(samples.space("listener")) as ui:
        ui.put(SpaceClosed(reason))
        ui.change_space(stage="left")
        await ui.until(lambda: ui.place == "lobby")
        await ui.until(lambda: says in " ".join(ui.text().split()))


async def test_one_s_own_role_comes_with_who_gave_it(start) -> None:
    async with start(samples.space("listener")) as ui:
        me = ui.app.desk.view.me.pubkey
        ui.put(RoleChanged(me, "speaker", JONAS))
        ui.change_space(role="speaker", microphone="muted", hand_since=0.0)
        await ui.see("Jonas Weber let you on stage; nobody hears you until")
        ui.put(RoleChanged(me, "cohost", JONAS))
        ui.change_space(role="cohost")
        await ui.see("Jonas Weber made you co-host; q shows the queue")
        ui.put(RoleChanged(me, "listener", JONAS))
        ui.change_space(role="listener", microphone="closed")
        await ui.see("Jonas Weber took you off the stage; nobody hears you")


async def test_moderators_hear_what_the_others_do(start) -> None:
    async with start(samples.space("host")) as ui:
        ui.put(RoleChanged(NOOR, "speaker", JONAS))
        await ui.see("Jonas Weber let Noor on stage")
        ui.put(Removed(ADA, JONAS, "spam"))
        await ui.see("Jonas Weber removed ada: spam")
        ui.put(RoleChanged(LUCA, "listener", LUCA))
        await ui.see("Luca stepped down")


async def test_the_audience_is_not_told_of_everything(start) -> None:
    async with start(samples.space("listener")) as ui:
        ui.app._received(RoleChanged(NOOR, "speaker", JONAS))
        ui.app._received(Removed(ADA, JONAS, "spam"))
        assert ui.line("notice") == ""


async def test_keys_that_come_in_one_go_are_text_not_commands(start) -> None:
    async with start(samples.space("host")) as ui:
        await ui.press("2")
        await ui.point_at("ada")
        for key in ("X", "l", "space", "M", "slash", "q"):
            character = {"space": " ", "slash": "/"}.get(key, key)
            ui.app.post_message(events.Key(key, character))
        field = ui.screen.query_one(PromptBar).field
        await ui.until(lambda: len(field.value) == 5)
        assert field.value == "l M/q"
        assert ui.intents == [] and ui.screen.focused is field


async def test_a_prompt_survives_a_terminal_that_is_too_small(start) -> None:
    async with start(samples.space("host")) as ui:
        await ui.press("q", "d", "n")
        await ui.resize(20, 5)
        await ui.resize(80, 24)
        await ui.press("o")
        await ui.see("Deny the hand of Tomás?  no")
        await ui.press("escape")
        await ui.see_not("Deny the hand")
        await ui.press("down")
        await ui.until(lambda: ui.screen.target == NOOR)
