"""What an intent is, and those about the keys that one signs with; see `intents` for all others."""

from typing import Literal

import msgspec


class Intent(msgspec.Struct, frozen=True, tag_field="do", forbid_unknown_fields=True):
    """Base of all intents."""


class WithPassword(Intent, frozen=True):
    """Base of intents that may carry a password, which nothing shows."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"

    def __rich_repr__(self) -> list[tuple[str, object]]:  # what a crash report shows
        return [(type(self).__name__, "...")]


class UseThrowawayKey(Intent, frozen=True, tag="use_throwaway_key"):
    """Make a key that lives only as long as the controller."""


class UseKey(Intent, frozen=True, tag="use_key"):
    """Sign with this secret (nsec, 64 hex digits, or ncryptsec with its password), kept in memory
    only."""

    secret: str
    password: str = ""

    def __repr__(self) -> str:
        return "UseKey(...)"

    def __rich_repr__(self) -> list[tuple[str, object]]:  # what a crash report shows
        return [("secret", "...")]


class UseKeyFile(Intent, frozen=True, tag="use_key_file"):
    """Sign with the secret in this file (mode 0600, nsec, hex, or ncryptsec with its password)."""

    path: str
    password: str = ""

    def __repr__(self) -> str:
        return f"UseKeyFile({self.path!r})"

    def __rich_repr__(self) -> list[tuple[str, object]]:  # what a crash report shows
        return [("path", self.path)]


class SaveKey(WithPassword, frozen=True, tag="save_key"):
    """Keep the present key for the next start: in the desktop's keyring, in a file encrypted with
    the password (NIP-49), or in a plain file (only if the user asked for that in so many words)."""

    store: Literal["keyring", "encrypted", "insecure-plaintext"]
    label: str = ""
    password: str = ""


class UseAccount(WithPassword, frozen=True, tag="use_account"):
    """Sign with a key that was kept; `account` is its pubkey or label. An encrypted one needs the
    password."""

    account: str
    password: str = ""


class ForgetAccount(Intent, frozen=True, tag="forget_account"):
    """Delete a kept key."""

    account: str


class UseWords(WithPassword, frozen=True, tag="use_words"):
    """Sign with the key of these twelve to twenty-four words (NIP-06)."""

    words: str


class UseBunker(WithPassword, frozen=True, tag="use_bunker"):
    """Sign with a remote signer at this `bunker://` address (NIP-46)."""

    address: str


class OfferNostrConnect(Intent, frozen=True, tag="offer_nostr_connect"):
    """Show a `nostrconnect://` address, as text and QR, for a remote signer to answer (NIP-46)."""


class CancelLogin(Intent, frozen=True, tag="cancel_login"):
    """Wait no longer for a remote signer."""
