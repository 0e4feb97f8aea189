"""Events on their way to one relay: sent on each connection anew until the relay answers."""

import asyncio
from collections.abc import Callable

from tui.config import limits
from tui.nostr.event import Event
from tui.nostr.status import Published


class _Unanswered:
    """A published event that waits for its OK."""

    def __init__(self, event: Event, message: str) -> None:
        self.event = event
        self.message = message
        self.futures: set[asyncio.Future[Published]] = set()
        self.held = ""  # why the relay will take it only later
        self.holds = 0


class Outbox:
    """What one relay has been sent and has not answered; `send` takes messages for it."""

    def __init__(self, send: Callable[[str], None]) -> None:
        self._send = send
        self._unanswered: dict[str, _Unanswered] = {}
        self._bytes = 0

    def publish(self, event: Event, message: str) -> asyncio.Future[Published]:
        """Send an event, also after a reconnect, until it is answered or `forget` is called."""
        future: asyncio.Future[Published] = asyncio.get_running_loop().create_future()
        unanswered = self._unanswered.get(event.id)
        if unanswered is None:
            size = self._bytes + len(message)
            full = len(self._unanswered) >= limits.PENDING_PUBLISHES
            if full or size > limits.PENDING_PUBLISH_BYTES:
                future.set_result(Published(False, "too many events wait for this relay"))
                return future
            unanswered = self._unanswered[event.id] = _Unanswered(event, message)
            self._bytes = size
            self._send(message)
        unanswered.futures.add(future)
        return future

    def forget(self, event_id: str, future: asyncio.Future[Published]) -> None:
        """Nobody waits for this answer any longer."""
        if unanswered := self._unanswered.get(event_id):
            unanswered.futures.discard(future)
            if not unanswered.futures:
                self._drop(event_id)

    def connected(self) -> None:
        """Send on a new connection all that has no answer."""
        for unanswered in self._unanswered.values():
            unanswered.held, unanswered.holds = "", 0
            self._send(unanswered.message)

    def find(self, event_id: str) -> Event | None:
        """The event with this id, if it waits for an answer."""
        unanswered = self._unanswered.get(event_id)
        return unanswered.event if unanswered else None

    def answer(self, event_id: str, published: Published) -> None:
        """The relay has answered, or never will."""
        if unanswered := self._unanswered.get(event_id):
            self._drop(event_id)
            for future in unanswered.futures:
                if not future.done():
                    future.set_result(published)

    def hold(self, event_id: str, reason: str) -> int:
        """The relay has refused it for now; how often it did."""
        unanswered = self._unanswered[event_id]
        unanswered.held = reason
        unanswered.holds += 1
        return unanswered.holds

    def held(self, event_id: str) -> str:
        """Why an event is held back, "" if it is not."""
        unanswered = self._unanswered.get(event_id)
        return unanswered.held if unanswered else ""

    def release(self) -> None:
        """Send again what was held."""
        for unanswered in self._unanswered.values():
            if unanswered.held:
                unanswered.held = ""
                self._send(unanswered.message)

    def fail_held(self) -> None:
        """What was held will not be taken."""
        for event_id, unanswered in list(self._unanswered.items()):
            if unanswered.held:
                self.answer(event_id, Published(False, unanswered.held))

    def fail_all(self, reason: str) -> None:
        """Nothing will be answered any more."""
        for event_id in list(self._unanswered):
            self.answer(event_id, Published(False, reason))

    def _drop(self, event_id: str) -> None:
        self._bytes -= len(self._unanswered.pop(event_id).message)
