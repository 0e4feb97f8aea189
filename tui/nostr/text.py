"""Cleaning of text that others wrote, before anything shows it."""

import unicodedata

_JOINERS = "\u200c\u200d"  # they shape emoji and several scripts, and cannot reorder anything


def clean_text(text: str, limit: int) -> str:
    """One line of at most `limit` characters without controls, bidi controls and surrogates."""
    text = text[:limit]
    if not text.isprintable():
        text = "".join(_clean(char) for char in text)
    return text.strip()


def _clean(char: str) -> str:
    if char.isprintable() or char in _JOINERS:
        return char
    return " " if char.isspace() or unicodedata.category(char)[0] == "Z" else ""
