"""Secret keys in fields that everybody may read."""

_PREFIXES = ("nsec1", "ncryptsec1")


def is_secret(text: str) -> bool:
    """Whether a secret key was put where everybody would read it."""
    return text.strip().casefold().removeprefix("nostr:").startswith(_PREFIXES)
