import pytest

from tui.controller.intents import (
    CancelLogin,
    ForgetAccount,
    OfferNostrConnect,
    SaveKey,
    SetName,
    UseAccount,
    UseBunker,
    UseKey,
    UseKeyFile,
    UseThrowawayKey,
    UseWords,
)
from tui.controller.messages import (
    IntentRefused,
    ViewChanged,
)
from tui.controller.views import Account, Login, Me
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
        await ui.press("enter", "enter")
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
        await ui.press("enter", "enter", "enter")
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
        await ui.press("enter", "enter", "enter")
        await ui.until(lambda: ui.intents == [UseKeyFile("/home/ann/key")])


async def test_an_empty_key_is_not_sent(start) -> None:
    async with start(nobody(), first_run=True) as ui:
        await ui.press("k", "enter", "enter", "enter")
        await ui.see("paste an nsec or give the path of a key file")
        assert ui.intents == []
        await ui.press("escape")
        await ui.until(lambda: ui.place == "start")


async def test_a_secret_in_the_wrong_field_is_hidden_and_not_sent(start) -> None:
    async with start(nobody(), first_run=True) as ui:
        await ui.press("k")
        await ui.until(lambda: ui.place == "key")
        await ui.write("/keys/me")
        await ui.press("enter", "enter")
        await ui.paste(NSEC)
        assert "nsec1" not in ui.text()
        await ui.press("enter")
        await ui.see("that was a secret key")
        assert ui.intents == [] and "•" not in ui.text()
        await ui.press("enter", "enter", "enter")  # the field above has the focus again
        await ui.until(lambda: ui.intents == [UseKeyFile("/keys/me")])


async def test_a_refusal_is_shown_to_its_end(start) -> None:
    async with start(nobody(), first_run=True) as ui:
        path = "/home/ann/keys/" + "long/" * 8 + "key"
        ui.put(IntentRefused(f"others can read the key file {path}; run: chmod 600 {path}", "x"))
        await ui.see("others can read the key file", "chmod 600")
        assert ui.line("notice").replace(chr(10), "").count("/key") == 4


ACCOUNT = Account("cd" * 32, "npub1" + "x" * 58, "work", "encrypted")


def kept(*accounts: Account, key: str = "none") -> ViewChanged:
    pubkey = "" if key == "none" else "ab" * 32
    me = Me(pubkey, "", "Ann", key)  # type: ignore[arg-type]
    return ViewChanged(version=1, reset=True, me=me, accounts={a.pubkey: a for a in accounts})


async def test_a_kept_key_is_unlocked_with_its_password(start) -> None:
    async with start(kept(ACCOUNT), first_run=True) as ui:
        await ui.see("work", "Use my key", "Sign with another device")
        await ui.press("enter")
        await ui.see("Password of this key")
        await ui.write("correct horse")
        assert "correct" not in ui.text()
        await ui.press("enter")
        await ui.until(lambda: ui.intents == [UseAccount(ACCOUNT.pubkey, "correct horse")])
        assert "horse" not in repr(ui.intents)
        ui.put(somebody("encrypted"))
        await ui.until(lambda: ui.place == "lobby")


async def test_a_kept_key_is_deleted_only_after_a_question(start) -> None:
    async with start(kept(ACCOUNT), first_run=True) as ui:
        await ui.press("home", "X")
        await ui.see("Delete the key of “work”")
        await ui.press("n", "X", "y")
        await ui.until(lambda: ui.intents == [ForgetAccount(ACCOUNT.pubkey)])


async def test_the_present_key_is_kept_where_one_says(start) -> None:
    async with start(kept(key="memory")) as ui:
        await ui.press("K")
        await ui.until(lambda: ui.place == "start")
        await ui.see("Keep this key")
        await ui.press("w")
        await ui.until(lambda: ui.place == "keep")
        await ui.write("encrypted")
        await ui.press("enter")
        await ui.write("mine")
        await ui.press("enter")
        await ui.write("one")
        await ui.press("f2")
        await ui.see("the two passwords differ")
        await ui.press("enter")
        await ui.write("one")
        await ui.press("enter")
        await ui.until(lambda: ui.intents == [SaveKey("encrypted", "mine", "one")])
        assert "•" not in ui.text()
        own = Account("ab" * 32, "npub1" + "y" * 58, "mine", "encrypted", current=True)
        ui.put(ViewChanged(version=2, accounts={own.pubkey: own}))
        await ui.until(lambda: ui.place == "start")


async def test_a_plain_file_is_only_for_who_asks_for_it_in_full(start) -> None:
    async with start(kept(key="memory")) as ui:
        await ui.press("K", "w")
        await ui.until(lambda: ui.place == "keep")
        await ui.write("plain")
        await ui.press("f2")
        await ui.see("in so many letters")
        assert ui.intents == []


async def test_a_remote_signer_is_shown_its_address_as_text_and_code(start) -> None:
    address = f"nostrconnect://{'ab' * 32}?relay=wss%3A%2F%2Frelay.example&secret=0123456789abcdef"
    async with start(nobody(), first_run=True, size=(80, 40)) as ui:
        await ui.press("s")
        await ui.until(lambda: ui.intents == [OfferNostrConnect()])
        ui.put(ViewChanged(version=2, login=Login(address)))
        await ui.until(lambda: ui.place == "login")
        await ui.see("Scan this", "▀", "█")
        shown = ui.line("address").replace("\n", "").replace(" ", "")
        assert shown == address
        ui.put(ViewChanged(version=3, login=Login(address, problem="no relay can be reached")))
        await ui.see("no relay can be reached")
        ui.put(ViewChanged(version=4, login=None, me=Me("ab" * 32, "", "Ann", "remote")))
        await ui.until(lambda: ui.place == "lobby")


async def test_waiting_for_a_signer_ends_with_escape(start) -> None:
    async with start(nobody(), first_run=True) as ui:
        ui.put(ViewChanged(version=2, login=Login("nostrconnect://x")))
        await ui.until(lambda: ui.place == "login")
        await ui.press("escape")
        await ui.until(lambda: ui.place == "start")
        assert ui.intents == [CancelLogin()]


async def test_words_and_bunker_addresses_are_told_apart(start) -> None:
    words = "leader monkey parrot ring guide accident before fence cannon height naive bean"
    async with start(nobody(), first_run=True) as ui:
        for secret, intent in (
            (words, UseWords(words)),
            ("bunker://ab?relay=wss://r.example&secret=x", None),
        ):
            await ui.press("k")
            await ui.until(lambda: ui.place == "key")
            await ui.paste(secret)
            assert secret[-8:] not in ui.text()
            await ui.press("enter", "enter", "enter")
            asked = intent or UseBunker(secret)
            await ui.until(lambda asked=asked: ui.intents[-1:] == [asked])
            await ui.press("escape")
            await ui.until(lambda: ui.place == "start")
