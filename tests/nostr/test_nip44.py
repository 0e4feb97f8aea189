import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.nostr import nip44
from tui.nostr.keys import LocalSigner, SecretKey
from tui.nostr.nip44 import InvalidPayload

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "nip44.json").read_text())["v2"]
VALID, INVALID = VECTORS["valid"], VECTORS["invalid"]
KEY = bytes(range(32))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300)


def h(text: str) -> bytes:
    return bytes.fromhex(text)


def test_no_vector_is_left_out() -> None:
    assert {group: sorted(VECTORS[group]) for group in VECTORS} == {
        "valid": [
            "calc_padded_len",
            "encrypt_decrypt",
            "encrypt_decrypt_long_msg",
            "get_conversation_key",
            "get_message_keys",
        ],
        "invalid": ["decrypt", "encrypt_msg_lengths", "get_conversation_key"],
    }


@pytest.mark.parametrize("vector", VALID["get_conversation_key"])
def test_conversation_keys(vector: dict[str, str]) -> None:
    assert nip44.conversation_key(h(vector["sec1"]), vector["pub2"]) == h(
        vector["conversation_key"]
    )


def test_message_keys() -> None:
    group = VALID["get_message_keys"]
    for vector in group["keys"]:
        cipher, mac_key = nip44._message_keys(h(group["conversation_key"]), h(vector["nonce"]))
        algorithm: Any = cipher.algorithm
        assert algorithm.key == h(vector["chacha_key"])
        assert algorithm.nonce == bytes(4) + h(vector["chacha_nonce"])
        assert mac_key == h(vector["hmac_key"])


@pytest.mark.parametrize(("length", "padded"), VALID["calc_padded_len"])
def test_padded_lengths(length: int, padded: int) -> None:
    assert nip44.padded_length(length) == padded


@pytest.mark.parametrize("vector", VALID["encrypt_decrypt"])
def test_encryption(vector: dict[str, str]) -> None:
    ours, theirs = SecretKey.parse(vector["sec1"]), SecretKey.parse(vector["sec2"])
    key = ours.conversation_key(theirs.public)
    assert key == theirs.conversation_key(ours.public) == h(vector["conversation_key"])
    payload = nip44.encrypt(vector["plaintext"], key, h(vector["nonce"]))
    assert payload == vector["payload"]
    assert nip44.decrypt(payload, key) == vector["plaintext"]


@pytest.mark.parametrize("vector", VALID["encrypt_decrypt_long_msg"])
def test_long_messages(vector: dict[str, Any]) -> None:
    text = vector["pattern"] * vector["repeat"]
    assert hashlib.sha256(text.encode()).hexdigest() == vector["plaintext_sha256"]
    payload = nip44.encrypt(text, h(vector["conversation_key"]), h(vector["nonce"]))
    assert hashlib.sha256(payload.encode()).hexdigest() == vector["payload_sha256"]
    assert nip44.decrypt(payload, h(vector["conversation_key"])) == text


@pytest.mark.parametrize("length", INVALID["encrypt_msg_lengths"])
def test_messages_of_wrong_length(length: int) -> None:
    with pytest.raises(InvalidPayload):
        nip44.encrypt("x" * length, KEY)


@pytest.mark.parametrize(
    "vector", INVALID["get_conversation_key"], ids=lambda vector: vector["note"]
)
def test_invalid_keys(vector: dict[str, str]) -> None:
    with pytest.raises(InvalidPayload):
        nip44.conversation_key(h(vector["sec1"]), vector["pub2"])


@pytest.mark.parametrize("vector", INVALID["decrypt"], ids=lambda vector: vector["note"])
def test_invalid_payloads(vector: dict[str, str]) -> None:
    with pytest.raises(InvalidPayload):
        nip44.decrypt(vector["payload"], h(vector["conversation_key"]))


@given(TEXT)
def test_text_survives(text: str) -> None:
    payload = nip44.encrypt(text, KEY)
    assert nip44.decrypt(payload, KEY) == text
    assert payload != nip44.encrypt(text, KEY)


@given(st.data())
def test_any_changed_byte_is_noticed(data: st.DataObject) -> None:
    raw = bytearray(base64.b64decode(nip44.encrypt("a secret", KEY)))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(InvalidPayload):
        nip44.decrypt(base64.b64encode(raw).decode(), KEY)


@given(st.text(max_size=300))
def test_random_text_is_no_payload(text: str) -> None:
    with pytest.raises(InvalidPayload):
        nip44.decrypt(text, KEY)


def test_edges_are_errors_of_ours() -> None:
    for payload in ("", "A" * 87_476, "é" * 200, "A" * 130 + "==", "=" * 132):
        with pytest.raises(InvalidPayload):
            nip44.decrypt(payload, KEY)
    with pytest.raises(InvalidPayload):
        nip44.encrypt("\ud800", KEY)
    with pytest.raises(InvalidPayload):
        nip44.encrypt("x", KEY, b"short")
    with pytest.raises(InvalidPayload):
        nip44.encrypt("x", b"short")
    for secret, pubkey in ((b"", "00" * 32), (KEY, "zz"), (KEY, ""), (KEY[1:], "11" * 32)):
        with pytest.raises(InvalidPayload):
            nip44.conversation_key(secret, pubkey)


async def test_two_signers_understand_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONVERSATION_KEYS", 2)
    ours = LocalSigner(SecretKey.generate())
    for _ in range(5):  # more partners than keys are remembered
        theirs = LocalSigner(SecretKey.generate())
        for text in ("hello", "again"):
            payload = await ours.encrypt(theirs.pubkey, text)
            assert await theirs.decrypt(ours.pubkey, payload) == text
    assert len(ours._conversations) == 2
    stranger = LocalSigner(SecretKey.generate())
    with pytest.raises(InvalidPayload):
        await stranger.decrypt(ours.pubkey, payload)
