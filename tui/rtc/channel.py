"""The data channel `spaces`: small JSON objects between two of ours, checked and bounded."""

from collections import Counter
from collections.abc import Callable

import msgspec
from aiortc import RTCDataChannel

from tui.config import limits

LABEL = "spaces"

Message = dict[str, object]


def decode_message(data: object) -> Message | None:
    """One message from outside; None when it is no JSON object or too long."""
    if not isinstance(data, str) or len(data) > limits.CHANNEL_BYTES:
        return None
    try:
        return msgspec.json.decode(data.encode(), type=Message)
    except (ValueError, RecursionError):  # msgspec.DecodeError is a ValueError
        return None


class Channel:
    """Sends and receives messages; `on_message` gets only what passed the checks."""

    def __init__(
        self, channel: RTCDataChannel, on_message: Callable[[Message], None], drops: Counter[str]
    ) -> None:
        self._channel = channel
        self._on_message = on_message
        self._drops = drops
        channel.on("message", self._receive)

    def send(self, message: Message) -> bool:
        """Sends one message; False when the channel is not open or too much waits already."""
        channel = self._channel
        if channel.readyState != "open" or channel.bufferedAmount > limits.CHANNEL_BUFFER_BYTES:
            return False
        text = msgspec.json.encode(message)
        if len(text) > limits.CHANNEL_BYTES:
            self._drops["message too long"] += 1
            return False
        channel.send(text.decode())
        return True

    def _receive(self, data: object) -> None:
        message = decode_message(data)
        if message is None:
            self._drops["bad message"] += 1
            return
        self._on_message(message)
