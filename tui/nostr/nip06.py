"""NIP-06: a secret key from words (BIP-39) by way of BIP-32, at `m/44'/1237'/0'/0/0`.

The way back does not exist: a key tells nothing of its words, so whoever wants to write them down
later has to keep them.
"""

import functools
import hmac
import secrets
from collections.abc import Callable
from typing import Final

from coincurve import PrivateKey
from mnemonic import Mnemonic

from tui.config import limits
from tui.nostr.keys import InvalidKey, SecretKey

_HARDENED: Final = 2**31
_PATH: Final = (44 + _HARDENED, 1237 + _HARDENED, 0 + _HARDENED, 0, 0)
_COUNTS: Final = (12, 15, 18, 21, 24)


class InvalidWords(InvalidKey):
    """Words that are none of BIP-39, or not in their order; names places, never the words."""


class Words:
    """Twelve to twenty-four words that make a key; shown nowhere but by `show`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = _checked(text)

    @classmethod
    def generate(cls, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> "Words":
        """Twelve new words: 128 bits, which is also the strength of the key."""
        return cls(_list().to_mnemonic(random_bytes(16)))

    def key(self) -> SecretKey:
        """The key at `m/44'/1237'/0'/0/0`; some milliseconds of work."""
        seed = Mnemonic.to_seed(self._text)
        secret, chain = _split(b"Bitcoin seed", seed)
        for index in _PATH:
            secret, chain = _child(secret, chain, index)
        return SecretKey(secret)

    def show(self) -> str:
        """The words, for the one place where their owner asks to see them."""
        return self._text

    def __repr__(self) -> str:
        return "Words(<redacted>)"

    def __reduce__(self) -> str:
        raise TypeError("words of a key are not to be copied or pickled")


@functools.cache
def _list() -> Mnemonic:
    return Mnemonic("english")


def _checked(text: str) -> str:
    """The words in normal form; raises InvalidWords."""
    if len(text) > limits.WORDS_CHARS:
        raise InvalidWords("too long for words of a key")
    words = Mnemonic.normalize_string(text).lower().split()
    if len(words) not in _COUNTS:
        raise InvalidWords(f"a key has 12, 15, 18, 21 or 24 words, not {len(words)}")
    known = set(_list().wordlist)
    strange = [str(place) for place, word in enumerate(words, 1) if word not in known]
    if strange:
        noun = "words" if len(strange) > 1 else "word"
        raise InvalidWords(f"{noun} {', '.join(strange)}: not in the English list of BIP-39")
    joined = " ".join(words)
    if not _list().check(joined):
        raise InvalidWords("each word exists, but not in this order: one is wrong or misplaced")
    return joined


def _split(key: bytes, data: bytes) -> tuple[bytes, bytes]:
    digest = hmac.digest(key, data, "sha512")
    return digest[:32], digest[32:]


def _child(secret: bytes, chain: bytes, index: int) -> tuple[bytes, bytes]:
    """The private child key and its chain code (BIP-32, CKDpriv)."""
    parent = PrivateKey(secret)
    data = b"\0" + secret if index >= _HARDENED else parent.public_key.format(compressed=True)
    tweak, chain = _split(chain, data + index.to_bytes(4, "big"))
    try:
        return parent.add(tweak).secret, chain
    except ValueError:  # one in 2^127
        raise InvalidWords("these words make no key") from None
