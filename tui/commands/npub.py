"""Public keys as people see and paste them: NIP-19 `npub`, which is BIP-173 with a prefix."""

from functools import lru_cache

_LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_PREFIX = [ord(c) >> 5 for c in "npub"] + [0] + [ord(c) & 31 for c in "npub"]


def short_npub(pubkey: str) -> str:
    """The ends of a public key's NIP-19 form, `npub1abcd…wxyz`; empty if it is no key."""
    npub = whole_npub(pubkey)
    return f"{npub[:9]}…{npub[-4:]}" if npub else ""


@lru_cache(4096)
def whole_npub(pubkey: str) -> str:
    """A public key's NIP-19 form; empty if it is no key."""
    if not is_key(pubkey):
        return ""
    bits = int(pubkey, 16) << 4  # 256 bits, padded to 52 groups of five
    groups = [bits >> shift & 31 for shift in range(255, -1, -5)]
    check = _checksum([*groups, 0, 0, 0, 0, 0, 0]) ^ 1
    groups += [check >> 5 * (5 - i) & 31 for i in range(6)]
    return "npub1" + "".join(_LETTERS[group] for group in groups)


def read_key(text: str) -> str:
    """The public key, in hex, of an npub or of 64 hex digits; "" for anything else."""
    text = text.strip().lower().removeprefix("nostr:")
    if is_key(text):
        return text
    body = text.removeprefix("npub1")
    if len(body) != 58 or len(text) != 63 or not set(body) <= set(_LETTERS):
        return ""
    groups = [_LETTERS.index(letter) for letter in body]
    bits = sum(group << 5 * (51 - i) for i, group in enumerate(groups[:52]))
    if _checksum(groups) != 1 or bits & 15:
        return ""
    return f"{bits >> 4:064x}"


def is_key(text: str) -> bool:
    """Whether `text` is a public key in lower-case hex."""
    return len(text) == 64 and set(text) <= set("0123456789abcdef")


def _checksum(groups: list[int]) -> int:
    generator = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
    check = 1
    for value in (*_PREFIX, *groups):
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for i, term in enumerate(generator):
            check ^= term if top >> i & 1 else 0
    return check
