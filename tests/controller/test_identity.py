import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend

from tui.controller.intents import (
    CancelLogin,
    ForgetAccount,
    HostSpace,
    LeaveSpace,
    OfferNostrConnect,
    SaveKey,
    UseAccount,
    UseBunker,
    UseKey,
    UseThrowawayKey,
    UseWords,
)
from tui.controller.messages import Failed, IntentRefused, Joined, Ready, SpaceClosed
from tui.nostr.keys import SecretKey
from tui.nostr.nip19 import encode_npub

Run = Callable[..., Awaitable[Any]]
PASSWORD = "correct horse"
WORDS = "leader monkey parrot ring guide accident before fence cannon height naive bean"
OF_WORDS = "17162c921dc4d2518f9a101db33695df1afb56ab82f5ff3e5da6eec3ca5cd917"


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "kept")


class SlowKeyring(KeyringBackend):
    """A keyring whose owner has to type something first, and does when the test says so."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, str] = {}
        self.unlocked = threading.Event()
        self.unlocked.set()

    def get_password(self, service: str, username: str) -> str | None:
        self.unlocked.wait()
        return self.kept.get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[username]


@pytest.fixture
def desktop() -> Iterator[SlowKeyring]:
    before = keyring.get_keyring()
    backend = SlowKeyring()
    keyring.set_keyring(backend)
    yield backend
    backend.unlocked.set()
    keyring.set_keyring(before)


async def kept(run: Run, folder: str, store: str, **more: str) -> str:
    """Keep a new key; its pubkey."""
    client = await run(accounts=folder)
    client.do(SaveKey(store, **more))  # type: ignore[arg-type]
    await client.sees(lambda view: view.me.key == store and view.me.pubkey in view.accounts)
    account = client.view.accounts[client.view.me.pubkey]
    assert (account.store, account.current) == (store, True)
    await client.end()
    return str(account.pubkey)


@pytest.mark.parametrize("store", ["keyring", "insecure-plaintext"])
async def test_a_kept_key_signs_from_the_next_start_on(
    run: Run, folder: str, desktop: SlowKeyring, store: str
) -> None:
    pubkey = await kept(run, folder, store, label="Ada")
    client = await run(accounts=folder, throwaway=False)
    client.do(HostSpace("Tea"))  # waits for the key to be there
    assert (await client.hears(Ready)).pubkey == pubkey
    await client.hears(Joined)
    me = await client.sees(lambda view: view.me.pubkey == pubkey and view.me)
    assert (me.key, me.npub) == (store, encode_npub(pubkey))
    assert client.view.accounts[pubkey].label == "Ada"


async def test_an_encrypted_key_waits_for_its_password(run: Run, folder: str) -> None:
    pubkey = await kept(run, folder, "encrypted", password=PASSWORD, label="Ada")
    client = await run(accounts=folder, throwaway=False)
    await client.sees(lambda view: any("password" in line.text for line in view.log))
    assert (client.view.me.key, client.view.relays) == ("none", {})
    assert client.view.accounts[pubkey].current
    client.do(UseAccount("Ada", "sesame"))
    assert (await client.hears(Failed)).cause == "key_password"
    client.do(UseAccount("Ada", PASSWORD), HostSpace("Tea"))
    assert (await client.hears(Ready)).pubkey == pubkey
    await client.hears(Joined)
    await client.sees(lambda view: view.me.key == "encrypted")
    shown = f"{client.view.log} {client.view.snapshot()}"
    assert PASSWORD not in shown
    assert "sesame" not in shown


async def test_a_keyring_that_waits_for_its_owner_holds_up_nothing(
    run: Run, folder: str, desktop: SlowKeyring
) -> None:
    pubkey = await kept(run, folder, "keyring")
    desktop.unlocked.clear()
    client = await run(accounts=folder, throwaway=False)
    client.do(HostSpace("Tea"), LeaveSpace())
    assert (await client.hears(SpaceClosed)).reason == "left", "the way in waits, and ends"
    client.do(UseThrowawayKey(), HostSpace("Tea"))
    assert (await client.hears(Ready)).pubkey != pubkey
    await client.hears(Joined)
    desktop.unlocked.set()
    await client.sees(lambda view: view.space and view.space.stage == "joined")
    assert client.view.me.key == "throwaway", "the later choice counts"


async def test_a_key_that_is_forgotten_is_gone(run: Run, folder: str) -> None:
    pubkey = await kept(run, folder, "insecure-plaintext")
    client = await run(accounts=folder)
    await client.sees(lambda view: pubkey in view.accounts)
    client.do(ForgetAccount(pubkey))
    await client.sees(lambda view: pubkey not in view.accounts)
    client.do(UseAccount(pubkey))
    assert "no such account" in (await client.hears(IntentRefused)).reason
    assert pubkey not in (Path(folder) / "accounts.json").read_text()


async def test_words_make_a_key_that_can_be_kept(run: Run, folder: str) -> None:
    client = await run(accounts=folder, throwaway=False)
    client.do(UseWords(WORDS))
    assert (await client.hears(Ready)).pubkey == OF_WORDS
    await client.sees(lambda view: view.me.key == "words")
    client.do(SaveKey("insecure-plaintext"))
    await client.sees(lambda view: view.me.key == "insecure-plaintext")
    client.do(SaveKey("insecure-plaintext"))
    assert "kept already" in (await client.hears(IntentRefused)).reason
    client.do(UseWords("leader monkey"))
    reason = (await client.hears(IntentRefused)).reason
    assert "monkey" not in reason


async def test_a_bad_key_is_refused_in_words_that_do_not_show_it(run: Run) -> None:
    client = await run(throwaway=False)
    client.do(UseKey("nsec1secretsecret"), SaveKey("keyring"))
    assert "secretsecret" not in (await client.hears(IntentRefused, intent="use_key")).reason
    assert (await client.hears(IntentRefused, intent="save_key")).reason == "choose a key first"
    client.do(HostSpace("Tea"))
    assert (await client.hears(IntentRefused)).reason == "choose a key first"


async def test_keys_do_not_change_inside_a_space(run: Run) -> None:
    client = await run()
    client.do(HostSpace("Tea"))
    await client.hears(Joined)
    pubkey = client.view.me.pubkey
    for intent in (UseThrowawayKey(), UseKey(SecretKey.generate().to_nsec()), OfferNostrConnect()):
        client.do(intent)
        assert "leave the space" in (await client.hears(IntentRefused)).reason
    assert client.view.me.pubkey == pubkey


async def test_a_named_account_is_used_or_its_absence_said(run: Run, folder: str) -> None:
    first = await kept(run, folder, "insecure-plaintext", label="Ada")
    second = await kept(run, folder, "encrypted", password=PASSWORD, label="Bob")
    options = {"accounts": folder, "throwaway": False}
    ada = await run(account="ada", **options)
    assert (await ada.hears(Ready)).pubkey == first
    bob = await run(account="Bob", account_password=PASSWORD, **options)
    assert (await bob.hears(Ready)).pubkey == second
    wrong = await run(account="Bob", account_password="no", **options)
    assert (await wrong.hears(Failed)).cause == "key"
    nobody = await run(account="nobody", **options)
    assert (await nobody.hears(Failed)).cause == "key"


async def test_a_remote_signer_is_connected_kept_and_used_again(
    run: Run, folder: str, their_signer: Any
) -> None:
    client = await run(accounts=folder, throwaway=False)
    client.do(UseBunker(their_signer.address))
    assert (await client.hears(Ready)).pubkey == their_signer.user
    await client.sees(lambda view: view.me.key == "remote" and view.login is None)
    client.do(SaveKey("insecure-plaintext", "phone"))
    kept = await client.sees(lambda view: view.accounts.get(their_signer.user))
    assert (kept.store, kept.label) == ("remote", "phone")
    await client.end()
    again = await run(accounts=folder, throwaway=False)
    again.do(HostSpace("Tea"))
    await again.hears(Joined)
    await again.sees(lambda view: view.me.pubkey == their_signer.user)
    assert sum(request["method"] == "connect" for request in their_signer.requests) == 1


async def test_a_remote_signer_answers_an_address_that_is_shown(
    run: Run, signer_relay: Any, their_signer: Any
) -> None:
    client = await run(relays=(signer_relay.url,), throwaway=False)
    client.do(OfferNostrConnect())
    login = await client.sees(lambda view: view.login)
    assert login.address.startswith("nostrconnect://")
    await their_signer.scan(login.address)
    assert (await client.hears(Ready)).pubkey == their_signer.user
    await client.sees(lambda view: view.login is None)


async def test_waiting_for_a_remote_signer_can_be_given_up(run: Run, their_signer: Any) -> None:
    their_signer.answering = False
    client = await run(throwaway=False)
    client.do(UseBunker("bunker://nonsense"))
    assert "bunker address" in (await client.hears(IntentRefused)).reason
    client.do(UseBunker(their_signer.address))
    await client.sees(lambda view: view.login)
    client.do(CancelLogin())
    await client.sees(lambda view: view.login is None)
    client.do(UseBunker(their_signer.address))
    await client.sees(lambda view: view.login)
    client.do(UseThrowawayKey())  # and by any other choice
    await client.sees(lambda view: view.login is None and view.me.key == "throwaway")


async def test_a_remote_signer_that_refuses_is_a_problem_to_read(
    run: Run, their_signer: Any
) -> None:
    client = await run(throwaway=False)
    client.do(
        UseBunker(
            their_signer.address.replace("sesame", "barley").replace("secret=open", "secret=closed")
        )
    )
    assert (await client.hears(Failed)).cause == "signer"
    login = await client.sees(lambda view: view.login and view.login.problem and view.login)
    assert "secret" in login.problem
