"""The one view of a controller, and everybody who reads it."""

import asyncio
from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any, Literal

from tui.config import limits
from tui.controller.intents import AnyIntent
from tui.controller.link import Outbox, QueueLink
from tui.controller.messages import AnyMessage, Levels, ViewChanged
from tui.controller.view import View
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

    def set_relay(self, url: str, relay: RelayView | None) -> None:
        """How one relay is; `None` when it is used no more."""
        self._put("relays", self.view.relays, url, relay)

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

    def set_account(self, pubkey: str, account: Account | None) -> None:
        """A key that is kept on this machine; `None` takes it away."""
        self._put("accounts", self.view.accounts, pubkey, account)

    def set_login(self, login: Login | None) -> None:
        """The remote signer that is being waited for, or none."""
        self._set("login", login, self.view.login)

    def set_room(self, room: RoomView | None) -> None:
        """The room that is only looked at, or none."""
        self._set("room", room, self.view.room)

    def set_quality(self, quality: Quality) -> None:
        """How good connections and sound are."""
        self._set("quality", quality, self.view.quality)

    def set_devices(self, devices: Devices) -> None:
        """What can record and play here."""
        self._set("devices", devices, self.view.devices)

    def set_chat(self, id_: str, line: ChatLine | None) -> None:
        """One line of the chat; of more than `limits.SHOWN_CHAT_LINES` the oldest go."""
        self._put("chat", self.view.chat, id_, line)

    def set_journal(self, id_: str, entry: JournalEntry | None) -> None:
        """One act of moderation; of more than `limits.SHOWN_JOURNAL_LINES` the oldest go, those
        that changed nothing first."""
        self._put("journal", self.view.journal, id_, entry)

    def set_barred(self, pubkey: str, barred: Barred | None) -> None:
        """Somebody who was put out; `None` once pardoned."""
        self._put("barred", self.view.barred, pubkey, barred)

    def participant(self, pubkey: str) -> Participant | None:
        """What clients know, or will know soon, of one person."""
        return self._known("participants", self.view.participants).get(pubkey)

    def has_act(self, id_: str) -> bool:
        """Whether clients know, or will know soon, of one act of moderation."""
        return self._known("journal", self.view.journal).get(id_) is not None

    def clear_space(self) -> None:
        """Nobody and nothing of a space or room is to be seen any more."""
        self.set_space(None)
        self.set_room(None)
        self.set_quality(Quality())
        for field in ("participants", "chat", "journal", "barred"):
            shown = getattr(self.view, field)
            for key in list(self._known(field, shown)):
                self._put(field, shown, key, None)

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
        self._forget_oldest("chat", self.view.chat, limits.SHOWN_CHAT_LINES)
        self._forget_oldest("journal", self.view.journal, limits.SHOWN_JOURNAL_LINES)
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

    def _known(self, field: str, shown: dict[str, Any]) -> Mapping[str, Any]:
        """What clients have, or will have soon: changes that wait come before what is shown."""
        return ChainMap(self._changes.get(field, {}), shown)

    def _forget_oldest(self, field: str, shown: dict[str, Any], most: int) -> None:
        """Keep to the bound, once for all that came since the last time."""
        if len(shown) + len(self._changes.get(field, {})) > most:
            known = [value for value in self._known(field, shown).items() if value[1] is not None]
            known.sort(key=lambda value: (_counts(value[1]), value[1].at, value[0]))
            for key, _ in known[: max(0, len(known) - most)]:
                self._changes.setdefault(field, {})[key] = None

    def _flush_soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)


def _counts(line: object) -> bool:
    """Whether a line is more than what somebody tried without the right to."""
    return not getattr(line, "refused", "")
