"""The relay information document (NIP-11)."""

from typing import Final

import msgspec
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from tui import __version__
from tui.relay.limits import RelayLimits
from tui.relay.visitor import AuthPolicy

_MEDIA_TYPE: Final = "application/nostr+json"
_SUPPORTED_NIPS: Final = (1, 9, 11, 40, 45, 70)


def information_document(limits: RelayLimits, auth: AuthPolicy | None = None) -> bytes:
    """What NIP-11 says about a relay with these limits and that policy, as JSON."""
    return msgspec.json.encode(
        {
            "name": "spaces",
            "description": "Relay for live audio spaces, built into their terminal client.",
            "supported_nips": sorted({*_SUPPORTED_NIPS, *((42,) if auth else ())}),
            "version": __version__,
            "limitation": {
                "max_message_length": limits.max_message_length,
                "max_subscriptions": limits.max_subscriptions,
                "max_filters": limits.max_filters,
                "max_limit": limits.max_limit,
                "default_limit": limits.max_limit,
                "max_subid_length": limits.max_subid_length,
                "max_event_tags": limits.max_event_tags,
                "max_content_length": limits.max_content_length,
                "created_at_upper_limit": limits.created_at_upper_limit,
                "min_pow_difficulty": 0,
                "auth_required": auth is not None and (auth.read or auth.write),
                "payment_required": False,
                "restricted_writes": False,
            },
        }
    )


def asks_for_information(request: Request) -> bool:
    """Whether an HTTP request is for the document rather than for a WebSocket."""
    return any(_MEDIA_TYPE in value.lower() for value in request.headers.get_all("Accept"))


def information_response(limits: RelayLimits, auth: AuthPolicy | None) -> Response:
    """The document as an HTTP response that any web page may read."""
    body = information_document(limits, auth)
    headers = Headers(
        {
            "Content-Type": _MEDIA_TYPE,
            "Content-Length": str(len(body)),
            "Connection": "close",
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Headers": "*",
            "Access-Control-Allow-Methods": "GET",
        }
    )
    return Response(200, "OK", headers, body)
