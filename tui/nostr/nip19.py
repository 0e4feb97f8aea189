"""NIP-19: keys, events and addresses as text that people can copy (bech32, BIP-173, with TLV)."""

from typing import Any, Final

import msgspec

from tui.config import limits

_CHARSET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUE_OF: Final = {char: value for value, char in enumerate(_CHARSET)}
_GENERATORS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_SPECIAL, _RELAY, _AUTHOR, _KIND = range(4)  # TLV types


class InvalidBech32(ValueError):
    """Text that is no NIP-19 entity, or values that cannot be one. Never quotes its input."""


class Npub(msgspec.Struct, frozen=True):
    """A public key (hex)."""

    pubkey: str


class Nsec(msgspec.Struct, frozen=True):
    """A secret key, 32 bytes; never shown."""

    secret: bytes

    def __repr__(self) -> str:
        return "Nsec(<redacted>)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("secret", "<redacted>")]


class Note(msgspec.Struct, frozen=True):
    """An event id (hex)."""

    id: str


class Nprofile(msgspec.Struct, frozen=True):
    """A public key (hex) and relays where it may be found."""

    pubkey: str
    relays: tuple[str, ...] = ()


class Nevent(msgspec.Struct, frozen=True):
    """An event id (hex), relays where it may be found, its author (hex) and kind."""

    id: str
    relays: tuple[str, ...] = ()
    author: str | None = None
    kind: int | None = None


class Naddr(msgspec.Struct, frozen=True):
    """The address of an addressable event: `d` value, author (hex), kind, relays."""

    identifier: str
    pubkey: str
    kind: int
    relays: tuple[str, ...] = ()


Entity = Npub | Nsec | Note | Nprofile | Nevent | Naddr


def encode_npub(pubkey: str) -> str:
    """A public key (hex) as `npub1...`; raises InvalidBech32."""
    return encode_bech32("npub", _bytes32(pubkey))


def encode_nsec(secret: bytes) -> str:
    """A secret key (32 bytes) as `nsec1...`; raises InvalidBech32."""
    if len(secret) != 32:
        raise InvalidBech32("a secret key has 32 bytes")
    return encode_bech32("nsec", secret)


def encode_note(event_id: str) -> str:
    """An event id (hex) as `note1...`; raises InvalidBech32."""
    return encode_bech32("note", _bytes32(event_id))


def encode_nprofile(value: Nprofile) -> str:
    """A profile as `nprofile1...`; raises InvalidBech32."""
    return encode_bech32("nprofile", _tlv(_SPECIAL, _bytes32(value.pubkey)) + _relays(value.relays))


def encode_nevent(value: Nevent) -> str:
    """An event reference as `nevent1...`; raises InvalidBech32."""
    data = _tlv(_SPECIAL, _bytes32(value.id)) + _relays(value.relays)
    if value.author is not None:
        data += _tlv(_AUTHOR, _bytes32(value.author))
    if value.kind is not None:
        data += _tlv(_KIND, _kind(value.kind))
    return encode_bech32("nevent", data)


def encode_naddr(value: Naddr) -> str:
    """An address as `naddr1...`; raises InvalidBech32."""
    try:
        identifier = value.identifier.encode()
    except UnicodeError:
        raise InvalidBech32("identifier has a lone surrogate") from None
    return encode_bech32(
        "naddr",
        _tlv(_SPECIAL, identifier)
        + _relays(value.relays)
        + _tlv(_AUTHOR, _bytes32(value.pubkey))
        + _tlv(_KIND, _kind(value.kind)),
    )


def short_npub(pubkey: str) -> str:
    """A public key (hex) as a name of last resort: `npub1abcd…wxyz`; raises InvalidBech32."""
    npub = encode_npub(pubkey)
    return f"{npub[:9]}…{npub[-4:]}"


def decode(text: str) -> Entity:
    """The value of a NIP-19 entity, with or without `nostr:` before it; raises InvalidBech32."""
    prefix, data = decode_bech32(text.strip().removeprefix("nostr:"))
    if prefix in ("npub", "nsec", "note"):
        if len(data) != 32:
            raise InvalidBech32(f"{prefix} has not 32 bytes")
        match prefix:
            case "npub":
                return Npub(data.hex())
            case "nsec":
                return Nsec(data)
            case _:
                return Note(data.hex())
    if prefix not in ("nprofile", "nevent", "naddr"):
        raise InvalidBech32("not a Nostr entity")
    special, relays, author, kind = _read_tlv(data)
    if special is None:
        raise InvalidBech32(f"{prefix} names nothing")
    if prefix == "naddr":
        if author is None or kind is None:
            raise InvalidBech32("naddr lacks author or kind")
        try:
            return Naddr(special.decode(), author, kind, relays)
        except UnicodeError:
            raise InvalidBech32("identifier is not UTF-8") from None
    if len(special) != 32:
        raise InvalidBech32(f"{prefix} has not 32 bytes")
    if prefix == "nprofile":
        return Nprofile(special.hex(), relays)
    return Nevent(special.hex(), relays, author, kind)


# --- TLV -------------------------------------------------------------------------------------


def _tlv(type_: int, value: bytes) -> bytes:
    if len(value) > 255:
        raise InvalidBech32("a value is longer than 255 bytes")
    return bytes((type_, len(value))) + value


def _relays(urls: tuple[str, ...]) -> bytes:
    try:
        return b"".join(_tlv(_RELAY, url.encode("ascii")) for url in urls[: limits.RELAY_HINTS])
    except UnicodeError:
        raise InvalidBech32("a relay's address is not ASCII") from None


def _kind(kind: int) -> bytes:
    if not 0 <= kind <= limits.EVENT_KIND:
        raise InvalidBech32("a kind is a number from 0 to 65535")
    return kind.to_bytes(4, "big")


def _bytes32(text: str) -> bytes:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != 32 or len(text) != 64:
        raise InvalidBech32("not 64 hex digits")
    return value


def _read_tlv(data: bytes) -> tuple[bytes | None, tuple[str, ...], str | None, int | None]:
    """Special value, relays, author and kind; the first of each counts, unknown types do not."""
    special: bytes | None = None
    author: str | None = None
    kind: int | None = None
    relays: list[str] = []
    while data:
        if len(data) < 2 or len(data) < 2 + data[1]:
            raise InvalidBech32("cut short")
        type_, value, data = data[0], data[2 : 2 + data[1]], data[2 + data[1] :]
        if type_ == _SPECIAL and special is None:
            special = value
        elif type_ == _RELAY and len(relays) < limits.RELAY_HINTS:
            # Relays are hints only: one that cannot be an address is left out.
            if value.isascii() and (url := value.decode("ascii")).isprintable():
                relays.append(url)
        elif type_ == _AUTHOR and author is None:
            if len(value) != 32:
                raise InvalidBech32("the author has not 32 bytes")
            author = value.hex()
        elif type_ == _KIND and kind is None:
            if len(value) != 4 or (number := int.from_bytes(value, "big")) > limits.EVENT_KIND:
                raise InvalidBech32("not a kind")
            kind = number
    return special, tuple(relays), author, kind


# --- bech32 ----------------------------------------------------------------------------------


def _polymod(values: list[int]) -> int:
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATORS):
            if top >> bit & 1:
                checksum ^= generator
    return checksum


def _expand(prefix: str) -> list[int]:
    return [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]


def _regroup(values: bytes | list[int], width: int, to: int, *, pad: bool) -> list[int]:
    """Numbers of `width` bits as numbers of `to` bits."""
    result: list[int] = []
    rest = bits = 0
    for value in values:
        rest = rest << width | value
        bits += width
        while bits >= to:
            bits -= to
            result.append(rest >> bits)
            rest &= (1 << bits) - 1
    if pad and bits:
        result.append(rest << (to - bits))
    elif not pad and (bits >= width or rest):
        raise InvalidBech32("padding is not zero")
    return result


def encode_bech32(prefix: str, data: bytes) -> str:
    """Bytes as `<prefix>1...` (BIP-173, but longer); raises InvalidBech32."""
    values = _regroup(data, 8, 5, pad=True)
    check = _polymod(_expand(prefix) + values + [0] * 6) ^ 1
    values += [check >> 5 * (5 - index) & 31 for index in range(6)]
    text = f"{prefix}1{''.join(_CHARSET[value] for value in values)}"
    if len(text) > limits.BECH32_CHARS:
        raise InvalidBech32("too long")
    return text


def decode_bech32(text: str) -> tuple[str, bytes]:
    """Prefix and bytes of bech32 text; raises InvalidBech32."""
    if len(text) > limits.BECH32_CHARS:
        raise InvalidBech32("too long")
    if not text.isascii() or text not in (text.lower(), text.upper()):
        raise InvalidBech32("upper and lower case are mixed")
    prefix, _, tail = text.lower().rpartition("1")
    if not prefix or len(tail) < 6 or not all("!" <= char <= "~" for char in prefix):
        raise InvalidBech32("not bech32")
    try:
        values = [_VALUE_OF[char] for char in tail]
    except KeyError:
        raise InvalidBech32("not bech32") from None
    if _polymod(_expand(prefix) + values) != 1:
        raise InvalidBech32("checksum is wrong")
    return prefix, bytes(_regroup(values[:-6], 5, 8, pad=False))
