"""What a fuzz target is, and inputs of more parts than one."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import NamedTuple

from tui.nostr.event import Event, InvalidEvent, event_id
from tui.nostr.keys import SecretKey

Run = Callable[[bytes], None]

PEOPLE = tuple(SecretKey(number.to_bytes(32, "big")) for number in (1, 2, 3, 4))
"""Host, co-host, speaker and stranger of `SPACE_ID`."""
KEYS = tuple(secret.public for secret in PEOPLE)
SPACE_ID = "space"
NOW = 1_700_000_000

PART = b"\x1d"  # between the events of one input, or frames, or arguments
FIELD = b"\x1e"  # between the tags of an event, and before its content
VALUE = b"\x1f"  # between the values of a tag


class Target(NamedTuple):
    """Something that takes bytes from outside.

    `open` gives a function that swallows the errors which the code under test is declared to raise,
    and raises whatever else comes out, or an AssertionError where a promise is not kept. `examples`
    is how many inputs the suite tries.
    """

    name: str
    open: Callable[[], AbstractContextManager[Run]]
    seeds: tuple[bytes, ...]
    examples: int = 150


def simple(name: str, run: Run, *seeds: bytes | str) -> Target:
    """A target that needs nothing to be opened before."""
    return Target(name, lambda: nullcontext(run), tuple(map(to_bytes, seeds)))


def declared(run: Run, *errors: type[Exception]) -> Run:
    """The function without these errors; `strict` is the one with them."""

    def guarded(data: bytes) -> None:
        with suppress(errors):
            run(data)

    guarded.strict = run  # type: ignore[attr-defined]
    return guarded


def to_bytes(seed: bytes | str) -> bytes:
    return seed.encode() if isinstance(seed, str) else seed


def to_text(data: bytes) -> str:
    """Any text that JSON can carry."""
    return data.decode(errors="replace")


def pack_event(
    kind: int,
    kinds: tuple[int, ...],
    signer: int,
    content: str = "",
    *tags: tuple[str, ...],
    at: int = 0,
) -> bytes:
    """The input from which `unpack_event` makes this event."""
    head = bytes((kinds.index(kind), signer, at))
    packed = [VALUE.join(map(str.encode, tag)) for tag in tags]
    return FIELD.join((head, *packed, content.encode()))


def unpack_event(data: bytes, kinds: tuple[int, ...]) -> Event | None:
    """An event with a right id and no signature; None if the bytes do not make one."""
    head, *fields = data.split(FIELD)
    if len(head) < 3 or not fields:
        return None
    kind, pubkey, at = kinds[head[0] % len(kinds)], KEYS[head[1] % len(KEYS)], NOW + head[2]
    *tags, content = fields
    values = tuple(tuple(map(to_text, tag.split(VALUE))) for tag in tags)
    try:
        id_ = event_id(pubkey, at, kind, values, to_text(content))
    except InvalidEvent:
        return None
    return Event(id_, pubkey, at, kind, values, to_text(content), "00" * 64)
