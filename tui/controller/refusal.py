"""Why an intent cannot be carried out, in words for whoever asked."""


class Refusal(Exception):
    """An intent that cannot be carried out; the message is for the user, `cause` for scripts."""

    def __init__(self, reason: str, cause: str = "") -> None:
        super().__init__(reason)
        self.cause = cause


def require(holds: bool, otherwise: str, cause: str = "") -> None:
    """Raise `Refusal(otherwise, cause)` unless it holds."""
    if not holds:
        raise Refusal(otherwise, cause)
