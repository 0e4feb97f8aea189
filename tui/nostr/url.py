"""Addresses of relays."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from tui.config import limits


class InvalidRelayUrl(ValueError):
    """Text that is not the address of a relay; the text says why."""


def relay_url(text: str) -> str:
    """The normal form of a `ws://` or `wss://` address, one per relay; raises InvalidRelayUrl."""
    text = text.strip()
    if not text.isascii() or not text.isprintable() or " " in text:
        raise InvalidRelayUrl("a relay's address has only visible ASCII characters")
    if len(text) > limits.RELAY_URL_CHARS:
        raise InvalidRelayUrl("a relay's address is too long")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise InvalidRelayUrl(f"not a relay's address: {error}") from None
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise InvalidRelayUrl("a relay's address begins with ws:// or wss:// and names a host")
    if parts.username is not None or parts.fragment:
        raise InvalidRelayUrl("a relay's address has no user and no fragment")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if port is not None and port != {"ws": 80, "wss": 443}[parts.scheme]:
        host += f":{port}"
    path = "" if parts.path == "/" else parts.path
    return f"{parts.scheme}://{host}{path}" + (f"?{parts.query}" if parts.query else "")


def is_loopback(url: str) -> bool:
    """Whether a relay's address (in normal form) stays on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_private(url: str) -> bool:
    """Whether an address (in normal form) is of this machine or network, as far as it tells."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        return not ip_address(host).is_global
    except ValueError:
        last = host.rpartition(".")[2]
        # Resolvers read `0x7f.1` and the like as an address, too.
        odd = last.isdigit() or last.startswith("0x")
        return odd or "." not in host or last in ("localhost", "local", "lan", "internal")
