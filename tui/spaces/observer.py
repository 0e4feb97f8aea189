"""Who hears what happens in a session."""

from typing import Literal, Protocol


class Observer(Protocol):
    """Who hears what happens in a session; calls come from the event loop and must not wait."""

    def participant_changed(self, pubkey: str) -> None:
        """Somebody's role, presence, hand, name, connection or talking changed."""

    def session_changed(self) -> None:
        """Our own state in the space changed: stage, role, microphone, hand, parent."""

    def joined(self) -> None:
        """A relay has taken our JOIN and sent it back."""

    def connection_changed(self, pubkey: str, state: str) -> None:
        """A connection of ours is connecting, connected, failed or closed."""

    def audio_changed(self, pubkey: str, state: Literal["started", "stopped"]) -> None:
        """Somebody's sound started or stopped."""

    def speech_requested(self, pubkey: str) -> None:
        """A hand went up."""

    def log(self, level: Literal["info", "warning", "error"], text: str) -> None:
        """Something for the log."""
