"""NIP-49: a secret key encrypted with a password, as `ncryptsec1...`.

Both ways cost a fraction of a second and up to a gigabyte, by design: call them in a thread.
"""

import hashlib
import secrets
import unicodedata
from collections.abc import Callable
from typing import Final

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError

from tui.config import limits
from tui.nostr.nip19 import InvalidBech32, decode_bech32, encode_bech32

PREFIX: Final = "ncryptsec"
LOG_N: Final = 16  # 64 MiB and some tenths of a second, what most clients write
_VERSION: Final = 2
_NOT_TRACKED: Final = b"\x02"  # we do not know how the key was handled before it came to us


class InvalidNcryptsec(ValueError):
    """Text that is no encrypted key, or one that costs too much to open. Never quotes it."""


class WrongPassword(ValueError):
    """The password does not open the key, or cannot be one. Never quotes it."""


def encrypt_key(
    secret: bytes,
    password: str,
    log_n: int = LOG_N,
    random_bytes: Callable[[int], bytes] = secrets.token_bytes,
) -> str:
    """A secret key (32 bytes) as `ncryptsec1...`; scrypt takes 2^log_n KiB. Raises WrongPassword.

    `random_bytes` gives salt and nonce.
    """
    if len(secret) != 32 or not 1 <= log_n <= limits.SCRYPT_LOG_N:
        raise ValueError("a key of 32 bytes, and a cost that we could read again")
    salt, nonce = random_bytes(16), random_bytes(24)
    key = _stretch(password, salt, log_n)
    sealed = crypto_aead_xchacha20poly1305_ietf_encrypt(secret, _NOT_TRACKED, nonce, key)
    return encode_bech32(PREFIX, bytes((_VERSION, log_n)) + salt + nonce + _NOT_TRACKED + sealed)


def decrypt_key(text: str, password: str) -> bytes:
    """The secret key (32 bytes) of an `ncryptsec1...`; raises InvalidNcryptsec, WrongPassword."""
    try:
        prefix, data = decode_bech32(text.strip())
    except InvalidBech32 as error:
        raise InvalidNcryptsec(f"not an {PREFIX}: {error}") from None
    if prefix != PREFIX or len(data) != 91:
        raise InvalidNcryptsec(f"not an {PREFIX}")
    if data[0] != _VERSION:
        raise InvalidNcryptsec(f"an {PREFIX} of another version")
    log_n, salt, nonce, handling, sealed = data[1], data[2:18], data[18:42], data[42:43], data[43:]
    if not 1 <= log_n <= limits.SCRYPT_LOG_N:
        raise InvalidNcryptsec(f"an {PREFIX} that takes too much memory to open")
    key = _stretch(password, salt, log_n)
    try:
        return crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, handling, nonce, key)
    except CryptoError:
        raise WrongPassword("the password is wrong") from None


def _stretch(password: str, salt: bytes, log_n: int) -> bytes:
    try:
        data = unicodedata.normalize("NFKC", password).encode()
    except UnicodeError:
        raise WrongPassword("a password is text that can be written as UTF-8") from None
    if len(data) > limits.KEY_PASSWORD_BYTES:
        raise WrongPassword("the password is too long")
    memory = 2 ** (10 + log_n)  # 128 * r * N bytes
    try:
        return hashlib.scrypt(
            data, salt=salt, n=2**log_n, r=8, p=1, maxmem=memory + 2**20, dklen=32
        )
    except (MemoryError, ValueError):  # OpenSSL calls it a ValueError if it gets no memory
        raise InvalidNcryptsec("there is not enough memory to open the key") from None
