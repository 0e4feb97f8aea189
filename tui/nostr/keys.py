"""Secret keys and what signs with them. Secrets appear in no repr, error or log."""

import os
import re
import secrets
import stat
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from coincurve import PrivateKey

from tui.config import limits
from tui.nostr import nip19, nip44, nip49
from tui.nostr.event import Draft, Event, InvalidEvent, check_event, event_id

_NSEC = re.compile("nsec1[02-9ac-hj-np-z]{58}", re.IGNORECASE)


class InvalidKey(ValueError):
    """Text that is no secret key; never quotes it."""


class PasswordNeeded(InvalidKey):
    """An encrypted key without its password, or with one that does not open it."""


class KeyFileError(Exception):
    """A key file that is missing, open to others, or holds no key; names path and cure."""


class SecretKey:
    """A secp256k1 secret key with its x-only public key."""

    __slots__ = ("_key", "public")

    def __init__(self, secret: bytes) -> None:
        try:
            self._key = PrivateKey(secret)
        except ValueError:
            raise InvalidKey("not a secret key of secp256k1") from None
        self.public = self._key.public_key_xonly.format().hex()

    @classmethod
    def parse(cls, text: str, password: str = "") -> "SecretKey":
        """The key of an `nsec1...`, an `ncryptsec1...` or 64 hex digits; raises InvalidKey.

        With a password an `ncryptsec` takes up to seconds and a gigabyte (NIP-49): in a thread.
        """
        text = text.strip()
        if text.lower().startswith(nip49.PREFIX):
            return cls._decrypt(text, password)
        if text.lower().removeprefix("nostr:").startswith("nsec1"):
            try:
                entity = nip19.decode(text)
            except nip19.InvalidBech32 as error:
                raise InvalidKey(f"not an nsec: {error}") from None
            assert isinstance(entity, nip19.Nsec)
            return cls(entity.secret)
        try:
            secret = bytes.fromhex(text) if len(text) == 64 else b""
        except ValueError:
            secret = b""
        if len(secret) != 32:
            raise InvalidKey("a secret key is an nsec, an ncryptsec or 64 hex digits")
        return cls(secret)

    @classmethod
    def _decrypt(cls, text: str, password: str) -> "SecretKey":
        if not password:
            raise PasswordNeeded("this key is encrypted, and its password is not given")
        try:
            return cls(nip49.decrypt_key(text, password))
        except nip49.WrongPassword as error:
            raise PasswordNeeded(str(error)) from None
        except nip49.InvalidNcryptsec as error:
            raise InvalidKey(str(error)) from None

    @classmethod
    def generate(cls, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> "SecretKey":
        """A fresh key."""
        while True:
            try:
                return cls(random_bytes(32))
            except InvalidKey:  # one draw in 2^128 is not below the group order
                continue

    def sign(self, digest: bytes, aux: bytes = b"") -> bytes:
        """The BIP-340 signature (64 bytes) of 32 bytes; without `aux` (32 bytes) it is random."""
        return self._key.sign_schnorr(digest, aux)

    def conversation_key(self, pubkey: str) -> bytes:
        """The NIP-44 key shared with a public key (hex); raises nip44.InvalidPayload."""
        return nip44.conversation_key(self._key.secret, pubkey)

    def to_nsec(self) -> str:
        """The key as `nsec1...`, for the one place where its owner asks to see it."""
        return nip19.encode_nsec(self._key.secret)

    def to_ncryptsec(self, password: str, log_n: int = nip49.LOG_N) -> str:
        """The key encrypted with a password (NIP-49), in a thread; raises nip49.WrongPassword."""
        return nip49.encrypt_key(self._key.secret, password, log_n)

    def __repr__(self) -> str:
        return f"SecretKey(<redacted>, public={self.public!r})"

    def __reduce__(self) -> str:
        raise TypeError("a secret key is not to be copied or pickled")


def read_key_file(path: Path, password: str = "") -> SecretKey:
    """The key in a file that only its owner can read (mode 0600).

    Raises KeyFileError, and PasswordNeeded where `password` does not open an `ncryptsec`.
    """
    if _NSEC.search(str(path)):  # which the errors below would show
        raise KeyFileError("this is a secret key, not the path of a file with one")
    try:
        # Not blocking: opening a pipe that nobody writes to would never return.
        descriptor = os.open(path.expanduser(), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError, RuntimeError) as error:  # the last: `~somebody` unknown
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise KeyFileError(f"cannot read the key file {path}: {reason}") from None
    try:
        info = os.fstat(descriptor)  # of the open file: nobody can exchange it in between
        if not stat.S_ISREG(info.st_mode):
            raise KeyFileError(f"the key file {path} is not a regular file")
        if info.st_mode & 0o077:
            raise KeyFileError(f"others can read the key file {path}; run: chmod 600 {path}")
        if info.st_size > limits.KEY_FILE_BYTES:
            raise KeyFileError(f"the key file {path} is too large to hold a key")
        data = os.read(descriptor, limits.KEY_FILE_BYTES)
    except OSError as error:
        raise KeyFileError(f"cannot read the key file {path}: {error.strerror}") from None
    finally:
        os.close(descriptor)
    try:
        return SecretKey.parse(data.decode("ascii"), password)
    except UnicodeError:
        raise KeyFileError(f"the key file {path} holds no key") from None
    except PasswordNeeded as error:
        raise PasswordNeeded(f"the key file {path}: {error}") from None
    except InvalidKey as error:
        raise KeyFileError(f"the key file {path} holds no key: {error}") from None


class SignerFailed(InvalidEvent, nip44.InvalidPayload):
    """A signer elsewhere did not do what it was asked; the text may be shown.

    It is what `Signer` says that its methods raise, so that nobody has to tell them apart.
    """


class Signer(Protocol):
    """Whatever holds a key and signs with it: this process, a remote signer, a device.

    One elsewhere may take its time, and raises SignerFailed if it does not do what it was asked.
    """

    @property
    def pubkey(self) -> str:
        """The public key (hex)."""

    async def sign(self, draft: Draft) -> Event:
        """The draft as a signed event; raises InvalidEvent if it cannot be one."""

    async def encrypt(self, recipient: str, text: str) -> str:
        """A NIP-44 v2 payload for a public key (hex); raises nip44.InvalidPayload."""

    async def decrypt(self, sender: str, payload: str) -> str:
        """The text of a NIP-44 v2 payload from a public key (hex); raises nip44.InvalidPayload."""

    async def close(self) -> None:
        """End whatever it runs; it is of no use afterwards."""


class LocalSigner:
    """Signs with a key in memory."""

    def __init__(self, secret: SecretKey) -> None:
        self._secret = secret
        self._conversations: OrderedDict[str, bytes] = OrderedDict()

    @property
    def pubkey(self) -> str:
        """The public key (hex)."""
        return self._secret.public

    async def sign(self, draft: Draft) -> Event:
        """The draft as a signed event; raises InvalidEvent if it cannot be one."""
        id_ = event_id(self.pubkey, draft.created_at, draft.kind, draft.tags, draft.content)
        return check_event(
            Event(
                id=id_,
                pubkey=self.pubkey,
                created_at=draft.created_at,
                kind=draft.kind,
                tags=draft.tags,
                content=draft.content,
                sig=self._secret.sign(bytes.fromhex(id_)).hex(),
            )
        )

    async def encrypt(self, recipient: str, text: str) -> str:
        """A NIP-44 v2 payload for a public key (hex); raises nip44.InvalidPayload."""
        return nip44.encrypt(text, self._conversation_key(recipient))

    async def decrypt(self, sender: str, payload: str) -> str:
        """The text of a NIP-44 v2 payload from a public key (hex); raises nip44.InvalidPayload."""
        return nip44.decrypt(payload, self._conversation_key(sender))

    async def close(self) -> None:
        """Nothing runs."""

    def _conversation_key(self, pubkey: str) -> bytes:
        key = self._conversations.get(pubkey)
        if key is None:
            key = self._conversations[pubkey] = self._secret.conversation_key(pubkey)
            if len(self._conversations) > limits.CONVERSATION_KEYS:
                self._conversations.popitem(last=False)
        self._conversations.move_to_end(pubkey)
        return key
