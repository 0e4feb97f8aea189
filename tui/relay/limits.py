"""What a relay accepts and holds, in one value; the defaults stand in `tui.config.limits`."""

import msgspec

from tui.config import limits


class RelayLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of one relay; those that NIP-11 names carry its names."""

    max_message_length: int = limits.RELAY_MESSAGE_BYTES
    max_subscriptions: int = limits.RELAY_SUBSCRIPTIONS
    max_filters: int = limits.FILTERS
    max_limit: int = limits.RELAY_LIMIT
    max_subid_length: int = limits.RELAY_SUBID_CHARS
    max_event_tags: int = limits.EVENT_TAGS
    max_content_length: int = limits.RELAY_CONTENT_CHARS
    created_at_upper_limit: int = limits.RELAY_FUTURE_SECONDS
    max_connections: int = limits.RELAY_CONNECTIONS
    filter_values: int = limits.RELAY_FILTER_VALUES
    messages_per_second: float = limits.RELAY_MESSAGES_PER_SECOND
    message_burst: int = limits.RELAY_MESSAGE_BURST
    send_buffer_bytes: int = limits.RELAY_SEND_BUFFER_BYTES
    query_seconds: float = limits.RELAY_QUERY_SECONDS
    store_bytes: int = limits.RELAY_STORE_BYTES


class Allowance:
    """How often something may still be done: a burst at once, then so many per second."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._left = burst
        self._at = 0.0

    def take(self, at: float) -> bool:
        """Whether it may be done once more at this time (seconds of a monotonic clock)."""
        earned = max(0.0, at - self._at) * self._per_second
        self._left, self._at = min(self._burst, self._left + earned), at
        if self._left < 1:
            return False
        self._left -= 1
        return True
