"""Who hears what happens in a session."""

from typing import Literal, Protocol

from tui.spaces.roles import Role

RecordingState = Literal["started", "stopped", "failed", "refused", "allowed"]
"""`failed`: our own recording, for the reason given; the last two are about being recorded."""


class Observer(Protocol):
    """Who hears what happens in a session; calls come from the event loop and must not wait."""

    def participant_changed(self, pubkey: str) -> None:
        """Somebody's role, presence, hand, name, connection or talking changed."""

    def session_changed(self) -> None:
        """Our own state in the space changed: stage, role, microphone, hand, parent, undo."""

    def joined(self) -> None:
        """A relay has taken our JOIN and sent it back."""

    def connection_changed(self, pubkey: str, state: str) -> None:
        """A connection of ours is connecting, connected, failed or closed."""

    def audio_changed(self, pubkey: str, state: Literal["started", "stopped"]) -> None:
        """Somebody's sound started or stopped."""

    def speech_requested(self, pubkey: str) -> None:
        """A hand went up."""

    def invited(self, by: str, message: str) -> None:
        """A moderator asks whether we want to speak."""

    def role_changed(self, pubkey: str, role: Role, by: str) -> None:
        """Somebody, maybe we, was given another role."""

    def removed(self, pubkey: str, by: str, reason: str) -> None:
        """Somebody, maybe we, was put out of the space."""

    def barred_changed(self, pubkey: str) -> None:
        """Somebody was put out of the space, or pardoned; also for those of before we came."""

    def denied(self, by: str, reason: str) -> None:
        """Our hand was turned down."""

    def mute_asked(self, by: str) -> None:
        """A moderator has shut our microphone, which we may open again."""

    def recording_changed(
        self, by: str, state: RecordingState, reason: str = "", folder: str = ""
    ) -> None:
        """Somebody, maybe we, began or ended to record, or wishes to be in no recording."""

    def chat_changed(self, ids: frozenset[str]) -> None:
        """Messages of the chat are new, or look different, or are gone."""

    def reacted(self, pubkey: str, emoji: str) -> None:
        """Somebody has just sent an emoji."""

    def journal_changed(self, ids: frozenset[str]) -> None:
        """Acts of moderation are new, or were judged anew."""

    def log(self, level: Literal["info", "warning", "error"], text: str) -> None:
        """Something for the log."""
