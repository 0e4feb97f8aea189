"""What keeps many from doing the same thing at the same moment, without any chance in it."""

import hashlib


def spread(*names: object) -> float:
    """From 0 to below 1: always the same for the same names, in another way for all others."""
    return hashlib.sha256("".join(map(str, names)).encode()).digest()[0] / 256
