"""Cleaning of text that others wrote, before anything shows it."""

import unicodedata

_JOINERS = "\u200c\u200d"  # they shape emoji and several scripts, and cannot reorder anything


_BLANKS = "\u115f\u1160\u2800\u3164\uffa0"  # letters and a symbol that are drawn as nothing


def clean_text(text: str, limit: int) -> str:
    """One line of at most `limit` characters without controls, bidi controls and surrogates.

    Empty if nothing of it can be seen: a name of blanks would hide whose it is.
    """
    text = text[:limit]
    if not text.isprintable():
        text = "".join(_clean(char) for char in text)
    return text.strip() if any(map(_is_seen, text)) else ""


def _clean(char: str) -> str:
    if char.isprintable() or char in _JOINERS:
        return char
    return " " if char.isspace() or unicodedata.category(char)[0] == "Z" else ""


def _is_seen(char: str) -> bool:
    return unicodedata.category(char)[0] in "LNPS" and char not in _BLANKS
