"""What a relay says of itself (NIP-11): its name and its limits.

The document comes over the WebSocket library's own way to the relay, and so through the same
proxy, with the same checks of certificates, without redirects, and with bounds on time and size.
"""

import asyncio
from typing import Any, Final

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Request
from websockets.protocol import CONNECTING

from tui.config import limits
from tui.nostr.event import BAD_JSON, Event
from tui.nostr.text import clean_text
from tui.nostr.websocket import connect_to

MEDIA_TYPE: Final = "application/nostr+json"


class NoInformation(Exception):
    """A relay that says nothing of itself, or nothing readable; the text says why."""


class Limitation(msgspec.Struct, frozen=True, kw_only=True):
    """The `limitation` of NIP-11, None where the relay does not say; lengths in bytes if not else.

    `max_content_length` is in characters, the limits of `created_at` in seconds before and after
    the present.
    """

    max_message_length: int | None = None
    max_subscriptions: int | None = None
    max_limit: int | None = None
    default_limit: int | None = None
    max_subid_length: int | None = None
    max_event_tags: int | None = None
    max_content_length: int | None = None
    created_at_lower_limit: int | None = None
    created_at_upper_limit: int | None = None
    auth_required: bool = False
    payment_required: bool = False
    restricted_writes: bool = False

    def refusal(self, event: Event, message: str, now: float) -> str:
        """Why the relay would not take an event, "" if it may; `message` is what would be sent."""
        if self.max_event_tags is not None and len(event.tags) > self.max_event_tags:
            return f"takes at most {self.max_event_tags} tags"
        if self.max_content_length is not None and len(event.content) > self.max_content_length:
            return f"takes at most {self.max_content_length} characters of content"
        if self.too_long(message):
            return f"takes at most {self.max_message_length} bytes"
        age = now - event.created_at
        if self.created_at_lower_limit is not None and age > self.created_at_lower_limit:
            return f"takes nothing older than {self.created_at_lower_limit} s"
        if self.created_at_upper_limit is not None and -age > self.created_at_upper_limit:
            return f"takes nothing dated more than {self.created_at_upper_limit} s ahead"
        return ""

    def too_long(self, message: str) -> bool:
        """Whether the relay takes no message of this length."""
        most = self.max_message_length
        return most is not None and (len(message) > most or len(message.encode()) > most)


class Information(msgspec.Struct, frozen=True):
    """The document, as far as we use it; `name` is cleaned."""

    name: str = ""
    limitation: Limitation = Limitation()


def read_information(data: bytes | bytearray) -> Information:
    """The document in these bytes; raises NoInformation. What has a wrong type is left out."""
    if len(data) > limits.INFORMATION_BYTES:
        raise NoInformation("too large")
    try:
        document: Any = msgspec.json.decode(data)
    except BAD_JSON:
        raise NoInformation("not JSON") from None
    if not isinstance(document, dict):
        raise NoInformation("not an object")
    name = document.get("name")
    stated = document.get("limitation")
    return Information(
        clean_text(name, limits.NAME_LENGTH) if isinstance(name, str) else "",
        _limitation(stated) if isinstance(stated, dict) else Limitation(),
    )


def _limitation(stated: dict[str, Any]) -> Limitation:
    known: dict[str, Any] = {}
    for field in msgspec.structs.fields(Limitation):
        value = stated.get(field.name)
        if field.default is False:
            known[field.name] = value is True
        elif type(value) is int and 0 < value <= limits.TIMESTAMP:  # 0 is meant as "no limit"
            known[field.name] = value
    return Limitation(**known)


class _HttpGet(ClientConnection):
    """Asks for a document instead of a WebSocket."""

    async def handshake(
        self, additional_headers: object = None, user_agent_header: str | None = None
    ) -> None:
        """Send the request; raises InvalidStatus with the response."""
        upgrade = self.protocol.connect()
        headers = Headers(Host=upgrade.headers["Host"], Accept=MEDIA_TYPE, Connection="close")
        async with self.send_context(expected_state=CONNECTING):
            self.protocol.send_request(Request(upgrade.path, headers))
        await asyncio.wait(
            [self.response_rcvd, self.connection_lost_waiter],
            return_when=asyncio.FIRST_COMPLETED,
        )
        raise self.protocol.handshake_exc or NoInformation("no answer")


async def fetch_information(url: str, timeout: float) -> Information:
    """Ask a relay, by its WebSocket address, within `timeout` seconds; raises NoInformation."""
    try:
        await connect_to(url, _HttpGet, open_timeout=timeout)
    except InvalidStatus as answer:
        if answer.response.status_code != 200:
            raise NoInformation(f"HTTP {answer.response.status_code}") from None
        return read_information(answer.response.body)
    except NoInformation:
        raise
    except Exception as error:  # whatever a resolver, proxy or TLS library may raise
        raise NoInformation(repr(error)) from None
    raise NoInformation("answers with a WebSocket")
