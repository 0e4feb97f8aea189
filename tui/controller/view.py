"""The whole of what a screen shows, put together from the diffs."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from tui.controller.messages import ViewChanged
from tui.controller.views import (
    Account,
    AudioView,
    Barred,
    ChatLine,
    Devices,
    JournalEntry,
    Login,
    LogLine,
    Me,
    Participant,
    Quality,
    RelayView,
    RoomView,
    SpaceSummary,
    SpaceView,
)

_Value = TypeVar("_Value")


class View:
    """The whole of what a screen shows, kept up to date by `apply`."""

    def __init__(self, log_lines: int = 500) -> None:
        self._log_lines = log_lines
        self.version = 0
        self.me = Me()
        self.audio = AudioView()
        self.space: SpaceView | None = None
        self.relays: dict[str, RelayView] = {}
        self.spaces: dict[str, SpaceSummary] = {}
        self.participants: dict[str, Participant] = {}
        self.dropped: dict[str, int] = {}
        self.log: list[LogLine] = []
        self.accounts: dict[str, Account] = {}
        self.login: Login | None = None
        self.room: RoomView | None = None
        self.quality = Quality()
        self.devices: Devices | None = None
        self.chat: dict[str, ChatLine] = {}
        self.journal: dict[str, JournalEntry] = {}
        self.barred: dict[str, Barred] = {}

    def apply(self, change: ViewChanged) -> None:
        """Bring the view up to `change.version`."""
        if change.reset:
            self.__init__(self._log_lines)  # type: ignore[misc]
        self.version = change.version
        if change.me is not msgspec.UNSET:
            self.me = change.me
        if change.audio is not msgspec.UNSET:
            self.audio = change.audio
        if change.space is not msgspec.UNSET:
            self.space = change.space
        if change.login is not msgspec.UNSET:
            self.login = change.login
        if change.room is not msgspec.UNSET:
            self.room = change.room
        if change.quality is not msgspec.UNSET:
            self.quality = change.quality
        if change.devices is not msgspec.UNSET:
            self.devices = change.devices
        for field in ("accounts", "chat", "journal", "barred"):
            _merge(getattr(self, field), getattr(change, field))
        _merge(self.relays, change.relays)
        _merge(self.spaces, change.spaces)
        _merge(self.participants, change.participants)
        self.dropped.update(change.dropped)
        self.log.extend(change.log)
        del self.log[: -self._log_lines]

    def snapshot(self) -> ViewChanged:
        """Everything, for a client that has nothing yet."""
        return ViewChanged(
            version=self.version,
            reset=True,
            me=self.me,
            audio=self.audio,
            space=self.space,
            relays=dict(self.relays),
            spaces=dict(self.spaces),
            participants=dict(self.participants),
            dropped=dict(self.dropped),
            log=tuple(self.log),
            accounts=dict(self.accounts),
            login=self.login,
            room=self.room,
            quality=self.quality,
            devices=self.devices,
            chat=dict(self.chat),
            journal=dict(self.journal),
            barred=dict(self.barred),
        )


def _merge(known: dict[str, _Value], change: Mapping[str, _Value | None]) -> None:
    for key, value in change.items():
        if value is None:
            known.pop(key, None)
        else:
            known[key] = value
