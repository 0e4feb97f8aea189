"""Bytes to intents, with a bound: one line is one intent, on the socket and on stdin alike."""

from tui.config import limits
from tui.controller.intents import AnyIntent, InvalidIntent, decode_intent
from tui.controller.messages import (
    IntentRefused,
)


class IntentLines:
    """Cuts a stream of bytes into intents; keeps at most one line's bytes.

    What is no intent comes out as the refusal to answer with. Empty lines are passed over.
    """

    def __init__(self, line_bytes: int = limits.INTENT_BYTES) -> None:
        self._line_bytes = line_bytes
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[AnyIntent | IntentRefused]:
        """What the lines that `data` completes ask for, in their order."""
        found: list[AnyIntent | IntentRefused] = []
        *complete, rest = (self._rest + data).split(b"\n")
        for line in complete:
            if self._skipping:  # the end of a line that was refused while it grew
                self._skipping = False
            elif line.strip():
                found.append(self._read(line))
        if self._skipping:
            rest = b""
        elif len(rest) > self._line_bytes:
            found.append(self._read(rest))
            self._skipping, rest = True, b""
        self._rest = rest
        return found

    def _read(self, line: bytes) -> AnyIntent | IntentRefused:
        if len(line) > self._line_bytes:
            return IntentRefused(reason=f"an intent has at most {self._line_bytes} bytes")
        try:
            return decode_intent(line)
        except InvalidIntent as error:
            return IntentRefused(reason=f"not an intent: {error}")
