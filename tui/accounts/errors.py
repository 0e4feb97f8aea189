"""What goes wrong with kept keys, in words that may be shown."""


class AccountError(Exception):
    """An account that cannot be read, kept or used; the text is safe to show and names the cure."""


class AccountPassword(AccountError):
    """The password of an account is missing or wrong."""
