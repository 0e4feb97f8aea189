import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.commands.npub import is_key, read_key, short_npub

# From NIP-19.
NPUB = "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg"
HEX = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"


def test_the_example_of_the_nip() -> None:
    assert read_key(NPUB) == HEX
    assert short_npub(HEX) == "npub10elf…jptg"


@pytest.mark.parametrize("text", [HEX, HEX.upper(), f" {NPUB}\n", f"nostr:{NPUB}", NPUB.upper()])
def test_keys_as_people_paste_them(text: str) -> None:
    assert read_key(text) == HEX


@pytest.mark.parametrize(
    "text", ["", "npub1", NPUB[:-1], NPUB[:-1] + "q", NPUB + "q", HEX[:-1], "nsec1" + NPUB[5:],
             "n" + NPUB[5:], "npub1" + "b" * 58, "é" * 63]
)  # fmt: skip
def test_what_is_no_key(text: str) -> None:
    assert read_key(text) == ""


@given(st.binary(min_size=32, max_size=32), st.integers(5, 62), st.sampled_from("qpzry9x8gf2tvdw"))
def test_one_wrong_letter_is_found(key: bytes, place: int, letter: str) -> None:
    npub = _npub(key)
    assert read_key(npub) == key.hex()
    if npub[place] != letter:
        assert read_key(npub[:place] + letter + npub[place + 1 :]) == ""


@given(st.text(max_size=80))
def test_nothing_breaks_it(text: str) -> None:
    assert read_key(text) == "" or is_key(read_key(text))
    assert short_npub(text) == "" or is_key(text)


def _npub(key: bytes) -> str:
    from tui.nostr.nip19 import encode_npub

    return encode_npub(key.hex())
