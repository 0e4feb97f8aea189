"""What can go wrong with sound; only these leave this package."""


class InvalidAudioSpec(ValueError):
    """A microphone or speaker was named in a way that can never work; the text is for the user."""


class AudioUnavailable(Exception):
    """No sound for now: `reason` says why, `hint` what the user can do about it (may be empty)."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason, hint)
        self.reason = reason
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.reason} ({self.hint})" if self.hint else self.reason


class DeviceReplaced(AudioUnavailable):
    """Sound flows, but by the system's default device: the one that was named is not there."""
