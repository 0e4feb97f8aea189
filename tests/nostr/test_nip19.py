from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.nostr import nip19
from tui.nostr.nip19 import InvalidBech32, Naddr, Nevent, Note, Nprofile, Npub, Nsec

HEX = st.binary(min_size=32, max_size=32).map(bytes.hex)
RELAYS = st.lists(
    st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1, max_size=80),
    max_size=limits.RELAY_HINTS,
).map(tuple)
KINDS = st.integers(0, 65_535)
IDENTIFIERS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
NEVENTS = st.builds(Nevent, HEX, RELAYS, st.none() | HEX, st.none() | KINDS)
NADDRS = st.builds(Naddr, IDENTIFIERS, HEX, KINDS, RELAYS)


@given(HEX)
def test_bare_entities_survive(value: str) -> None:
    assert nip19.decode(nip19.encode_npub(value)) == Npub(value)
    assert nip19.decode(nip19.encode_note(value)) == Note(value)
    assert nip19.decode(nip19.encode_nsec(bytes.fromhex(value))) == Nsec(bytes.fromhex(value))


@given(st.builds(Nprofile, HEX, RELAYS), NEVENTS, NADDRS)
def test_entities_with_metadata_survive(nprofile: Nprofile, nevent: Nevent, naddr: Naddr) -> None:
    assert nip19.decode(nip19.encode_nprofile(nprofile)) == nprofile
    assert nip19.decode(nip19.encode_nevent(nevent)) == nevent
    assert nip19.decode("nostr:" + nip19.encode_naddr(naddr)) == naddr


def test_examples_of_the_nip() -> None:
    pubkey = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"
    npub = "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg"
    secret = bytes.fromhex("67dea2ed018072d675f5415ecfaed7d2597555e202d85b3d65ea4e58d2d92ffa")
    nsec = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"
    assert nip19.encode_npub(pubkey) == npub
    assert nip19.decode(npub) == Npub(pubkey)
    assert nip19.encode_nsec(secret) == nsec
    assert nip19.decode(f" {nsec.upper()}\n") == Nsec(secret)
    assert nip19.decode(
        "nprofile1qqsrhuxx8l9ex335q7he0f09aej04zpazpl0ne2cgukyawd24mayt8gpp4mhxue69uhhytnc9e3k7mgpz4mh"
        "xue69uhkg6nzv9ejuumpv34kytnrdaksjlyr9p"
    ) == Nprofile(
        "3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d",
        ("wss://r.x.com", "wss://djbas.sadkb.com"),
    )


def test_a_short_npub_shows_both_ends() -> None:
    pubkey = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"
    assert nip19.short_npub(pubkey) == "npub10elf…jptg"


@given(NEVENTS, st.data())
def test_one_wrong_character_is_noticed(nevent: Nevent, data: st.DataObject) -> None:
    text = nip19.encode_nevent(nevent)
    at = data.draw(st.integers(len("nevent1"), len(text) - 1))
    char = data.draw(
        st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7lbio1 B").filter(text[at].__ne__)
    )
    with pytest.raises(InvalidBech32):
        nip19.decode(text[:at] + char + text[at + 1 :])


@given(
    st.text(max_size=60) | st.text("nsecpubnoteaddr1qpzry9x8gf2tvdw0s3jn54khce6mua7l", max_size=90)
)
def test_random_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidBech32):
        nip19.decode(text)


def entity(prefix: str, data: bytes) -> str:
    """Well-formed bech32 around any bytes."""
    return nip19.encode_bech32(prefix, data)


KEY = bytes(range(32))


@pytest.mark.parametrize(
    ("prefix", "data"),
    [
        ("npub", KEY[:31]),
        ("npub", KEY + b"\0"),
        ("nsec", b""),
        ("note", KEY[:1]),
        ("lnbc", KEY),
        ("nrelay", b"\x00\x03abc"),
        ("nprofile", b""),
        ("nprofile", b"\x00\x20" + KEY[:31]),
        ("nprofile", b"\x00"),
        ("nprofile", b"\x00\x1f" + KEY[:31]),
        ("nevent", b"\x01\x01x"),
        ("nevent", b"\x00\x20" + KEY + b"\x02\x01x"),
        ("nevent", b"\x00\x20" + KEY + b"\x03\x02\x00\x01"),
        ("nevent", b"\x00\x20" + KEY + b"\x03\x04\x00\x01\x00\x00"),
        ("naddr", b"\x00\x01x"),
        ("naddr", b"\x00\x01x\x02\x20" + KEY),
        ("naddr", b"\x00\x01\xff\x02\x20" + KEY + b"\x03\x04\x00\x00\x00\x01"),
    ],
)
def test_wrong_contents_are_refused(prefix: str, data: bytes) -> None:
    with pytest.raises(InvalidBech32):
        nip19.decode(entity(prefix, data))


def test_unknown_types_and_bad_hints_are_ignored() -> None:
    data = b"\x00\x20" + KEY + b"\x09\x02hi" + b"\x01\x02\xff\xff" + b"\x01\x01\x1b" + b"\x01\x01r"
    assert nip19.decode(entity("nprofile", data)) == Nprofile(KEY.hex(), ("r",))


def test_the_first_of_two_counts_and_hints_are_bounded() -> None:
    data = b"\x00\x20" + KEY + b"\x00\x20" + bytes(32) + b"\x01\x01r" * 100
    assert nip19.decode(entity("nprofile", data)) == Nprofile(
        KEY.hex(), ("r",) * limits.RELAY_HINTS
    )


def test_very_long_text_is_refused_at_once() -> None:
    with pytest.raises(InvalidBech32, match="too long"):
        nip19.decode("npub1" + "q" * 1_000_000)


def test_mixed_case_is_refused() -> None:
    npub = "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg"
    with pytest.raises(InvalidBech32):
        nip19.decode("N" + npub[1:])
    with pytest.raises(InvalidBech32):
        nip19.decode(npub.upper().replace("K", "\u212a", 1))  # KELVIN SIGN, lower case is "k"


BAD_VALUES: list[tuple[Any, Any]] = [
    (nip19.encode_npub, "00"),
    (nip19.encode_npub, "zz" * 32),
    (nip19.encode_note, "00 " * 21 + "0"),
    (nip19.encode_nsec, b"x"),
    (nip19.encode_naddr, Naddr("x" * 256, "00" * 32, 1)),
    (nip19.encode_naddr, Naddr("\ud800", "00" * 32, 1)),
    (nip19.encode_naddr, Naddr("x", "00" * 32, -1)),
    (nip19.encode_nevent, Nevent("00" * 32, kind=65_536)),
    (nip19.encode_nprofile, Nprofile("00" * 32, ("é",))),
    (nip19.encode_nprofile, Nprofile("00" * 32, ("r" * 256,))),
]


@pytest.mark.parametrize(("encode", "value"), BAD_VALUES)
def test_values_that_do_not_fit_are_refused(encode: Any, value: Any) -> None:
    with pytest.raises(InvalidBech32):
        encode(value)


def test_a_secret_shows_in_no_repr() -> None:
    secret = nip19.decode(nip19.encode_nsec(KEY))
    assert isinstance(secret, Nsec)
    shown = repr(secret) + str(secret) + repr(list(secret.__rich_repr__())) + f"{[secret]}"
    assert KEY.hex() not in shown
    assert repr(KEY) not in shown
