from hypothesis import given
from hypothesis import strategies as st

from tui.nostr.text import clean_text


@given(st.text(), st.integers(0, 50))
def test_cleaned_text_is_one_short_line_without_controls(text: str, limit: int) -> None:
    cleaned = clean_text(text, limit)
    assert len(cleaned) <= limit
    assert all(char.isprintable() or char in "\u200c\u200d" for char in cleaned)
    assert clean_text(cleaned, limit) == cleaned


def test_what_is_removed_and_what_stays() -> None:
    assert clean_text("a\nb\tc\u2028d", 50) == "a b c d"
    assert clean_text("\x1b[31mred\x07\x00", 50) == "[31mred"
    assert clean_text("\u202eevil\u2066\u200f\ufeff\ud800", 50) == "evil"
    assert (
        clean_text("\U0001f468\u200d\U0001f469 Ωé 日本", 50) == "\U0001f468\u200d\U0001f469 Ωé 日本"
    )
    assert clean_text("abcdef", 3) == "abc"


@given(
    st.text("\u200c\u200d\u115f\u1160\u2800\u3164\uffa0\u0301\ufe0f\u034f \u00a0\n\u202e\U000e0100")
)
def test_what_nobody_can_see_is_no_text(text: str) -> None:
    assert clean_text(text, 80) == ""
    assert clean_text(f"{text}x{text}", 1000) != ""


@given(st.text(min_size=1))
def test_text_of_visible_characters_stays_as_it_is(text: str) -> None:
    visible = "".join(char for char in text if char.isprintable()).strip()
    assert clean_text(visible, len(visible)) in (visible, "")
    assert clean_text(f"a{visible}b", len(visible) + 2) == f"a{visible}b"
