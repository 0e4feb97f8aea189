import copy
import os
import pickle
import traceback
from pathlib import Path

import pytest

from tui.config import limits
from tui.nostr.event import Draft, signature_ok
from tui.nostr.keys import (
    InvalidKey,
    KeyFileError,
    LocalSigner,
    PasswordNeeded,
    SecretKey,
    read_key_file,
)

HEX = "67dea2ed018072d675f5415ecfaed7d2597555e202d85b3d65ea4e58d2d92ffa"
NSEC = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"
PUBLIC = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"
ORDER = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"


@pytest.mark.parametrize(
    "text", [HEX, HEX.upper(), NSEC, NSEC.upper(), f"nostr:{NSEC}", f" {NSEC}\n"]
)
def test_a_key_is_read_as_nsec_or_hex(text: str) -> None:
    secret = SecretKey.parse(text)
    assert secret.public == SecretKey.parse(HEX).public
    assert secret.to_nsec() == NSEC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        HEX[1:],
        HEX + "00",
        HEX[:62] + "  ",
        HEX[:30] + "  " + HEX[:32],
        "zz" * 32,
        NSEC[:-1] + "x",
        "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg",
        "00" * 32,
        ORDER,
    ],
)
def test_what_is_no_key_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(InvalidKey) as caught:
        SecretKey.parse(text)
    assert not text or text not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_typo_in_an_nsec_does_not_leak_the_rest() -> None:
    try:
        SecretKey.parse(NSEC[:-1] + "x")
    except InvalidKey:
        shown = "".join(traceback.format_exc())
    assert NSEC[10:40] not in shown


def test_generated_keys_come_from_the_given_randomness() -> None:
    draws = iter([b"\0" * 32, b"\xff" * 32, b"\x01" * 32])  # the first two are no keys
    assert SecretKey.generate(lambda n: next(draws)).to_nsec() == SecretKey(b"\x01" * 32).to_nsec()
    assert SecretKey.generate().public != SecretKey.generate().public


def test_a_secret_shows_nowhere() -> None:
    secret = SecretKey.parse(HEX)
    signer = LocalSigner(secret)
    for shown in (repr(secret), str(secret), f"{secret}", repr(signer), repr(vars(signer))):
        assert HEX not in shown
        assert NSEC not in shown
    assert secret.public in repr(secret)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        copy.deepcopy(secret)


def test_an_encrypted_key_is_read_with_its_password() -> None:
    text = SecretKey.parse(HEX).to_ncryptsec("open sesame", 1)
    assert SecretKey.parse(f" {text}\n", "open sesame").to_nsec() == NSEC
    assert SecretKey.parse(text.upper(), "open sesame").to_nsec() == NSEC
    for password, reason in (("", "not given"), ("open barley", "wrong")):
        with pytest.raises(PasswordNeeded, match=reason) as caught:
            SecretKey.parse(text, password)
        assert text not in str(caught.value)
        assert not password or password not in str(caught.value)
    with pytest.raises(InvalidKey, match="not an ncryptsec"):
        SecretKey.parse(text[:-1], "open sesame")


async def test_a_local_signer_signs() -> None:
    signer = LocalSigner(SecretKey.parse(HEX))
    event = await signer.sign(Draft(1, "hi", (("t", "x"),), 5))
    assert signer.pubkey == event.pubkey == SecretKey.parse(HEX).public
    assert signature_ok(event)


# --- key files -------------------------------------------------------------------------------


def key_file(tmp_path: Path, text: str | bytes = NSEC, mode: int = 0o600) -> Path:
    path = tmp_path / "key"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


@pytest.mark.parametrize("text", [NSEC, HEX, f"{NSEC}\n", f"  {HEX}\r\n"])
def test_a_private_key_file_is_read(tmp_path: Path, text: str) -> None:
    assert read_key_file(key_file(tmp_path, text)).to_nsec() == NSEC
    assert read_key_file(key_file(tmp_path, text, 0o400)).to_nsec() == NSEC


def test_an_encrypted_key_file_needs_its_password(tmp_path: Path) -> None:
    path = key_file(tmp_path, SecretKey.parse(HEX).to_ncryptsec("open sesame", 1) + "\n")
    assert read_key_file(path, "open sesame").to_nsec() == NSEC
    for password in ("", "open barley"):
        with pytest.raises(PasswordNeeded, match=str(path)):
            read_key_file(path, password)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o610])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = key_file(tmp_path, mode=mode)
    with pytest.raises(KeyFileError, match=f"chmod 600 {path}"):
        read_key_file(path)


@pytest.mark.parametrize(
    "text", ["", "hello", NSEC[:-1], b"\xff\xfe", NSEC * 100, "\0" * 64, f"{NSEC} {NSEC}"]
)
def test_a_file_without_a_key_is_refused_and_not_quoted(tmp_path: Path, text: str | bytes) -> None:
    with pytest.raises(KeyFileError) as caught:
        read_key_file(key_file(tmp_path, text))
    assert "nsec1" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="No such file"):
        read_key_file(tmp_path / "missing")
    tmp_path.chmod(0o700)
    with pytest.raises(KeyFileError, match="not a regular file"):
        read_key_file(tmp_path)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    with pytest.raises(KeyFileError, match="not a regular file"):
        read_key_file(pipe)
    with pytest.raises(KeyFileError):
        read_key_file(Path("with\0zero"))


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    path = key_file(tmp_path, b" " * (limits.KEY_FILE_BYTES + 1))
    with pytest.raises(KeyFileError, match="too large"):
        read_key_file(path)


def test_a_secret_key_in_place_of_a_path_is_not_shown(tmp_path: Path) -> None:
    nsec = SecretKey.generate().to_nsec()
    for text in (nsec, nsec.upper()):
        with pytest.raises(KeyFileError) as caught:
            read_key_file(tmp_path / text)
        assert text not in "".join(traceback.format_exception(caught.value))
