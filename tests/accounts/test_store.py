import asyncio
import json
import os
import traceback
from pathlib import Path
from typing import Any

import pytest

from tui.accounts.desktop import DesktopKeyring
from tui.accounts.store import AccountError, AccountPassword, Accounts, Store
from tui.config import limits
from tui.nostr.event import Draft, signature_ok
from tui.nostr.keys import LocalSigner, SecretKey, SignerFailed
from tui.nostr.nip06 import Words
from tui.nostr.nip19 import encode_npub
from tui.nostr.nip46 import RemoteSession, parse_bunker
from tui.nostr.remote_signer import RemoteSigner
from tui.relay.server import RelayServer

KEY = SecretKey(bytes(31) + b"\x07")
OTHER = SecretKey(bytes(31) + b"\x08")
TWELVE = "leader monkey parrot ring guide accident before fence cannon height naive bean"
PASSWORD = "correct horse"
STORES: tuple[Store, ...] = ("keyring", "encrypted", "insecure-plaintext")
DRAFT = Draft(1, "hello", (), 5)


def password(store: Store) -> str:
    return PASSWORD if store == "encrypted" else ""


def everything(folder: Path) -> str:
    return "".join(each.read_text() for each in folder.iterdir())


# --- keys of our own -----------------------------------------------------------------------------


@pytest.mark.parametrize("store", STORES)
async def test_a_key_that_was_saved_signs_after_a_restart(
    accounts: Accounts, folder: Path, memory: Any, store: Store
) -> None:
    saved = await accounts.save(KEY, store=store, label="work", password=password(store))
    assert (saved.pubkey, saved.label, saved.store, saved.remote) == (
        KEY.public, "work", store, None,
    )  # fmt: skip
    again = Accounts(folder, keyring=DesktopKeyring(memory))
    assert await again.list() == (saved,)
    signer = await again.load(saved, password(store))
    assert isinstance(signer, LocalSigner)
    event = await signer.sign(DRAFT)
    assert event.pubkey == KEY.public
    assert signature_ok(event)
    await signer.close()


async def test_a_plain_secret_stands_in_the_file_only_where_that_was_asked_for(
    accounts: Accounts, folder: Path, memory: Any
) -> None:
    keys = [SecretKey.generate() for _ in STORES]
    for key, store in zip(keys, STORES, strict=True):
        await accounts.save(key, store=store, password=password(store))
    in_keyring, encrypted, plain = (key.to_nsec() for key in keys)
    text = everything(folder)
    assert in_keyring not in text
    assert encrypted not in text
    assert text.count("ncryptsec1") == 1
    assert plain in text
    assert PASSWORD not in text
    assert memory.kept == {keys[0].public: in_keyring}


async def test_an_encrypted_key_needs_its_password(accounts: Accounts) -> None:
    account = await accounts.save(KEY, store="encrypted", password=PASSWORD)
    for wrong, reason in (("", "not given"), ("correct hose", "wrong")):
        with pytest.raises(AccountPassword, match=reason) as caught:
            await accounts.load(account, wrong)
        assert not wrong or wrong not in "".join(traceback.format_exception(caught.value))


async def test_a_weak_password_is_not_taken(accounts: Accounts) -> None:
    for weak in ("", "x" * (limits.KEY_PASSWORD_CHARS - 1), "x" * 5_000, "\udc80" * 9):
        with pytest.raises(AccountPassword):
            await accounts.save(KEY, store="encrypted", password=weak)
    assert await accounts.list() == ()


@pytest.mark.parametrize("store", STORES)
async def test_words_are_kept_for_a_backup_where_they_can_be(
    accounts: Accounts, store: Store
) -> None:
    account = await accounts.save(Words(TWELVE), store=store, password=password(store))
    assert account.pubkey == Words(TWELVE).key().public
    signer = await accounts.load(account, password(store))
    assert signer.pubkey == account.pubkey
    shown = await accounts.reveal(account, password(store))
    if store == "encrypted":  # NIP-49 has room for the key only
        assert isinstance(shown, SecretKey)
        assert shown.public == account.pubkey
    else:
        assert isinstance(shown, Words)
        assert shown.show() == TWELVE


async def test_a_key_is_never_written_over(accounts: Accounts, memory: Any) -> None:
    await accounts.save(Words(TWELVE), store="keyring", label="mine")
    before = dict(memory.kept)
    with pytest.raises(AccountError, match="kept already"):
        await accounts.save(Words(TWELVE).key(), store="keyring")
    with pytest.raises(AccountError, match="kept already"):
        session = RemoteSession(OTHER, OTHER.public, ("wss://a",), Words(TWELVE).key().public)
        await accounts.save(session, store="keyring")
    with pytest.raises(AccountError, match="has this label"):
        await accounts.save(OTHER, store="keyring", label="MINE")
    assert memory.kept == before
    assert len(await accounts.list()) == 1


async def test_a_key_that_could_not_be_listed_is_not_left_in_the_keyring(
    accounts: Accounts, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await accounts.save(KEY, store="keyring")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AccountError, match="No space left"):
        await accounts.save(OTHER, store="keyring")
    assert set(memory.kept) == {KEY.public}


async def test_accounts_are_bounded(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ACCOUNTS", 2)
    for _ in range(2):
        await accounts.save(SecretKey.generate(), store="keyring")
    with pytest.raises(AccountError, match="more than 2"):
        await accounts.save(SecretKey.generate(), store="keyring")


@pytest.mark.parametrize("store", STORES)
async def test_what_is_forgotten_is_gone(
    accounts: Accounts, folder: Path, memory: Any, store: Store
) -> None:
    account = await accounts.save(KEY, store=store, password=password(store))
    await accounts.save(OTHER, store="keyring")
    await accounts.use("default", account)
    await accounts.forget(account)
    assert [one.pubkey for one in await accounts.list()] == [OTHER.public]
    assert await accounts.current("default") is None
    assert set(memory.kept) == {OTHER.public}
    assert KEY.public not in everything(folder)
    with pytest.raises(AccountError):
        await accounts.load(account, PASSWORD)
    await accounts.save(KEY, store=store, password=password(store))


async def test_a_locked_keyring_keeps_its_account_until_it_opens(
    accounts: Accounts, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await accounts.save(KEY, store="keyring")

    def locked(*_args: object) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(memory, "get_password", locked)
        for attempt in (accounts.forget, accounts.load):
            with pytest.raises(AccountError, match="keyring fails"):
                await attempt(account)
    assert await accounts.list() == (account,)
    assert (await accounts.load(account)).pubkey == KEY.public


async def test_what_was_tampered_with_does_not_sign(
    accounts: Accounts, folder: Path, memory: Any
) -> None:
    kept = await accounts.save(KEY, store="keyring")
    plain = await accounts.save(OTHER, store="insecure-plaintext")
    path = folder / "accounts.json"
    for secret, reason in (
        (SecretKey.generate().to_nsec(), "another account"),
        (TWELVE, "another account"),
        ("junk", "no key"),
        ("junk of many words", "no key"),
        ("", "no key"),
        (None, "no longer there"),
    ):
        memory.kept = {} if secret is None else {KEY.public: secret}
        contents = json.loads(path.read_text())
        contents["secrets"] = {} if secret is None else {OTHER.public: secret}
        path.write_text(json.dumps(contents))
        for account in (kept, plain):
            for attempt in (accounts.load, accounts.reveal):
                with pytest.raises(AccountError, match=reason) as caught:
                    await attempt(account)
                shown = "".join(traceback.format_exception(caught.value))
                assert not secret or secret not in shown


# --- which one -----------------------------------------------------------------------------------


async def test_each_profile_uses_an_account_of_its_own(accounts: Accounts) -> None:
    one = await accounts.save(KEY, store="keyring")
    two = await accounts.save(OTHER, store="keyring")
    assert await accounts.current("default") is None
    await accounts.use("default", one)
    await accounts.use("work", two)
    assert (await accounts.current("default"), await accounts.current("work")) == (one, two)
    await accounts.use("default", two)
    assert await accounts.current("default") == two
    await accounts.forget(one)
    with pytest.raises(AccountError, match="no such account"):
        await accounts.use("default", one)


async def test_an_account_is_named_by_key_or_label(accounts: Accounts) -> None:
    one = await accounts.save(KEY, store="keyring", label="Work")
    two = await accounts.save(OTHER, store="keyring")
    npub = encode_npub(one.pubkey)
    for text in (
        one.pubkey,
        one.pubkey.upper(),
        npub,
        f"nostr:{npub}",
        npub[:12],
        " work ",
        "WORK",
    ):
        assert await accounts.find(text) == one
    assert await accounts.find(two.pubkey) == two
    for text in ("", "  ", "wor", "npub1", npub[:7], OTHER.to_nsec(), SecretKey.generate().public):
        with pytest.raises(AccountError, match="no such account") as caught:
            await accounts.find(text)
        assert "nsec" not in str(caught.value)


async def test_a_label_is_no_secret(accounts: Accounts) -> None:
    for label in (KEY.to_nsec(), f"x {KEY.to_nsec()}", "ncryptsec1abc", encode_npub(KEY.public)):
        with pytest.raises(AccountError, match="a name") as caught:
            await accounts.save(KEY, store="keyring", label=label)
        assert label not in str(caught.value)
    assert (await accounts.save(KEY, store="keyring", label="\x1b[1mx\u202e")).label == "[1mx"


# --- a remote signer -----------------------------------------------------------------------------


@pytest.mark.parametrize("store", STORES)
async def test_a_remote_signer_is_allowed_once_and_signs_after_a_restart(
    accounts: Accounts, folder: Path, memory: Any, their_signer: Any, store: Store
) -> None:
    first = await RemoteSigner.connect(parse_bunker(their_signer.address))
    account = await accounts.save(
        first.session, store=store, label="phone", password=password(store)
    )
    await first.close()
    assert account.pubkey == their_signer.user
    assert account.remote is not None
    assert account.remote.signer == their_signer.pubkey

    again = Accounts(folder, keyring=DesktopKeyring(memory))
    signer = await again.load(account, password(store))
    try:
        assert signer.pubkey == their_signer.user
        assert signature_ok(await signer.sign(DRAFT))
    finally:
        await signer.close()
    assert [request["method"] for request in their_signer.requests].count("connect") == 1
    kept = everything(folder) + str(memory.kept)
    assert "open sesame" not in kept, "the secret of the address proves who read it, once"
    plain = first.session.client.to_nsec() in everything(folder)
    assert plain == (store == "insecure-plaintext")


async def test_a_remote_signer_may_be_connected_anew(accounts: Accounts, memory: Any) -> None:
    sessions = [
        RemoteSession(SecretKey.generate(), OTHER.public, ("wss://a",), KEY.public) for _ in "12"
    ]
    for session in sessions:
        await accounts.save(session, store="keyring", label="phone")
    assert len(await accounts.list()) == 1
    assert memory.kept == {KEY.public: sessions[1].client.to_nsec()}
    (account,) = await accounts.list()
    with pytest.raises(AccountError, match="with its remote signer"):
        await accounts.reveal(account)


async def test_a_remote_signer_that_is_out_of_reach_does_not_hold_up_the_start(
    accounts: Accounts,
) -> None:
    session = RemoteSession(OTHER, OTHER.public, ("ws://127.0.0.1:1",), KEY.public)
    account = await accounts.save(session, store="keyring")
    async with asyncio.timeout(5):
        signer = await accounts.load(account)
        assert signer.pubkey == KEY.public
        await signer.close()


async def test_a_signer_under_another_key_is_found_out(
    accounts: Accounts, start_signer: Any, signer_relay: RelayServer
) -> None:
    impostor = await start_signer()
    first = await RemoteSigner.connect(parse_bunker(impostor.address))
    await first.close()
    session = RemoteSession(first.session.client, impostor.pubkey, first.session.relays, KEY.public)
    signer = await accounts.load(await accounts.save(session, store="keyring"))
    with pytest.raises(SignerFailed, match="refuses"):
        await signer.sign(DRAFT)
    await signer.close()


async def test_relays_that_are_none_are_said_to_be_so(accounts: Accounts, folder: Path) -> None:
    session = RemoteSession(OTHER, OTHER.public, ("wss://a",), KEY.public)
    account = await accounts.save(session, store="insecure-plaintext")
    path = folder / "accounts.json"
    path.write_text(path.read_text().replace("wss://a", "https://a"))
    (account,) = await accounts.list()
    with pytest.raises(AccountError, match="cannot be used"):
        await accounts.load(account)
