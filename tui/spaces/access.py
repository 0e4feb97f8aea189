"""The key of a space with a password: who knows the password reads its JOIN, SDP and ICE.

Payloads have the form of NIP-44 v2, under a key that scrypt makes of the password; its salt is the
space, so that one password used for two spaces makes two keys. In SDP and ICE it is the outer
layer, around the one between the two peers.
"""

import asyncio
import hashlib
import unicodedata
from typing import Final

from tui.config import limits
from tui.nostr import nip44
from tui.spaces.events import SpaceRef

_COST: Final = {"n": 2**15, "r": 8, "p": 1}
"""scrypt (RFC 7914): about 0.1 s and 32 MiB for one guess."""
_MEMORY: Final = 64 * 1024 * 1024


class AccessKey:
    """Seals and opens under a space's password, once `prepare` was awaited. Shows no secret.

    Spellings of a password that look alike (NFKC) are the same.
    """

    __slots__ = ("_key", "_password", "_salt")

    def __init__(self, password: str, space: SpaceRef) -> None:
        text = unicodedata.normalize("NFKC", password[: limits.SPACE_PASSWORD_CHARS])
        self._password = text.encode(errors="surrogatepass")
        self._salt = str(space).encode(errors="surrogatepass")
        self._key = b""

    @classmethod
    async def derive(cls, password: str, space: SpaceRef) -> "AccessKey":
        """A key that is ready."""
        key = cls(password, space)
        await key.prepare()
        return key

    async def prepare(self) -> None:
        """Make the key of the password, in a thread."""
        self._key = await asyncio.to_thread(_derive, self._password, self._salt)
        self._password = b""

    def seal(self, text: str) -> str:
        """The payload of 1 to 65535 bytes of text; raises `nip44.InvalidPayload`."""
        return nip44.encrypt(text, self._key)

    def open(self, payload: str) -> str:
        """The text of a payload; raises `nip44.InvalidPayload` for another password."""
        return nip44.decrypt(payload, self._key)

    def __repr__(self) -> str:
        return "AccessKey(...)"

    def __reduce__(self) -> str:
        raise TypeError("a key is not to be copied or pickled")


def _derive(password: bytes, salt: bytes) -> bytes:
    return hashlib.scrypt(password, salt=salt, dklen=32, maxmem=_MEMORY, **_COST)
