"""The one view of a controller, and everybody who reads it."""

import asyncio
from collections.abc import Callable
from typing import Any, Literal

from tui.config import limits
from tui.controller.intents import AnyIntent
from tui.controller.link import Outbox, QueueLink
from tui.controller.messages import (
    AnyMessage,
    Levels,
    ViewChanged,
)
from tui.controller.view import (
    View,
)
from tui.controller.views import (
    AudioView,
    LogLine,
    Me,
    Participant,
    RelayView,
    SpaceSummary,
    SpaceView,
)

FLUSH_SECONDS = 0.05
"""Changes within so long reach the clients as one."""


class Board:
    """Collects changes, drops those that change nothing, and hands them out together."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.view = View(limits.LOG_LINES)
        self._now = now
        self._outboxes: set[Outbox] = set()
        self._changes: dict[str, Any] = {}
        self._log: list[LogLine] = []
        self._timer: asyncio.TimerHandle | None = None

    # -- clients

    def attach(self, submit: Callable[[AnyIntent], None], *greeting: AnyMessage) -> QueueLink:
        """A new client; it gets the whole view first."""
        self.flush()
        outbox = Outbox()
        for message in greeting:
            outbox.put(message)
        outbox.put(self.view.snapshot())
        self._outboxes.add(outbox)
        return QueueLink(outbox, submit, self._outboxes.discard)

    def close(self) -> None:
        """Let every client read what is left, and then the end."""
        if self._timer is not None:
            self._timer.cancel()
        self.flush()
        for outbox in self._outboxes:
            outbox.close()
        self._outboxes.clear()

    # -- what is shown

    def set_me(self, me: Me) -> None:
        """Who the user is."""
        self._set("me", me, self.view.me)

    def set_audio(self, audio: AudioView) -> None:
        """How the devices are."""
        self._set("audio", audio, self.view.audio)

    def set_space(self, space: SpaceView | None) -> None:
        """The present space, or none."""
        self._set("space", space, self.view.space)

    def set_relay(self, relay: RelayView) -> None:
        """How one relay is."""
        self._put("relays", self.view.relays, relay.url, relay)

    def set_listing(self, ref: str, summary: SpaceSummary | None) -> None:
        """One line of the lobby; `None` takes it away."""
        self._put("spaces", self.view.spaces, ref, summary)

    def set_participant(self, pubkey: str, participant: Participant | None) -> None:
        """One person of the present space; `None` takes them away."""
        self._put("participants", self.view.participants, pubkey, participant)

    def set_dropped(self, counts: dict[str, int]) -> None:
        """What was dropped so far, by reason."""
        for reason, count in counts.items():
            self._put("dropped", self.view.dropped, reason, count)

    def participant(self, pubkey: str) -> Participant | None:
        """What clients know, or will know soon, of one person."""
        waiting: dict[str, Participant | None] = self._changes.get("participants", {})
        return waiting[pubkey] if pubkey in waiting else self.view.participants.get(pubkey)

    def clear_participants(self) -> None:
        """Everybody is gone from view."""
        people = {*self.view.participants, *self._changes.get("participants", {})}
        for pubkey in people:
            self.set_participant(pubkey, None)

    def log(self, level: Literal["info", "warning", "error"], text: str) -> None:
        """Add a line to the log."""
        self._log.append(LogLine(self._now(), level, text[: limits.LOG_TEXT]))
        del self._log[: -limits.LOG_LINES]
        self._flush_soon()

    def occurred(self, message: AnyMessage) -> None:
        """Tell everybody what has happened."""
        for outbox in self._outboxes:
            outbox.put(message)

    def show_levels(self, levels: dict[str, int]) -> None:
        """Who is loud now."""
        self.occurred(Levels(levels))

    # -- handing out

    def flush(self) -> None:
        """Hand out what has changed, now."""
        self._timer = None
        if not self._changes and not self._log:
            return
        change = ViewChanged(version=self.view.version + 1, log=tuple(self._log), **self._changes)
        self._changes, self._log = {}, []
        self.view.apply(change)
        for outbox in self._outboxes:
            outbox.put(change)
            if outbox.waiting > limits.WAITING_CHANGES:  # most of them about who came and went
                outbox.put(self.view.snapshot())

    def _set(self, field: str, value: object, shown: object) -> None:
        if self._changes.get(field, shown) != value:
            self._changes[field] = value
            self._flush_soon()

    def _put(self, field: str, shown: dict[str, Any], key: str, value: object) -> None:
        waiting = self._changes.get(field, {})
        known = waiting[key] if key in waiting else shown.get(key)
        if known != value:
            self._changes.setdefault(field, {})[key] = value
            self._flush_soon()

    def _flush_soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
