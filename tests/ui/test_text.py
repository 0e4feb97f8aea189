import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.commands.npub import read_key, short_npub, whole_npub
from tui.widgets.glyphs import needs_ascii, to_ascii
from tui.widgets.text import ago, clean, compose, fit, width_of, wrap

ANY = st.text(st.characters(codec=None), max_size=60)
PARTS = st.lists(st.tuples(ANY.map(clean), st.just("")), max_size=5)


@given(ANY)
def test_cleaned_text_can_be_printed_anywhere(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()  # no lone surrogates
    assert all(
        c.isprintable() and unicodedata.bidirectional(c) not in {"RLO", "LRO", "RLE", "LRE", "PDF"}
        for c in cleaned
    )
    assert cell_len(cleaned) == sum(cell_len(c) for c in cleaned)  # nothing joins
    assert clean(cleaned) == cleaned


def test_escape_sequences_lose_their_teeth() -> None:
    assert clean("a\x1b[2Jb\x07\x9b31m\u202ec\u2066") == "a[2Jb31mc"
    assert clean("two\nlines\tand\u3000more") == "two lines and more"
    assert clean("z" + "\u0301" * 50) == "ź\u0301\u0301"
    assert clean("👩‍🚀👍🏽 ok ❤️") == "👩🚀👍 ok ❤"
    assert len(clean("x" * 10**6)) < 1_000


@given(PARTS, PARTS, st.integers(0, 80))
def test_a_row_has_exactly_its_width(left: list, right: list, width: int) -> None:
    assert width_of(compose(width, left, right)) == width


@given(ANY.map(clean), st.integers(0, 40))
def test_fitted_text_has_exactly_its_width(text: str, width: int) -> None:
    assert cell_len(fit(text, width)) == width


def test_wide_characters_are_cut_whole() -> None:
    assert fit("語学カフェ", 6) == "語学… "
    assert fit("語学", 6) == "語学  "
    assert fit("abc", 1) == "a"


def test_the_right_side_stays_until_the_left_is_short() -> None:
    assert compose(20, [("a long sentence indeed", "")], [("12 min", "")])[-1] == ("12 min", "")
    assert compose(14, [("a long sentence indeed", "")], [("12 min", "")])[-1][0].endswith("…")


@given(ANY.map(clean), st.integers(2, 40), st.integers(1, 6))
def test_wrapped_text_stays_in_its_box(text: str, width: int, lines: int) -> None:
    rows = wrap(text, width, lines)
    assert len(rows) <= lines
    assert all(cell_len(row) <= width for row in rows)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "just now"), (59, "just now"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"),
        (7620, "2 h 07 min"), (86400, "1 day"), (10**6, "11 days"),
    ],
)  # fmt: skip
def test_ages(seconds: float, words: str) -> None:
    assert ago(seconds) == words


def test_short_npub_is_that_of_nip_19() -> None:
    # The example of the NIP: npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg
    key = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"
    assert short_npub(key) == "npub10elf…jptg"
    assert read_key(whole_npub(key)) == key
    assert short_npub("nonsense") == short_npub("ab") == ""


@given(ANY.map(clean))
def test_ascii_stand_ins_keep_the_width(text: str) -> None:
    assert to_ascii(text).isascii()
    assert cell_len(to_ascii(text)) == cell_len(text)


@pytest.mark.parametrize(
    ("environ", "ascii_only"),
    [
        ({"LANG": "en_US.UTF-8"}, False),
        ({"LANG": "de_DE.utf8", "LC_ALL": "C"}, True),
        ({"LC_ALL": "", "LC_CTYPE": "ja_JP.UTF-8", "LANG": "C"}, False),
        ({"LANG": "POSIX"}, True),
        ({}, True),
    ],
)
def test_the_locale_decides_about_ascii(environ: dict[str, str], ascii_only: bool) -> None:
    assert needs_ascii(environ) is ascii_only
