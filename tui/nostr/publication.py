"""One event on its way to several relays, none of which holds up the others."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from tui.nostr.event import Event
from tui.nostr.messages import encode_event_message
from tui.nostr.relay import RelayConnection
from tui.nostr.status import Published

NO_ANSWER = "no answer"
"""Why an event is not published at a relay that is connected and has not said yes or no."""


class Publication:
    """An event that has been sent to relays; `connections` are all that are in use, by address."""

    def __init__(
        self,
        event: Event,
        urls: Iterable[str],
        connections: Mapping[str, RelayConnection],
        monotonic: Callable[[], float],
    ) -> None:
        self._event = event
        self._urls = tuple(urls)
        self._connections = connections
        self._monotonic = monotonic
        message = encode_event_message(event)
        self._answers = {
            url: connection.conversation.publish(event, message)
            for url in self._urls
            if (connection := connections.get(url))
        }

    async def wait(self, timeout: float, enough: int | None) -> dict[str, Published]:
        """What each relay said, by address, when `enough` (or all) have accepted or all answered.

        Relays that have not answered by then may go on to take it, until `timeout` is over.
        """
        deadline = self._monotonic() + timeout
        missing = len(self._answers) if enough is None else enough
        pending = set(self._answers.values())
        try:
            while pending and missing > 0:
                done, pending = await asyncio.wait(
                    pending,
                    timeout=deadline - self._monotonic(),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not done:
                    break
                missing -= sum(answer.result().ok for answer in done)
            return {url: self._published(url) for url in self._urls}
        except BaseException:
            pending.clear()  # nobody wants to know any more
            raise
        finally:
            left = deadline - self._monotonic()
            if pending and left > 0:
                asyncio.get_running_loop().call_later(left, self._forget)
            else:
                self._forget()

    def _forget(self) -> None:
        for url, answer in self._answers.items():
            if connection := self._connections.get(url):
                connection.conversation.forget(self._event.id, answer)

    def _published(self, url: str) -> Published:
        answer, connection = self._answers.get(url), self._connections.get(url)
        if answer is not None and answer.done():
            return answer.result()
        if connection is None:
            return Published(False, "not a relay in use")
        status = connection.status
        if status.state == "connected":
            return Published(False, connection.conversation.held(self._event.id) or NO_ANSWER)
        return Published(False, f"not connected: {status.reason or 'does not answer'}")
