"""NIP-44 v2: encrypted payloads between two keys.

The shared secret is the raw x coordinate of the ECDH point, computed by libsecp256k1's constant
time `secp256k1_ecdh`. Neither public door of coincurve will do: `PrivateKey.ecdh` hashes the
point, `PublicKey.multiply` does not run in constant time. So the C function is called with a hash
function of ours that hands x out as it is; that is why coincurve is pinned to one major version.
"""

import base64
import binascii
import secrets
from typing import Any, Final

from coincurve._libsecp256k1 import ffi, lib  # type: ignore[import-not-found]
from coincurve.context import GLOBAL_CONTEXT
from coincurve.keys import PublicKey
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from tui.config import limits

_VERSION: Final = 2
_SALT: Final = b"nip44-v2"


class InvalidPayload(ValueError):
    """A payload, text or key that NIP-44 does not allow. Never quotes what it holds."""


@ffi.callback("int(unsigned char *, unsigned char *, unsigned char *, void *)")  # type: ignore[untyped-decorator]
def _copy_x(output: Any, x: Any, _y: Any, _data: Any) -> int:
    ffi.memmove(output, x, 32)
    return 1


def conversation_key(secret: bytes, pubkey: str) -> bytes:
    """The 32 byte key that two key pairs share, the same from either side; raises InvalidPayload.

    `secret` is 32 bytes, `pubkey` the other side's x-only key in hex.
    """
    try:
        point = PublicKey(b"\x02" + bytes.fromhex(pubkey)).public_key
    except ValueError:
        raise InvalidPayload("not a public key") from None
    if len(secret) != 32:
        raise InvalidPayload("not a secret key")
    shared = ffi.new("unsigned char[32]")
    # 0 tells of a secret that is zero or not below the group order.
    if not lib.secp256k1_ecdh(GLOBAL_CONTEXT.ctx, shared, point, secret, _copy_x, ffi.NULL):
        raise InvalidPayload("not a secret key")
    return _hmac(_SALT, bytes(ffi.buffer(shared))).finalize()  # HKDF-extract (RFC 5869)


def encrypt(text: str, key: bytes, nonce: bytes | None = None) -> str:
    """The payload (base64) of 1 to 65535 bytes of text under a conversation key.

    `nonce` (32 bytes) is random unless a test fixes it. Raises InvalidPayload.
    """
    if nonce is None:
        nonce = secrets.token_bytes(32)
    cipher, mac_key = _message_keys(key, nonce)
    ciphertext = cipher.encryptor().update(_pad(text))
    mac = _mac(mac_key, nonce, ciphertext).finalize()
    return base64.b64encode(bytes((_VERSION,)) + nonce + ciphertext + mac).decode("ascii")


def decrypt(payload: str, key: bytes) -> str:
    """The text of a payload under a conversation key; raises InvalidPayload."""
    data = payload_bytes(payload)
    nonce, ciphertext, mac = data[1:33], data[33:-32], data[-32:]
    cipher, mac_key = _message_keys(key, nonce)
    try:
        _mac(mac_key, nonce, ciphertext).verify(mac)  # compares in constant time
    except InvalidSignature:
        raise InvalidPayload("authentication failed") from None
    return _unpad(cipher.decryptor().update(ciphertext))


def payload_bytes(payload: str) -> bytes:
    """A payload's bytes if its version and length are possible; raises InvalidPayload."""
    if payload.startswith("#"):
        raise InvalidPayload("unsupported version")
    if not 132 <= len(payload) <= 87_472:
        raise InvalidPayload("length is out of bounds")
    try:
        data = base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidPayload("not base64") from None
    if len(data) < 99:
        raise InvalidPayload("length is out of bounds")
    if data[0] != _VERSION:
        raise InvalidPayload("unsupported version")
    return data


def payload_size(text: str) -> int:
    """How many bytes the payload of this text has; raises InvalidPayload."""
    return 1 + 32 + len(_pad(text)) + 32


def padded_length(length: int) -> int:
    """How many bytes a text of `length` bytes takes once padded, to hide its exact length."""
    if length <= 32:
        return 32
    next_power: int = 1 << (length - 1).bit_length()
    chunk = max(32, next_power // 8)
    return chunk * ((length - 1) // chunk + 1)


def _message_keys(key: bytes, nonce: bytes) -> tuple[Cipher[None], bytes]:
    if len(key) != 32 or len(nonce) != 32:
        raise InvalidPayload("key and nonce have 32 bytes")
    keys = HKDFExpand(SHA256(), 76, nonce).derive(key)
    # `cryptography` takes ChaCha20's block counter (32 bit, from 0) in front of the RFC 8439 nonce.
    return Cipher(ChaCha20(keys[:32], bytes(4) + keys[32:44]), mode=None), keys[44:]


def _hmac(key: bytes, data: bytes) -> HMAC:
    mac = HMAC(key, SHA256())
    mac.update(data)
    return mac


def _mac(key: bytes, nonce: bytes, ciphertext: bytes) -> HMAC:
    return _hmac(key, nonce + ciphertext)


def _pad(text: str) -> bytes:
    try:
        data = text.encode()
    except UnicodeError:
        raise InvalidPayload("text has a lone surrogate") from None
    if not 1 <= len(data) <= limits.PLAINTEXT_BYTES:
        raise InvalidPayload(f"text must have 1 to {limits.PLAINTEXT_BYTES} bytes")
    return len(data).to_bytes(2, "big") + data.ljust(padded_length(len(data)), b"\0")


def _unpad(padded: bytes) -> str:
    length = int.from_bytes(padded[:2], "big")
    if not length or len(padded) != 2 + padded_length(length):
        raise InvalidPayload("padding is wrong")
    try:
        return padded[2 : 2 + length].decode()
    except UnicodeError:
        raise InvalidPayload("not UTF-8") from None
