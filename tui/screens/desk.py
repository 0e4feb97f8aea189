"""What all screens share: the view, the levels, the clock, and the way to ask for something."""

import time
from collections.abc import Awaitable, Callable
from datetime import datetime, tzinfo

import msgspec

from tui.config import limits
from tui.controller.intents import AnyIntent, Mute
from tui.controller.messages import (
    ViewChanged,
)
from tui.controller.view import (
    View,
)
from tui.controller.views import (
    ChatLine,
    Login,
)
from tui.widgets.chat_log import ChatLog
from tui.widgets.reactions import Reactions
from tui.widgets.roster import Roster

_CLOCKS_DIFFER = 60  # seconds by which others may date their messages before we came


_TABLES = (
    "relays",
    "spaces",
    "participants",
    "dropped",
    "log",
    "accounts",
    "chat",
    "journal",
    "barred",
)


class Changed(msgspec.Struct):
    """What differs since a screen was last refreshed. `everything` after a snapshot."""

    everything: bool = False
    fields: set[str] = msgspec.field(default_factory=set)
    people: set[str] = msgspec.field(default_factory=set)

    def add(self, change: ViewChanged) -> None:
        """Take note of what `change` touched."""
        if change.reset:
            self.everything = True
        self.people.update(change.participants)
        for name in ("me", "audio", "space", "login", "room", "quality", "devices"):
            if getattr(change, name) is not msgspec.UNSET:
                self.fields.add(name)
        for name in _TABLES:
            if getattr(change, name):
                self.fields.add(name)

    def touches(self, *names: str) -> bool:
        """Whether any of these fields of the view may be different now."""
        return self.everything or not self.fields.isdisjoint(names)


EVERYTHING = Changed(everything=True)


class Desk:
    """Everything that a screen may look at or ask for.

    `trouble` says why there is no controller at the other end now; "" while there is one. `send`
    hands an intent over and says whether it could; `now` gives unix seconds, `zone` the time zone
    (the machine's own by default). `controller_stays` says that the space goes on when the screens
    are gone.
    """

    def __init__(
        self,
        send: Callable[[AnyIntent], bool],
        *,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        start_demo: Callable[[], Awaitable[None]] | None = None,
        zone: tzinfo | None = None,
    ) -> None:
        self.view = View()
        self.roster = Roster()
        self.chat = ChatLog()
        self.reactions = Reactions()
        self.logged = 0  # lines that the log has ever had; the view keeps the last ones
        self.levels: dict[str, int] = {}
        self.trouble = "starting"
        self.now = now
        self.controller_stays = True
        self.start_demo = start_demo
        self.left_login: Login | None = None  # the waiting for a signer that was turned away from
        self._send = send
        self._zone = zone
        self._place = ""  # whose chat we read, and since when
        self._since = 0.0
        self._opening = False
        self._last_press = -1.0
        self._monotonic = monotonic

    def apply(self, change: ViewChanged) -> list[ChatLine]:
        """Bring everything up to date; returns the messages of the chat that are new and unread."""
        before = self._microphone()
        self.view.apply(change)
        self.logged = len(change.log) + (0 if change.reset else self.logged)
        if change.reset:
            self.roster.rebuild(self.view.participants)
        elif change.participants:
            self.roster.update(self.view.participants, change.participants)
        if self._microphone() != before:
            self._opening = False
        return self._apply_chat(change)

    def clock(self, at: float, form: str = "%H:%M") -> str:
        """A time of day; others date their events as they like."""
        try:
            return datetime.fromtimestamp(at, self._zone).strftime(form)
        except (ValueError, OverflowError, OSError):
            return "--:--"

    def _apply_chat(self, change: ViewChanged) -> list[ChatLine]:
        view = self.view
        place = view.space.ref if view.space is not None else view.room.ref if view.room else ""
        if place != self._place:
            self._place, self._since = place, self.now() - _CLOCKS_DIFFER
        if change.reset:
            self.chat.rebuild(view.chat)
            return []
        return self.chat.update(view.chat, change.chat, me=view.me.pubkey, since=self._since)

    def ask(self, intent: AnyIntent) -> bool:
        """Send an intent; False if there is nobody to send it to.

        Two quick presses of the microphone's key end with it closed, although the second comes
        before the view tells of the first. A key that is held down repeats, and may close the
        microphone but never open it.
        """
        if isinstance(intent, Mute):
            moment = self._monotonic()
            repeated = moment - self._last_press < limits.KEY_REPEAT_SECONDS
            self._last_press = moment
            intent = Mute(on=True) if self._opening else intent
            if repeated and not intent.on:
                return True
            self._opening = not intent.on
        return self._send(intent)

    def _microphone(self) -> str:
        return self.view.space.microphone if self.view.space is not None else ""

    def refused(self) -> None:
        """An intent was refused: the microphone may not have opened."""
        self._opening = False
