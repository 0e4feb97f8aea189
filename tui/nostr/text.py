"""Text from strangers, cleaned once where it enters, so that no screen, log or file has to."""

import unicodedata

# Cf carries the bidi controls and other invisible marks; two of them hold emoji and some scripts
# together and stay.
_JOINERS = frozenset("\u200c\u200d")
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def clean_text(text: str, length: int) -> str:
    """One line of at most `length` characters without control, bidi or unassigned characters."""
    kept = []
    for character in text[: length * 4]:
        if character in "\t\n\r\u2028\u2029":
            kept.append(" ")
        elif character in _JOINERS or unicodedata.category(character) not in _DROPPED:
            kept.append(character)
    return " ".join("".join(kept).split())[:length].strip()
